package nbdmodule

import (
	"errors"
	"fmt"
	"syscall"

	"go.starlark.net/starlark"

	"github.com/gonbd/gonbd/internal/dialect"
	"github.com/gonbd/gonbd/internal/handle"
)

// Error is how a call fails, and the value that nbd.catch gives.
type Error struct {
	// Text is the whole message.
	Text string
	// Errno is what the failure counts as, or 0 if there is no such number.
	Errno syscall.Errno

	err error
}

var _ starlark.HasAttrs = (*Error)(nil)

// Error gives the message.
func (e *Error) Error() string { return e.Text }

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.err }

// failure makes the error of a call.
func failure(err error) error {
	e := &Error{Text: err.Error(), err: err}
	if he, ok := errors.AsType[*handle.Error](err); ok {
		e.Errno = he.Errno
	}
	return e
}

// String is the message, with the name of the errno.
func (e *Error) String() string {
	if name := dialect.ErrnoName(e.Errno); name != "" {
		return fmt.Sprintf("%s (%s)", e.Text, name)
	}
	return e.Text
}

func (e *Error) Type() string          { return "nbd.Error" }
func (e *Error) Freeze()               {}
func (e *Error) Truth() starlark.Bool  { return true }
func (e *Error) Hash() (uint32, error) { return 0, errors.New("unhashable type: nbd.Error") }

// Attr gives string, errno or errnum.
func (e *Error) Attr(name string) (starlark.Value, error) {
	switch name {
	case "string":
		return starlark.String(e.Text), nil
	case "errno":
		if s := dialect.ErrnoName(e.Errno); s != "" {
			return starlark.String(s), nil
		}
		return starlark.None, nil
	case "errnum":
		if e.Errno == 0 {
			return starlark.None, nil
		}
		return starlark.MakeInt(int(e.Errno)), nil
	}
	return nil, nil
}

// AttrNames lists the attributes.
func (e *Error) AttrNames() []string { return []string{"errno", "errnum", "string"} }

// catch calls a function and gives its result and None, or None and the
// error. What ends the program is no error.
func catch(thread *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	if len(args) == 0 {
		return nil, fmt.Errorf("%s: expected a function and its arguments", b.Name())
	}
	f, ok := args[0].(starlark.Callable)
	if !ok {
		return nil, fmt.Errorf("%s: expected a function and its arguments, but got %s: write nbd.catch(h.pread, 512, 0), or put a lambda: before", b.Name(), args[0].Type())
	}
	v, err := starlark.Call(thread, f, args[1:], kwargs)
	if err == nil {
		return starlark.Tuple{v, starlark.None}, nil
	}
	if endsProgram(err) {
		return nil, err
	}
	e, ok := errors.AsType[*Error](err)
	if !ok {
		e = &Error{Text: dialect.Message(err), err: err}
	}
	return starlark.Tuple{starlark.None, e}, nil
}

// endsProgram says whether an error is none that a program may go on after.
func endsProgram(err error) bool {
	_, exit := errors.AsType[*dialect.Exit](err)
	return exit || errors.Is(err, errInterrupted)
}
