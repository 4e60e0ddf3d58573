package nbd

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gonbd/gonbd/internal/script"
	"github.com/gonbd/gonbd/internal/wire"
	"github.com/gonbd/gonbd/nbdserver"
)

// patience is how long anything may take before it counts as hanging.
const patience = 30 * time.Second

// limited gives a context that nobody should see the end of.
func limited(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// await waits until a condition holds that can only be asked for.
func await(t testing.TB, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	late := time.After(patience)
	for !holds() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("waited too long until %s", what)
		}
	}
}

// within runs f, which must not hang.
func within(t testing.TB, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatalf("%s hangs", what)
	}
}

func pattern(n int, seed uint64) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16)})
	r.Read(b)
	return b
}

// server makes a server of one export, the default one.
func server(e *nbdserver.Export) *nbdserver.Server {
	return &nbdserver.Server{Exports: []*nbdserver.Export{e}}
}

func memory(size int64) *nbdserver.Server {
	return server(&nbdserver.Export{Backend: nbdserver.NewMemory(size)})
}

// listen gives a listener on a socket of its own.
func listen(t testing.TB, network string) net.Listener {
	t.Helper()
	address := "127.0.0.1:0"
	if network == "unix" {
		// t.TempDir is too long for a socket's address.
		dir, err := os.MkdirTemp("", "nbd")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.RemoveAll(dir) })
		address = filepath.Join(dir, "s")
	}
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func uriOf(a net.Addr) string {
	if a.Network() == "unix" {
		return "nbd+unix:///?socket=" + a.String()
	}
	return "nbd://" + a.String()
}

// serve runs a server until the test ends, and gives its URI.
func serve(t testing.TB, s *nbdserver.Server, network string) string {
	t.Helper()
	l := listen(t, network)
	done := make(chan error, 1)
	go func() { done <- s.Serve(context.Background(), l) }()
	t.Cleanup(func() {
		s.Close()
		if err := <-done; !errors.Is(err, nbdserver.ErrServerClosed) {
			t.Errorf("the server: %v", err)
		}
	})
	return uriOf(l.Addr())
}

// serveConn runs a server on one connection.
func serveConn(t testing.TB, s *nbdserver.Server, nc net.Conn) {
	done := make(chan struct{})
	go func() { defer close(done); s.ServeConn(context.Background(), nc) }()
	t.Cleanup(func() { s.Close(); <-done })
}

