package dialect

import (
	"bytes"
	"errors"
	"fmt"
	"hash/maphash"
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// Bytes is a bytes or, if it can be changed, a bytearray. It behaves as they
// do in Python: an index gives a number, a slice is a copy.
type Bytes struct {
	b       []byte
	mutable bool
	// shared says that somebody else has the memory too, so that the
	// bytearray must not move to other memory as it grows.
	shared bool
}

var (
	_ starlark.Sliceable   = (*Bytes)(nil)
	_ starlark.Sequence    = (*Bytes)(nil)
	_ starlark.HasSetIndex = (*Bytes)(nil)
	_ starlark.HasBinary   = (*Bytes)(nil)
	_ starlark.Comparable  = (*Bytes)(nil)
	_ starlark.HasAttrs    = (*Bytes)(nil)
)

// NewBytes makes a bytes of b, which nobody may change any more.
func NewBytes(b []byte) *Bytes { return &Bytes{b: b} }

// NewByteArray makes a bytearray whose memory is b.
func NewByteArray(b []byte) *Bytes { return &Bytes{b: b, mutable: true} }

// Bytes gives the memory itself.
func (v *Bytes) Bytes() []byte { return v.b }

// Mutable says whether it is a bytearray.
func (v *Bytes) Mutable() bool { return v.mutable }

// Share gives the memory itself, to somebody who keeps it: the bytearray
// cannot grow any more.
func (v *Bytes) Share() []byte {
	v.shared = true
	return v.b
}

// String gives what Python's repr does.
func (v *Bytes) String() string {
	var b strings.Builder
	if v.mutable {
		b.WriteString("bytearray(")
	}
	quote := byte('\'')
	if bytes.IndexByte(v.b, '\'') >= 0 && bytes.IndexByte(v.b, '"') < 0 {
		quote = '"'
	}
	b.WriteByte('b')
	b.WriteByte(quote)
	for _, c := range v.b {
		switch {
		case c == quote || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\r':
			b.WriteString(`\r`)
		case c == '\t':
			b.WriteString(`\t`)
		case c < ' ' || c >= 0x7f:
			fmt.Fprintf(&b, `\x%02x`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte(quote)
	if v.mutable {
		return b.String() + ")"
	}
	return b.String()
}

// Type names the type as Python does.
func (v *Bytes) Type() string {
	if v.mutable {
		return "bytearray"
	}
	return "bytes"
}

// Freeze does nothing: no program here has values that several threads use.
func (v *Bytes) Freeze() {}

// Truth says whether there are any bytes.
func (v *Bytes) Truth() starlark.Bool { return len(v.b) > 0 }

var seed = maphash.MakeSeed()

// Hash lets a bytes be the key of a dictionary.
func (v *Bytes) Hash() (uint32, error) {
	if v.mutable {
		return 0, errors.New("unhashable type: bytearray")
	}
	return uint32(maphash.Bytes(seed, v.b)), nil
}

// Len is the number of bytes.
func (v *Bytes) Len() int { return len(v.b) }

// Index gives a byte.
func (v *Bytes) Index(i int) starlark.Value { return starlark.MakeInt(int(v.b[i])) }

// Slice gives a copy of some bytes.
func (v *Bytes) Slice(start, end, step int) starlark.Value {
	return v.like(SliceOf(v.b, start, end, step))
}

// SliceOf copies a slice whose bounds Starlark has checked.
func SliceOf(b []byte, start, end, step int) []byte {
	if step == 1 {
		return bytes.Clone(b[start:end])
	}
	out := []byte{}
	for i := start; step > 0 && i < end || step < 0 && i > end; i += step {
		out = append(out, b[i])
	}
	return out
}

// like makes a value of the same type.
func (v *Bytes) like(b []byte) *Bytes { return &Bytes{b: b, mutable: v.mutable} }

// SetIndex changes a byte of a bytearray.
func (v *Bytes) SetIndex(i int, x starlark.Value) error {
	if !v.mutable {
		return errors.New("a bytes cannot be changed: make a bytearray of it")
	}
	c, err := toByte(x)
	if err == nil {
		v.b[i] = c
	}
	return err
}

// Iterate goes through the bytes, as numbers.
func (v *Bytes) Iterate() starlark.Iterator { return &bytesIterator{v: v} }

type bytesIterator struct {
	v *Bytes
	i int
}

func (it *bytesIterator) Next(p *starlark.Value) bool {
	if it.i >= len(it.v.b) {
		return false
	}
	*p = it.v.Index(it.i)
	it.i++
	return true
}

func (it *bytesIterator) Done() {}

// CompareSameType compares byte by byte. A bytes and a bytearray compare too.
func (v *Bytes) CompareSameType(op syntax.Token, y starlark.Value, _ int) (bool, error) {
	c := bytes.Compare(v.b, y.(*Bytes).b)
	switch op {
	case syntax.EQL:
		return c == 0, nil
	case syntax.NEQ:
		return c != 0, nil
	case syntax.LT:
		return c < 0, nil
	case syntax.LE:
		return c <= 0, nil
	case syntax.GT:
		return c > 0, nil
	}
	return c >= 0, nil
}

// maxBytes bounds what a repetition makes: more would end the program without
// a word.
const maxBytes = 1 << 32

// Binary is + * in, and % which formats.
func (v *Bytes) Binary(op syntax.Token, y starlark.Value, side starlark.Side) (starlark.Value, error) {
	switch op {
	case syntax.PLUS:
		o, ok := y.(*Bytes)
		if !ok {
			return nil, nil
		}
		if side == starlark.Right {
			v, o = o, v
		}
		return v.like(append(append(make([]byte, 0, len(v.b)+len(o.b)), v.b...), o.b...)), nil
	case syntax.STAR:
		n, ok := y.(starlark.Int)
		if !ok {
			return nil, nil
		}
		times, ok := n.Int64()
		if times = max(times, 0); !ok || len(v.b) > 0 && times > maxBytes/int64(len(v.b)) {
			return nil, fmt.Errorf("%d bytes times %v are more than %d", len(v.b), n, int64(maxBytes))
		}
		return v.like(bytes.Repeat(v.b, int(times))), nil
	case syntax.IN:
		if side == starlark.Left {
			return nil, nil
		}
		sub, err := needle(y)
		if err != nil {
			return nil, err
		}
		return starlark.Bool(bytes.Contains(v.b, sub)), nil
	}
	return nil, nil
}

// needle gives what is looked for: bytes, or one as a number.
func needle(x starlark.Value) ([]byte, error) {
	if o, ok := x.(*Bytes); ok {
		return o.b, nil
	}
	if _, ok := x.(starlark.Int); ok {
		c, err := toByte(x)
		return []byte{c}, err
	}
	return nil, fmt.Errorf("a bytes-like object or an int is required, not %s", x.Type())
}

// toByte makes a byte of a number.
func toByte(x starlark.Value) (byte, error) {
	n, ok := x.(starlark.Int)
	if !ok {
		return 0, fmt.Errorf("a byte must be an int, not %s", x.Type())
	}
	i, ok := n.Int64()
	if !ok || i < 0 || i > 255 {
		return 0, fmt.Errorf("a byte must be in range(0, 256), not %v", n)
	}
	return byte(i), nil
}

// ToBytes makes bytes of what Python's bytes and bytearray take: a number of
// zeroes, numbers, or bytes, which are copied.
func ToBytes(x starlark.Value) ([]byte, error) {
	switch x := x.(type) {
	case *Bytes:
		return bytes.Clone(x.b), nil
	case interface{ Bytes() []byte }:
		return bytes.Clone(x.Bytes()), nil
	case starlark.String:
		return nil, errors.New("a string has no bytes without an encoding: write b\"...\", or .encode() behind it")
	case starlark.Int:
		n, ok := x.Int64()
		if !ok || n < 0 || n > maxBytes {
			return nil, fmt.Errorf("the length %v is not in range(0, %d)", x, int64(maxBytes))
		}
		return make([]byte, n), nil
	case starlark.Iterable:
		b := []byte{}
		it := x.Iterate()
		defer it.Done()
		for v := starlark.Value(nil); it.Next(&v); {
			c, err := toByte(v)
			if err != nil {
				return nil, err
			}
			b = append(b, c)
		}
		return b, nil
	}
	return nil, fmt.Errorf("expected a length, bytes or numbers, not %s", x.Type())
}
