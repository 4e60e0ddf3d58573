package nbdserver

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gonbd/gonbd/internal/wire"
)

// conversations are what whole clients send, in every mode.
func conversations() [][]byte {
	ids := []uint32{1}
	var all [][]byte
	for _, m := range modes {
		b := wire.AppendClientFlags(nil, wire.FlagCFixedNewstyle|wire.FlagCNoZeroes)
		b = wire.AppendOption(b, wire.OptList, nil)
		switch m {
		case structured:
			b = wire.AppendOption(b, wire.OptStructuredReply, nil)
		case extended:
			b = wire.AppendOption(b, wire.OptExtendedHeaders, nil)
		}
		b = wire.AppendOption(b, wire.OptSetMetaContext, contextRequest("", baseAllocation))
		b = wire.AppendOption(b, wire.OptGo, infoRequest("", wire.InfoBlockSize, wire.InfoName))
		ext := m == extended
		var flag wire.CommandFlags
		if ext {
			flag = wire.CmdFlagPayloadLen
		}
		b = append(wire.AppendRequest(b, &wire.Request{Type: wire.CmdWrite, Flags: flag, Cookie: 1, Offset: 10, Length: 5}, ext), "12345"...)
		b = wire.AppendRequest(b, &wire.Request{Type: wire.CmdRead, Cookie: 2, Offset: 8, Length: 9}, ext)
		b = wire.AppendRequest(b, &wire.Request{Type: wire.CmdWriteZeroes, Cookie: 3, Length: 4096}, ext)
		b = wire.AppendRequest(b, &wire.Request{Type: wire.CmdFlush, Cookie: 4}, ext)
		b = wire.AppendRequest(b, &wire.Request{Type: wire.CmdBlockStatus, Cookie: 5, Length: 4096}, ext)
		if ext {
			p := wire.AppendBlockStatusPayload(nil, 4096, ids)
			b = append(wire.AppendRequest(b, &wire.Request{Type: wire.CmdBlockStatus, Flags: flag, Cookie: 6, Length: uint64(len(p))}, ext), p...)
		}
		b = wire.AppendRequest(b, &wire.Request{Type: wire.CmdDisc}, ext)
		all = append(all, b)
	}
	return append(all, append(wire.AppendOption(wire.AppendClientFlags(nil, 0), wire.OptExportName, nil),
		wire.AppendRequest(nil, &wire.Request{Type: wire.CmdRead, Length: 1}, false)...))
}

// talk has a client say all of b, in pieces of n bytes, to a server, and hang
// up. It gives what the server answered, and ServeConn's error.
func talk(t testing.TB, s *Server, b []byte, n int) ([]byte, error) {
	t.Helper()
	nc, served := net.Pipe()
	answer := make(chan []byte)
	go func() {
		got, _ := io.ReadAll(nc)
		answer <- got
	}()
	ended := make(chan error, 1)
	go func() { ended <- s.ServeConn(context.Background(), served) }()
	for len(b) > 0 {
		nc.SetWriteDeadline(time.Now().Add(time.Minute))
		k := min(n, len(b))
		if _, err := nc.Write(b[:k]); err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("the server has stopped reading")
			}
			break
		}
		b = b[k:]
	}
	nc.Close()
	got := <-answer
	select {
	case err := <-ended:
		return got, err
	case <-time.After(time.Minute):
		t.Fatal("the server still serves the connection")
		return nil, nil
	}
}

// TestTruncated hangs up after every prefix of a conversation.
func TestTruncated(t *testing.T) {
	for i, b := range conversations() {
		for n := range b {
			_, err := talk(t, memoryServer(4096), b[:n], len(b))
			if p, ok := errors.AsType[*panicError](err); ok {
				t.Fatalf("conversation %d, %d bytes: %v", i, n, p)
			}
		}
	}
}

// TestChopped sends conversations byte by byte, and expects the same answer
// as to the whole.
func TestChopped(t *testing.T) {
	for i, b := range conversations() {
		c, chopped := connect(t, memoryServer(4096)), connect(t, memoryServer(4096))
		c.send(b)
		go func() {
			for i := range b {
				chopped.nc.Write(b[i : i+1])
			}
		}()
		if i == 3 {
			c.nc.(*net.UnixConn).CloseWrite() // it has no NBD_CMD_DISC
			defer chopped.nc.Close()
		}
		want, err := io.ReadAll(c.nc)
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(want))
		if _, err := io.ReadFull(chopped.nc, got); err != nil || !bytes.Equal(got, want) {
			t.Errorf("conversation %d: answers differ (%v)", i, err)
		}
		if err := c.wait(); err != nil {
			t.Error(err)
		}
	}
}

