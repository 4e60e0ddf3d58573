package nbd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gonbd/gonbd/internal/script"
	"github.com/gonbd/gonbd/internal/wire"
	"github.com/gonbd/gonbd/nbdserver"
)

// kinds are the two ways in which a connection is driven.
var kinds = []string{"unix", "pipe"}

func eachKind(t *testing.T, f func(t *testing.T, kind string)) {
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) { f(t, kind) })
	}
}

func inFlight(c *Client) int {
	cn := c.conns[0]
	cn.mu.Lock()
	defer cn.mu.Unlock()
	return cn.eng.InFlight()
}

// gated makes a client whose server answers through a proxy.
func gated(t *testing.T, kind string, s *nbdserver.Server) (*Client, *proxy) {
	p := newProxy(1 << 20)
	c := over(kind, bare, bare, func() *proxy { return p })(t, s, Config{})
	return c, p
}

// TestCancel has one request wait, or several, and cancels each in turn: first
// the one that leads.
func TestCancel(t *testing.T) {
	eachKind(t, func(t *testing.T, kind string) {
		for _, ends := range []error{context.Canceled, context.DeadlineExceeded} {
			c, p := gated(t, kind, memory(1<<20))
			p.hold(true)
			var dones []chan error
			var cancels []context.CancelFunc
			for i := range 5 {
				ctx, cancel := context.WithCancel(context.Background())
				if ends == context.DeadlineExceeded {
					ctx, cancel = endsAs(ctx, ends)
				}
				done := make(chan error, 1)
				go func() {
					_, err := c.ReadAtContext(ctx, make([]byte, 512), int64(i)*512)
					done <- err
				}()
				await(t, "the read is under way", func() bool { return inFlight(c) == i+1 })
				dones, cancels = append(dones, done), append(cancels, cancel)
			}
			for i, done := range dones[:4] {
				cancels[i]()
				within(t, "a cancelled read", func() {
					var e *Error
					err := <-done
					if !errors.Is(err, ends) || !errors.As(err, &e) || e.Op != "read" {
						t.Errorf("read %d: %v", i, err)
					}
				})
			}
			p.hold(false)
			within(t, "the read that was not cancelled", func() {
				if err := <-dones[4]; err != nil {
					t.Error(err)
				}
			})
			if _, err := c.ReadAtContext(limited(t), make([]byte, 512), 0); err != nil {
				t.Errorf("afterwards: %v", err)
			}
			cancels[4]()
			c.Close()
		}
	})
}

// endsAs makes a context that ends with an error of choice when cancelled.
func endsAs(ctx context.Context, err error) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	return &ending{ctx, err}, cancel
}

type ending struct {
	context.Context
	err error
}

func (e *ending) Err() error {
	if e.Context.Err() == nil {
		return nil
	}
	return e.err
}

func TestCancelCause(t *testing.T) {
	c, p := gated(t, "unix", memory(1<<20))
	p.hold(true)
	cause := errors.New("had enough")
	ctx, cancel := context.WithCancelCause(context.Background())
	done := make(chan error, 1)
	go func() { _, err := c.ReadAtContext(ctx, make([]byte, 512), 0); done <- err }()
	await(t, "the read is under way", func() bool { return inFlight(c) == 1 })
	cancel(cause)
	if err := <-done; !errors.Is(err, context.Canceled) || !errors.Is(err, cause) || !errors.Is(err, syscall.ECANCELED) {
		t.Errorf("%v", err)
	}
}

func TestDeadline(t *testing.T) {
	eachKind(t, func(t *testing.T, kind string) {
		c, p := gated(t, kind, memory(1<<20))
		p.hold(true)
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
		defer cancel()
		if _, err := c.ReadAtContext(ctx, make([]byte, 512), 0); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, syscall.ETIMEDOUT) {
			t.Errorf("%v", err)
		}
		p.hold(false)
		if _, err := c.ReadAt(make([]byte, 512), 0); err != nil {
			t.Error(err)
		}
	})
}

// TestEndedContext sends nothing.
func TestEndedContext(t *testing.T) {
	eachKind(t, func(t *testing.T, kind string) {
		c, _ := gated(t, kind, memory(1<<20))
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		before := c.Stats()
		p := make([]byte, 512)
		_, err1 := c.ReadAtContext(ctx, p, 0)
		_, err2 := c.WriteAtContext(ctx, p, 0)
		for i, err := range []error{err1, err2, c.Flush(ctx), c.Trim(ctx, 0, 1), c.WriteZeroes(ctx, 0, 1), c.Cache(ctx, 0, 1)} {
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%d: %v", i, err)
			}
		}
		if c.Stats() != before {
			t.Errorf("something was sent: %+v, before %+v", c.Stats(), before)
		}
	})
}

