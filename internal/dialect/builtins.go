package dialect

import (
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// Exit is how a program ends itself, by exit or quit.
type Exit struct {
	Code    int
	Message string // for standard error, or ""
}

func (e *Exit) Error() string { return fmt.Sprintf("exit(%d)", e.Code) }

// builtins are the functions that are there without being defined, beside
// those of Starlark.
func (in *Interpreter) builtins() starlark.StringDict {
	d := starlark.StringDict{}
	for name, f := range map[string]Function{
		"assert": assert,
		"bin":    inBase("b"),
		"divmod": divmod,
		"exit":   exit,
		"filter": filter,
		"format": formatBuiltin,
		"hex":    inBase("x"),
		"map":    mapBuiltin,
		"oct":    inBase("o"),
		"pow":    pow,
		"print":  in.print,
		"quit":   exit,
		"repr":   text(Repr),
		"round":  round,
		"str":    text(Str),
		"sum":    sum,
	} {
		d[name] = starlark.NewBuiltin(name, f)
	}
	d["bytes"] = bytesClass("bytes", false)
	d["bytearray"] = bytesClass("bytearray", true)
	d["int"] = intClass
	return d
}

// print writes values as Python's does, but for the parameter file.
func (in *Interpreter) print(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var sep, end starlark.Value = starlark.String(" "), starlark.String("\n")
	flush := false
	if err := starlark.UnpackArgs(b.Name(), nil, kwargs, "sep??", &sep, "end??", &end, "flush?", &flush); err != nil {
		return nil, err
	}
	texts := make([]string, len(args))
	for i, a := range args {
		texts[i] = Str(a)
	}
	_, err := io.WriteString(in.out, strings.Join(texts, Str(sep))+Str(end))
	return starlark.None, err
}

// assert is the statement, which becomes a call.
func assert(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var cond, message starlark.Value
	if err := starlark.UnpackPositionalArgs(b.Name(), args, kwargs, 1, &cond, &message); err != nil {
		return nil, err
	}
	switch {
	case bool(cond.Truth()):
		return starlark.None, nil
	case message == nil:
		return nil, errors.New("assertion failed")
	}
	return nil, errors.New("assertion failed: " + Str(message))
}

func exit(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var code starlark.Value = starlark.None
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "code?", &code); err != nil {
		return nil, err
	}
	switch c := code.(type) {
	case starlark.NoneType:
		return nil, &Exit{}
	case starlark.Bool:
		if c {
			return nil, &Exit{Code: 1}
		}
		return nil, &Exit{}
	case starlark.Int:
		n, ok := c.Int64()
		if !ok {
			n = -1
		}
		return nil, &Exit{Code: int(n & 0xff)}
	}
	return nil, &Exit{Code: 1, Message: Str(code)}
}

func text(convert func(starlark.Value) string) Function {
	return func(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		var x starlark.Value = starlark.String("")
		encoding := ""
		if err := starlark.UnpackPositionalArgs(b.Name(), args, kwargs, 0, &x, &encoding); err != nil {
			return nil, err
		}
		if v, ok := x.(*Bytes); ok && encoding != "" {
			return decode(v.b, encoding, "strict")
		}
		return starlark.String(convert(x)), nil
	}
}

func formatBuiltin(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var x starlark.Value
	spec := ""
	if err := starlark.UnpackPositionalArgs(b.Name(), args, kwargs, 1, &x, &spec); err != nil {
		return nil, err
	}
	s, err := formatWith(x, spec)
	return starlark.String(s), err
}

func inBase(verb string) Function {
	return func(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		var n starlark.Int
		if err := starlark.UnpackPositionalArgs(b.Name(), args, kwargs, 1, &n); err != nil {
			return nil, err
		}
		s, err := formatWith(n, "#"+verb)
		return starlark.String(s), err
	}
}

func sum(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var list starlark.Iterable
	var total starlark.Value = starlark.MakeInt(0)
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "iterable", &list, "start?", &total); err != nil {
		return nil, err
	}
	it := list.Iterate()
	defer it.Done()
	for x := starlark.Value(nil); it.Next(&x); {
		var err error
		if total, err = starlark.Binary(syntax.PLUS, total, x); err != nil {
			return nil, err
		}
	}
	return total, nil
}

