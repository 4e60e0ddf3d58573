package nbdmodule

import (
	"errors"
	"fmt"

	"go.starlark.net/starlark"

	"github.com/gonbd/gonbd/internal/dialect"
)

// Buffer is nbd.Buffer: memory that stays where it is while asynchronous
// calls fill it or write what is in it.
type Buffer struct{ b []byte }

var (
	_ starlark.Sliceable   = (*Buffer)(nil)
	_ starlark.Sequence    = (*Buffer)(nil)
	_ starlark.HasSetIndex = (*Buffer)(nil)
	_ starlark.HasAttrs    = (*Buffer)(nil)
)

func (b *Buffer) String() string        { return fmt.Sprintf("<nbd.Buffer object at %p>", b) }
func (b *Buffer) Type() string          { return "nbd.Buffer" }
func (b *Buffer) Freeze()               {}
func (b *Buffer) Truth() starlark.Bool  { return len(b.b) > 0 }
func (b *Buffer) Hash() (uint32, error) { return 0, errors.New("unhashable type: nbd.Buffer") }

// Bytes gives the memory itself.
func (b *Buffer) Bytes() []byte { return b.b }

// Len is the number of bytes.
func (b *Buffer) Len() int { return len(b.b) }

// Index gives a byte.
func (b *Buffer) Index(i int) starlark.Value { return starlark.MakeInt(int(b.b[i])) }

// Slice gives a copy of some bytes.
func (b *Buffer) Slice(start, end, step int) starlark.Value {
	return dialect.NewByteArray(dialect.SliceOf(b.b, start, end, step))
}

// SetIndex changes a byte.
func (b *Buffer) SetIndex(i int, v starlark.Value) error { return b.shared().SetIndex(i, v) }

// Iterate goes through the bytes, as numbers.
func (b *Buffer) Iterate() starlark.Iterator { return b.shared().Iterate() }

// shared gives a bytearray of the same memory.
func (b *Buffer) shared() *dialect.Bytes {
	v := dialect.NewByteArray(b.b)
	v.Share()
	return v
}

// bufferClass is nbd.Buffer, which programs call to make one.
var bufferClass = dialect.NewClass("nbd.Buffer", func(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var size countArg
	if err := starlark.UnpackArgs("Buffer", args, kwargs, "len", &size); err != nil {
		return nil, err
	}
	return &Buffer{size.buf}, nil
}, map[string]dialect.Function{
	"from_bytearray": func(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		var v starlark.Value
		if err := starlark.UnpackArgs(b.Name(), args, kwargs, "ba", &v); err != nil {
			return nil, err
		}
		buf, err := dialect.ToBytes(v)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", b.Name(), err)
		}
		return &Buffer{buf}, nil
	},
	"from_buffer": func(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		var v starlark.Value
		if err := starlark.UnpackArgs(b.Name(), args, kwargs, "buf", &v); err != nil {
			return nil, err
		}
		switch v := v.(type) {
		case *Buffer:
			return &Buffer{v.b}, nil
		case *dialect.Bytes:
			if v.Mutable() {
				return &Buffer{v.Share()}, nil
			}
			return nil, fmt.Errorf("%s: a bytes cannot be shared, as nobody may change it: use from_bytearray, which copies", b.Name())
		}
		return nil, fmt.Errorf("%s: got %s, want bytearray", b.Name(), v.Type())
	},
})

// Attr gives a method.
func (b *Buffer) Attr(name string) (starlark.Value, error) {
	f, ok := bufferMethods[name]
	if !ok {
		return nil, nil
	}
	return starlark.NewBuiltin(name, f).BindReceiver(b), nil
}

// AttrNames lists the methods.
func (b *Buffer) AttrNames() []string {
	return []string{"is_zero", "size", "to_buffer", "to_bytearray"}
}

var bufferMethods = map[string]dialect.Function{
	"size": func(_ *starlark.Thread, f *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		if err := starlark.UnpackArgs(f.Name(), args, kwargs); err != nil {
			return nil, err
		}
		return starlark.MakeInt(f.Receiver().(*Buffer).Len()), nil
	},
	"to_bytearray": func(_ *starlark.Thread, f *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		if err := starlark.UnpackArgs(f.Name(), args, kwargs); err != nil {
			return nil, err
		}
		b := f.Receiver().(*Buffer)
		return b.Slice(0, b.Len(), 1), nil
	},
	"to_buffer": func(_ *starlark.Thread, f *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		if err := starlark.UnpackArgs(f.Name(), args, kwargs); err != nil {
			return nil, err
		}
		return f.Receiver().(*Buffer).shared(), nil
	},
	"is_zero": func(_ *starlark.Thread, f *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		b := f.Receiver().(*Buffer)
		offset, size := 0, -1
		if err := starlark.UnpackArgs(f.Name(), args, kwargs, "offset?", &offset, "size?", &size); err != nil {
			return nil, err
		}
		switch {
		case offset < 0 || offset > b.Len():
			return nil, fmt.Errorf("%s: offset out of range", f.Name())
		case size < -1 || size > b.Len()-offset:
			return nil, fmt.Errorf("%s: size out of range", f.Name())
		case size < 0:
			size = b.Len() - offset
		}
		for _, c := range b.b[offset : offset+size] {
			if c != 0 {
				return starlark.False, nil
			}
		}
		return starlark.True, nil
	},
}
