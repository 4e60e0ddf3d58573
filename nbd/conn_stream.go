package nbd

import (
	"errors"
	"io"
)

// streamBuffer is the size in bytes of the buffers of readLoop and writeLoop.
const streamBuffer = 256 << 10

// readLoop reads for all. It has a buffer of its own, since the memory of a
// request may go back to its caller at any time.
func (c *conn) readLoop() {
	buf := make([]byte, streamBuffer)
	for {
		n, err := c.nc.Read(buf)
		c.mu.Lock()
		for p := buf[:n]; len(p) > 0; {
			m := c.eng.Feed(p)
			if m == 0 {
				break // dead, or closed
			}
			p = p[m:]
			c.dispatch()
		}
		if err != nil && !c.ended {
			if errors.Is(err, io.EOF) {
				c.eng.EOF()
			} else {
				c.eng.Fail(err)
			}
			c.dispatch()
		}
		ended := c.ended
		c.mu.Unlock()
		if ended {
			return
		}
	}
}

// writeLoop writes for all, in pieces of its buffer: several requests in one,
// and never from memory that may go back to its caller.
func (c *conn) writeLoop() {
	buf := make([]byte, 0, streamBuffer)
	for {
		c.mu.Lock()
		for !c.eng.Pending() && !c.closed && !c.ended {
			c.sendable.Wait()
		}
		if c.closed || c.ended {
			c.mu.Unlock()
			return
		}
		buf = buf[:0]
		for c.eng.Pending() && len(buf) < cap(buf) {
			n := 0
			for _, b := range c.eng.Outgoing() {
				b = b[:min(len(b), cap(buf)-len(buf))]
				buf = append(buf, b...)
				n += len(b)
			}
			c.eng.Sent(n)
		}
		c.wakeOthers()
		last := c.eng.Disconnecting() && !c.eng.Pending()
		c.mu.Unlock()
		if _, err := c.nc.Write(buf); err != nil {
			c.mu.Lock()
			if !c.ended {
				c.fail(err)
			}
			c.mu.Unlock()
			return
		}
		if half, ok := c.nc.(interface{ CloseWrite() error }); ok && last {
			// Some servers hang up only when they see the end.
			half.CloseWrite()
			return
		}
	}
}
