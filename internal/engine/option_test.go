package engine

import (
	"strings"
	"syscall"
	"testing"

	"github.com/gonbd/gonbd/internal/nbderr"
	"github.com/gonbd/gonbd/internal/wire"
)

// negotiating gives a rig in option mode.
func negotiating(t testing.TB, p *peer, change func(cfg *Config)) *rig {
	t.Helper()
	cfg := DefaultConfig()
	cfg.OptionMode = true
	if change != nil {
		change(&cfg)
	}
	r := newRig(t, cfg, p).run()
	if r.c.State() != StateNegotiating || r.c.Class() != Negotiating || r.trace[len(r.trace)-1] != "negotiating" {
		t.Fatalf("the connection is %v, the events %q: %v", r.c.State(), r.trace, r.c.Err())
	}
	r.trace = nil
	return r
}

// option submits an option and waits for its end.
func (r *rig) option(o *Option) *Option {
	r.t.Helper()
	if err := r.c.SubmitOption(o); err != nil {
		r.t.Fatal(err)
	}
	r.run()
	return o
}

func (r *rig) wantTrace(lines ...string) {
	r.t.Helper()
	if got, want := strings.Join(r.trace, "\n"), strings.Join(lines, "\n"); got != want {
		r.t.Errorf("the events are\n%s\nwant\n%s", got, want)
	}
	r.trace = nil
}

func nothingAutomatic(cfg *Config) { cfg.ExtendedHeaders, cfg.StructuredReplies = false, false }

// TestOptionsByHand takes every option in turn.
func TestOptionsByHand(t *testing.T) {
	p := newPeer()
	p.names = []string{"a", "b"}
	r := negotiating(t, p, nothingAutomatic)

	r.option(&Option{Code: wire.OptList})
	r.wantTrace(`export NBD_OPT_LIST "a" "about a"`, `export NBD_OPT_LIST "b" "about b"`, "option done NBD_OPT_LIST count 2: <nil>")

	// These need structured replies.
	o := r.option(&Option{Code: wire.OptListMetaContext})
	wantError(t, o.Err, nbderr.Server, "NBD_OPT_LIST_META_CONTEXT", "NBD_REP_ERR_INVALID")
	r.trace = nil

	if o := r.option(&Option{Code: wire.OptStructuredReply}); o.Err != nil || !r.c.Structured() || r.c.Extended() {
		t.Errorf("structured replies: %v", o.Err)
	}
	r.trace = nil
	r.option(&Option{Code: wire.OptListMetaContext})
	r.wantTrace(`context NBD_OPT_LIST_META_CONTEXT 0 "base:allocation"`, `context NBD_OPT_LIST_META_CONTEXT 0 "x:y"`,
		"option done NBD_OPT_LIST_META_CONTEXT count 2: <nil>")
	r.option(&Option{Code: wire.OptSetMetaContext, Queries: []string{"x:y"}})
	r.wantTrace(`context NBD_OPT_SET_META_CONTEXT 2 "x:y"`, "option done NBD_OPT_SET_META_CONTEXT count 1: <nil>")
	if got := r.c.MetaContexts(); len(got) != 1 || got[0] != (MetaContext{2, "x:y"}) {
		t.Errorf("the contexts are %v", got)
	}

	if o := r.option(&Option{Code: wire.OptExtendedHeaders}); o.Err != nil || !r.c.Extended() {
		t.Errorf("extended headers: %v", o.Err)
	}

	r.c.Config().ExportName = "c"
	if o := r.option(&Option{Code: wire.OptInfo}); o.Err == nil {
		t.Error("NBD_OPT_INFO found an export that is not there")
	} else {
		wantError(t, o.Err, nbderr.Server, "NBD_OPT_INFO", `no such export as "c"`)
	}
	if _, ok := r.c.Export(); ok {
		t.Error("there is an export after the error")
	}
	r.trace = nil
	r.option(&Option{Code: wire.OptGo})
	if len(r.trace) != 1 || !strings.HasPrefix(r.trace[0], "option done NBD_OPT_GO count 0: NBD_OPT_GO: server error: NBD_REP_ERR_UNKNOWN") {
		t.Errorf("the events are %q", r.trace)
	}

	r.c.Config().ExportName = "b"
	if o := r.option(&Option{Code: wire.OptInfo}); o.Err != nil {
		t.Error(o.Err)
	}
	if e, ok := r.c.Export(); !ok || e.Size != uint64(len(p.disk)) {
		t.Errorf("the export is %+v", e)
	}
	r.trace = nil
	r.option(&Option{Code: wire.OptGo})
	r.wantTrace("option done NBD_OPT_GO count 0: <nil>")
	if r.c.State() != StateReady {
		t.Errorf("the connection is %v", r.c.State())
	}
	// The contexts were selected for another name.
	if got := r.c.MetaContexts(); len(got) != 0 {
		t.Errorf("the contexts are %v", got)
	}
}

