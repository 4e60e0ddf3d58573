package libnbd

import (
	"errors"
	"strings"
	"syscall"

	"github.com/gonbd/gonbd/internal/handle"
)

// LibnbdError is the error of every call.
type LibnbdError struct {
	// Op is the call: "pread", "aio_flush".
	Op string
	// Errmsg is the whole message, as nbd_get_error(3) gives it: it begins
	// with the name of the C function, and ends with the text of Errno.
	Errmsg string
	// Errno is what the failure counts as, or 0 where there is no number for
	// it.
	Errno syscall.Errno

	err error
}

// String is the operation and the message, with the text of Errno if the
// message does not end with it.
func (e *LibnbdError) String() string {
	s := e.Op + ": " + e.Errmsg
	if e.Errno != 0 {
		if text := handle.Strerror(e.Errno); !strings.HasSuffix(s, text) {
			s += ": " + text
		}
	}
	return s
}

// Error is String.
func (e *LibnbdError) Error() string { return e.String() }

// Unwrap gives the causes: Errno among them, and what errors.As can find.
func (e *LibnbdError) Unwrap() []error {
	var list []error
	if e.err != nil {
		list = append(list, e.err)
	}
	if e.Errno != 0 {
		list = append(list, e.Errno)
	}
	return list
}

// failure makes the error of a call.
func failure(op string, err error) error {
	e := &LibnbdError{Op: op, Errmsg: err.Error(), err: err}
	if he, ok := errors.AsType[*handle.Error](err); ok {
		e.Errno = he.Errno
	}
	return e
}
