package nbd

import (
	"context"
	"errors"
	"io"
	"os"
	"runtime"
	"time"

	"github.com/gonbd/gonbd/internal/sockio"
)

// aLongTimeAgo is a deadline that has passed.
var aLongTimeAgo = time.Unix(1, 0)

// lead does the I/O for all until r is satisfied, the connection ends, or the
// context does. The lock is held, but not while it waits.
func (c *conn) lead(ctx context.Context, r *request) {
	c.leading, c.leader = true, r
	var stop func() bool
	if ctx.Done() != nil {
		stop = context.AfterFunc(ctx, func() { c.interrupt(r) })
	}
	c.mu.Unlock()
	err := c.rc.Read(c.readFn)
	c.mu.Lock()
	c.leading, c.leader, c.parked = false, nil, false
	if c.interrupted {
		c.interrupted = false
		c.nc.SetReadDeadline(time.Time{})
		if errors.Is(err, os.ErrDeadlineExceeded) {
			err = nil
		}
	}
	if stop != nil {
		stop()
	}
	if err != nil && !c.ended {
		c.fail(err)
	}
}

// interrupt makes r stop leading.
func (c *conn) interrupt(r *request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.leader == r && !c.closed {
		c.interrupted = true
		c.nc.SetReadDeadline(aLongTimeAgo)
	}
}

// onReadable is the leader's turn at the socket. It returns true when the
// leader may stop, and false to be called again when the socket is readable.
// Reading happens in here, and not outside, so that no readiness is lost.
func (c *conn) onReadable(fd uintptr) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.parked = false
	for {
		if c.ended || c.closed || c.interrupted || c.satisfied(c.leader) {
			return true
		}
		c.flush()
		if c.ended {
			return true
		}
		dst, ahead := c.eng.Want()
		n, err := c.in.Recv(fd, dst, ahead)
		switch {
		case n > 0:
			c.eng.Filled(n)
			c.dispatch()
		case err == sockio.ErrAgain && c.woke:
			// Those just woken may have something to send: giving way to
			// them once gets their requests into this round.
			c.woke = false
			c.mu.Unlock()
			runtime.Gosched()
			c.mu.Lock()
		case err == sockio.ErrAgain:
			c.parked = true
			return false
		case err == io.EOF:
			c.eng.EOF()
			c.dispatch()
		default:
			c.fail(err)
		}
	}
}

// flush sends what the socket takes. If that is not all, a goroutine sends
// the rest when the socket is writable again, so that whoever leads goes on
// reading. The lock is held.
func (c *conn) flush() {
	if c.pumping || c.closed {
		return
	}
	if !c.send() {
		c.pumping = true
		go c.pump()
	}
}

// send sends until all is sent, or until the socket takes no more, when it
// returns false.
func (c *conn) send() bool {
	for c.eng.Pending() {
		n, err := c.out.Send(c.fd, c.eng.Outgoing())
		if err == sockio.ErrAgain {
			return false
		}
		if err != nil {
			c.fail(err)
			return true
		}
		c.eng.Sent(n)
	}
	if c.eng.Disconnecting() && !c.saidAll {
		// Some servers hang up only when they see the end, although the
		// goodbye says it all (nbdkit, with its worker threads).
		c.saidAll = true
		sockio.CloseWrite(c.fd)
	}
	return true
}

// pump sends what flush could not.
func (c *conn) pump() {
	if err := c.rc.Write(c.writeFn); err != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.pumping = false
		if !c.ended {
			c.fail(err)
		}
	}
}

func (c *conn) onWritable(uintptr) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed && !c.send() {
		c.wakeOthers()
		return false
	}
	c.pumping = false
	c.wakeOthers()
	return true
}