func TestOptionAbort(t *testing.T) {
	for name, end := range map[string]func(r *rig){
		"acknowledged":          func(r *rig) {},
		"refused":               func(r *rig) { r.peer.refuse(wire.OptAbort, wire.RepErrInvalid) },
		"answered with the end": func(r *rig) { r.peer.phase = over; sendAll(r.c); r.c.EOF() },
		"answered with a reset": func(r *rig) { r.peer.phase = over; sendAll(r.c); r.c.Fail(syscall.ECONNRESET) },
	} {
		t.Run(name, func(t *testing.T) {
			r := negotiating(t, newPeer(), nil)
			if name == "refused" {
				end(r)
			}
			if err := r.c.SubmitOption(&Option{Code: wire.OptAbort}); err != nil {
				t.Fatal(err)
			}
			end(r)
			r.run()
			r.wantTrace("option done NBD_OPT_ABORT count 0: <nil>", "end")
			if r.c.State() != StateClosed || r.c.Err() != nil {
				t.Errorf("the connection is %v: %v", r.c.State(), r.c.Err())
			}
		})
	}
}

// TestOptionWithContexts selects contexts on the way of another option.
func TestOptionWithContexts(t *testing.T) {
	r := negotiating(t, newPeer(), func(cfg *Config) { cfg.MetaContexts = []string{"x:y"} })
	r.option(&Option{Code: wire.OptInfo, MetaContexts: true})
	r.wantTrace("option done NBD_OPT_INFO count 0: <nil>")
	if got := r.c.MetaContexts(); len(got) != 1 {
		t.Errorf("the contexts are %v", got)
	}
	r.option(&Option{Code: wire.OptGo})
	if got := r.c.MetaContexts(); r.c.State() != StateReady || len(got) != 1 {
		t.Errorf("the connection is %v, the contexts %v", r.c.State(), got)
	}
	r = negotiating(t, newPeer(), func(cfg *Config) { cfg.MetaContexts = []string{"x:y"} })
	r.peer.refuse(wire.OptSetMetaContext, wire.RepErrPolicy)
	if o := r.option(&Option{Code: wire.OptSetMetaContext, Queries: []string{"x:y"}}); o.Err == nil || len(r.c.MetaContexts()) != 0 {
		t.Errorf("refused: %v, %v", o.Err, r.c.MetaContexts())
	}
}

// TestOptionStartTLS starts TLS by hand, behind what it makes forgotten.
func TestOptionStartTLS(t *testing.T) {
	r := negotiating(t, newPeer(), nothingAutomatic)
	r.option(&Option{Code: wire.OptStructuredReply})
	r.option(&Option{Code: wire.OptExtendedHeaders})
	r.option(&Option{Code: wire.OptSetMetaContext, Queries: []string{"x:y"}})
	r.option(&Option{Code: wire.OptInfo})
	r.trace = nil
	r.option(&Option{Code: wire.OptStartTLS})
	r.wantTrace("start TLS", "option done NBD_OPT_STARTTLS count 0: <nil>")
	_, export := r.c.Export()
	if !r.c.TLS() || r.c.Structured() || r.c.Extended() || export || len(r.c.MetaContexts()) > 0 {
		t.Error("something was not forgotten")
	}
	if err := r.c.SubmitOption(&Option{Code: wire.OptStartTLS}); err == nil {
		t.Error("TLS in TLS was accepted")
	}
	if o := r.option(&Option{Code: wire.OptExtendedHeaders}); o.Err != nil || !r.c.Extended() {
		t.Errorf("extended headers in TLS: %v", o.Err)
	}
	if o := r.option(&Option{Code: wire.OptGo}); o.Err != nil || r.c.State() != StateReady {
		t.Errorf("NBD_OPT_GO in TLS: %v", o.Err)
	}
}

// TestOptionModeInTLS tells of option mode although nothing was received
// since the TLS handshake.
func TestOptionModeInTLS(t *testing.T) {
	negotiating(t, newPeer(), func(cfg *Config) { nothingAutomatic(cfg); cfg.TLS = TLSRequire })
	p := newPeer()
	p.refuse(wire.OptStartTLS, wire.RepErrUnsup)
	negotiating(t, p, func(cfg *Config) { nothingAutomatic(cfg); cfg.TLS = TLSAllow })
}

func TestOptionStartTLSRefused(t *testing.T) {
	p := newPeer()
	p.refuse(wire.OptStartTLS, wire.RepErrPolicy)
	r := negotiating(t, p, nil)
	o := r.option(&Option{Code: wire.OptStartTLS})
	wantError(t, o.Err, nbderr.Server, "NBD_OPT_STARTTLS", "NBD_REP_ERR_POLICY", "because")
	if r.c.State() != StateNegotiating || !r.c.Extended() {
		t.Errorf("the connection is %v", r.c.State())
	}
}

