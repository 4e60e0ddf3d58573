package tlspsk

import (
	"crypto/tls"
	"errors"
	"net"
	"time"
)

var (
	errWriteClosed = errors.New("TLS: write after CloseWrite")
	errNoHandshake = errors.New("TLS: CloseWrite before the handshake is complete")
)

// closeTimeout is how long an alert may take that says why a connection ends.
const closeTimeout = 5 * time.Second

// Write writes data, in records of 16 KiB and several of them with one Write
// of the inner connection. If it fails, it returns how many bytes were
// certainly written, and every later Write fails too.
//
// A change of keys that the peer has asked for goes out with the next Write,
// even an empty one.
func (c *Conn) Write(p []byte) (int, error) {
	if err := c.Handshake(); err != nil {
		return 0, err
	}
	c.out.Lock()
	defer c.out.Unlock()
	c.out.single[0] = p
	n, err := c.write(source{bufs: c.out.single[:], left: len(p)})
	c.out.single[0] = nil
	return n, err
}

// Writev writes the bytes of bufs one after the other, as Write would those of
// one buffer: in as few records as hold them. Neither bufs nor what is in it is
// changed.
func (c *Conn) Writev(bufs [][]byte) (int, error) {
	if err := c.Handshake(); err != nil {
		return 0, err
	}
	c.out.Lock()
	defer c.out.Unlock()
	src := source{bufs: bufs}
	for _, buf := range bufs {
		src.left += len(buf)
	}
	return c.write(src)
}

func (c *Conn) write(src source) (int, error) {
	switch {
	case c.closed.Load():
		return 0, net.ErrClosed
	case c.out.err != nil:
		return 0, c.out.err
	case c.out.closed:
		return 0, errWriteClosed
	}
	if broken := c.broken.Load(); broken != nil {
		c.out.addAlert(broken.Alert)
		// That the peer broke off is the better reason either way.
		_ = c.out.flush(c.conn)
		c.out.err = broken
		return 0, broken
	}
	if c.updateAsked.Swap(false) {
		c.out.updateKeys(false)
	}
	return c.out.writeData(c.conn, &src)
}

// CloseWrite sends a close_notify: the peer's Read returns io.EOF, and Write
// can't be called any more. Read can. The inner connection stays as it is.
func (c *Conn) CloseWrite() error {
	if !c.ready.Load() {
		return errNoHandshake
	}
	c.out.Lock()
	defer c.out.Unlock()
	switch {
	case c.closed.Load():
		return net.ErrClosed
	case c.out.closed:
		return nil
	case c.out.err != nil:
		return c.out.err
	}
	c.out.closed = true
	c.out.addAlert(alertCloseNotify)
	return c.out.flush(c.conn)
}

// Close sends a close_notify, unless that was done, or the alert that tells
// the peer what it did wrong, and closes the inner connection. Calls that are
// going on return. It waits five seconds at most for a peer that doesn't read,
// and not at all if a Write is going on.
func (c *Conn) Close() error {
	if c.closed.Swap(true) {
		return net.ErrClosed
	}
	if c.ready.Load() && c.out.TryLock() {
		if broken := c.broken.Load(); broken != nil {
			c.lastWords(broken.Alert)
		} else if !c.out.closed {
			c.lastWords(alertCloseNotify)
		}
		c.out.Unlock()
	}
	return c.conn.Close()
}

// lastWords tells the peer why the connection ends, if it listens.
func (c *Conn) lastWords(alert tls.AlertError) {
	if c.out.err != nil {
		return
	}
	c.out.addAlert(alert)
	c.out.closed = true
	// Whether the peer hears it makes no difference any more.
	_ = c.conn.SetWriteDeadline(time.Now().Add(closeTimeout))
	_ = c.out.flush(c.conn)
}