// TestWrongMagic changes each magic number of requests.
func TestWrongMagic(t *testing.T) {
	for _, m := range modes {
		c, _, _ := open(t, memoryServer(4096), m, "")
		c.extended = !c.extended // compact instead of extended, and vice versa
		c.request(wire.Request{Length: 1}, []byte("more"))
		if err := c.wait(); err == nil || !strings.Contains(err.Error(), "magic") {
			t.Errorf("%v: %v", m, err)
		}
	}
}

// TestSlowReader has a client that never reads its replies. Others must not
// notice, and the server must stop reading.
func TestSlowReader(t *testing.T) {
	for _, b := range []Backend{NewMemory(64 << 20), slow{NewMemory(64 << 20)}} {
		s := &Server{Exports: []*Export{{Backend: b}}, MaxMemory: 1 << 20, MaxRequests: 16}
		lazy, _, _ := open(t, s, simple, "")
		lazy.nc.SetWriteDeadline(time.Now().Add(200 * time.Millisecond))
		request := wire.AppendRequest(nil, &wire.Request{Length: 60000}, false)
		var err error
		for range 1_000_000 {
			if _, err = lazy.nc.Write(request); err != nil {
				break
			}
		}
		if err == nil {
			t.Error("the server reads on and on")
		}
		c, _, _ := open(t, s, simple, "")
		c.expect(wire.Request{Length: 60000}, nil, 0)
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		s.Shutdown(ctx)
		s.Close()
		if err := lazy.wait(); err == nil {
			t.Error("no error")
		}
	}
}

// TestLimitsOfRequests counts what the backend is asked to do at a time.
func TestLimitsOfRequests(t *testing.T) {
	for _, tt := range []struct {
		name   string
		server *Server
		most   int
	}{
		{"MaxRequests", &Server{MaxRequests: 3}, 3},
		{"MaxMemory", &Server{MaxMemory: 2500}, 2},
		{"a request larger than MaxMemory", &Server{MaxMemory: 10}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var mu sync.Mutex
			now, peak := 0, 0
			proceed := make(chan bool, 100)
			b := &faults{read: func(p []byte, off int64) (int, error) {
				mu.Lock()
				now++
				peak = max(peak, now)
				if now == tt.most {
					for range tt.most {
						proceed <- true
					}
				}
				mu.Unlock()
				<-proceed
				mu.Lock()
				now--
				mu.Unlock()
				return len(p), nil
			}}
			tt.server.Exports = []*Export{{Backend: b}}
			c, _, _ := open(t, tt.server, simple, "")
			const n = 12
			for i := range n {
				c.request(wire.Request{Cookie: uint64(i), Length: 1000}, nil)
			}
			for range n {
				c.receiveChunk(1000)
			}
			if peak != tt.most {
				t.Errorf("%d requests at a time, expected %d", peak, tt.most)
			}
		})
	}
}

func TestRoom(t *testing.T) {
	var m room
	m.init(3, 100)
	for i, step := range []struct {
		release, cost int64 // release: -1 for none
		want          bool
	}{
		{-1, 60, true}, {-1, 41, false}, {-1, 40, true}, {-1, 1, false}, {-1, 0, true}, {-1, 0, false},
		{0, 0, true}, {60, 60, true}, {60, 61, false}, {-1, 0, true}, {0, 0, true}, {0, 61, false}, {40, 1000, true},
	} {
		if step.release >= 0 {
			m.release(step.release)
		}
		if got := m.try(step.cost); got != step.want {
			t.Errorf("step %d: try(%d) is %v", i+1, step.cost, got)
		}
	}
	if m.try(1) || !m.try(0) {
		t.Error("one large request should have all the memory, and others without data go on")
	}
	blocked := make(chan bool)
	go func() { blocked <- m.acquire(1) }()
	m.close()
	if <-blocked || m.try(0) {
		t.Error("room after the end")
	}
}

