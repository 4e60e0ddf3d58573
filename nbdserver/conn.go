package nbdserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// drainTime is how long, from Shutdown on, a connection listens for requests
// that were under way already. Tests change it.
var drainTime = 50 * time.Millisecond

// Ways for a connection to end that are nobody's fault.
var (
	errAbort      = errors.New("nbdserver: the client sent NBD_OPT_ABORT")
	errDisconnect = errors.New("nbdserver: the client sent NBD_CMD_DISC")
)

// A panicError is a panic of the server itself, or of a function that a
// handshake called.
type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("nbdserver: panic: %v\n%s", e.value, e.stack) }

// conn is one client's connection. Its life is handshake.go, then
// transmission.go.
type conn struct {
	srv    *Server
	ctx    context.Context
	cancel context.CancelFunc
	log    *slog.Logger
	info   ConnInfo

	in  input
	out output

	// Between the handshake and the end nothing of these changes.
	neg     negotiated
	resolve resolved
	disk    *disk // that the client chose
	session session

	mu          sync.Mutex // guards the rest
	nc          net.Conn
	handshakeBy time.Time // zero: no limit, or no handshake any more
	stopping    bool      // Shutdown was called
	drainBy     time.Time
	cause       error // of abort
}

// session is the state of the transmission phase.
type session struct {
	receiving sync.Mutex // held by the worker that reads requests; guards the next three
	ended     bool
	err       error // why it ended
	started   int   // workers

	waiting atomic.Int32 // workers that wait for receiving
	workers sync.WaitGroup
	room    room
}

func newConn(ctx context.Context, cancel context.CancelFunc, s *Server, nc net.Conn, id uint64) *conn {
	c := &conn{
		srv: s, ctx: ctx, cancel: cancel, nc: nc,
		info: ConnInfo{ID: id, LocalAddr: nc.LocalAddr(), RemoteAddr: nc.RemoteAddr()},
	}
	c.log = s.logger().With("conn", id)
	c.in.c = c
	c.out.c = c
	c.session.room.init(s.maxRequests(), s.maxMemory())
	return c
}

// serve is the whole life of the connection.
func (c *conn) serve() (err error) {
	c.log.Debug("connected", "remote", c.info.RemoteAddr, "local", c.info.LocalAddr)
	stop := context.AfterFunc(c.ctx, func() { c.abort(context.Cause(c.ctx)) })
	defer func() {
		stop()
		c.resolve.release()
		c.netConn().Close()
		err = c.verdict(err)
		if err == nil || errors.Is(err, ErrServerClosed) || errors.Is(err, context.Canceled) {
			c.log.Debug("disconnected", "reason", err)
		} else {
			c.log.Warn("connection failed", "remote", c.info.RemoteAddr, "err", err)
		}
	}()
	if err := c.shakeHands(); err != nil {
		return err
	}
	return c.transmit()
}

// shakeHands is handshake with its panics and deadline taken care of.
func (c *conn) shakeHands() (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &panicError{p, debug.Stack()}
		}
	}()
	if t := c.srv.handshakeTimeout(); t > 0 {
		c.mu.Lock()
		c.handshakeBy = time.Now().Add(t)
		if !c.stopping {
			c.nc.SetDeadline(c.handshakeBy)
		}
		c.mu.Unlock()
	}
	if err := c.handshake(); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.handshakeBy = time.Time{}
	c.nc.SetWriteDeadline(time.Time{})
	if !c.stopping {
		c.nc.SetReadDeadline(time.Time{})
	}
	return nil
}

// verdict makes what ServeConn returns of the reason for the end.
func (c *conn) verdict(err error) error {
	c.mu.Lock()
	cause := c.cause
	c.mu.Unlock()
	switch {
	case cause != nil:
		return cause
	case errors.Is(err, errAbort), errors.Is(err, errDisconnect), err == io.EOF:
		return nil
	}
	return err
}

// netConn gives the connection as it is now, with or without TLS.
func (c *conn) netConn() net.Conn {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.nc
}

// abort ends the connection at once. The first cause counts.
func (c *conn) abort(cause error) {
	c.mu.Lock()
	if c.cause == nil {
		c.cause = cause
	}
	nc := c.nc
	c.mu.Unlock()
	c.cancel()
	nc.Close()
	c.session.room.close()
}

// shutdown makes the connection end as soon as its requests have.
func (c *conn) shutdown() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.stopping {
		c.stopping = true
		c.drainBy = time.Now().Add(drainTime)
		c.nc.SetReadDeadline(c.drainBy)
	}
}

func (c *conn) isStopping() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stopping
}

// read reads from the client, once all replies are on their way. between says
// that no message has begun: a shutdown may end the connection there, but not
// within a message.
func (c *conn) read(p []byte, between bool) (int, error) {
	c.out.flush()
	for range 100 {
		n, err := c.source(between).Read(p)
		if n > 0 {
			return n, nil
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			err = c.deadlineExceeded(between)
		}
		if err != nil {
			return 0, err
		}
	}
	return 0, io.ErrNoProgress
}

// source gives the connection to read from. While the server shuts down, the
// wait for another message has its end.
func (c *conn) source(between bool) net.Conn {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopping && between {
		c.nc.SetReadDeadline(c.drainBy)
	}
	return c.nc
}

// deadlineExceeded says what to do about a read deadline that has passed:
// nothing to read on, or the error to end with.
func (c *conn) deadlineExceeded(between bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case !c.handshakeBy.IsZero() && !time.Now().Before(c.handshakeBy):
		return fmt.Errorf("nbdserver: the handshake was not finished within %v", c.srv.handshakeTimeout())
	case !c.stopping:
		return os.ErrDeadlineExceeded
	case between:
		return ErrServerClosed
	}
	// The rest of the message may take its time; the next message not.
	c.nc.SetReadDeadline(c.handshakeBy)
	return nil
}
