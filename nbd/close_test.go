package nbd

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gonbd/gonbd/internal/script"
	"github.com/gonbd/gonbd/internal/wire"
	"github.com/gonbd/gonbd/nbdserver"
)

// TestCloseInFlight closes a client under many requests: each returns just
// once.
func TestCloseInFlight(t *testing.T) {
	eachKind(t, func(t *testing.T, kind string) {
		for _, closers := range []int{1, 4} {
			c, p := gated(t, kind, memory(1<<20))
			p.hold(true)
			const n = 50
			done := make(chan error, 2*n)
			for i := range n {
				go func() {
					var err error
					if i%2 == 0 {
						_, err = c.ReadAt(make([]byte, 512), 0)
					} else {
						_, err = c.WriteAtContext(limited(t), make([]byte, 100_000), 0)
					}
					done <- err
				}()
			}
			await(t, "all are in flight", func() bool { return inFlight(c) == n })
			var wg sync.WaitGroup
			for range closers {
				wg.Go(func() {
					if err := c.Close(); err != nil {
						t.Errorf("Close: %v", err)
					}
				})
			}
			within(t, "Close", wg.Wait)
			within(t, "the requests", func() {
				for range n {
					if err := <-done; !errors.Is(err, net.ErrClosed) {
						t.Errorf("a request: %v", err)
					}
				}
			})
			if len(done) != 0 {
				t.Error("a request returned twice")
			}
		}
	})
}

func TestUseAfterClose(t *testing.T) {
	uses := func(t *testing.T, c *Client) {
		ctx := limited(t)
		p := make([]byte, 512)
		_, readErr := c.ReadAt(p, 0)
		_, writeErr := c.WriteAt(p, 0)
		var extentsErr error
		for _, extentsErr = range c.Extents(ctx, 0, 512, ContextBaseAllocation) {
		}
		for i, err := range []error{readErr, writeErr, c.Flush(ctx), c.Trim(ctx, 0, 1), c.WriteZeroes(ctx, 0, 1), c.Cache(ctx, 0, 1), extentsErr} {
			var e *Error
			if !errors.Is(err, net.ErrClosed) || !errors.As(err, &e) || e.Kind != LocalError {
				t.Errorf("%d: %v", i, err)
			}
		}
		if err := c.Close(); err != nil {
			t.Errorf("Close again: %v", err)
		}
		if err := c.Shutdown(ctx); err != nil {
			t.Errorf("Shutdown after Close: %v", err)
		}
		if c.Size() != 1<<20 || c.Stats().BytesSent == 0 {
			t.Error("what was known is not known any more")
		}
	}
	eachDriver(t, func(t *testing.T, d driver) {
		c := d.dial(t, memory(1<<20), Config{MetaContexts: []string{ContextBaseAllocation}})
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		uses(t, c)
		c = d.dial(t, memory(1<<20), Config{MetaContexts: []string{ContextBaseAllocation}})
		if err := c.Shutdown(limited(t)); err != nil {
			t.Error(err)
		}
		uses(t, c)
	})
}

// TestCloseSaysGoodbye has the server see NBD_CMD_DISC and then the end.
func TestCloseSaysGoodbye(t *testing.T) {
	eachKind(t, func(t *testing.T, kind string) {
		for _, shut := range []bool{false, true} {
			c, wait := scripted(t, kind, hello(1<<20, plainFlags), Config{}, answer(wire.CmdFlush, 0, nil), script.ExpectRequest(false, wire.CmdDisc, nil), func(nc net.Conn) error {
				if shut {
					return nil // hang up first
				}
				return script.ExpectEOF()(nc)
			})
			if err := c.Flush(limited(t)); err != nil {
				t.Error(err)
			}
			if shut {
				if err := c.Shutdown(limited(t)); err != nil {
					t.Error(err)
				}
			} else if err := c.Close(); err != nil {
				t.Error(err)
			}
			if err := wait(); err != nil {
				t.Error(err)
			}
		}
	})
}

// TestShutdownWaits has requests in flight, which Shutdown lets end, and new
// ones, which it refuses.
func TestShutdownWaits(t *testing.T) {
	eachKind(t, func(t *testing.T, kind string) {
		c, p := gated(t, kind, memory(1<<20))
		p.hold(true)
		done := make(chan error, 10)
		for range cap(done) {
			go func() { _, err := c.ReadAt(make([]byte, 4096), 0); done <- err }()
		}
		await(t, "all are in flight", func() bool { return inFlight(c) == cap(done) })
		shut := make(chan error, 1)
		go func() { shut <- c.Shutdown(limited(t)) }()
		await(t, "the client takes leave", c.leaving.Load)
		if _, err := c.ReadAt(make([]byte, 1), 0); !errors.Is(err, net.ErrClosed) {
			t.Errorf("a new read: %v", err)
		}
		select {
		case err := <-shut:
			t.Fatalf("Shutdown did not wait: %v", err)
		default:
		}
		p.hold(false)
		within(t, "all", func() {
			for range cap(done) {
				if err := <-done; err != nil {
					t.Error(err)
				}
			}
			if err := <-shut; err != nil {
				t.Errorf("Shutdown: %v", err)
			}
		})
	})
}

// TestShutdownContext has the context end while requests are in flight, and
// while the server does not hang up.
func TestShutdownContext(t *testing.T) {
	eachKind(t, func(t *testing.T, kind string) {
		for _, busy := range []bool{true, false} {
			c, p := gated(t, kind, memory(1<<20))
			p.hold(true)
			done := make(chan error, 1)
			if busy {
				go func() { _, err := c.ReadAt(make([]byte, 4096), 0); done <- err }()
				await(t, "the read is in flight", func() bool { return inFlight(c) == 1 })
			}
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
			within(t, "Shutdown", func() {
				if err := c.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("Shutdown: %v", err)
				}
				if busy {
					if err := <-done; !errors.Is(err, net.ErrClosed) {
						t.Errorf("the read: %v", err)
					}
				}
			})
			cancel()
		}
	})
}

