package engine

import (
	"errors"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/gonbd/gonbd/internal/nbderr"
	"github.com/gonbd/gonbd/internal/wire"
)

// handshakes are the ways to the transmission phase, without option mode.
var handshakes = []struct {
	name     string
	peer     func(p *peer)
	config   func(cfg *Config)
	protocol string
	options  []wire.Option // what the server should see
	mode     mode
	contexts int
	tls      bool
}{
	{name: "oldstyle", peer: func(p *peer) { p.oldstyle = true }, protocol: "oldstyle"},
	{name: "newstyle", peer: func(p *peer) { p.flags = 0 }, protocol: "newstyle", options: []wire.Option{wire.OptExportName}},
	{name: "newstyle without zeroes", peer: func(p *peer) { p.flags = wire.FlagNoZeroes }, protocol: "newstyle",
		options: []wire.Option{wire.OptExportName}},
	{name: "client wants no fixed newstyle", config: func(cfg *Config) { cfg.ClientFlags = 0 }, protocol: "newstyle",
		options: []wire.Option{wire.OptExportName}},
	{name: "extended", protocol: "newstyle-fixed", options: []wire.Option{wire.OptExtendedHeaders, wire.OptGo}, mode: extended},
	{name: "with zeroes", peer: func(p *peer) { p.flags = wire.FlagFixedNewstyle }, protocol: "newstyle-fixed",
		options: []wire.Option{wire.OptExtendedHeaders, wire.OptGo}, mode: extended},
	{name: "structured", config: func(cfg *Config) { cfg.ExtendedHeaders = false }, protocol: "newstyle-fixed",
		options: []wire.Option{wire.OptStructuredReply, wire.OptGo}, mode: structured},
	{name: "extended headers refused", peer: func(p *peer) { p.refuse(wire.OptExtendedHeaders, wire.RepErrUnsup) }, protocol: "newstyle-fixed",
		options: []wire.Option{wire.OptExtendedHeaders, wire.OptStructuredReply, wire.OptGo}, mode: structured},
	{name: "both refused", peer: func(p *peer) {
		p.refuse(wire.OptExtendedHeaders, wire.RepErrUnsup)
		p.refuse(wire.OptStructuredReply, wire.RepErrPolicy)
	}, config: func(cfg *Config) { cfg.MetaContexts = []string{"base:allocation"} }, protocol: "newstyle-fixed",
		options: []wire.Option{wire.OptExtendedHeaders, wire.OptStructuredReply, wire.OptGo}},
	{name: "nothing wanted", config: func(cfg *Config) { *cfg = Config{ClientFlags: wire.FlagCFixedNewstyle} }, protocol: "newstyle-fixed",
		options: []wire.Option{wire.OptGo}},
	{name: "no GO", peer: func(p *peer) {
		p.refuse(wire.OptExtendedHeaders, wire.RepErrUnsup)
		p.refuse(wire.OptGo, wire.RepErrUnsup)
	}, protocol: "newstyle-fixed",
		options: []wire.Option{wire.OptExtendedHeaders, wire.OptStructuredReply, wire.OptGo, wire.OptExportName}, mode: structured},
	{name: "no GO, with zeroes", peer: func(p *peer) {
		p.flags = wire.FlagFixedNewstyle
		p.refuse(wire.OptExtendedHeaders, wire.RepErrUnsup)
		p.refuse(wire.OptGo, wire.RepErrUnsup)
	}, protocol: "newstyle-fixed",
		options: []wire.Option{wire.OptExtendedHeaders, wire.OptStructuredReply, wire.OptGo, wire.OptExportName}, mode: structured},
	{name: "contexts, extended", config: func(cfg *Config) { cfg.MetaContexts = []string{"base:allocation", "x:y", "none:such"} },
		protocol: "newstyle-fixed", options: []wire.Option{wire.OptExtendedHeaders, wire.OptSetMetaContext, wire.OptGo}, mode: extended, contexts: 2},
	{name: "contexts, structured", config: func(cfg *Config) { cfg.ExtendedHeaders, cfg.MetaContexts = false, []string{"x:y"} },
		protocol: "newstyle-fixed", options: []wire.Option{wire.OptStructuredReply, wire.OptSetMetaContext, wire.OptGo}, mode: structured, contexts: 1},
	{name: "contexts, extended headers refused", peer: func(p *peer) { p.refuse(wire.OptExtendedHeaders, wire.RepErrUnsup) },
		config:   func(cfg *Config) { cfg.StructuredReplies, cfg.MetaContexts = false, []string{"x:y"} },
		protocol: "newstyle-fixed", options: []wire.Option{wire.OptExtendedHeaders, wire.OptGo}},
	{name: "contexts refused", peer: func(p *peer) { p.refuse(wire.OptSetMetaContext, wire.RepErrPolicy) },
		config:   func(cfg *Config) { cfg.MetaContexts = []string{"x:y"} },
		protocol: "newstyle-fixed", options: []wire.Option{wire.OptExtendedHeaders, wire.OptSetMetaContext, wire.OptGo}, mode: extended},
	{name: "TLS", config: func(cfg *Config) { cfg.TLS = TLSRequire }, protocol: "newstyle-fixed",
		options: []wire.Option{wire.OptStartTLS, wire.OptExtendedHeaders, wire.OptGo}, mode: extended, tls: true},
	{name: "TLS and structured", config: func(cfg *Config) { cfg.TLS, cfg.ExtendedHeaders = TLSAllow, false }, protocol: "newstyle-fixed",
		options: []wire.Option{wire.OptStartTLS, wire.OptStructuredReply, wire.OptGo}, mode: structured, tls: true},
	{name: "TLS and nothing else", config: func(cfg *Config) { cfg.TLS, cfg.ExtendedHeaders, cfg.StructuredReplies = TLSAllow, false, false },
		protocol: "newstyle-fixed", options: []wire.Option{wire.OptStartTLS, wire.OptGo}, tls: true},
	{name: "TLS refused and not needed", peer: func(p *peer) { p.refuse(wire.OptStartTLS, wire.RepErrPolicy) },
		config: func(cfg *Config) { cfg.TLS = TLSAllow }, protocol: "newstyle-fixed",
		options: []wire.Option{wire.OptStartTLS, wire.OptExtendedHeaders, wire.OptGo}, mode: extended},
	{name: "TLS refused, structured", peer: func(p *peer) { p.refuse(wire.OptStartTLS, wire.RepErrPolicy) },
		config: func(cfg *Config) { cfg.TLS, cfg.ExtendedHeaders = TLSAllow, false }, protocol: "newstyle-fixed",
		options: []wire.Option{wire.OptStartTLS, wire.OptStructuredReply, wire.OptGo}, mode: structured},
	{name: "TLS refused, nothing else", peer: func(p *peer) { p.refuse(wire.OptStartTLS, wire.RepErrUnsup) },
		config:   func(cfg *Config) { cfg.TLS, cfg.ExtendedHeaders, cfg.StructuredReplies = TLSAllow, false, false },
		protocol: "newstyle-fixed", options: []wire.Option{wire.OptStartTLS, wire.OptGo}},
	{name: "TLS allowed, newstyle", peer: func(p *peer) { p.flags = 0 }, config: func(cfg *Config) { cfg.TLS = TLSAllow },
		protocol: "newstyle", options: []wire.Option{wire.OptExportName}},
}

