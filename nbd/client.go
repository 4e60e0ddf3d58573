package nbd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/gonbd/gonbd/internal/engine"
	"github.com/gonbd/gonbd/internal/wire"
)

// Client is a connection to an export of an NBD server, or several
// connections that serve as one. It is safe for concurrent use.
type Client struct {
	cfg      *Config
	conns    []*conn
	session  *session // where the connections come from
	export   Export
	contexts []engine.MetaContext
	protocol Protocol
	payload  int64 // longest read or write, in bytes
	closed   atomic.Bool
	closing  sync.Once
	closeErr error

	// Shutdown lets calls end that take several requests.
	calls    atomic.Int64 // under way
	leaving  atomic.Bool  // no more are accepted
	idle     chan struct{}
	idleOnce sync.Once

	// blocks keeps writes that read, change and write back a block apart from
	// all other writes, where the server has a minimum block size.
	blocks gate
}

// NewClient makes a client on a connection that is there already, of any
// kind, by shaking hands with the server at its other end. The connection
// belongs to the client from then on, and is closed if NewClient fails.
//
// If cfg.TLS or cfg.PSK is set, the client asks for TLS and fails without it.
// cfg.Connections is ignored: there is one.
func NewClient(ctx context.Context, conn net.Conn, cfg Config) (*Client, error) {
	s := &session{cfg: &cfg, export: cfg.Export, tls: cfg.ownTLS(""), dial: func(context.Context) (net.Conn, error) { return plain(conn), nil }}
	return s.client(ctx)
}

// plain hides the descriptor of what is more than a socket: a type that embeds
// one may change the bytes on their way.
func plain(conn net.Conn) net.Conn {
	switch conn.(type) {
	case *net.TCPConn, *net.UnixConn:
		return conn
	case syscall.Conn:
		return struct{ net.Conn }{conn}
	}
	return conn
}

// newClient makes a client of a first connection that is ready.
func newClient(s *session, nc net.Conn, eng *engine.Conn) *Client {
	e, _ := eng.Export()
	c := &Client{cfg: s.cfg, session: s, contexts: eng.MetaContexts(), protocol: protocolOf(eng), idle: make(chan struct{})}
	c.export = exportOf(s.export, e, c.contexts)
	c.payload = wire.DefaultMaxPayload
	if m := c.export.BlockSize.MaxPayload; m != 0 {
		// A multiple of the minimum block size, so that what is split there
		// stays aligned.
		c.payload = min(c.payload, int64(m)) / int64(c.export.BlockSize.Minimum) * int64(c.export.BlockSize.Minimum)
	}
	c.conns = append(c.conns, newConn(nc, eng, s.warn))
	return c
}

// Export describes the export.
func (c *Client) Export() Export {
	e := c.export
	e.MetaContexts = append([]string(nil), e.MetaContexts...)
	return e
}

// Size is the size of the export in bytes.
func (c *Client) Size() int64 { return c.export.Size }

// BlockSize is what the server demands of the sizes of requests. The client
// sees to it by itself; a program that heeds the preferred size is faster.
func (c *Client) BlockSize() BlockSize { return c.export.BlockSize }

// ReadOnly says whether the export refuses writes.
func (c *Client) ReadOnly() bool { return c.export.ReadOnly() }

// CanFlush says whether Flush is offered.
func (c *Client) CanFlush() bool { return c.export.CanFlush() }

// CanTrim says whether Trim is offered.
func (c *Client) CanTrim() bool { return c.export.CanTrim() }

// CanWriteZeroes says whether the server can write zeroes without being sent
// them.
func (c *Client) CanWriteZeroes() bool { return c.export.CanWriteZeroes() }

// CanFastZero says whether the flag FastZero is offered.
func (c *Client) CanFastZero() bool { return c.export.CanFastZero() }

// CanCache says whether Cache is offered.
func (c *Client) CanCache() bool { return c.export.CanCache() }

// Protocol says what was negotiated.
func (c *Client) Protocol() Protocol { return c.protocol }

// Connections is the number of connections that were opened.
func (c *Client) Connections() int { return len(c.conns) }

// MaxPayload is the longest read or write, in bytes, that goes to the server
// in one request.
func (c *Client) MaxPayload() int { return int(c.payload) }

