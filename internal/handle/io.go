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
	for h.eng.Pending() && h.conn.fd >= 0 && !h.mute {
		n, err := h.out.Send(uintptr(h.conn.fd), h.eng.Outgoing())
		switch {
		case err == nil:
			h.full = false
			h.eng.Sent(n)
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
	if h.eng.Disconnecting() && !h.bye && !h.eng.Pending() && h.conn.fd >= 0 {
		// Some servers hang up only when they see the end, although the
		// goodbye says it all.
		h.bye = true
		sockio.CloseWrite(uintptr(h.conn.fd))
	}
}

// receive takes what has come and acts on it. With all it goes on until the
// socket would block, as a caller that waits for edges needs; else it may
// leave the end of the stream for the next time.
func (h *Handle) receive(all bool) {
	for h.conn.fd >= 0 {
		dst, ahead := h.eng.Want()
		want := len(dst) + len(ahead)
		if want == 0 {
			return
		}
		n, err := h.in.Recv(uintptr(h.conn.fd), dst, ahead)
		switch {
		case n > 0:
			h.progress++
			h.eng.Filled(n)
			h.dispatch()
			if h.eng.Pending() && !h.full {
				h.send()
			}
			if n < want && !all {
				return
			}
		case err == sockio.ErrAgain:
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
	if h.eng.Pending() && !h.mute {
		if n, err := h.out.Send(uintptr(h.conn.fd), h.eng.Outgoing()); err == nil {
			h.eng.Sent(n)
		}
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
	if h.eng.Pending() {
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
