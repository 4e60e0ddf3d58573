package tlspsk

import (
	"crypto/tls"
	"errors"
	"io"
)

// Read reads data. At the end that the peer has declared, by close_notify, it
// returns io.EOF; if the connection ends without it, which an attacker can
// bring about, the error is io.ErrUnexpectedEOF.
//
// It does not read from the inner connection while it has anything to return.
// All of p may be used as scratch space.
func (c *Conn) Read(p []byte) (int, error) {
	if err := c.Handshake(); err != nil {
		return 0, err
	}
	if len(p) == 0 {
		return 0, nil
	}
	c.in.Lock()
	defer c.in.Unlock()
	total := 0
	for {
		n := copy(p[total:], c.in.data)
		c.in.data = c.in.data[n:]
		total += n
		if total == len(p) {
			return total, nil
		}
		n, more := c.advance(p[total:])
		total += n
		switch {
		case more:
		case total > 0:
			return total, nil
		case c.in.err != nil:
			return 0, c.in.err
		default:
			if err := c.in.fill(c.conn); err != nil {
				return 0, err
			}
		}
	}
}

// Buffered returns how many bytes Read can return without reading from the
// inner connection. It waits for a Read that is going on.
func (c *Conn) Buffered() int {
	if !c.ready.Load() {
		return 0
	}
	c.in.Lock()
	defer c.in.Unlock()
	return c.buffered()
}

// Readable reports whether Read would return, bytes or an error of TLS such as
// the end, without reading from the inner connection. While it is true, to
// wait for the inner connection may be to wait for ever. It waits for a Read
// that is going on.
func (c *Conn) Readable() bool {
	if !c.ready.Load() {
		return false
	}
	c.in.Lock()
	defer c.in.Unlock()
	return c.buffered() > 0 || c.in.err != nil
}

// buffered opens received records until there is data.
func (c *Conn) buffered() int {
	for len(c.in.data) == 0 {
		if _, more := c.advance(nil); !more {
			break
		}
	}
	return len(c.in.data)
}

// advance opens the next record that has been received, if there is one. Its
// data goes to dst, whose first n bytes it then is, or else into c.in.data,
// which must be empty before. There is nothing more to advance to where the
// rest has to be received, or c.in.err is set.
func (c *Conn) advance(dst []byte) (n int, more bool) {
	in := &c.in
	if in.err != nil {
		return 0, false
	}
	record, err := in.next()
	if err == nil && record == nil {
		return 0, false
	}
	var typ byte
	var content []byte
	if err == nil {
		typ, content, err = in.open(record, dst)
	}
	if err == nil && typ != recordData {
		err = c.control(typ, content)
	} else if err == nil && len(in.hand) > 0 {
		err = violation(alertUnexpectedMessage, "data in the middle of a handshake message")
	} else if err == nil && len(content) == 0 {
		err = in.wasIdle()
	}
	if err != nil {
		c.fail(err)
		return 0, false
	}
	if typ != recordData || len(content) == 0 {
		return 0, true
	}
	in.idle = 0
	if len(dst) > 0 && &dst[0] == &content[0] {
		return len(content), true
	}
	in.data = content
	return 0, true
}

// control handles a record that is not data, after the handshake.
func (c *Conn) control(typ byte, content []byte) error {
	if err := c.in.wasIdle(); err != nil {
		return err
	}
	switch typ {
	case recordAlert:
		return c.alert(content)
	case recordHandshake:
		if len(content) == 0 {
			return violation(alertUnexpectedMessage, "a handshake record with nothing in it")
		}
		c.in.hand = append(c.in.hand, content...)
		for {
			msg, err := c.in.message()
			if msg == nil || err != nil {
				return err
			}
			if err := c.posthandshake(msg); err != nil {
				return err
			}
		}
	}
	return violation(alertUnexpectedMessage, "a record of type %d after the handshake", typ)
}

// posthandshake handles a handshake message after the handshake (RFC 8446,
// section 4.6).
func (c *Conn) posthandshake(msg []byte) error {
	switch {
	case msg[0] == typeNewSessionTicket && c.isClient:
		return nil // a session is never resumed
	case msg[0] == typeKeyUpdate:
		asked, err := parseKeyUpdate(msg)
		if err != nil {
			return err
		}
		if len(c.in.hand) > 0 {
			return violation(alertUnexpectedMessage, "handshake messages across a change of keys")
		}
		c.in.keys.update()
		if asked {
			c.updateAsked.Store(true)
		}
		return nil
	}
	return violation(alertUnexpectedMessage, "%s (type %d) after the handshake", messageName(msg[0]), msg[0])
}

// alert gives the error that an alert is, or nil for one without a meaning.
func (c *Conn) alert(content []byte) error {
	if len(content) != 2 {
		return violation(alertDecodeError, "an alert of %d bytes", len(content))
	}
	switch alert := tls.AlertError(content[1]); alert {
	case alertCloseNotify:
		return io.EOF
	case alertUserCanceled:
		return nil // a close_notify follows
	default:
		return &peerAlert{alert}
	}
}

// peerAlert is an alert that the peer sent.
type peerAlert struct{ alert tls.AlertError }

func (e *peerAlert) Error() string { return "TLS: the peer ended the connection: " + e.alert.Error() }
func (e *peerAlert) Unwrap() error { return e.alert }

// fail ends the receiving half.
func (c *Conn) fail(err error) {
	c.in.err = err
	if p, ok := errors.AsType[*ProtocolError](err); ok {
		c.broken.Store(p)
	}
}
