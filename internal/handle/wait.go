package handle

import (
	"syscall"

	"github.com/gonbd/gonbd/internal/engine"
)

// sleeper is a thread inside a call that waits for the socket. It does not
// hold the lock, so that others can use the handle meanwhile, and they may do
// what it waits for: read the reply to its command, or make something due to
// be sent that it does not watch for. Then they wake it through a descriptor
// of its own.
type sleeper struct {
	*pollArgs // of its own, without Go pointers: C may be given it
	wakeup    wakeup
	cmd       *command // what it waits for; nil: anything
	seen      uint64   // Handle.progress when it fell asleep
	dir       uint     // what it watches for
	gen       int      // of the socket it watches
	woken     bool
}

// wake wakes those who sleep and must know of what has changed. The lock is
// held.
func (h *Handle) wake() {
	dir := h.direction()
	for _, s := range h.sleepers {
		if s.woken {
			continue
		}
		news := s.cmd != nil && s.cmd.done || s.cmd == nil && s.seen != h.progress
		if news || dir&^s.dir != 0 || s.gen != h.conn.gen {
			s.woken = true
			s.wakeup.signal()
		}
	}
}

// wakeAll wakes everybody.
func (h *Handle) wakeAll() {
	for _, s := range h.sleepers {
		if !s.woken {
			s.woken = true
			s.wakeup.signal()
		}
	}
}

// closeIdle closes the descriptors that no sleeper uses.
func (h *Handle) closeIdle() {
	for _, s := range h.idle {
		s.wakeup.close()
	}
	h.idle = nil
}

// await waits until something happens that may have to do with c, or with
// anything if c is nil, and acts on the socket.
func (h *Handle) await(c *command) error {
	_, err := h.sleep(c, -1, -1)
	return err
}

// sleep waits for the socket to be ready, for the descriptor extra to be
// readable unless it is negative, or for another thread's doings, at most for
// a timeout in milliseconds unless it is negative; then it acts on the
// socket. It reports whether anything happened. The lock is held, but not
// while it waits.
func (h *Handle) sleep(c *command, extra, timeout int) (bool, error) {
	dir := h.direction()
	if dir == 0 {
		if h.eng.Class() >= engine.Closed {
			return true, nil
		}
		return false, fault(syscall.EINVAL, "nothing to wait for in state %s", h.stateName())
	}
	if h.interrupted {
		return false, errInterrupted()
	}
	s, err := h.newSleeper()
	if err != nil {
		return false, err
	}
	s.cmd, s.seen, s.dir, s.gen, s.woken = c, h.progress, dir, h.conn.gen, false
	fd := h.conn.fd
	h.sleepers = append(h.sleepers, s)
	if h.debug.on {
		h.debugf("poll start: events=%d", dir)
	}
	call := h.call
	h.publishAsleep()
	if len(h.sleepers) > 1 {
		h.wake()
	}
	h.mu.Unlock()

	ready, other, err := s.pollSocket(fd, dir, s.wakeup, extra, timeout)

	h.mu.Lock()
	h.call = call
	for i, o := range h.sleepers {
		if o == s {
			h.sleepers = append(h.sleepers[:i], h.sleepers[i+1:]...)
			break
		}
	}
	woken := s.woken
	if woken {
		s.wakeup.drain()
	}
	sameSocket := s.gen == h.conn.gen
	s.cmd = nil
	h.idle = append(h.idle, s)
	if h.closed {
		h.closeIdle()
		return false, fault(syscall.EBADF, "the handle was closed meanwhile")
	}
	if err != nil {
		return false, err
	}
	if h.debug.on {
		h.debugf("poll end: revents=%d", ready)
	}
	if ready != 0 && sameSocket {
		// Replies first: they may change what is to be sent.
		switch now := h.direction(); {
		case ready&directionRead != 0 && now&directionRead != 0:
			h.readable(false)
		case now&directionWrite != 0:
			h.writable()
		}
		if h.unsent() && ready&directionWrite != 0 {
			h.writable()
		}
	}
	return ready != 0 || other || woken, nil
}

func (h *Handle) newSleeper() (*sleeper, error) {
	if n := len(h.idle); n > 0 {
		s := h.idle[n-1]
		h.idle = h.idle[:n-1]
		return s, nil
	}
	w, err := newWakeup()
	if err != nil {
		return nil, err
	}
	return &sleeper{pollArgs: new(pollArgs), wakeup: w}, nil
}

func (h *Handle) poll(timeout int) (int, error) { return h.poll2(-1, timeout) }

func (h *Handle) poll2(fd, timeout int) (int, error) {
	if h.direction() == 0 {
		return 0, fault(syscall.EINVAL, "nothing to poll for in state %s", h.stateName())
	}
	happened, err := h.sleep(nil, fd, timeout)
	if err == nil {
		err = h.refusal()
	}
	if err != nil || !happened {
		return 0, err
	}
	return 1, nil
}
