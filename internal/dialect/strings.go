package dialect

import (
	"strings"
	"unicode/utf8"

	"go.starlark.net/starlark"
)

// stringMethods are the methods of strings that Starlark lacks, or has
// otherwise.
var stringMethods = map[string]func(s string) Function{
	"encode": func(s string) Function {
		return func(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			encoding := "utf-8"
			if err := starlark.UnpackArgs(b.Name(), args, kwargs, "encoding?", &encoding); err != nil {
				return nil, err
			}
			enc, err := encode(s, encoding)
			if err != nil {
				return nil, err
			}
			return NewBytes(enc), nil
		}
	},
	"format": func(s string) Function {
		return func(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			out, err := (&formatter{args: args, kwargs: kwargs}).run(s, 1)
			return starlark.String(out), err
		}
	},
	"center": justify('^'),
	"ljust":  justify('<'),
	"rjust":  justify('>'),
	"zfill": func(s string) Function {
		return func(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			width := 0
			if err := starlark.UnpackPositionalArgs(b.Name(), args, kwargs, 1, &width); err != nil {
				return nil, err
			}
			sign, digits := "", s
			if strings.HasPrefix(s, "-") || strings.HasPrefix(s, "+") {
				sign, digits = s[:1], s[1:]
			}
			p := spec{fill: '0', align: '=', width: min(width, maxWidth)}
			return starlark.String(p.pad(sign, digits, '=')), nil
		}
	},
}

func justify(align byte) func(s string) Function {
	return func(s string) Function {
		return func(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			width, fill := 0, " "
			if err := starlark.UnpackPositionalArgs(b.Name(), args, kwargs, 1, &width, &fill); err != nil {
				return nil, err
			}
			r, _ := utf8.DecodeRuneInString(fill)
			p := spec{fill: r, align: align, width: min(width, maxWidth)}
			return starlark.String(p.pad("", s, align)), nil
		}
	}
}

// isMethod says whether a name is that of a method of strings or ints here.
func isMethod(name string) bool {
	return stringMethods[name] != nil || intMethods[name] != nil
}

// method gives such a method of a value, or nil.
func method(v starlark.Value, name string) Function {
	switch v := v.(type) {
	case starlark.String:
		if m := stringMethods[name]; m != nil {
			return m(string(v))
		}
	case starlark.Int:
		if m := intMethods[name]; m != nil {
			return m(v.BigInt())
		}
	}
	return nil
}
