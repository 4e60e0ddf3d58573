package nbdserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gonbd/gonbd/internal/wire"
)

func memoryServer(size int64) *Server {
	return &Server{Exports: []*Export{{Backend: NewMemory(size)}}}
}

func infoRequest(name string, infos ...wire.Info) []byte {
	return wire.AppendInfoRequest(nil, wire.InfoRequest{Name: name, Infos: infos})
}

func contextRequest(name string, queries ...string) []byte {
	return wire.AppendMetaContextRequest(nil, wire.MetaContextRequest{Name: name, Queries: queries})
}

func TestOldstyle(t *testing.T) {
	s := &Server{Exports: []*Export{{Name: "only", Backend: NewMemory(12345)}}, Disable: Features{Newstyle: true}}
	c := connect(t, s)
	b := c.receive(wire.GreetingSize + wire.OldstyleSize)
	if style, err := wire.ParseGreeting(b[:16]); style != wire.OldstyleMagic || err != nil {
		t.Errorf("style %#x, %v", style, err)
	}
	size, global, flags, err := wire.ParseOldstyle(b[16:])
	if size != 12345 || global != 0 || flags&wire.FlagHasFlags == 0 || flags&wire.FlagSendDF != 0 || err != nil {
		t.Errorf("size %d, flags %#x %#x, %v", size, global, flags, err)
	}
	c.expect(wire.Request{Length: 5}, nil, 0)
	if err := c.disconnect(); err != nil {
		t.Error(err)
	}
}

