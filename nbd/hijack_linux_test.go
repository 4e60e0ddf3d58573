package nbd

import (
	"context"
	"errors"
	"io"
	"net"
	"syscall"
	"testing"

	"github.com/gonbd/gonbd/internal/wire"
	"github.com/gonbd/gonbd/nbdserver"
)

// TestHijack speaks to the server in place of a client that has read already.
func TestHijack(t *testing.T) {
	disk := nbdserver.NewMemory(1 << 20)
	data := pattern(512, 3)
	if _, err := disk.WriteAt(data, 4096); err != nil {
		t.Fatal(err)
	}
	s := server(&nbdserver.Export{Backend: disk, MultiConn: true})
	c := open(t, s, WithConnections(3), WithoutStructuredReplies())
	if _, err := c.ReadAt(make([]byte, 5000), 0); err != nil {
		t.Fatal(err)
	}
	conns, err := c.Hijack()
	if err != nil || len(conns) != 3 {
		t.Fatalf("%d connections, %v, want 3", len(conns), err)
	}
	if err := c.Close(); err != nil {
		t.Errorf("Close afterwards: %v", err)
	}
	if _, err := c.ReadAt(make([]byte, 1), 0); !errors.Is(err, net.ErrClosed) {
		t.Errorf("ReadAt afterwards: %v", err)
	}
	if _, err := c.Hijack(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Hijack once more: %v", err)
	}
	for _, nc := range conns {
		defer nc.Close()
		if _, ok := nc.(syscall.Conn); !ok {
			t.Errorf("%T is no syscall.Conn", nc)
		}
		if _, err := nc.Write(wire.AppendRequest(nil, &wire.Request{Type: wire.CmdRead, Cookie: 77, Offset: 4096, Length: 512}, false)); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(simple(77, 0, data)))
		if _, err := io.ReadFull(nc, got); err != nil {
			t.Fatal(err)
		}
		same(t, "the reply", got, simple(77, 0, data))
	}
}

func TestHijackRefused(t *testing.T) {
	t.Run("no socket", func(t *testing.T) {
		a, b := net.Pipe()
		serveConn(t, memory(1<<20), b)
		refused(t, clientOn(t, a, Config{}), syscall.ENOTSUP)
	})
	t.Run("started", func(t *testing.T) {
		c, err := DialSocketActivation(limited(t), activated(t, "serve"))
		if err != nil {
			t.Fatal(err)
		}
		refused(t, c, syscall.ENOTSUP)
	})
	t.Run("busy", func(t *testing.T) {
		c, p := gated(t, "unix", memory(1<<20))
		p.hold(true)
		done := make(chan error)
		go func() { _, err := c.ReadAt(make([]byte, 1), 0); done <- err }()
		await(t, "it is in flight", func() bool { return inFlight(c) == 1 })
		refused(t, c, syscall.EBUSY)
		within(t, "the call", func() {
			if err := <-done; !errors.Is(err, net.ErrClosed) {
				t.Errorf("the call under way: %v", err)
			}
		})
	})
	t.Run("abandoned", func(t *testing.T) {
		c, p := gated(t, "unix", memory(1<<20))
		p.hold(true)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); c.ReadAtContext(ctx, make([]byte, 1), 0) }()
		await(t, "it is in flight", func() bool { return inFlight(c) == 1 })
		cancel()
		<-done
		refused(t, c, syscall.EBUSY)
	})
}

// refused has Hijack fail, after which the client must be closed.
func refused(t *testing.T, c *Client, errno syscall.Errno) {
	t.Helper()
	conns, err := c.Hijack()
	if !errors.Is(err, errno) || conns != nil {
		t.Errorf("%d connections, %v, want %v", len(conns), err, errno)
	}
	if _, err := c.ReadAt(make([]byte, 1), 0); !errors.Is(err, net.ErrClosed) {
		t.Errorf("ReadAt afterwards: %v", err)
	}
}
