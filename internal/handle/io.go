package handle

import (
	"errors"
	"io"
	"syscall"

	"github.com/gonbd/gonbd/internal/engine"
	"github.com/gonbd/gonbd/internal/sockio"
)

// send sends what the socket takes.
func (h *Handle) send() {
	for h.unsent() && h.conn.fd >= 0 && !h.mute {
		err := h.sendSome()
		switch {
		case err == nil:
			h.full = false
		case err == sockio.ErrAgain:
			h.full = true
			return
		case err == syscall.EPIPE || err == syscall.ECONNRESET:
			// The server has hung up. What it said before is still to be
			// read, and then the end, which tells.
			h.mute, h.full = true, true
			return
		default:
			h.fail(err)
			return
		}
	}
	if h.eng.Disconnecting() && !h.bye && !h.unsent() && h.conn.fd >= 0 && !h.mute {
		h.bye = true
		if s := h.conn.tls; s != nil {
			s.conn.CloseWrite()
			if s.flush() == sockio.ErrAgain {
				h.bye, h.full = false, true
				return
			}
		}
		// Some servers hang up only when they see the end, although the
		// goodbye says it all.
		sockio.CloseWrite(uintptr(h.conn.fd))
	}
}

// unsent says whether anything is to be sent.
func (h *Handle) unsent() bool {
	if s := h.conn.tls; s != nil {
		return len(s.out) > 0 || h.eng.Pending() && !s.shaking
	}
	return h.eng.Pending()
}

// sendSome sends a part of what is to be sent.
func (h *Handle) sendSome() error {
	s := h.conn.tls
	if s == nil {
		n, err := h.out.Send(uintptr(h.conn.fd), h.eng.Outgoing())
		if err == nil {
			h.eng.Sent(n)
		}
		return err
	}
	// What was encrypted goes first: only then is more taken, so that a
	// socket that is full holds up the commands, and not memory.
	if err := s.flush(); err != nil || !h.eng.Pending() || s.shaking {
		return err
	}
	n, err := s.write(h.eng.Outgoing())
	h.eng.Sent(n)
	if err != nil {
		return err
	}
	return s.flush()
}

// recv receives into a and then b, decrypted if need be.
func (h *Handle) recv(a, b []byte) (int, error) {
	if s := h.conn.tls; s != nil {
		return s.read(a, b)
	}
	return h.in.Recv(uintptr(h.conn.fd), a, b)
}

// receive takes what has come and acts on it. With all it goes on until the
// socket would block, as a caller that waits for edges needs; else it may
// leave the end of the stream for the next time.
func (h *Handle) receive(all bool) {
	for h.conn.fd >= 0 {
		if s := h.conn.tls; s != nil && s.shaking {
			if !h.shake(s) {
				return
			}
			continue
		}
		dst, ahead := h.eng.Want()
		want := len(dst) + len(ahead)
		if want == 0 {
			return
		}
		n, err := h.recv(dst, ahead)
		switch {
		case n > 0:
			h.progress++
			h.eng.Filled(n)
			h.dispatch()
			if h.unsent() && !h.full {
				h.send()
			}
			if n < want && !all && h.conn.tls == nil {
				return
			}
		case err == sockio.ErrAgain:
			return
		case err == io.EOF && h.mute:
			// It hung up before it had all that was sent.
			h.fail(syscall.EPIPE)
			return
		case err == io.EOF:
			h.progress++
			h.eng.EOF()
			h.dispatch()
			return
		default:
			h.fail(err)
			return
		}
	}
}

// shake moves a TLS handshake along with what has come. It reports whether to
// go on receiving.
func (h *Handle) shake(s *tlsStream) bool {
	err := s.feed()
	switch {
	case err == sockio.ErrAgain:
		return false
	case err != nil:
		h.fail(err)
		return false
	}
	h.dispatch()
	h.send()
	return true
}

// fail ends the connection because of err.
func (h *Handle) fail(err error) {
	h.progress++
	h.eng.Fail(err)
	h.dispatch()
}

// hangUp closes the socket, after the last words of a negotiation that
// failed.
func (h *Handle) hangUp() {
	if h.conn.fd < 0 {
		return
	}
	if h.unsent() && !h.mute {
		h.sendSome()
	}
	if h.conn.tls != nil {
		h.conn.tls.end()
		h.conn.tls = nil
	}
	h.progress++
	h.conn.close()
}

// broken gives the error that ended the connection, if it died.
func (h *Handle) broken() error {
	if h.eng.Class() != engine.Dead {
		return nil
	}
	if err := h.eng.Err(); err != nil {
		return err
	}
	return errors.New("the connection is dead")
}

// readable and writable act on the socket's readiness.
func (h *Handle) readable(all bool) {
	if h.eng.State() == engine.StateConnect {
		h.connectNext()
		return
	}
	h.receive(all)
}

func (h *Handle) writable() {
	if h.eng.State() == engine.StateConnect {
		h.connectNext()
		return
	}
	h.full = false
	h.send()
}

func (h *Handle) aioNotifyRead() error {
	if h.direction()&directionRead == 0 {
		return fault(syscall.EINVAL, "nothing is to be read in state %s", h.stateName())
	}
	h.readable(true)
	if h.unsent() {
		// Whoever waits for edges may have been told of both directions at
		// once, and calls only this (libnbd(3)).
		h.writable()
	}
	return h.refusal()
}

func (h *Handle) aioNotifyWrite() error {
	if h.direction()&directionWrite == 0 {
		return fault(syscall.EINVAL, "nothing is to be written in state %s", h.stateName())
	}
	h.writable()
	return h.refusal()
}
