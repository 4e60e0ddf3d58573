package libnbd

import (
	"runtime"
	"sync/atomic"
	"syscall"

	"github.com/gonbd/gonbd/internal/handle"
)

// Libnbd is a handle: one connection to an NBD server, or none yet. Create
// makes one; its zero value is a closed handle.
type Libnbd struct {
	h       *handle.Handle
	cleanup runtime.Cleanup
	closed  atomic.Bool
}

// Create makes a handle, which is not connected (nbd_create(3)). Close frees
// it.
func Create() (*Libnbd, error) {
	h := &Libnbd{h: handle.New()}
	// Closing runs callbacks and waits for the subprocess, which other
	// cleanups must not wait for.
	h.cleanup = runtime.AddCleanup(h, func(h *handle.Handle) { go h.Close() }, h.h)
	return h, nil
}

// Close closes the handle in whatever state it is (nbd_close(3)). Commands in
// flight complete with ENOTCONN, and their callbacks run. If there is a
// subprocess, Close ends it and waits for it. Every call on a closed handle
// fails with EBADF, Close too.
func (h *Libnbd) Close() *LibnbdError {
	h.cleanup.Stop()
	err := h.get().Close()
	h.closed.Store(true)
	if err != nil {
		return failure("close", err).(*LibnbdError)
	}
	return nil
}

// String names the type.
func (h *Libnbd) String() string { return "&Libnbd{}" }

// closed is what the zero value of Libnbd uses.
var closed = func() *handle.Handle {
	h := handle.New()
	h.Close()
	return h
}()

func (h *Libnbd) get() *handle.Handle {
	if h.h == nil {
		return closed
	}
	return h.h
}

// isClosed says whether Close has returned, for the calls that take no lock.
func (h *Libnbd) isClosed() bool { return h.h == nil || h.closed.Load() }

// errClosed is the error of a call on a closed handle.
func errClosed(call string) error {
	return &handle.Error{Call: call, Errno: syscall.EBADF, Msg: call + ": the handle is closed: " + handle.Strerror(syscall.EBADF)}
}

// negative is the error of a negative index.
func negative(call, param string, v int) error {
	return &handle.Error{Call: call, Errno: syscall.EINVAL, Msg: call + ": " + param + " is negative: " + handle.Strerror(syscall.EINVAL)}
}