// dial connects until the test ends.
func dial(t testing.TB, uri string, opts ...Option) *Client {
	t.Helper()
	c, err := Dial(limited(t), uri, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// open connects to a server of its own over a Unix socket.
func open(t testing.TB, s *nbdserver.Server, opts ...Option) *Client {
	t.Helper()
	return dial(t, serve(t, s, "unix"), opts...)
}

// clientOn makes a client on nc until the test ends.
func clientOn(t testing.TB, nc net.Conn, cfg Config) *Client {
	t.Helper()
	c, err := NewClient(limited(t), nc, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// scripted connects to a scripted server over a Unix socket, which lets the
// client work without goroutines, or over an in-memory pipe. The script
// begins after the handshake.
func scripted(t *testing.T, network string, hello script.Step, cfg Config, steps ...script.Step) (c *Client, wait func() error) {
	t.Helper()
	nc, wait := play(t, network, append([]script.Step{hello}, steps...)...)
	return clientOn(t, nc, cfg), wait
}

// play connects to a script.
func play(t *testing.T, network string, steps ...script.Step) (net.Conn, func() error) {
	t.Helper()
	if network == "pipe" {
		return script.Pipe(steps...)
	}
	l := listen(t, network)
	wait := script.Listen(l, steps...)
	nc, err := net.Dial(network, l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return nc, wait
}

const plainFlags = wire.FlagHasFlags | wire.FlagSendFlush | wire.FlagSendFUA

// hello is the handshake of a server with simple replies.
func hello(size uint64, flags wire.TransmissionFlags) script.Step {
	return script.Steps(
		script.Newstyle(wire.FlagFixedNewstyle|wire.FlagNoZeroes),
		script.Answer(wire.OptExtendedHeaders, wire.RepErrUnsup, nil),
		script.Answer(wire.OptStructuredReply, wire.RepErrUnsup, nil),
		script.Go(size, flags),
	)
}

// helloContext is the handshake of a server with extended headers, or
// structured replies, and some metadata contexts, which get the IDs 1 and up.
func helloContext(size uint64, flags wire.TransmissionFlags, extended bool, names ...string) script.Step {
	const o = wire.OptSetMetaContext
	var b []byte
	for i, name := range names {
		b = wire.AppendOptionReply(b, o, wire.RepMetaContext, wire.AppendMetaContext(nil, uint32(i+1), name))
	}
	headers := script.Answer(wire.OptExtendedHeaders, wire.RepAck, nil)
	if !extended {
		headers = script.Steps(
			script.Answer(wire.OptExtendedHeaders, wire.RepErrUnsup, nil),
			script.Answer(wire.OptStructuredReply, wire.RepAck, nil))
	}
	steps := []script.Step{script.Newstyle(wire.FlagFixedNewstyle | wire.FlagNoZeroes), headers}
	if len(names) > 0 {
		steps = append(steps, script.ExpectOption(o, nil), script.Send(wire.AppendOptionReply(b, o, wire.RepAck, nil)))
	}
	return script.Steps(append(steps, script.Go(size, flags))...)
}

// simple is a simple reply.
func simple(cookie uint64, errno uint32, data []byte) []byte {
	return append(wire.AppendReply(nil, &wire.Reply{Magic: wire.SimpleReplyMagic, Cookie: cookie, Error: errno}), data...)
}

// chunkOf is a chunk of a structured reply.
func chunkOf(cookie uint64, flags wire.ReplyFlags, typ wire.ReplyType, payload []byte) []byte {
	return append(wire.AppendReply(nil, &wire.Reply{Magic: wire.StructuredReplyMagic, Cookie: cookie, Flags: flags, Type: typ, Length: uint64(len(payload))}), payload...)
}

// answer receives a request and sends a simple reply to it.
func answer(typ wire.Command, errno uint32, data []byte) script.Step {
	return script.WithRequest(false, typ, func(r wire.Request) script.Step {
		if typ == wire.CmdWrite {
			return script.Steps(script.ExpectFunc(int(r.Length), func([]byte) error { return nil }), script.Send(simple(r.Cookie, errno, nil)))
		}
		return script.Send(simple(r.Cookie, errno, data))
	})
}

// stepOf makes a step of a conversation of its own.
func stepOf(f func(io.ReadWriter) error) script.Step {
	return func(nc net.Conn) error { return f(nc) }
}

// call is an operation that a disk was asked for.
type call struct {
	op     string
	off, n int64
}

// disk is a memory disk that notes what it is asked for, and asks back before
// it does it.
type disk struct {
	*nbdserver.Memory

	mu     sync.Mutex
	calls  []call
	before func(call) error // may be nil
}

func newDisk(size int64) *disk { return &disk{Memory: nbdserver.NewMemory(size)} }

func (d *disk) Immediate() bool { return false }

func (d *disk) note(op string, off, n int64) error {
	d.mu.Lock()
	d.calls = append(d.calls, call{op, off, n})
	before := d.before
	d.mu.Unlock()
	if before == nil {
		return nil
	}
	return before(call{op, off, n})
}

// ask has the disk ask f from now on, if it is not nil.
func (d *disk) ask(f func(call) error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.before = f
}

// since gives the calls since the last call of it.
func (d *disk) since() []call {
	d.mu.Lock()
	defer d.mu.Unlock()
	calls := d.calls
	d.calls = nil
	return calls
}

// seen says how many calls of op there were.
func (d *disk) seen(op string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := 0
	for _, c := range d.calls {
		if c.op == op {
			n++
		}
	}
	return n
}

func (d *disk) ReadAt(p []byte, off int64) (int, error) {
	if err := d.note("read", off, int64(len(p))); err != nil {
		return 0, err
	}
	return d.Memory.ReadAt(p, off)
}

func (d *disk) WriteAt(p []byte, off int64) (int, error) {
	if err := d.note("write", off, int64(len(p))); err != nil {
		return 0, err
	}
	return d.Memory.WriteAt(p, off)
}

func (d *disk) Sync() error { return d.note("flush", 0, 0) }

func (d *disk) Trim(off, n int64) error {
	if err := d.note("trim", off, n); err != nil {
		return err
	}
	return d.Memory.Trim(off, n)
}

func (d *disk) WriteZeroes(off, n int64, flags nbdserver.ZeroFlags) error {
	op := "zero"
	if flags&nbdserver.NoHole != 0 {
		op += " nohole"
	}
	if flags&nbdserver.FastZero != 0 {
		op += " fast"
	}
	if err := d.note(op, off, n); err != nil {
		return err
	}
	return d.Memory.WriteZeroes(off, n, flags)
}

func (d *disk) Cache(off, n int64) error { return d.note("cache", off, n) }

func (d *disk) expect(t *testing.T, what string, want ...call) {
	t.Helper()
	got := d.since()
	slices.SortStableFunc(got, func(a, b call) int { return int(a.off - b.off) })
	if !slices.Equal(got, want) {
		t.Errorf("%s: the server did %v, expected %v", what, got, want)
	}
}

// proxy forwards between a client and a server, in pieces of random sizes up
// to most, and not at all while it is held.
type proxy struct {
	most int

	mu   sync.Mutex
	free *sync.Cond
	held bool
}

func newProxy(most int) *proxy {
	p := &proxy{most: most}
	p.free = sync.NewCond(&p.mu)
	return p
}

func (p *proxy) hold(held bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held = held
	p.free.Broadcast()
}

// pass waits while the proxy is held.
func (p *proxy) pass() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.held {
		p.free.Wait()
	}
}

// join forwards between two connections until either ends.
func (p *proxy) join(t testing.TB, a, b net.Conn) {
	var wg sync.WaitGroup
	wg.Go(func() { p.forward(a, b) })
	wg.Go(func() { p.forward(b, a) })
	t.Cleanup(func() {
		a.Close()
		b.Close()
		p.hold(false)
		wg.Wait()
	})
}

func (p *proxy) forward(dst, src net.Conn) {
	defer dst.Close()
	buf := make([]byte, 64<<10)
	for {
		n, err := src.Read(buf)
		for rest := buf[:n]; len(rest) > 0; {
			p.pass()
			k := min(len(rest), 1+rand.IntN(p.most))
			if _, err := dst.Write(rest[:k]); err != nil {
				return
			}
			rest = rest[k:]
		}
		if err != nil {
			return
		}
	}
}

// sockets gives the two ends of a connection over a Unix or TCP socket, or
// those of a pipe.
func sockets(t testing.TB, network string) (a, b net.Conn) {
	t.Helper()
	if network == "pipe" {
		return net.Pipe()
	}
	l := listen(t, network)
	defer l.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		b, _ = l.Accept()
	}()
	a, err := net.Dial(network, l.Addr().String())
	<-done
	if err != nil || b == nil {
		t.Fatal("no connection:", err)
	}
	return a, b
}

// readBack reads all of a client through a SectionReader.
func readBack(t testing.TB, c *Client) []byte {
	t.Helper()
	b, err := io.ReadAll(io.NewSectionReader(c, 0, c.Size()))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func same(t testing.TB, what string, got, want []byte) {
	t.Helper()
	if bytes.Equal(got, want) {
		return
	}
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			t.Errorf("%s: byte %d is %#x, expected %#x", what, i, got[i], want[i])
			return
		}
	}
	t.Errorf("%s: %d bytes, expected %d", what, len(got), len(want))
}
