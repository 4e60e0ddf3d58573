package nbd

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/gonbd/gonbd/internal/script"
	"github.com/gonbd/gonbd/internal/wire"
	"github.com/gonbd/gonbd/nbdserver"
)

func TestConnections(t *testing.T) {
	for _, tt := range []struct {
		multi     bool
		ask, want int
	}{{true, 0, 1}, {true, 1, 1}, {true, 4, 4}, {true, -3, 1}, {false, 4, 1}} {
		c := open(t, server(&nbdserver.Export{Backend: nbdserver.NewMemory(4096), MultiConn: tt.multi}), WithConnections(tt.ask))
		if c.Connections() != tt.want {
			t.Errorf("multi-conn %v, asked for %d: %d connections, expected %d", tt.multi, tt.ask, c.Connections(), tt.want)
		}
		if _, err := c.ReadAt(make([]byte, 1), 0); err != nil {
			t.Error(err)
		}
		if err := c.Shutdown(limited(t)); err != nil {
			t.Error(err)
		}
	}
}

// TestLoadIsSpread holds all requests, so that each goes to the connection
// that has least.
func TestLoadIsSpread(t *testing.T) {
	release := make(chan struct{})
	d := newDisk(1 << 20)
	d.ask(func(c call) error {
		if c.op == "read" {
			<-release
		}
		return nil
	})
	c := open(t, server(&nbdserver.Export{Backend: d, MultiConn: true}), WithConnections(4))
	var wg sync.WaitGroup
	total := func() int {
		n := 0
		for _, cn := range c.conns {
			n += cn.load()
		}
		return n
	}
	for i := range 40 {
		wg.Go(func() {
			if _, err := c.ReadAt(make([]byte, 512), 0); err != nil {
				t.Error(err)
			}
		})
		await(t, "the read is in flight", func() bool { return total() == i+1 })
	}
	for i, cn := range c.conns {
		if n := cn.load(); n != 10 {
			t.Errorf("connection %d has %d of 40 requests", i, n)
		}
	}
	close(release)
	wg.Wait()
}

// TestFlushCoversConnections has a flush come after the writes of all
// connections that returned before it.
func TestFlushCoversConnections(t *testing.T) {
	d := newDisk(1 << 20)
	c := open(t, server(&nbdserver.Export{Backend: d, MultiConn: true}), WithConnections(3))
	var wg sync.WaitGroup
	for i := range 12 {
		wg.Go(func() { c.WriteAt([]byte{1}, int64(i)) })
	}
	wg.Wait()
	if err := c.Flush(limited(t)); err != nil {
		t.Fatal(err)
	}
	calls := d.since()
	if len(calls) != 13 || calls[12].op != "flush" {
		t.Errorf("%v", calls)
	}
}

// TestOneConnectionDies goes on with the others.
func TestOneConnectionDies(t *testing.T) {
	var mu sync.Mutex
	var accepted []net.Conn
	s := server(&nbdserver.Export{Backend: nbdserver.NewMemory(1 << 20), MultiConn: true,
		MetaContexts: []nbdserver.MetaContext{{Name: "x:runs", Extents: runs(1000, 1, 3)}}})
	l := &noting{Listener: listen(t, "unix"), note: func(nc net.Conn) {
		mu.Lock()
		defer mu.Unlock()
		accepted = append(accepted, nc)
	}}
	done := make(chan struct{})
	go func() { defer close(done); s.Serve(context.Background(), l) }()
	t.Cleanup(func() { s.Close(); <-done })
	var log logged
	c := dial(t, uriOf(l.Addr()), WithConnections(3), WithLogger(log.logger()), WithMetaContexts("x:runs", ContextBaseAllocation))
	mu.Lock()
	for _, nc := range accepted[:2] {
		nc.Close()
	}
	mu.Unlock()
	failed := 0
	for range 20 {
		if _, err := c.ReadAt(make([]byte, 512), 0); err != nil {
			var e *Error
			if !errors.As(err, &e) || !e.Retry {
				t.Errorf("%v", err)
			}
			failed++
		}
	}
	if failed > 2 {
		t.Errorf("%d reads failed with 2 of 3 connections", failed)
	}
	if n := strings.Count(log.String(), "connection ended"); n != failed || n == 0 {
		t.Errorf("the log tells of %d ends: %s", n, log.String())
	}
	// Extents too, although their filter differs from connection to connection.
	if got, err := extentsOf(t, c, 0, 3000, "x:runs"); err != nil || len(got) != 3 {
		t.Errorf("%v, %v", got, err)
	}
}

type noting struct {
	net.Listener
	note func(net.Conn)
}

func (l *noting) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err == nil {
		l.note(nc)
	}
	return nc, err
}

// TestConnectionsDiffer has a server describe the export differently on the
// second connection.
func TestConnectionsDiffer(t *testing.T) {
	const flags = plainFlags | wire.FlagCanMultiConn
	first := helloContext(1<<20, flags, true, "x:a")
	for name, second := range map[string]script.Step{
		"size":     helloContext(1<<21, flags, true, "x:a"),
		"flags":    helloContext(1<<20, flags|wire.FlagReadOnly, true, "x:a"),
		"protocol": helloContext(1<<20, flags, false, "x:a"),
		"contexts": helloContext(1<<20, flags, true, "x:b"),
		"refused":  script.Steps(script.Newstyle(wire.FlagFixedNewstyle), script.Close()),
	} {
		t.Run(name, func(t *testing.T) {
			l := listen(t, "unix")
			done := make(chan struct{})
			go func() {
				defer close(done)
				var wg sync.WaitGroup
				defer wg.Wait()
				for _, hello := range []script.Step{first, second} {
					nc, err := l.Accept()
					if err != nil {
						return
					}
					wg.Go(func() {
						script.Run(nc, hello, func(nc net.Conn) error {
							_, err := nc.Read(make([]byte, 1))
							return err
						})
					})
				}
			}()
			c, err := Dial(limited(t), uriOf(l.Addr()), WithConnections(2), WithMetaContexts("x:"))
			if c != nil || err == nil || name != "refused" && !strings.Contains(err.Error(), "differently") {
				t.Errorf("%v", err)
			}
			within(t, "the server", func() { <-done })
		})
	}
}
