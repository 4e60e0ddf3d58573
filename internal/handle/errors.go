package handle

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"unicode"
	"unicode/utf8"

	"github.com/gonbd/gonbd/internal/nbderr"
)

// Error is how a call fails.
type Error struct {
	// Call is the C name of the call: "nbd_pread".
	Call string
	// Errno is what the failure counts as, or 0 if there is no such number.
	Errno syscall.Errno
	// Msg is the whole message, as nbd_get_error(3) gives it.
	Msg string
	// State says that the call is not permitted in the state of the handle.
	State bool
	// Err is the cause, if another error was.
	Err error
}

// Error gives the message.
func (e *Error) Error() string { return e.Msg }

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is reports whether target is what the error counts as. A call in a state
// that does not permit it counts as EINVAL, and in state created, where
// libnbd says so, as ENOTCONN too.
func (e *Error) Is(target error) bool {
	if n, ok := target.(syscall.Errno); ok {
		return n == e.Errno && n != 0 || e.State && n == syscall.EINVAL
	}
	return e.Errno != 0 && e.Errno.Is(target)
}

// fault makes an error whose call wrap adds.
func fault(errno syscall.Errno, format string, args ...any) *Error {
	return &Error{Errno: errno, Msg: fmt.Sprintf(format, args...)}
}

// wrap gives err the name of the call that it ends.
func wrap(call string, err error) error {
	e, ok := err.(*Error)
	if !ok {
		e = convert(err)
	}
	e.Call = call
	e.Msg = call + ": " + e.Msg
	if e.Errno != 0 {
		if text := Strerror(e.Errno); !strings.HasSuffix(e.Msg, text) {
			e.Msg += ": " + text
		}
	}
	return e
}

// convert makes an Error of an error of the packages below.
func convert(err error) *Error {
	out := &Error{Err: err, Msg: err.Error()}
	out.Errno, _ = nbderr.ErrnoOf(err)
	// Go's text of an errno, at the end, gives way to that of C.
	if out.Errno != 0 {
		out.Msg = strings.TrimSuffix(out.Msg, ": "+out.Errno.Error())
	}
	return out
}

// commandFailed makes the error of a command that was sent and failed. What
// the end of the connection stranded counts as ENOTCONN, whatever that end was
// (nbd_aio_in_flight(3)).
func commandFailed(op string, err error, errno syscall.Errno) *Error {
	msg := strings.ReplaceAll(op, " ", "-") + ": command failed"
	e, ok := errors.AsType[*nbderr.Error](err)
	switch {
	case !ok:
		msg += ": " + err.Error()
	default:
		if e.HasRange {
			msg += fmt.Sprintf(": %d bytes at offset %d", e.Length, e.Offset)
		}
		if e.Kind == nbderr.Protocol {
			msg += ": " + e.Kind.String()
		}
		for _, s := range []string{e.Msg, e.ServerText} {
			if s != "" {
				msg += ": " + s
			}
		}
		if e.Err != nil {
			msg += ": " + e.Err.Error()
		}
	}
	return &Error{Errno: errno, Msg: msg, Err: err}
}

// Strerror gives the text of an errno as strerror(3) does, which differs from
// Go's in the first letter.
func Strerror(errno syscall.Errno) string {
	s := errno.Error()
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + s[n:]
}

func badEnum(param string, v int) error {
	return fault(syscall.EINVAL, "%s: invalid value for parameter: %d", param, v)
}

func badFlags(param string, v uint32) error {
	return fault(syscall.EINVAL, "%s: invalid value for flag: 0x%x", param, v)
}

func badString(param string) error {
	return fault(syscall.EINVAL, "%s: contains a NUL byte", param)
}

// hasNUL says whether a string has a byte that no string of C can have.
func hasNUL(list ...string) bool {
	for _, s := range list {
		if strings.IndexByte(s, 0) >= 0 {
			return true
		}
	}
	return false
}