func TestExportName(t *testing.T) {
	for _, tt := range []struct {
		name    string
		disable Features
		client  wire.ClientFlags
		padding int
	}{
		{"fixed newstyle", Features{}, wire.FlagCFixedNewstyle, 124},
		{"no zeroes", Features{}, wire.FlagCFixedNewstyle | wire.FlagCNoZeroes, 0},
		{"newstyle", Features{FixedNewstyle: true}, 0, 124},
		{"newstyle, no zeroes", Features{FixedNewstyle: true}, wire.FlagCNoZeroes, 0},
		{"always zeroes", Features{NoZeroes: true}, wire.FlagCFixedNewstyle, 124},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := memoryServer(1 << 20)
			s.Exports[0].Name = "disk"
			s.Disable = tt.disable
			c := connect(t, s)
			flags, _ := wire.ParseHandshakeFlags(c.receive(18)[16:])
			if (flags&wire.FlagFixedNewstyle == 0) != tt.disable.FixedNewstyle || (flags&wire.FlagNoZeroes == 0) != tt.disable.NoZeroes {
				t.Errorf("handshake flags %#x", flags)
			}
			c.send(wire.AppendClientFlags(nil, tt.client), wire.AppendOption(nil, wire.OptExportName, []byte("disk")))
			size, tf, err := wire.ParseExportNameReply(c.receive(wire.ExportNameReplySize))
			if size != 1<<20 || tf&wire.FlagSendTrim == 0 || err != nil {
				t.Errorf("size %d, flags %#x, %v", size, tf, err)
			}
			c.receive(tt.padding)
			c.expect(wire.Request{Length: 512, Cookie: 5}, nil, 0)
			if err := c.disconnect(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestHangsUp has the clients that the protocol gives no answer to.
func TestHangsUp(t *testing.T) {
	flags := func(f wire.ClientFlags) []byte { return wire.AppendClientFlags(nil, f) }
	fixed := flags(wire.FlagCFixedNewstyle)
	for _, tt := range []struct {
		name    string
		disable Features
		send    []byte
		want    string // part of the error
	}{
		{"unknown client flag", Features{}, flags(4), "was not offered"},
		{"NO_ZEROES not offered", Features{NoZeroes: true}, flags(wire.FlagCNoZeroes), "was not offered"},
		{"option in newstyle", Features{FixedNewstyle: true}, wire.AppendOption(flags(0), wire.OptList, nil), "not fixed newstyle"},
		{"wrong magic", Features{}, append(fixed, "GET / HTTP/1.0\r\n\r\n"...), "0x49484156454f5054"},
		{"unknown export", Features{}, wire.AppendOption(fixed, wire.OptExportName, []byte("nope")), `no export "nope"`},
		{"long name", Features{}, wire.AppendOption(fixed, wire.OptExportName, make([]byte, 4097)), "4097 bytes"},
		{"EXPORT_NAME with extended headers", Features{}, wire.AppendOption(wire.AppendOption(fixed, wire.OptExtendedHeaders, nil), wire.OptExportName, nil), "after NBD_OPT_EXTENDED_HEADERS"},
		{"huge option", Features{}, wire.AppendOptionHeader(fixed, wire.OptionHeader{Option: 77, Length: 0xffffffff}), "4294967295 bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := memoryServer(4096)
			s.Disable = tt.disable
			c := connect(t, s)
			c.receive(18)
			c.send(tt.send)
			if err := c.wait(); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

// TestOptions has options with their answers, one connection for each.
func TestOptions(t *testing.T) {
	type step struct {
		option wire.Option
		data   []byte
		want   []reply // data: must be contained
	}
	ack := []reply{{wire.RepAck, ""}}
	fail := func(rep wire.Rep, text string) []reply { return []reply{{rep, text}} }
	sr, ext := step{wire.OptStructuredReply, nil, ack}, step{wire.OptExtendedHeaders, nil, ack}
	context := func(id uint32, name string) reply {
		return reply{wire.RepMetaContext, string(wire.AppendMetaContext(nil, id, name))}
	}
	tests := []struct {
		name    string
		disable Features
		steps   []step
	}{
		{"list", Features{}, []step{{wire.OptList, nil, []reply{
			{wire.RepServer, string(wire.AppendServer(nil, "a", "the first"))},
			{wire.RepServer, string(wire.AppendServer(nil, "b", ""))}, {wire.RepAck, ""}}}}},
		{"list with data", Features{}, []step{{wire.OptList, []byte("x"), fail(wire.RepErrInvalid, "has no data")}}},
		{"list forbidden", Features{List: true}, []step{{wire.OptList, nil, fail(wire.RepErrPolicy, "doesn't list")}}},
		{"unknown option", Features{}, []step{{99, []byte("anything"), fail(wire.RepErrUnsup, "option 99")}, sr}},
		{"peek export", Features{}, []step{{wire.OptPeekExport, nil, fail(wire.RepErrUnsup, "")}}},
		{"large option", Features{}, []step{{99, make([]byte, 1<<20), fail(wire.RepErrTooBig, "1048576")}, sr}},
		{"STARTTLS", Features{}, []step{{wire.OptStartTLS, nil, fail(wire.RepErrUnsup, "TLS")}, sr}},
		{"structured replies", Features{}, []step{sr, sr, {wire.OptStructuredReply, []byte("x"), fail(wire.RepErrInvalid, "")}}},
		{"structured replies disabled", Features{StructuredReply: true}, []step{{wire.OptStructuredReply, nil, fail(wire.RepErrUnsup, "")}, ext}},
		{"extended headers", Features{}, []step{sr, ext, ext, {wire.OptStructuredReply, nil, fail(wire.RepErrExtHeaderReqd, "")}}},
		{"extended headers with data", Features{}, []step{{wire.OptExtendedHeaders, []byte("x"), fail(wire.RepErrInvalid, "")}, sr}},
		{"extended headers disabled", Features{ExtendedHeaders: true}, []step{{wire.OptExtendedHeaders, nil, fail(wire.RepErrUnsup, "")}}},
		{"no GO, no extended headers", Features{Go: true}, []step{{wire.OptExtendedHeaders, nil, fail(wire.RepErrUnsup, "")},
			{wire.OptInfo, infoRequest("a"), fail(wire.RepErrUnsup, "")}, {wire.OptGo, infoRequest("a"), fail(wire.RepErrUnsup, "")}}},
		{"info", Features{}, []step{{wire.OptInfo, infoRequest("a", wire.InfoBlockSize, wire.InfoName, wire.InfoDescription, 77), []reply{
			{wire.RepInfo, "\x00\x00\x00\x00\x00\x00\x00\x00\x10\x00"},
			{wire.RepInfo, "\x00\x01a"},
			{wire.RepInfo, "\x00\x02the first"},
			{wire.RepInfo, string(wire.AppendInfoBlockSize(nil, wire.BlockSize{Minimum: 1, Preferred: 4096, MaxPayload: 32 << 20}))},
			{wire.RepAck, ""}}}}},
		{"info of no export", Features{}, []step{{wire.OptInfo, infoRequest("c"), fail(wire.RepErrUnknown, `no export "c"`)}}},
		{"the empty name is a name", Features{}, []step{{wire.OptGo, infoRequest(""), fail(wire.RepErrUnknown, `no export ""`)}}},
		{"name with NUL", Features{}, []step{{wire.OptGo, infoRequest("a\x00"), fail(wire.RepErrUnknown, "NUL")}}},
		{"malformed info", Features{}, []step{{wire.OptGo, []byte("\x00\x00\x00\x09abc"), fail(wire.RepErrInvalid, "")},
			{wire.OptGo, nil, fail(wire.RepErrInvalid, "")}}},
		{"set contexts without structured replies", Features{}, []step{{wire.OptSetMetaContext, contextRequest("a", baseAllocation), fail(wire.RepErrInvalid, "structured")}}},
		{"list contexts", Features{}, []step{{wire.OptListMetaContext, contextRequest("b"), []reply{context(0, baseAllocation), context(0, "x-test:dirty"), {wire.RepAck, ""}}}}},
		{"list contexts with extended headers", Features{}, []step{ext, {wire.OptListMetaContext, contextRequest("b"), []reply{context(0, baseAllocation), context(0, "x-test:dirty"), context(0, "x-test:wide"), {wire.RepAck, ""}}}}},
		{"list by namespace", Features{}, []step{sr, {wire.OptListMetaContext, contextRequest("b", "x-test:", "qemu:"), []reply{context(0, "x-test:dirty"), {wire.RepAck, ""}}}}},
		{"set contexts", Features{}, []step{sr, {wire.OptSetMetaContext, contextRequest("b", "x-test:dirty", "qemu:dirty", baseAllocation), []reply{context(1, baseAllocation), context(2, "x-test:dirty"), {wire.RepAck, ""}}}}},
		{"set takes no wildcards", Features{}, []step{sr, {wire.OptSetMetaContext, contextRequest("b", "base:", "x-test:"), ack}}},
		{"set nothing", Features{}, []step{sr, {wire.OptSetMetaContext, contextRequest("b"), ack}}},
		{"set wide context", Features{}, []step{sr, {wire.OptSetMetaContext, contextRequest("b", "x-test:wide"), fail(wire.RepErrExtHeaderReqd, "x-test:wide")},
			{wire.OptSetMetaContext, contextRequest("b", "x-test:wide", baseAllocation), []reply{context(1, baseAllocation), {wire.RepAck, ""}}}}},
		{"contexts of no export", Features{}, []step{sr, {wire.OptSetMetaContext, contextRequest("c", baseAllocation), fail(wire.RepErrUnknown, "")}}},
		{"query without colon", Features{}, []step{sr, {wire.OptSetMetaContext, contextRequest("a", "base"), fail(wire.RepErrInvalid, "colon")}}},
		{"malformed contexts", Features{}, []step{sr, {wire.OptSetMetaContext, []byte("\x00\x00\x00\x01a\x00\x00\x00\x02"), fail(wire.RepErrInvalid, "")}}},
		{"no contexts", Features{MetaContext: true}, []step{sr, {wire.OptListMetaContext, contextRequest("a"), fail(wire.RepErrUnsup, "")}}},
	}
	none := func(dst []Extent, off, n int64, most int) ([]Extent, error) { return dst, nil }
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := &Server{Disable: tt.disable, Exports: []*Export{
				{Name: "a", Description: "the first", Backend: NewMemory(4096)},
				{Name: "b", Backend: NewMemory(4096), MetaContexts: []MetaContext{{"x-test:dirty", false, none}, {"x-test:wide", true, none}}},
			}}
			c := connect(t, s)
			c.greet()
			for i, step := range tt.steps {
				got := c.option(step.option, step.data)
				if len(got) != len(step.want) {
					t.Fatalf("step %d: replies %v, expected %v", i+1, got, step.want)
				}
				for k, w := range step.want {
					if got[k].rep != w.rep || !strings.Contains(got[k].data, w.data) || !w.rep.IsError() && w.rep != wire.RepInfo && got[k].data != w.data {
						t.Errorf("step %d: reply %d is %v %q, expected %v %q", i+1, k+1, got[k].rep, got[k].data, w.rep, w.data)
					}
				}
			}
			c.option(wire.OptAbort, []byte("ignored"))
			c.expectEnd()
			if err := c.wait(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestTransmissionFlags(t *testing.T) {
	all := wire.FlagHasFlags | wire.FlagSendFlush | wire.FlagSendFUA | wire.FlagSendTrim | wire.FlagSendWriteZeroes | wire.FlagSendFastZero | wire.FlagSendCache
	memory := NewMemory(4096)
	for _, tt := range []struct {
		name     string
		export   Export
		disable  Features
		mode     mode
		contexts []string
		want     wire.TransmissionFlags
	}{
		{"memory", Export{Backend: memory}, Features{}, simple, nil, all},
		{"structured", Export{Backend: memory}, Features{}, structured, nil, all | wire.FlagSendDF},
		{"extended", Export{Backend: memory}, Features{}, extended, nil, all | wire.FlagSendDF},
		{"contexts", Export{Backend: memory}, Features{}, extended, []string{baseAllocation}, all | wire.FlagSendDF | wire.FlagBlockStatusPayload},
		{"multi-conn, rotational", Export{Backend: memory, MultiConn: true, Rotational: true}, Features{}, simple, nil, all | wire.FlagCanMultiConn | wire.FlagRotational},
		{"read-only", Export{Backend: memory, ReadOnly: true}, Features{}, simple, nil, wire.FlagHasFlags | wire.FlagReadOnly | wire.FlagSendCache},
		{"reader", Export{Backend: strings.NewReader("abc")}, Features{}, simple, nil, wire.FlagHasFlags | wire.FlagReadOnly},
		{"writer", Export{Backend: &plain{}}, Features{}, simple, nil, wire.FlagHasFlags | wire.FlagSendWriteZeroes | wire.FlagSendFastZero},
		{"all disabled", Export{Backend: memory}, Features{Flush: true, FUA: true, Trim: true, WriteZeroes: true, DF: true, Cache: true}, structured, nil, wire.FlagHasFlags},
		{"no payload filter", Export{Backend: memory}, Features{BlockStatusPayload: true, FastZero: true}, extended, []string{baseAllocation}, (all | wire.FlagSendDF) &^ wire.FlagSendFastZero},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, _, got := open(t, &Server{Exports: []*Export{&tt.export}, Disable: tt.disable}, tt.mode, "", tt.contexts...)
			if got != tt.want {
				t.Errorf("flags %#x, expected %#x", got, tt.want)
			}
		})
	}
}

// plain is a disk that can be read and written, and no more.
type plain struct{ bytes [4096]byte }

func (p *plain) Size() int64                              { return int64(len(p.bytes)) }
func (p *plain) ReadAt(b []byte, off int64) (int, error)  { return copy(b, p.bytes[off:]), nil }
func (p *plain) WriteAt(b []byte, off int64) (int, error) { return copy(p.bytes[off:], b), nil }

func TestResolve(t *testing.T) {
	var asked, released atomic.Int32
	s := &Server{
		Resolve: func(ctx context.Context, info ConnInfo, name string) (*Export, error) {
			asked.Add(1)
			switch {
			case info.ID == 0 || info.RemoteAddr == nil || ctx.Err() != nil:
				return nil, errors.New("what connection is this?")
			case name == "secret":
				return nil, &fs.PathError{Op: "open", Path: "/where/nobody/looks", Err: fs.ErrPermission}
			case name == "chatty":
				return nil, errors.New(strings.Repeat("blah", 5000))
			case name == "panic":
				panic("resolving")
			case name == "bad":
				return &Export{Release: func() { released.Add(1) }}, nil
			case strings.HasPrefix(name, "disk"):
				return &Export{Name: "canonical", Backend: NewMemory(4096), Release: func() { released.Add(1) }}, nil
			}
			return nil, nil
		},
		List: func(ctx context.Context, info ConnInfo) ([]ListEntry, error) {
			return []ListEntry{{"\xff", "not listed"}, {"canonical", "a disk"}}, nil
		},
	}
	c := connect(t, s)
	c.greet()
	for _, tt := range []struct {
		name string
		want reply
	}{
		{"nothing", reply{wire.RepErrUnknown, `there is no export "nothing"`}},
		{"secret", reply{wire.RepErrPolicy, "permission denied"}},
		{"bad", reply{wire.RepErrUnknown, `export "bad" can't be served`}},
	} {
		if got := c.option(wire.OptGo, infoRequest(tt.name)); len(got) != 1 || got[0] != tt.want {
			t.Errorf("GO %q: %v, expected %v", tt.name, got, tt.want)
		}
	}
	if got := c.option(wire.OptInfo, infoRequest("chatty")); len(got[0].data) != wire.MaxString {
		t.Errorf("a text of %d bytes", len(got[0].data))
	}
	if got := c.mustOption(wire.OptList, nil); len(got) != 2 || got[0].data != string(wire.AppendServer(nil, "canonical", "a disk")) {
		t.Errorf("list: %v", got)
	}
	asked.Store(0)
	released.Store(0)
	c.mustOption(wire.OptInfo, infoRequest("disk2"))
	got := c.mustOption(wire.OptInfo, infoRequest("disk", wire.InfoName))
	if got[1].data != "\x00\x01canonical" {
		t.Errorf("name %q", got[1].data)
	}
	c.mustOption(wire.OptGo, infoRequest("disk", wire.InfoName))
	if asked.Load() != 2 || released.Load() != 1 {
		t.Errorf("asked %d times, released %d; expected 2 and 1", asked.Load(), released.Load())
	}
	c.disconnect()
	if released.Load() != 2 {
		t.Errorf("released %d times, expected 2", released.Load())
	}

	c = connect(t, s)
	c.greet()
	c.send(wire.AppendOption(nil, wire.OptGo, infoRequest("panic")))
	c.expectEnd()
	if _, ok := errors.AsType[*panicError](c.wait()); !ok {
		t.Errorf("error %v", c.wait())
	}
}

// upsideDown is the poorest of encryptions.
type upsideDown struct{ net.Conn }

func (u upsideDown) Read(p []byte) (int, error) {
	n, err := u.Conn.Read(p)
	for i := range p[:n] {
		p[i] ^= 0xff
	}
	return n, err
}

func (u upsideDown) Write(p []byte) (int, error) {
	q := make([]byte, len(p))
	for i := range p {
		q[i] = p[i] ^ 0xff
	}
	return u.Conn.Write(q)
}

func TestStartTLSStartsAfresh(t *testing.T) {
	s := memoryServer(4096)
	s.startTLS = func(_ context.Context, nc net.Conn) (net.Conn, error) { return upsideDown{nc}, nil }
	c := connect(t, s)
	c.greet()
	if got := c.option(wire.OptStartTLS, []byte("x")); got[0].rep != wire.RepErrInvalid {
		t.Errorf("STARTTLS with data: %v", got)
	}
	c.mustOption(wire.OptExtendedHeaders, nil)
	c.mustOption(wire.OptSetMetaContext, contextRequest("", baseAllocation))
	c.mustOption(wire.OptStartTLS, nil)
	c.nc = upsideDown{c.nc}
	if got := c.option(wire.OptStartTLS, nil); got[0].rep != wire.RepErrInvalid {
		t.Errorf("second STARTTLS: %v", got)
	}
	if got := c.option(wire.OptSetMetaContext, contextRequest("", baseAllocation)); got[0].rep != wire.RepErrInvalid {
		t.Errorf("structured replies have outlived STARTTLS: %v", got)
	}
	c.mustOption(wire.OptGo, infoRequest(""))
	c.expect(wire.Request{Type: wire.CmdRead, Length: 16}, nil, 0) // a compact request
	if err := c.disconnect(); err != nil {
		t.Error(err)
	}

	c = connect(t, s)
	c.greet()
	c.send(wire.AppendOption(wire.AppendOption(nil, wire.OptStartTLS, nil), wire.OptList, nil))
	if err := c.wait(); err == nil || !strings.Contains(err.Error(), "STARTTLS") {
		t.Errorf("option behind STARTTLS: %v", err)
	}
}

func TestContextsGoWithTheirExport(t *testing.T) {
	s := &Server{Exports: []*Export{{Name: "a", Backend: NewMemory(4096)}, {Name: "b", Backend: NewMemory(4096)}}}
	c := connect(t, s)
	c.greet()
	c.mustOption(wire.OptExtendedHeaders, nil)
	c.extended = true
	c.mustOption(wire.OptSetMetaContext, contextRequest("a", baseAllocation))
	got := c.mustOption(wire.OptGo, infoRequest("b"))
	_, info, _ := wire.ParseInfo([]byte(got[0].data))
	if _, flags, _ := wire.ParseInfoExport(info); flags&wire.FlagBlockStatusPayload != 0 {
		t.Error("payload filter without contexts")
	}
	c.expect(wire.Request{Type: wire.CmdBlockStatus, Length: 4096}, nil, wire.EINVAL)
}

func TestOptionFlood(t *testing.T) {
	c := connect(t, memoryServer(4096))
	c.greet()
	go io.Copy(io.Discard, c.nc)
	one := wire.AppendOption(nil, wire.OptStructuredReply, nil)
	for range maxOptions + 1 {
		if _, err := c.nc.Write(one); err != nil {
			break
		}
	}
	if err := c.wait(); err == nil || !strings.Contains(err.Error(), fmt.Sprint(maxOptions)) {
		t.Errorf("error %v", err)
	}
}

func TestHandshakeTimeout(t *testing.T) {
	s := memoryServer(4096)
	s.HandshakeTimeout = 200 * time.Millisecond
	c := connect(t, s)
	c.receive(18)
	c.nc.Write([]byte{0, 0}) // half of the flags, unless the time is over
	if err := c.wait(); err == nil || !strings.Contains(err.Error(), "200ms") {
		t.Errorf("error %v", err)
	}
	// Time enough for a handshake on a busy machine.
	s = memoryServer(4096)
	s.HandshakeTimeout = 2 * time.Second
	c, _, _ = open(t, s, simple, "")
	<-time.After(s.HandshakeTimeout + 100*time.Millisecond) // requests have no limit
	c.expect(wire.Request{Length: 1}, nil, 0)
}

func TestMisconfigured(t *testing.T) {
	m := NewMemory(4096)
	none := func(dst []Extent, off, n int64, most int) ([]Extent, error) { return dst, nil }
	for _, tt := range []struct {
		server *Server
		want   string
	}{
		{&Server{Exports: []*Export{nil}}, "nil"},
		{&Server{Exports: []*Export{{}}}, "no Backend"},
		{&Server{Exports: []*Export{{Backend: m}, {Backend: m}}}, "two exports"},
		{&Server{Exports: []*Export{{Name: "\xff", Backend: m}}}, "UTF-8"},
		{&Server{Exports: []*Export{{Description: strings.Repeat("x", 4097), Backend: m}}}, "4097"},
		{&Server{Exports: []*Export{{Backend: m, BlockSize: BlockSize{Minimum: 3}}}}, "power of 2"},
		{&Server{Exports: []*Export{{Backend: m, BlockSize: BlockSize{Minimum: 1 << 17}}}}, "more than"},
		{&Server{Exports: []*Export{{Backend: m, MetaContexts: []MetaContext{{"x", false, none}}}}}, "namespace"},
		{&Server{Exports: []*Export{{Backend: m, MetaContexts: []MetaContext{{baseAllocation, false, none}}}}}, "two metadata"},
		{&Server{Exports: []*Export{{Backend: m, MetaContexts: []MetaContext{{"x:y", false, nil}}}}}, "no function"},
		{&Server{MaxPayload: 1}, "MaxPayload"},
		{&Server{MaxRequests: -1}, "MaxRequests"},
	} {
		l := &oneListener{}
		if err := tt.server.Serve(context.Background(), l); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("error %v, want %q", err, tt.want)
		}
		if !l.closed {
			t.Errorf("%s: the listener is open", tt.want)
		}
	}
}

// oneListener fails.
type oneListener struct{ closed bool }

func (l *oneListener) Accept() (net.Conn, error) { return nil, errors.New("broken") }
func (l *oneListener) Close() error              { l.closed = true; return nil }
func (l *oneListener) Addr() net.Addr            { return &net.TCPAddr{} }