// TestShutdownOfSplit shuts down in the middle of one long write.
func TestShutdownOfSplit(t *testing.T) {
	const most = 4096
	d := newDisk(100 * most)
	release := make(chan struct{})
	d.ask(func(c call) error {
		if c.off >= 20*most {
			<-release
		}
		return nil
	})
	s := server(&nbdserver.Export{Backend: d, BlockSize: nbdserver.BlockSize{MaxPayload: most}})
	s.Disable.FUA = true // so that a flush has to follow
	c := open(t, s)
	done := make(chan error, 1)
	go func() { _, err := c.WriteAtContext(limited(t), pattern(100*most, 9), 0, FUA); done <- err }()
	await(t, "the disk stalls", func() bool { return d.seen("write") == 20+splitDepth })
	shut := make(chan error, 1)
	go func() { shut <- c.Shutdown(limited(t)) }()
	await(t, "the client takes leave", c.leaving.Load)
	close(release)
	within(t, "all", func() {
		if err := <-done; err != nil {
			t.Errorf("the write: %v", err)
		}
		if err := <-shut; err != nil {
			t.Errorf("Shutdown: %v", err)
		}
	})
}

// logged is a log that may be read while it is written.
type logged struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func (l *logged) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// TestServerDies has the server hang up at every point of a reply, and
// before it.
func TestServerDies(t *testing.T) {
	whole := simple(0, 0, make([]byte, 10))
	eachKind(t, func(t *testing.T, kind string) {
		for part := range len(whole) {
			var log logged
			c, wait := scripted(t, kind, hello(1<<20, plainFlags), Config{Logger: log.logger()},
				script.WithRequest(false, wire.CmdRead, func(r wire.Request) script.Step {
					return script.Send(simple(r.Cookie, 0, make([]byte, 10))[:part])
				}))
			_, err := c.ReadAtContext(limited(t), make([]byte, 10), 1234)
			var e *Error
			if !errors.As(err, &e) || e.Kind != TransportError || !e.Retry || !e.HasRange || e.Offset != 1234 || e.Length != 10 {
				t.Errorf("after %d bytes: %v", part, err)
			}
			if _, err := c.ReadAtContext(limited(t), make([]byte, 10), 0); !errors.As(err, &e) || e.Kind != TransportError || !e.Retry {
				t.Errorf("the next read: %v", err)
			}
			if !strings.Contains(log.String(), "level=WARN msg=\"nbd: connection ended") {
				t.Errorf("after %d bytes the log is %q", part, log.String())
			}
			if err := c.Close(); err != nil {
				t.Error(err)
			}
			if err := wait(); err != nil {
				t.Error(err)
			}
		}
	})
}

// TestServerDiesIdle has the server hang up between two requests.
func TestServerDiesIdle(t *testing.T) {
	eachKind(t, func(t *testing.T, kind string) {
		c, wait := scripted(t, kind, hello(1<<20, plainFlags), Config{}, answer(wire.CmdRead, 0, make([]byte, 10)))
		if _, err := c.ReadAtContext(limited(t), make([]byte, 10), 0); err != nil {
			t.Error(err)
		}
		if err := wait(); err != nil {
			t.Error(err)
		}
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				var e *Error
				if _, err := c.ReadAtContext(limited(t), make([]byte, 10), 0); !errors.As(err, &e) || e.Kind != TransportError {
					t.Errorf("%v", err)
				}
			})
		}
		within(t, "the reads", wg.Wait)
		var e *Error
		if err := c.Shutdown(limited(t)); err != nil && !(errors.As(err, &e) && e.Kind == TransportError) {
			t.Errorf("Shutdown: %v", err)
		}
	})
}

// TestLeaks opens and ends connections in every way, and counts goroutines
// and descriptors.
func TestLeaks(t *testing.T) {
	descriptors := func() int {
		list, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			return 0 // not a system with it
		}
		return len(list)
	}
	s := memory(1 << 20)
	s.Exports[0].MultiConn = true
	uri := serve(t, s, "unix")
	rounds := func() {
		for i := range 10 {
			c, err := Dial(limited(t), uri, WithConnections(3))
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(context.Background())
			go cancel()
			c.ReadAtContext(ctx, make([]byte, 4096), 0)
			if i%2 == 0 {
				c.Close()
			} else if err := c.Shutdown(limited(t)); err != nil {
				t.Error(err)
			}
			if _, err := Dial(limited(t), uri, WithExport("none")); err == nil {
				t.Error("no error")
			}
			if _, err := List(limited(t), uri); err != nil {
				t.Error(err)
			}
			nc, wait := script.Pipe(script.Send(make([]byte, 16)))
			if _, err := NewClient(limited(t), nc, Config{}); err == nil {
				t.Error("no error")
			}
			wait()
		}
	}
	rounds()
	settle := func(name string, count func() int, most int) {
		await(t, name+" are back at their number", func() bool { return count() <= most })
	}
	var n, fds int
	await(t, "things are quiet", func() bool {
		before, fdsBefore := n, fds
		n, fds = runtime.NumGoroutine(), descriptors()
		return n == before && fds == fdsBefore
	})
	rounds()
	settle("goroutines", runtime.NumGoroutine, n)
	settle("descriptors", descriptors, fds)
}