// TestLateReply gives the buffer of an abandoned read other contents, and
// then has the reply come: all of it, or the rest.
func TestLateReply(t *testing.T) {
	const n = 100_000
	for _, part := range []int{0, 1, 16, 17, 5000, 16 + n - 1} {
		eachKind(t, func(t *testing.T, kind string) {
			release, begun := make(chan struct{}), make(chan struct{})
			secret := bytes.Repeat([]byte{0xee}, n)
			c, wait := scripted(t, kind, hello(1<<20, plainFlags), Config{},
				script.WithRequest(false, wire.CmdRead, func(r wire.Request) script.Step {
					b := simple(r.Cookie, 0, secret)
					return script.Steps(script.Send(b[:part]), func(net.Conn) error { close(begun); return nil }, script.Stall(release), script.Send(b[part:]))
				}),
				answer(wire.CmdRead, 0, []byte("fine")),
				script.ExpectRequest(false, wire.CmdDisc, nil))
			ctx, cancel := context.WithCancel(context.Background())
			p := make([]byte, n)
			done := make(chan error, 1)
			go func() { _, err := c.ReadAtContext(ctx, p, 0); done <- err }()
			<-begun
			cancel()
			if err := <-done; !errors.Is(err, context.Canceled) {
				t.Errorf("%v", err)
			}
			poison := bytes.Repeat([]byte{0x11}, n)
			copy(p, poison)
			close(release)
			q := make([]byte, 4)
			if _, err := c.ReadAtContext(limited(t), q, 0); err != nil || string(q) != "fine" {
				t.Errorf("the next read: %q, %v", q, err)
			}
			same(t, "the buffer given back", p, poison)
			c.Close()
			if err := wait(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestHalfSentWrite cancels a write whose payload is on its way, and changes
// it at once: what arrives must be the old payload, and whole.
func TestHalfSentWrite(t *testing.T) {
	const n = 8 << 20
	eachKind(t, func(t *testing.T, kind string) {
		release := make(chan struct{})
		old := pattern(n, 8)
		c, wait := scripted(t, kind, hello(n, plainFlags), Config{},
			script.WithRequest(false, wire.CmdWrite, func(r wire.Request) script.Step {
				return script.Steps(
					script.ExpectFunc(1000, func([]byte) error { return nil }),
					script.Stall(release),
					script.ExpectFunc(n-1000, func(b []byte) error {
						if !bytes.Equal(b, old[1000:]) {
							return errors.New("the payload was changed on its way")
						}
						return nil
					}),
					script.Send(simple(r.Cookie, 0, nil)))
			}),
			answer(wire.CmdFlush, 0, nil), script.ExpectRequest(false, wire.CmdDisc, nil))
		ctx, cancel := context.WithCancel(context.Background())
		p := bytes.Clone(old)
		done := make(chan error, 1)
		go func() { _, err := c.WriteAtContext(ctx, p, 0); done <- err }()
		await(t, "the write is half sent", func() bool {
			cn := c.conns[0]
			cn.mu.Lock()
			defer cn.mu.Unlock()
			unsent := cn.eng.Unsent()
			return unsent > 0 && unsent < n
		})
		cancel()
		within(t, "the cancelled write", func() {
			if err := <-done; !errors.Is(err, context.Canceled) {
				t.Errorf("%v", err)
			}
		})
		clear(p)
		close(release)
		if err := c.Flush(limited(t)); err != nil {
			t.Errorf("afterwards: %v", err)
		}
		c.Close()
		if err := wait(); err != nil {
			t.Error(err)
		}
	})
}

// TestCancelForRoom fills the connection: the next request waits for room, and
// can be cancelled there; room lets it go on.
func TestCancelForRoom(t *testing.T) {
	eachKind(t, func(t *testing.T, kind string) {
		c, p := gated(t, kind, memory(1<<20))
		p.hold(true)
		var wg sync.WaitGroup
		for range maxInFlight {
			wg.Go(func() {
				if _, err := c.ReadAt(make([]byte, 1), 0); err != nil {
					t.Error(err)
				}
			})
		}
		await(t, "the connection is full", func() bool { return inFlight(c) == maxInFlight })
		before := c.Stats().MessagesSent
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 2)
		for range 2 {
			go func() { _, err := c.ReadAtContext(ctx, make([]byte, 1), 0); done <- err }()
		}
		var last sync.WaitGroup
		last.Go(func() {
			if _, err := c.ReadAt(make([]byte, 1), 0); err != nil {
				t.Error(err)
			}
		})
		await(t, "three wait for room", func() bool {
			cn := c.conns[0]
			cn.mu.Lock()
			defer cn.mu.Unlock()
			return cn.others == 3
		})
		cancel()
		for range 2 {
			within(t, "a request that waits for room", func() {
				if err := <-done; !errors.Is(err, context.Canceled) {
					t.Errorf("%v", err)
				}
			})
		}
		if sent := c.Stats().MessagesSent; sent != before {
			t.Errorf("%d requests were sent without room", sent-before)
		}
		p.hold(false)
		within(t, "the rest", func() { wg.Wait(); last.Wait() })
	})
}

// TestRoomByBytes has long writes wait until earlier ones are sent.
func TestRoomByBytes(t *testing.T) {
	const n = 30 << 20
	eachKind(t, func(t *testing.T, kind string) {
		c, p := gated(t, kind, memory(n))
		p.hold(true)
		data := make([]byte, n)
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() {
				if _, err := c.WriteAt(data, 0); err != nil {
					t.Error(err)
				}
			})
		}
		await(t, "some wait for room", func() bool {
			cn := c.conns[0]
			cn.mu.Lock()
			defer cn.mu.Unlock()
			return cn.others > 0
		})
		if n := inFlight(c); n < 2 || n > 4 {
			t.Errorf("%d writes in flight", n)
		}
		p.hold(false)
		within(t, "the writes", wg.Wait)
	})
}

func TestCancelWhileSplitting(t *testing.T) {
	const most = 4096
	d := newDisk(100 * most)
	release := make(chan struct{})
	d.ask(func(c call) error {
		if c.off >= 20*most {
			<-release
		}
		return nil
	})
	c := open(t, server(&nbdserver.Export{Backend: d, BlockSize: nbdserver.BlockSize{MaxPayload: most}}))
	ctx, cancel := context.WithCancel(context.Background())
	type result struct {
		n   int
		err error
	}
	done := make(chan result, 1)
	go func() {
		n, err := c.WriteAtContext(ctx, pattern(100*most, 9), 0)
		done <- result{n, err}
	}()
	await(t, "the disk stalls", func() bool { return d.seen("write") == 20+splitDepth })
	cancel()
	within(t, "the cancelled write", func() {
		if r := <-done; !errors.Is(r.err, context.Canceled) || r.n != 20*most {
			t.Errorf("%d, %v", r.n, r.err)
		}
	})
	close(release)
	if _, err := c.ReadAtContext(limited(t), make([]byte, 100*most), 0); err != nil {
		t.Error(err)
	}
}

// TestCancelHandshake has a server fall silent at every stage, and a client
// with patience of its own.
func TestCancelHandshake(t *testing.T) {
	go1 := script.Steps(script.ExpectOption(wire.OptGo, nil))
	stages := [][]script.Step{
		{},
		{script.Send(wire.AppendGreeting(nil, wire.OptionMagic))},
		{script.Newstyle(wire.FlagFixedNewstyle)},
		{script.Newstyle(wire.FlagFixedNewstyle), script.Answer(wire.OptExtendedHeaders, wire.RepAck, nil)},
		{script.Newstyle(wire.FlagFixedNewstyle), script.Answer(wire.OptExtendedHeaders, wire.RepErrUnsup, nil), script.Answer(wire.OptStructuredReply, wire.RepAck, nil), go1},
		{script.Newstyle(wire.FlagFixedNewstyle), script.Answer(wire.OptExtendedHeaders, wire.RepAck, nil), go1,
			script.Send(wire.AppendOptionReply(nil, wire.OptGo, wire.RepInfo, wire.AppendInfoExport(nil, 1, 1)))},
	}
	eachKind(t, func(t *testing.T, kind string) {
		for i, stage := range stages {
			ctx, cancel := context.WithCancel(context.Background())
			nc, wait := play(t, kind, append(stage, func(nc net.Conn) error {
				cancel()
				// The client may have sent more, but says nothing new.
				io.Copy(io.Discard, nc)
				return nil
			})...)
			within(t, fmt.Sprintf("stage %d", i), func() {
				_, err := NewClient(ctx, nc, Config{})
				if !errors.Is(err, context.Canceled) {
					t.Errorf("stage %d: %v", i, err)
				}
				wait() // for the script's end, which is that of the connection
			})
		}
	})
}

func TestDialCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Dial(ctx, "nbd://127.0.0.1:1"); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	l := listen(t, "tcp") // nobody accepts
	ctx, cancel = context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	within(t, "Dial", func() {
		if _, err := Dial(ctx, uriOf(l.Addr())); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
	})
}

// TestManyCancels cancels at random among many requests: whatever was not
// cancelled must be right.
func TestManyCancels(t *testing.T) {
	eachDriver(t, func(t *testing.T, d driver) {
		const size = 1 << 20
		m := nbdserver.NewMemory(size)
		want := pattern(size, 10)
		m.WriteAt(want, 0)
		c := d.dial(t, server(&nbdserver.Export{Backend: m}), Config{})
		var wg sync.WaitGroup
		for w := range 16 {
			wg.Go(func() {
				p := make([]byte, 20_000)
				for i := range 60 {
					ctx, cancel := context.WithCancel(context.Background())
					if (i+w)%2 == 0 {
						go cancel()
					}
					off := int64(i * 1000)
					if i%3 == 0 {
						_, err := c.WriteAtContext(ctx, want[off:off+20_000], off)
						if err != nil && !errors.Is(err, context.Canceled) {
							t.Error(err)
						}
					} else if n, err := c.ReadAtContext(ctx, p, off); err == nil {
						same(t, "read", p[:n], want[off:off+20_000])
					} else if !errors.Is(err, context.Canceled) {
						t.Error(err)
					}
					clear(p) // it is ours again: the race detector watches
					cancel()
				}
			})
		}
		within(t, "all", wg.Wait)
		if err := c.Shutdown(limited(t)); err != nil {
			t.Error(err)
		}
	})
}

// TestFollowerIsSentAtOnce has a server answer the first request only after
// the second: that must not wait for what the first is waiting for.
func TestFollowerIsSentAtOnce(t *testing.T) {
	eachKind(t, func(t *testing.T, kind string) {
		first := make(chan struct{})
		c, wait := scripted(t, kind, hello(4096, plainFlags), Config{},
			script.WithRequest(false, wire.CmdRead, func(r wire.Request) script.Step {
				close(first)
				return script.Steps(answer(wire.CmdFlush, 0, nil), script.Send(simple(r.Cookie, 0, make([]byte, 10))))
			}),
			script.ExpectRequest(false, wire.CmdDisc, nil))
		done := make(chan error, 1)
		go func() {
			_, err := c.ReadAtContext(limited(t), make([]byte, 10), 0)
			done <- err
		}()
		<-first
		if kind == "unix" {
			await(t, "the reader waits for the socket", func() bool {
				cn := c.conns[0]
				cn.mu.Lock()
				defer cn.mu.Unlock()
				return cn.parked
			})
		}
		if err := c.Flush(limited(t)); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		c.Close()
		if err := wait(); err != nil {
			t.Error(err)
		}
	})
}

// TestRoomWithoutReplies has a server that receives writes and is slow to
// answer: what is sent makes room, too.
func TestRoomWithoutReplies(t *testing.T) {
	const n = 30 << 20
	eachKind(t, func(t *testing.T, kind string) {
		proceed, end := make(chan struct{}), make(chan struct{})
		c, wait := scripted(t, kind, hello(n, plainFlags), Config{}, script.Stall(proceed),
			script.ExpectFunc(wire.RequestSize+n, func([]byte) error { return nil }), script.Stall(end))
		data := make([]byte, n)
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				if _, err := c.WriteAtContext(limited(t), data, 0); !errors.Is(err, net.ErrClosed) {
					t.Error(err)
				}
			})
		}
		await(t, "one waits for room", func() bool {
			cn := c.conns[0]
			cn.mu.Lock()
			defer cn.mu.Unlock()
			return cn.others == 1
		})
		close(proceed)
		await(t, "all are in flight", func() bool { return inFlight(c) == 4 })
		c.Close()
		wg.Wait()
		close(end)
		wait() // it may not have got all that it expects
	})
}