func divmod(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var x, y starlark.Value
	if err := starlark.UnpackPositionalArgs(b.Name(), args, kwargs, 2, &x, &y); err != nil {
		return nil, err
	}
	q, err := starlark.Binary(syntax.SLASHSLASH, x, y)
	if err != nil {
		return nil, err
	}
	r, err := starlark.Binary(syntax.PERCENT, x, y)
	return starlark.Tuple{q, r}, err
}

// maxPower bounds the bits of a power: more would end the program without a
// word.
const maxPower = 1 << 24

// smallPower says whether a power has surely at most so many bits. The least
// that it refuses has half of them.
func smallPower(base, exp *big.Int, most int64) bool {
	bits := int64(base.BitLen())
	return bits <= 1 || exp.IsInt64() && exp.Int64() <= most/bits
}

func pow(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var x, y starlark.Value
	var mod starlark.Int
	if err := starlark.UnpackPositionalArgs(b.Name(), args, kwargs, 2, &x, &y, &mod); err != nil {
		return nil, err
	}
	base, ok1 := x.(starlark.Int)
	exp, ok2 := y.(starlark.Int)
	if !ok1 || !ok2 || exp.Sign() < 0 {
		f, ok1 := starlark.AsFloat(x)
		g, ok2 := starlark.AsFloat(y)
		if !ok1 || !ok2 || len(args) > 2 {
			return nil, fmt.Errorf("pow: expected numbers, not %s and %s", x.Type(), y.Type())
		}
		return starlark.Float(math.Pow(f, g)), nil
	}
	if len(args) > 2 {
		if mod.Sign() == 0 {
			return nil, errors.New("pow: the third argument cannot be 0")
		}
		r := new(big.Int).Exp(base.BigInt(), exp.BigInt(), new(big.Int).Abs(mod.BigInt()))
		if mod.Sign() < 0 && r.Sign() != 0 {
			r.Add(r, mod.BigInt())
		}
		return starlark.MakeBigInt(r), nil
	}
	if !smallPower(base.BigInt(), exp.BigInt(), maxPower) {
		return nil, fmt.Errorf("pow: %v to the %v is too large", base, exp)
	}
	return starlark.MakeBigInt(new(big.Int).Exp(base.BigInt(), exp.BigInt(), nil)), nil
}

func round(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var x starlark.Value
	var digits starlark.Value = starlark.None
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "number", &x, "ndigits??", &digits); err != nil {
		return nil, err
	}
	f, ok := starlark.AsFloat(x)
	if !ok {
		return nil, fmt.Errorf("round: expected a number, not %s", x.Type())
	}
	if digits == starlark.None {
		if _, ok := x.(starlark.Int); ok {
			return x, nil
		}
		return starlark.NumberToInt(starlark.Float(math.RoundToEven(f)))
	}
	n, err := starlark.AsInt32(digits)
	if err != nil {
		return nil, err
	}
	if n < 0 || n > 300 {
		return nil, fmt.Errorf("round: ndigits must be in range(0, 301), not %d", n)
	}
	s, err := spec{fill: ' ', precision: n, verb: 'f'}.float(f)
	if err != nil {
		return nil, err
	}
	if _, ok := x.(starlark.Int); ok {
		return x, nil
	}
	var r float64
	_, err = fmt.Sscan(s, &r)
	return starlark.Float(r), err
}

// mapBuiltin and filter give lists.
func mapBuiltin(thread *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var f starlark.Callable
	var list starlark.Iterable
	if err := starlark.UnpackPositionalArgs(b.Name(), args, kwargs, 2, &f, &list); err != nil {
		return nil, err
	}
	var out []starlark.Value
	it := list.Iterate()
	defer it.Done()
	for x := starlark.Value(nil); it.Next(&x); {
		y, err := starlark.Call(thread, f, starlark.Tuple{x}, nil)
		if err != nil {
			return nil, err
		}
		out = append(out, y)
	}
	return starlark.NewList(out), nil
}

func filter(thread *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var f starlark.Value
	var list starlark.Iterable
	if err := starlark.UnpackPositionalArgs(b.Name(), args, kwargs, 2, &f, &list); err != nil {
		return nil, err
	}
	var out []starlark.Value
	it := list.Iterate()
	defer it.Done()
	for x := starlark.Value(nil); it.Next(&x); {
		y := x
		if f != starlark.None {
			var err error
			if y, err = starlark.Call(thread, f, starlark.Tuple{x}, nil); err != nil {
				return nil, err
			}
		}
		if y.Truth() {
			out = append(out, x)
		}
	}
	return starlark.NewList(out), nil
}