func (p *peer) refuse(o wire.Option, t wire.Rep) {
	if p.answers == nil {
		p.answers, p.texts = map[wire.Option]wire.Rep{}, map[wire.Option]string{}
	}
	p.answers[o], p.texts[o] = t, "because"
}

func TestHandshake(t *testing.T) {
	for _, tt := range handshakes {
		t.Run(tt.name, func(t *testing.T) {
			p, cfg := newPeer(), DefaultConfig()
			if tt.peer != nil {
				tt.peer(p)
			}
			if tt.config != nil {
				tt.config(&cfg)
			}
			r := newRig(t, cfg, p).run()
			c := r.c
			if c.State() != StateReady || c.Class() != Ready {
				t.Fatalf("the connection is %v: %v", c.State(), c.Err())
			}
			if r.trace[len(r.trace)-1] != "ready" {
				t.Errorf("the last event is %s", r.trace[len(r.trace)-1])
			}
			if c.Protocol() != tt.protocol {
				t.Errorf("the protocol is %s, want %s", c.Protocol(), tt.protocol)
			}
			if !slices.Equal(p.options, tt.options) {
				t.Errorf("the server saw %v, want %v", p.options, tt.options)
			}
			if c.Structured() != (tt.mode != simple) || c.Extended() != (tt.mode == extended) || c.TLS() != tt.tls {
				t.Errorf("structured %v, extended %v, TLS %v", c.Structured(), c.Extended(), c.TLS())
			}
			if len(c.MetaContexts()) != tt.contexts {
				t.Errorf("the contexts are %v, want %d", c.MetaContexts(), tt.contexts)
			}
			if e, ok := c.Export(); !ok || e.Size != uint64(len(p.disk)) || e.Flags != p.export {
				t.Errorf("the export is %+v, %v", e, ok)
			}
			// It is usable: what was negotiated is what is spoken.
			cmd := &Command{Type: wire.CmdRead, Offset: 512, Data: make([]byte, 512)}
			if err := c.Submit(cmd); err != nil {
				t.Fatal(err)
			}
			r.run()
			if cmd.Err != nil || string(cmd.Data) != string(p.disk[512:1024]) {
				t.Errorf("a read gave %v", cmd.Err)
			}
			if read, write := c.Direction(); !read || write {
				t.Errorf("the direction is %v, %v", read, write)
			}
		})
	}
}