func TestTLSDone(t *testing.T) {
	r := newRig(t, Config{ClientFlags: wire.FlagCFixedNewstyle, TLS: TLSRequire}, newPeer())
	r.c.TLSDone(nil) // nobody asked
	r.react = func(ev *Event) {}
	for r.c.State() != StateOptStartTLS {
		fill(r.c, r.peer.out)
		r.peer.out = nil
		happened(r.c)
	}
	sendAll(r.c)
	events := feed(r.c, wire.AppendOptionReply(nil, wire.OptStartTLS, wire.RepAck, nil))
	if describeAll(events) != "start TLS" || r.c.State() != StateTLSHandshake {
		t.Fatalf("the events are %s", describeAll(events))
	}
	if read, write := r.c.Direction(); read || write || r.c.Next() != nil {
		t.Errorf("while the driver shakes hands the direction is %v, %v", read, write)
	}
	r.c.TLSDone(syscall.EBADMSG)
	wantError(t, r.c.Err(), nbderr.Transport, "TLS handshake", syscall.EBADMSG.Error())
	if got := describeAll(happened(r.c)); !strings.HasPrefix(got, "end: TLS handshake") {
		t.Errorf("the events are %s", got)
	}
}

// TestTLSInjection sends bytes in the clear behind the agreement to TLS.
func TestTLSInjection(t *testing.T) {
	c := New(Config{ClientFlags: wire.FlagCFixedNewstyle, TLS: TLSRequire})
	c.Connected()
	feed(c, wire.AppendHandshakeFlags(wire.AppendGreeting(nil, wire.OptionMagic), wire.FlagFixedNewstyle))
	events := feed(c, append(wire.AppendOptionReply(nil, wire.OptStartTLS, wire.RepAck, nil), "evil"...))
	if c.State() != StateDead || len(events) != 1 {
		t.Errorf("the connection is %v, the events %s", c.State(), describeAll(events))
	}
	wantError(t, c.Err(), nbderr.Protocol, "4 bytes in the clear")
}

// TestOptionsRefusedHere are those that never reach the server.
func TestOptionsRefusedHere(t *testing.T) {
	long := strings.Repeat("x", wire.MaxString+1)
	r := negotiating(t, newPeer(), nil)
	for _, o := range []*Option{{Code: wire.OptExportName}, {Code: wire.OptPeekExport}, {Code: 99},
		{Code: wire.OptSetMetaContext, Queries: []string{long}}} {
		err := r.c.SubmitOption(o)
		wantError(t, err, nbderr.Local, o.Code.String())
	}
	r.c.Config().ExportName = long
	wantError(t, r.c.SubmitOption(&Option{Code: wire.OptInfo}), nbderr.Local, "4097")
	r.c.Config().ExportName = ""
	if err := r.c.SubmitOption(&Option{Code: wire.OptList}); err != nil {
		t.Fatal(err)
	}
	wantError(t, r.c.SubmitOption(&Option{Code: wire.OptList}), nbderr.Local, "listing exports")
	r.run()
	r.option(&Option{Code: wire.OptGo})
	wantError(t, r.c.SubmitOption(&Option{Code: wire.OptList}), nbderr.Local, "transmission phase")
}

// TestOptionModeNewstyle has only one option that the server understands.
func TestOptionModeNewstyle(t *testing.T) {
	p := newPeer()
	p.flags = 0
	r := negotiating(t, p, nil)
	wantError(t, r.c.SubmitOption(&Option{Code: wire.OptList}), nbderr.Local, "fixed newstyle")
	r.option(&Option{Code: wire.OptGo})
	r.wantTrace("option done NBD_OPT_GO count 0: <nil>")
	if r.c.State() != StateReady {
		t.Errorf("the connection is %v", r.c.State())
	}
}

// TestOptionGoFallback falls back to NBD_OPT_EXPORT_NAME in option mode, where
// it can go wrong only by the end of the connection.
func TestOptionGoFallback(t *testing.T) {
	p := newPeer()
	p.names = []string{"b"}
	p.refuse(wire.OptGo, wire.RepErrUnsup)
	r := negotiating(t, p, nothingAutomatic)
	r.c.Config().ExportName = "a"
	o := &Option{Code: wire.OptGo}
	r.option(o)
	if r.c.State() != StateOptExportName {
		t.Fatalf("the connection is %v", r.c.State())
	}
	r.c.EOF()
	r.run()
	wantError(t, o.Err, nbderr.Transport, "NBD_OPT_GO", `export "a"`, "may not exist")
	if r.c.State() != StateDead || len(r.trace) != 2 {
		t.Errorf("the connection is %v, the events %q", r.c.State(), r.trace)
	}
}
