package dialect

import (
	"fmt"
	"sort"

	"go.starlark.net/starlark"
)

// Function is what a builtin does.
type Function = func(thread *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error)

// Class is a type that a program calls to make a value of it, with functions
// of its own: bytes, and bytes.fromhex.
type Class struct {
	name    string
	make    *starlark.Builtin
	methods starlark.StringDict
}

var (
	_ starlark.Callable = (*Class)(nil)
	_ starlark.HasAttrs = (*Class)(nil)
)

// NewClass makes a class.
func NewClass(name string, construct Function, methods map[string]Function) *Class {
	c := &Class{name: name, make: starlark.NewBuiltin(name, construct), methods: starlark.StringDict{}}
	for n, f := range methods {
		c.methods[n] = starlark.NewBuiltin(n, f)
	}
	return c
}

func (c *Class) String() string        { return fmt.Sprintf("<class '%s'>", c.name) }
func (c *Class) Type() string          { return "type" }
func (c *Class) Freeze()               {}
func (c *Class) Truth() starlark.Bool  { return true }
func (c *Class) Hash() (uint32, error) { return starlark.String(c.name).Hash() }

// Name is the name of the class.
func (c *Class) Name() string { return c.name }

// CallInternal makes a value of the class.
func (c *Class) CallInternal(thread *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	return c.make.CallInternal(thread, args, kwargs)
}

// Attr gives a function of the class.
func (c *Class) Attr(name string) (starlark.Value, error) {
	if f, ok := c.methods[name]; ok {
		return f, nil
	}
	return nil, nil
}

// AttrNames lists the functions.
func (c *Class) AttrNames() []string {
	names := c.methods.Keys()
	sort.Strings(names)
	return names
}

// bytesClass makes the class bytes or bytearray.
func bytesClass(name string, mutable bool) *Class {
	return NewClass(name, func(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		var x starlark.Value = starlark.MakeInt(0)
		encoding := ""
		if err := starlark.UnpackArgs(name, args, kwargs, "source?", &x, "encoding?", &encoding); err != nil {
			return nil, err
		}
		var b []byte
		var err error
		if s, ok := x.(starlark.String); ok && encoding != "" {
			b, err = encode(string(s), encoding)
		} else {
			b, err = ToBytes(x)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		return &Bytes{b: b, mutable: mutable}, nil
	}, map[string]Function{
		"fromhex": func(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			var s string
			if err := starlark.UnpackPositionalArgs(b.Name(), args, kwargs, 1, &s); err != nil {
				return nil, err
			}
			digits, err := fromHex(s)
			if err != nil {
				return nil, err
			}
			return &Bytes{b: digits, mutable: mutable}, nil
		},
	})
}
