package nbdmodule

import (
	"bytes"
	"errors"
	"fmt"

	"go.starlark.net/starlark"

	"github.com/gonbd/gonbd/internal/dialect"
	"github.com/gonbd/gonbd/internal/handle"
)

// callback is a function of the program that a handle calls. The thread that
// runs it is that of the call that the handle is in.
type callback struct {
	n *NBD
	f starlark.Callable
}

// Free does nothing: the garbage collector frees the function.
func (callback) Free() {}

// invoke calls the function. With errno not nil, its last argument is an
// object with that as its value. The result is the number that the function
// returns, 0 if that is none, or -1 if it fails, which is told on standard
// error as the Python binding does.
func (c callback) invoke(errno *int, args ...starlark.Value) int {
	n := c.n
	if n.pending != nil {
		return -1
	}
	var number *cInt
	if errno != nil {
		number = &cInt{*errno}
		args = append(args, number)
	}
	n.callback++
	v, err := starlark.Call(n.thread, c.f, args, nil)
	n.callback--
	if number != nil {
		*errno = number.value
	}
	switch {
	case err == nil:
	case endsProgram(err) || n.m.interrupted.Load():
		n.pending = err
		return -1
	default:
		fmt.Fprintln(n.m.stderr, dialect.Backtrace(err))
		return -1
	}
	switch v := v.(type) {
	case starlark.Int:
		i, ok := v.Int64()
		if !ok {
			return -1
		}
		return int(i)
	case starlark.Bool:
		if v {
			return 1
		}
	}
	return 0
}

// cInt is the argument error of callbacks: what has gone wrong so far, as the
// number of an errno, or 0. A program may assign to its attribute value.
type cInt struct{ value int }

var _ starlark.HasSetField = (*cInt)(nil)

func (e *cInt) String() string        { return fmt.Sprintf("c_int(%d)", e.value) }
func (e *cInt) Type() string          { return "c_int" }
func (e *cInt) Freeze()               {}
func (e *cInt) Truth() starlark.Bool  { return e.value != 0 }
func (e *cInt) Hash() (uint32, error) { return 0, errors.New("unhashable type: c_int") }
func (e *cInt) AttrNames() []string   { return []string{"value"} }

func (e *cInt) Attr(name string) (starlark.Value, error) {
	if name == "value" {
		return starlark.MakeInt(e.value), nil
	}
	return nil, nil
}

func (e *cInt) SetField(name string, v starlark.Value) error {
	if name != "value" {
		return starlark.NoSuchAttrError(fmt.Sprintf("c_int has no .%s field", name))
	}
	var n intArg
	if err := n.Unpack(v); err != nil {
		return fmt.Errorf("value: %w", err)
	}
	e.value = int(n)
	return nil
}

// The callbacks of each kind.
type (
	chunkCallback      struct{ callback }
	completionCallback struct{ callback }
	debugCallback      struct{ callback }
	extentCallback     struct{ callback }
	extent64Callback   struct{ callback }
	listCallback       struct{ callback }
	contextCallback    struct{ callback }
)

func (c chunkCallback) Chunk(subbuf []byte, offset uint64, status uint, errno *int) int {
	return c.invoke(errno, dialect.NewBytes(bytes.Clone(subbuf)), starlark.MakeUint64(offset), starlark.MakeUint(status))
}

func (c completionCallback) Complete(errno *int) int { return c.invoke(errno) }

func (c debugCallback) Debug(context, msg string) int {
	return c.invoke(nil, starlark.String(context), starlark.String(msg))
}

func (c extentCallback) Extent(context string, offset uint64, entries []uint32, errno *int) int {
	list := make([]starlark.Value, len(entries))
	for i, e := range entries {
		list[i] = starlark.MakeUint64(uint64(e))
	}
	return c.invoke(errno, starlark.String(context), starlark.MakeUint64(offset), starlark.NewList(list))
}

func (c extent64Callback) Extent64(context string, offset uint64, entries []handle.Entry, errno *int) int {
	list := make([]starlark.Value, len(entries))
	for i, e := range entries {
		list[i] = starlark.Tuple{starlark.MakeUint64(e.Length), starlark.MakeUint64(e.Flags)}
	}
	return c.invoke(errno, starlark.String(context), starlark.MakeUint64(offset), starlark.NewList(list))
}

func (c listCallback) List(name, description string) int {
	return c.invoke(nil, starlark.String(name), starlark.String(description))
}

func (c contextCallback) Context(name string) int { return c.invoke(nil, starlark.String(name)) }

func toChunk(c *call, f starlark.Callable) handle.Chunk { return chunkCallback{callback{c.n, f}} }

func toCompletion(c *call, f starlark.Callable) handle.Completion {
	if f == nil {
		return nil
	}
	return completionCallback{callback{c.n, f}}
}

func toDebug(c *call, f starlark.Callable) handle.Debug {
	if f == nil {
		return nil
	}
	return debugCallback{callback{c.n, f}}
}

func toExtent(c *call, f starlark.Callable) handle.Extent { return extentCallback{callback{c.n, f}} }

func toExtent64(c *call, f starlark.Callable) handle.Extent64 {
	return extent64Callback{callback{c.n, f}}
}

func toList(c *call, f starlark.Callable) handle.List { return listCallback{callback{c.n, f}} }

func toContext(c *call, f starlark.Callable) handle.Context {
	return contextCallback{callback{c.n, f}}
}
