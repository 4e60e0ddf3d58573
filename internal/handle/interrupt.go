package handle

import "syscall"

// Interrupt makes every call that waits for the socket fail with EINTR: the
// one that waits now, and those made until Resume. It is for other threads,
// for instance one that saw Ctrl-C, and is no call of libnbd.
//
// The connection stays as it is. The reply to a command that was given up is
// read and thrown away when it comes. One that was about to connect is not
// usable any more, and is to be closed.
func (h *Handle) Interrupt() {
	h.mu.Lock()
	h.interrupted = true
	h.wakeAll()
	h.mu.Unlock()
}

// Resume lets calls wait again.
func (h *Handle) Resume() {
	h.mu.Lock()
	h.interrupted = false
	h.mu.Unlock()
}

// errInterrupted is the error of a call that Interrupt has ended.
func errInterrupted() error { return fault(syscall.EINTR, "interrupted") }