// Stats counts what went over the connections so far.
func (c *Client) Stats() Stats {
	var s Stats
	for _, cn := range c.conns {
		cn.mu.Lock()
		e := cn.eng.Stats()
		cn.mu.Unlock()
		s.BytesSent += int64(e.BytesSent)
		s.BytesReceived += int64(e.BytesReceived)
		s.MessagesSent += int64(e.ChunksSent)
		s.MessagesReceived += int64(e.ChunksReceived)
	}
	return s
}

// Close closes the connections at once. Requests in flight fail with
// net.ErrClosed; whether their writes took effect is unknown. A server that
// has nothing in flight is told goodbye, without waiting. A subprocess that
// Dial started is ended. Close may be called again, and gives the same result.
func (c *Client) Close() error {
	c.closing.Do(func() {
		c.closed.Store(true)
		for _, cn := range c.conns {
			cn.close()
		}
		c.closeErr = c.session.close()
	})
	return c.closeErr
}

// Shutdown waits for the calls under way, accepting no new ones, says goodbye
// to the server (NBD_CMD_DISC) and waits until it hangs up; then it closes the
// client. If the context ends first, Shutdown closes the client at once and
// says so. It does not flush: see Flush.
func (c *Client) Shutdown(ctx context.Context) error {
	c.leaving.Store(true)
	c.checkIdle()
	select {
	case <-c.idle:
	case <-ctx.Done():
		return errors.Join(canceled(ctx, "shutdown"), c.Close())
	}
	errs := make([]error, len(c.conns))
	var wg sync.WaitGroup
	for i, cn := range c.conns {
		wg.Go(func() { errs[i] = cn.shutdown(ctx) })
	}
	wg.Wait()
	return errors.Join(append(errs, c.Close())...)
}

// enter begins a call, and exit ends it.
func (c *Client) enter(op string) error {
	c.calls.Add(1)
	if c.closed.Load() || c.leaving.Load() {
		c.exit()
		return closedError(op)
	}
	return nil
}

func (c *Client) exit() {
	if c.calls.Add(-1) == 0 {
		c.checkIdle()
	}
}

// checkIdle tells Shutdown if no call is under way. A call that enter accepted
// was counted before leaving was set, so the order here is essential.
func (c *Client) checkIdle() {
	if c.leaving.Load() && c.calls.Load() == 0 {
		c.idleOnce.Do(func() { close(c.idle) })
	}
}

// do sends a request on the least busy connection and waits for its end.
func (c *Client) do(ctx context.Context, r *request) error { return c.doOn(ctx, c.pick(), r) }

func (c *Client) doOn(ctx context.Context, cn *conn, r *request) error {
	if c.closed.Load() {
		return closedError(engine.OpName(r.cmd.Type))
	}
	if err := cn.do(ctx, r); err != nil {
		return c.session.explain(err)
	}
	return nil
}

// busyEnough is how many requests a raw socket gets before the next one is
// used. Replies that follow each other on one connection are received by a
// leader who need not sleep in between; on several connections each reply wakes
// somebody, and two long reads in flight took four times as long. Other
// connections have goroutines of their own, which decrypt: the more of them
// work, the better.
const busyEnough = 3

// pick gives a connection that has little to do, or the least busy one, or the
// first if all have ended.
func (c *Client) pick() *conn {
	best := c.conns[0]
	if len(c.conns) == 1 {
		return best
	}
	least := -1
	for _, cn := range c.conns {
		n := cn.load()
		if n < 0 || least >= 0 && n >= least {
			continue
		}
		if best, least = cn, n; n == 0 || n < busyEnough && cn.rc != nil {
			break
		}
	}
	return best
}

// checkRange checks that a range lies within the export.
func (c *Client) checkRange(op string, off, n int64) error {
	if off < 0 || n < 0 || off > c.export.Size || n > c.export.Size-off {
		return &Error{Kind: LocalError, Op: op, Errno: syscall.EINVAL,
			Msg: fmt.Sprintf("%d bytes at offset %d lie outside of the export of %d bytes", n, off, c.export.Size)}
	}
	return nil
}

// checkWrite checks that a range may be changed.
func (c *Client) checkWrite(op string, off, n int64) error {
	if c.export.ReadOnly() {
		return misuse(op, syscall.EPERM, "the export is read-only")
	}
	err := c.checkRange(op, off, n)
	if e, ok := err.(*Error); ok && off >= 0 && n >= 0 {
		e.Errno = syscall.ENOSPC
	}
	return err
}
