package handle

import (
	"sync/atomic"
	"syscall"

	"github.com/gonbd/gonbd/internal/engine"
)

// Directions.
const (
	directionRead  = 1
	directionWrite = 2
)

// publicState is what can be asked without the lock: from a callback, or
// while another thread is inside a call.
type publicState struct {
	bits atomic.Uint32 // engine.State, engine.Class << 8, direction << 16
}

// publish makes the state known. The lock is held.
func (h *Handle) publish() {
	bits := uint32(h.eng.State()) | uint32(h.eng.Class())<<8 | uint32(h.direction())<<16
	if bits != h.public.bits.Load() {
		h.public.bits.Store(bits)
	}
}

// publishAsleep makes the state known while a call waits. Within a call that
// began with a ready handle it stays ready for whoever asks, callbacks first of
// all, however the server cuts its reply into pieces; only the direction
// changes. The lock is held.
func (h *Handle) publishAsleep() {
	if was, is := h.public.class(), h.eng.Class(); was == engine.Ready && is == engine.Processing {
		h.public.bits.Store(h.public.bits.Load()&0xffff | uint32(h.direction())<<16)
		return
	}
	h.publish()
}

func (p *publicState) state() engine.State { return engine.State(p.bits.Load()) }
func (p *publicState) class() engine.Class { return engine.Class(p.bits.Load() >> 8) }
func (p *publicState) direction() uint     { return uint(p.bits.Load() >> 16) }

// direction says what to wait for: nothing while it is the caller's turn to
// choose an option, although the end of the connection could be read.
func (h *Handle) direction() uint {
	if h.conn.fd < 0 {
		return 0
	}
	read, write := h.eng.Direction()
	if s := h.conn.tls; s != nil {
		read, write = read || s.shaking, h.unsent()
	}
	var d uint
	if read && h.eng.State() != engine.StateNegotiating {
		d |= directionRead
	}
	if write && !h.mute {
		d |= directionWrite
	}
	return d
}

// stateName names the state in error messages.
func (h *Handle) stateName() string { return h.eng.State().String() }

func (h *Handle) aioGetDirection() (uint, error) { return h.public.direction(), nil }

func (h *Handle) aioGetFd() (int, error) {
	if h.conn.fd < 0 {
		return -1, fault(syscall.EINVAL, "there is no connection, the state is %s", h.stateName())
	}
	return h.conn.fd, nil
}

func (h *Handle) aioIsCreated() (bool, error) { return h.public.class() == engine.Created, nil }

func (h *Handle) aioIsConnecting() (bool, error) { return h.public.class() == engine.Connecting, nil }

func (h *Handle) aioIsNegotiating() (bool, error) {
	return h.public.class() == engine.Negotiating, nil
}

func (h *Handle) aioIsReady() (bool, error) { return h.public.class() == engine.Ready, nil }

func (h *Handle) aioIsProcessing() (bool, error) {
	return h.public.class() == engine.Processing, nil
}

func (h *Handle) aioIsDead() (bool, error) { return h.public.class() == engine.Dead, nil }

func (h *Handle) aioIsClosed() (bool, error) { return h.public.class() == engine.Closed, nil }

func (h *Handle) connectionState() (string, error) {
	s := h.public.state()
	return s.String() + ": " + s.Meaning(), nil
}
