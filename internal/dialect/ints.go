package dialect

import (
	"fmt"
	"math/big"
	"slices"

	"go.starlark.net/starlark"
)

// intClass is int, with the function that reads a number from bytes.
var intClass = NewClass("int", func(thread *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	return starlark.Call(thread, starlark.Universe["int"], args, kwargs)
}, map[string]Function{
	"from_bytes": func(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		var v starlark.Value
		order, signed := "big", false
		if err := starlark.UnpackArgs(b.Name(), args, kwargs, "bytes", &v, "byteorder?", &order, "signed?", &signed); err != nil {
			return nil, err
		}
		if err := checkOrder(order); err != nil {
			return nil, err
		}
		if _, ok := v.(starlark.Int); ok {
			return nil, fmt.Errorf("%s: expected bytes, not an int", b.Name())
		}
		buf, err := ToBytes(v)
		if err != nil {
			return nil, err
		}
		if order == "little" {
			slices.Reverse(buf)
		}
		n := new(big.Int).SetBytes(buf)
		if signed && len(buf) > 0 && buf[0]&0x80 != 0 {
			n.Sub(n, power(len(buf)))
		}
		return starlark.MakeBigInt(n), nil
	},
})

// intMethods are the methods of numbers, of which Starlark has none.
var intMethods = map[string]func(n *big.Int) Function{
	"bit_length": func(n *big.Int) Function {
		return func(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			if err := starlark.UnpackArgs(b.Name(), args, kwargs); err != nil {
				return nil, err
			}
			return starlark.MakeInt(n.BitLen()), nil
		}
	},
	"to_bytes": func(n *big.Int) Function {
		return func(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			length, order, signed := 1, "big", false
			if err := starlark.UnpackArgs(b.Name(), args, kwargs, "length?", &length, "byteorder?", &order, "signed?", &signed); err != nil {
				return nil, err
			}
			if err := checkOrder(order); err != nil {
				return nil, err
			}
			if length < 0 || length > maxWidth {
				return nil, fmt.Errorf("%s: length must be in range(0, %d), not %d", b.Name(), maxWidth+1, length)
			}
			low, high := new(big.Int), power(length) // of what fits
			if signed {
				high.Rsh(high, 1)
				low.Neg(high)
			}
			if n.Cmp(low) < 0 || n.Cmp(high) >= 0 {
				return nil, fmt.Errorf("%s: %v does not fit in %d bytes", b.Name(), n, length)
			}
			bits := n
			if n.Sign() < 0 {
				bits = new(big.Int).Add(n, power(length))
			}
			buf := bits.FillBytes(make([]byte, length))
			if order == "little" {
				slices.Reverse(buf)
			}
			return NewBytes(buf), nil
		}
	},
}

// power gives 256 to the n.
func power(n int) *big.Int { return new(big.Int).Lsh(big.NewInt(1), uint(8*n)) }

func checkOrder(order string) error {
	if order != "big" && order != "little" {
		return fmt.Errorf("byteorder must be \"big\" or \"little\", not %q", order)
	}
	return nil
}