func TestHandshakeRefused(t *testing.T) {
	tests := []struct {
		name   string
		peer   func(p *peer)
		config func(cfg *Config)
		kind   nbderr.Kind
		errno  syscall.Errno
		want   []string
		abort  bool // the last words
	}{
		{"no such export", func(p *peer) { p.names = []string{"other"} }, func(cfg *Config) { cfg.ExportName = "mine" },
			nbderr.Server, syscall.ENOENT, []string{"NBD_OPT_GO", "NBD_REP_ERR_UNKNOWN", `no such export as "mine"`, "not here"}, true},
		{"TLS required by the server", func(p *peer) { p.refuse(wire.OptGo, wire.RepErrTLSReqd) }, nil,
			nbderr.Server, syscall.ENOTSUP, []string{"NBD_REP_ERR_TLS_REQD", "requires TLS", "because"}, true},
		{"shutdown", func(p *peer) { p.refuse(wire.OptGo, wire.RepErrShutdown) }, nil,
			nbderr.Server, syscall.ESHUTDOWN, []string{"NBD_REP_ERR_SHUTDOWN"}, true},
		{"unknown error", func(p *peer) { p.refuse(wire.OptGo, 1<<31+99) }, nil,
			nbderr.Server, syscall.EINVAL, []string{"reply type 0x80000063", "because"}, true},
		{"no GO though extended", func(p *peer) { p.refuse(wire.OptGo, wire.RepErrUnsup) }, nil,
			nbderr.Server, syscall.ENOTSUP, []string{"NBD_REP_ERR_UNSUP"}, true},
		{"TLS refused", func(p *peer) { p.refuse(wire.OptStartTLS, wire.RepErrPolicy) }, func(cfg *Config) { cfg.TLS = TLSRequire },
			nbderr.Server, syscall.ENOTSUP, []string{"TLS", "required, but the server refused it", "NBD_REP_ERR_POLICY", "because"}, true},
		{"no TLS in oldstyle", func(p *peer) { p.oldstyle = true }, func(cfg *Config) { cfg.TLS = TLSRequire },
			nbderr.Server, syscall.ENOTSUP, []string{"TLS", "oldstyle"}, false},
		{"no TLS in newstyle", func(p *peer) { p.flags = 0 }, func(cfg *Config) { cfg.TLS = TLSRequire },
			nbderr.Server, syscall.ENOTSUP, []string{"TLS", "fixed newstyle"}, false},
		{"name too long", nil, func(cfg *Config) { cfg.ExportName = strings.Repeat("x", wire.MaxString+1) },
			nbderr.Local, syscall.ENAMETOOLONG, []string{"4097", "4096"}, false},
		{"query too long", nil, func(cfg *Config) { cfg.MetaContexts = []string{strings.Repeat("x", wire.MaxString+1)} },
			nbderr.Local, syscall.ENAMETOOLONG, []string{"4097", "4096"}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, cfg := newPeer(), DefaultConfig()
			if tt.peer != nil {
				tt.peer(p)
			}
			if tt.config != nil {
				tt.config(&cfg)
			}
			r := newRig(t, cfg, p).run()
			if r.c.State() != StateDead || !strings.HasPrefix(r.trace[len(r.trace)-1], "end: ") {
				t.Fatalf("the connection is %v, the last event %s", r.c.State(), r.trace[len(r.trace)-1])
			}
			wantError(t, r.c.Err(), tt.kind, tt.want...)
			if !errors.Is(r.c.Err(), tt.errno) {
				t.Errorf("the error %v is not %v", r.c.Err(), tt.errno)
			}
			if abort := slices.Contains(p.options, wire.OptAbort); abort != tt.abort {
				t.Errorf("the server was told NBD_OPT_ABORT: %v", abort)
			}
			if p.garbage {
				t.Error("the server received garbage")
			}
		})
	}
}