// TestManyRequestsInOnePacket has more requests arrive at once than may be in
// flight, all of them quick.
func TestManyRequestsInOnePacket(t *testing.T) {
	s := memoryServer(4096)
	s.MaxRequests = 4
	c, _, _ := open(t, s, simple, "")
	c.send(bytes.Repeat(wire.AppendRequest(nil, &wire.Request{Type: wire.CmdFlush}, false), 100))
	for range 100 {
		c.receiveChunk(0)
	}
}

func TestMaxConns(t *testing.T) {
	s := memoryServer(4096)
	s.MaxConns = 1
	c, _, _ := open(t, s, simple, "")
	second := connect(t, s)
	second.expectEnd()
	if err := second.wait(); err == nil || !strings.Contains(err.Error(), "MaxConns") {
		t.Errorf("error %v", err)
	}
	c.disconnect()
	open(t, s, simple, "")
}

// TestPanicIsLogged expects the stack of a backend's panic in the log, and
// the connection to live.
func TestPanicIsLogged(t *testing.T) {
	var log lockedBuffer
	s := &Server{Exports: []*Export{{Backend: &faults{read: func([]byte, int64) (int, error) { panic("ouch") }}}}, Logger: slog.New(slog.NewTextHandler(&log, nil))}
	c, _, _ := open(t, s, simple, "")
	c.expect(wire.Request{Length: 5}, nil, wire.EIO)
	c.expect(wire.Request{Length: 0}, nil, 0)
	c.disconnect()
	if text := log.String(); !strings.Contains(text, "ouch") || !strings.Contains(text, "hostile_test.go") {
		t.Errorf("log: %s", text)
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// TestConcurrentClients has several clients work on one disk.
func TestConcurrentClients(t *testing.T) {
	for _, b := range []Backend{NewMemory(8 << 20), slow{NewMemory(8 << 20)}} {
		s := &Server{Exports: []*Export{{Backend: b, SparseReads: true}}}
		var all sync.WaitGroup
		for i := range 4 {
			c, _, _ := open(t, s, modes[i%3], "")
			all.Go(func() {
				for n := range 50 {
					off, data := uint64(i)<<20+uint64(n)*777, bytes.Repeat([]byte{byte(i*50 + n)}, 5000)
					c.expect(c.writeRequest(off, len(data)), data, 0)
					if _, errno, got := c.do(wire.Request{Offset: off, Length: uint64(len(data))}, nil); errno != 0 || !bytes.Equal(got, data) {
						t.Errorf("client %d reads something else (%d)", i, errno)
					}
					c.expect(wire.Request{Type: wire.CmdTrim, Offset: off, Length: 3000}, nil, 0)
				}
			})
		}
		all.Wait()
	}
}

func TestServe(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Skip(err)
	}
	s := memoryServer(4096)
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, &flaky{Listener: l}) }()
	nc, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if _, err := io.ReadFull(nc, make([]byte, 18)); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-served; !errors.Is(err, context.Canceled) {
		t.Errorf("Serve: %v", err)
	}
	if n, err := nc.Read(make([]byte, 1)); n > 0 || err == nil {
		t.Error("the connection has outlived Serve")
	}
	s.Close()
	if err := s.Serve(context.Background(), l); !errors.Is(err, ErrServerClosed) {
		t.Errorf("Serve after Close: %v", err)
	}
}

// flaky fails at first, as accept does without file descriptors.
type flaky struct {
	net.Listener
	failed bool
}

func (l *flaky) Accept() (net.Conn, error) {
	if !l.failed {
		l.failed = true
		return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
	}
	return l.Listener.Accept()
}

// FuzzServeConn sends anything to servers of every style. They must neither
// panic nor hang.
func FuzzServeConn(f *testing.F) {
	for _, b := range conversations() {
		f.Add(b, uint8(0))
		f.Add(b, uint8(7))
	}
	f.Add(conversations()[0][4+16:], uint8(2))
	f.Fuzz(func(t *testing.T, b []byte, kind uint8) {
		memory := NewMemory(1 << 20)
		memory.SetLimit(1 << 20)
		var backend Backend = memory
		if kind&1 != 0 {
			backend = slow{memory}
		}
		s := &Server{
			Exports:     []*Export{{Backend: backend, SparseReads: true}},
			MaxRequests: 4, MaxMemory: 1 << 20,
			Disable: Features{Newstyle: kind&2 != 0, FixedNewstyle: kind&4 != 0},
		}
		_, err := talk(t, s, b, 100)
		if p, ok := errors.AsType[*panicError](err); ok {
			t.Fatal(p)
		}
	})
}
