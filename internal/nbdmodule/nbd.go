package nbdmodule

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"syscall"

	"go.starlark.net/starlark"

	"github.com/gonbd/gonbd/internal/handle"
)

// NBD is a handle, as programs have it.
type NBD struct {
	m      *Module
	h      *handle.Handle
	closed bool

	thread   *starlark.Thread // of the call that is under way
	callback int              // how many callbacks are under way
	pending  error            // what ends the program when the call returns
}

var _ starlark.HasAttrs = (*NBD)(nil)

func (n *NBD) String() string        { return fmt.Sprintf("<nbd.NBD object at %p>", n) }
func (n *NBD) Type() string          { return "nbd.NBD" }
func (n *NBD) Freeze()               {}
func (n *NBD) Truth() starlark.Bool  { return true }
func (n *NBD) Hash() (uint32, error) { return 0, errors.New("unhashable type: nbd.NBD") }

// Handle gives the handle itself.
func (n *NBD) Handle() *handle.Handle { return n.h }

// Attr gives a method.
func (n *NBD) Attr(name string) (starlark.Value, error) {
	switch _, ok := methods[name]; {
	case ok:
		return starlark.NewBuiltin(name, callMethod).BindReceiver(n), nil
	case name == "close":
		return starlark.NewBuiltin(name, closeMethod).BindReceiver(n), nil
	}
	return nil, nil
}

// AttrNames lists the methods.
func (n *NBD) AttrNames() []string { return MethodNames() }

// MethodNames lists the methods of handles.
func MethodNames() []string {
	return slices.Sorted(maps.Keys(docs))
}

// method is a call of the API.
type method struct {
	call func(*call) (starlark.Value, error)
	// atomic says that a callback of the same handle may make it.
	atomic bool
}

// call is one call of a method.
type call struct {
	n      *NBD
	h      *handle.Handle
	name   string
	args   starlark.Tuple
	kwargs []starlark.Tuple
}

func (c *call) unpack(pairs ...any) error {
	return starlark.UnpackArgs(c.name, c.args, c.kwargs, pairs...)
}

// result ends a call: with the value, or an error.
func (c *call) result(v starlark.Value, err error) (starlark.Value, error) {
	if err != nil {
		return nil, failure(err)
	}
	return v, nil
}

// errInterrupted is how calls fail after Interrupt.
var errInterrupted = errors.New("interrupted")

// errClosedHandle is what the Python binding says.
var errClosedHandle = errors.New("libnbd: method called on closed handle")

func callMethod(thread *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	n := b.Receiver().(*NBD)
	m := methods[b.Name()]
	switch {
	case n.closed:
		return nil, errClosedHandle
	case n.callback > 0 && !m.atomic:
		return nil, deadlock(b.Name())
	case n.m.interrupted.Load():
		return nil, errInterrupted
	}
	defer n.enter(thread)()
	v, err := m.call(&call{n: n, h: n.h, name: b.Name(), args: args, kwargs: kwargs})
	return n.leave(v, err)
}

// enter says which thread runs callbacks, until the function that it gives is
// called.
func (n *NBD) enter(thread *starlark.Thread) func() {
	before := n.thread
	n.thread = thread
	return func() { n.thread = before }
}

// leave gives what ends the program instead of the outcome of a call, if a
// callback met it.
func (n *NBD) leave(v starlark.Value, err error) (starlark.Value, error) {
	if n.callback == 0 && n.pending != nil {
		v, err, n.pending = nil, n.pending, nil
	}
	return v, err
}

func deadlock(name string) error {
	errno := syscall.EDEADLK
	return &Error{
		Text:  fmt.Sprintf("nbd_%s: called from a callback of the same handle, which is locked until the callback returns: %s", name, handle.Strerror(errno)),
		Errno: errno,
	}
}

func closeMethod(thread *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	n := b.Receiver().(*NBD)
	if err := starlark.UnpackArgs(b.Name(), args, kwargs); err != nil {
		return nil, err
	}
	switch {
	case n.closed:
		return nil, errClosedHandle
	case n.callback > 0:
		return nil, deadlock(b.Name())
	}
	defer n.enter(thread)()
	n.close()
	return n.leave(starlark.None, nil)
}

// close closes the handle. Callbacks of commands in flight are called.
func (n *NBD) close() {
	n.closed = true
	n.m.mu.Lock()
	n.m.handles = slices.DeleteFunc(n.m.handles, func(o *NBD) bool { return o == n })
	n.m.mu.Unlock()
	if n.thread == nil { // the program is over
		defer n.enter(&starlark.Thread{Name: "close"})()
	}
	n.h.Close() // which fails only if it is closed
}
