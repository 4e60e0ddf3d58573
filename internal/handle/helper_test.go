//go:build linux

package handle

import (
	"bytes"
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gonbd/gonbd/internal/script"
	"github.com/gonbd/gonbd/internal/wire"
	"github.com/gonbd/gonbd/nbdserver"
)

// patience is how long anything may take before it counts as hanging.
const patience = 30 * time.Second

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

// socketPair gives a descriptor for a handle, and the other end.
func socketPair(t testing.TB) (int, net.Conn) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fds[1]), "peer")
	defer f.Close()
	nc, err := net.FileConn(f)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	return fds[0], nc
}

// scripted connects a handle to a scripted server, asynchronously.
func scripted(t testing.TB, h *Handle, steps ...script.Step) (wait func()) {
	t.Helper()
	fd, nc := socketPair(t)
	result := make(chan error, 1)
	go func() { result <- script.Run(nc, steps...) }()
	if err := h.AioConnectSocket(fd); err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		select {
		case err := <-result:
			if err != nil {
				t.Errorf("the script: %v", err)
			}
		case <-time.After(patience):
			t.Error("the script hangs")
		}
	}
}

// create gives a handle that is closed with the test.
func create(t testing.TB) *Handle {
	h := New()
	t.Cleanup(func() { h.Close() })
	return h
}

// serve starts a server on a Unix socket and gives its path.
func serve(t testing.TB, s *nbdserver.Server) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "gonbd")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); s.Serve(ctx, l) }()
	t.Cleanup(func() { cancel(); <-done })
	return path
}

func memory(size int64) *nbdserver.Server {
	return &nbdserver.Server{Exports: []*nbdserver.Export{{Backend: nbdserver.NewMemory(size)}}}
}

// connected gives a handle connected to a memory server, set up by config.
func connected(t testing.TB, s *nbdserver.Server, config ...func(*Handle)) *Handle {
	t.Helper()
	h := create(t)
	for _, f := range config {
		f(h)
	}
	if err := h.ConnectUnix(serve(t, s)); err != nil {
		t.Fatal(err)
	}
	return h
}

// wantErr checks that err counts as errno and says each of the texts.
func wantErr(t testing.TB, err error, errno syscall.Errno, texts ...string) {
	t.Helper()
	e, ok := err.(*Error)
	if !ok {
		t.Fatalf("the error is %v, want one with errno %v", err, errno)
	}
	if e.Errno != errno {
		t.Errorf("errno is %v (%v), want %v", e.Errno, err, errno)
	}
	for _, s := range texts {
		if !strings.Contains(e.Msg, s) {
			t.Errorf("the error %q does not say %q", e.Msg, s)
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// done retires a command, waiting by Poll.
func retire(t testing.TB, h *Handle, cookie uint64) error {
	t.Helper()
	for {
		ok, err := h.AioCommandCompleted(cookie)
		if ok || err != nil {
			return err
		}
		if _, err := h.Poll(int(patience.Milliseconds())); err != nil {
			t.Fatal(err)
		}
	}
}

// Callbacks that record what happens to them.
type recorder struct {
	log    *[]string
	name   string
	result int
	errno  int // to be stored
	saw    []int
	data   func(...any)
}

func (r *recorder) note(what string) { *r.log = append(*r.log, r.name+" "+what) }

func (r *recorder) act(errno *int) int {
	r.saw = append(r.saw, *errno)
	if r.errno != 0 {
		*errno = r.errno
	}
	return r.result
}

func (r *recorder) Free() { r.note("free") }

type completion struct{ recorder }

func (c *completion) Complete(errno *int) int { c.note("done"); return c.act(errno) }

type chunks struct{ recorder }

func (c *chunks) Chunk(b []byte, offset uint64, status uint, errno *int) int {
	c.note("chunk")
	if c.data != nil {
		c.data(bytes.Clone(b), offset, status)
	}
	return c.act(errno)
}

type extents struct{ recorder }

func (c *extents) Extent(context string, offset uint64, entries []uint32, errno *int) int {
	c.note("extent")
	if c.data != nil {
		c.data(context, offset, append([]uint32(nil), entries...))
	}
	return c.act(errno)
}

type extents64 struct{ recorder }

func (c *extents64) Extent64(context string, offset uint64, entries []Entry, errno *int) int {
	c.note("extent64")
	if c.data != nil {
		c.data(context, offset, append([]Entry(nil), entries...))
	}
	return c.act(errno)
}

type listing struct{ recorder }

func (c *listing) List(name, description string) int { c.note("list " + name); return 0 }
func (c *listing) Context(name string) int           { c.note("context " + name); return 0 }

// greeting is the newstyle handshake of a small export with simple replies.
func greeting(size uint64) []script.Step {
	return []script.Step{
		script.Newstyle(wire.FlagFixedNewstyle | wire.FlagNoZeroes),
		script.Answer(wire.OptExtendedHeaders, wire.RepErrUnsup, nil),
		script.Answer(wire.OptStructuredReply, wire.RepErrUnsup, nil),
		script.Go(size, wire.FlagHasFlags|wire.FlagSendFlush),
	}
}

// simple sends a simple reply without a payload.
func simple(r wire.Request, errno uint32) script.Step {
	return script.Send(wire.AppendReply(nil, &wire.Reply{Magic: wire.SimpleReplyMagic, Cookie: r.Cookie, Error: errno}))
}
