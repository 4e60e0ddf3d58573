package dialect

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"go.starlark.net/starlark"
)

// formatter is one call of the method format of strings.
type formatter struct {
	args   starlark.Tuple
	kwargs []starlark.Tuple
	next   int // the argument that {} takes, or -1 if fields have numbers
}

// run replaces the fields of a format. Those inside of a specification may
// have fields themselves, but no deeper.
func (f *formatter) run(format string, depth int) (string, error) {
	if depth > 2 {
		return "", errors.New("format: max string recursion exceeded")
	}
	var b strings.Builder
	for format != "" {
		i := strings.IndexAny(format, "{}")
		if i < 0 {
			b.WriteString(format)
			break
		}
		b.WriteString(format[:i])
		c := format[i]
		format = format[i+1:]
		if format != "" && format[0] == c {
			b.WriteByte(c)
			format = format[1:]
			continue
		}
		if c == '}' {
			return "", errors.New("format: single '}' encountered in format string")
		}
		end := fieldEnd(format)
		if end < 0 {
			return "", errors.New("format: expected '}' before end of string")
		}
		text, err := f.field(format[:end], depth)
		if err != nil {
			return "", err
		}
		b.WriteString(text)
		format = format[end+1:]
	}
	return b.String(), nil
}

// fieldEnd finds the brace that ends a field.
func fieldEnd(s string) int {
	depth := 0
	for i := range len(s) {
		switch s[i] {
		case '{':
			depth++
		case '}':
			if depth == 0 {
				return i
			}
			depth--
		}
	}
	return -1
}

// field formats what stands in braces: NAME!CONVERSION:SPEC.
func (f *formatter) field(s string, depth int) (string, error) {
	name, specText, _ := strings.Cut(s, ":")
	name, conversion, converted := strings.Cut(name, "!")
	v, err := f.value(name)
	if err != nil {
		return "", err
	}
	if strings.ContainsAny(specText, "{}") {
		if specText, err = f.run(specText, depth+1); err != nil {
			return "", err
		}
	}
	switch {
	case !converted:
	case conversion == "r" || conversion == "a":
		v = starlark.String(Repr(v))
	case conversion == "s":
		v = starlark.String(Str(v))
	default:
		return "", fmt.Errorf("format: unknown conversion %s: expected r or s", quote(conversion))
	}
	return formatWith(v, specText)
}

// formatWith formats a value by the text of a specification.
func formatWith(v starlark.Value, text string) (string, error) {
	if text == "" {
		return Str(v), nil
	}
	p, err := parseSpec(text)
	if err != nil {
		return "", err
	}
	return p.format(v)
}

// value finds an argument, by its number or name and what follows it: "0",
// "x", "x.string", "[0]".
func (f *formatter) value(path string) (starlark.Value, error) {
	n := strings.IndexAny(path, ".[")
	if n < 0 {
		n = len(path)
	}
	v, err := f.argument(path[:n])
	for path = path[n:]; err == nil && path != ""; {
		if path[0] == '.' {
			n = strings.IndexAny(path[1:], ".[") + 1
			if n == 0 {
				n = len(path)
			}
			v, err = attribute(v, path[1:n])
			path = path[n:]
			continue
		}
		key, rest, ok := strings.Cut(path[1:], "]")
		if !ok || path[0] != '[' {
			return nil, errors.New("format: expected '.' or '[...]' behind the name")
		}
		v, err = element(v, key)
		path = rest
	}
	return v, err
}

func (f *formatter) argument(name string) (starlark.Value, error) {
	if i, isNumber := index(name); name == "" || isNumber {
		if name == "" {
			if f.next < 0 {
				return nil, errors.New("format: cannot switch from manual field specification to automatic field numbering")
			}
			i = f.next
			f.next++
		} else {
			if f.next > 0 {
				return nil, errors.New("format: cannot switch from automatic field numbering to manual field specification")
			}
			f.next = -1
		}
		if i >= len(f.args) {
			return nil, fmt.Errorf("format: replacement index %d out of range for positional args tuple", i)
		}
		return f.args[i], nil
	}
	for _, kv := range f.kwargs {
		if kv[0] == starlark.String(name) {
			return kv[1], nil
		}
	}
	return nil, fmt.Errorf("format: there is no argument %s", quote(name))
}

// index reads a number, which has digits only.
func index(s string) (int, bool) {
	n, err := strconv.ParseUint(s, 10, 31)
	return int(n), err == nil
}

func attribute(v starlark.Value, name string) (starlark.Value, error) {
	if x, ok := v.(starlark.HasAttrs); ok {
		if a, err := x.Attr(name); a != nil || err != nil {
			return a, err
		}
	}
	return nil, fmt.Errorf("format: a value of type %s has no attribute %s", v.Type(), quote(name))
}

func element(v starlark.Value, key string) (starlark.Value, error) {
	switch x := v.(type) {
	case starlark.Indexable:
		if i, ok := index(key); ok && i < x.Len() {
			return x.Index(i), nil
		}
	case starlark.Mapping:
		var k starlark.Value = starlark.String(key)
		if i, ok := index(key); ok {
			k = starlark.MakeInt(i)
		}
		if e, found, err := x.Get(k); found || err != nil {
			return e, err
		}
	}
	return nil, fmt.Errorf("format: a value of type %s has no element %s", v.Type(), quote(key))
}