// TestExportInfo sees everything that a server tells about an export.
func TestExportInfo(t *testing.T) {
	p := newPeer()
	p.infos = [][]byte{
		wire.AppendInfoString(nil, wire.InfoName, "canonical"),
		wire.AppendInfoString(nil, 77, "to be skipped"),
		wire.AppendInfoString(nil, wire.InfoDescription, "a disk"),
		wire.AppendInfoBlockSize(nil, wire.BlockSize{Minimum: 512, Preferred: 4096, MaxPayload: 1 << 20}),
	}
	r := newRig(t, DefaultConfig(), p).run()
	e, ok := r.c.Export()
	if !ok || e.Name != "canonical" || !e.HasName || e.Description != "a disk" || !e.HasDesc {
		t.Errorf("the export is %+v", e)
	}
	if e.BlockSize != (wire.BlockSize{Minimum: 512, Preferred: 4096, MaxPayload: 1 << 20}) || len(e.Warnings) != 0 {
		t.Errorf("the block size is %+v, warnings %q", e.BlockSize, e.Warnings)
	}
	q, err := wire.ParseInfoRequest(p.data[len(p.data)-1])
	if err != nil || !slices.Equal(q.Infos, []wire.Info{wire.InfoBlockSize, wire.InfoName, wire.InfoDescription}) {
		t.Errorf("the client asked for %v, %v", q.Infos, err)
	}
}

func TestExportWarnings(t *testing.T) {
	p := newPeer()
	p.infos = [][]byte{wire.AppendInfoBlockSize(nil, wire.BlockSize{Minimum: 3, Preferred: 4096, MaxPayload: 1 << 20})}
	r := newRig(t, DefaultConfig(), p).run()
	if e, _ := r.c.Export(); e.BlockSize != (wire.BlockSize{}) || len(e.Warnings) != 1 || !strings.Contains(e.Warnings[0], "block size 3 is not") {
		t.Errorf("an impossible block size: %+v", e)
	}
	p = newPeer()
	p.oldstyle = true
	cfg := DefaultConfig()
	cfg.ExportName = "name"
	r = newRig(t, cfg, p).run()
	if e, _ := r.c.Export(); len(e.Warnings) != 1 || !strings.Contains(e.Warnings[0], `"name" was ignored`) {
		t.Errorf("a name for an oldstyle server: %+v", e)
	}
}

// TestConnecting follows a Conn from its making.
func TestConnecting(t *testing.T) {
	c := New(DefaultConfig())
	if dst, ahead := c.Want(); len(dst)+len(ahead) > 0 || c.Next() != nil || c.Class() != Created {
		t.Error("a new Conn wants something")
	}
	if c.Feed([]byte("x")) != 0 {
		t.Error("a new Conn took bytes")
	}
	c.Connecting()
	if _, write := c.Direction(); c.State() != StateConnect || !write || c.Class() != Connecting {
		t.Errorf("connecting: %v", c.State())
	}
	c.Connected()
	if read, write := c.Direction(); c.State() != StateMagic || !read || write {
		t.Errorf("connected: %v", c.State())
	}
	c.Connecting()
	c.Close()
	c.Connected()
	if c.State() != StateClosed {
		t.Errorf("connected after the end: %v", c.State())
	}
	for _, f := range []func(*Conn){(*Conn).EOF, func(c *Conn) { c.Fail(errors.New("broken")) }} {
		c := New(DefaultConfig())
		c.Connecting()
		f(c)
		if events := happened(c); c.State() != StateDead || len(events) != 1 || events[0].Err == nil {
			t.Errorf("%v, %s", c.State(), describeAll(events))
		}
	}
}
