package dialect

import (
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"go.starlark.net/starlark"
)

// percent is the % operator behind a string.
func percent(format string, operand starlark.Value) (string, error) {
	args, isTuple := operand.(starlark.Tuple)
	if !isTuple {
		args = starlark.Tuple{operand}
	}
	mapping, _ := operand.(*starlark.Dict)
	used := 0
	next := func() (starlark.Value, error) {
		if used >= len(args) {
			return nil, errors.New("not enough arguments for format string")
		}
		used++
		return args[used-1], nil
	}
	var b strings.Builder
	for format != "" {
		i := strings.IndexByte(format, '%')
		if i < 0 {
			b.WriteString(format)
			break
		}
		b.WriteString(format[:i])
		format = format[i+1:]
		c, rest, err := parseConversion(format, mapping, next)
		if err != nil {
			return "", err
		}
		format = rest
		if c.verb == '%' {
			b.WriteByte('%')
			continue
		}
		if c.value == nil {
			if c.value, err = next(); err != nil {
				return "", err
			}
		}
		text, err := c.text()
		if err != nil {
			return "", err
		}
		b.WriteString(text)
	}
	if used < len(args) && mapping == nil {
		return "", errors.New("not all arguments converted during string formatting")
	}
	return b.String(), nil
}

// conversion is one %: the specification, the letter, and the value, which
// is nil if it is the next argument.
type conversion struct {
	spec
	zero, left bool
	verb       byte
	value      starlark.Value
}

// parseConversion reads what stands behind a percent sign. A width or
// precision of * takes an argument.
func parseConversion(s string, mapping *starlark.Dict, next func() (starlark.Value, error)) (c conversion, rest string, err error) {
	c.spec = spec{fill: ' ', precision: -1}
	if key, ok := strings.CutPrefix(s, "("); ok {
		key, s, ok = strings.Cut(key, ")")
		if !ok {
			return c, "", errors.New("incomplete format key")
		}
		if mapping == nil {
			return c, "", errors.New("format requires a mapping")
		}
		v, found, err := mapping.Get(starlark.String(key))
		if err != nil {
			return c, "", err
		}
		if !found {
			return c, "", fmt.Errorf("key %s not found", quote(key))
		}
		c.value = v
	}
flags:
	for ; s != ""; s = s[1:] {
		switch s[0] {
		case '0':
			c.zero = true
		case '-':
			c.left = true
		case '#':
			c.alternate = true
		case '+':
			c.sign = '+'
		case ' ':
			if c.sign == 0 {
				c.sign = ' '
			}
		default:
			break flags
		}
	}
	number := func() (int, error) {
		if strings.HasPrefix(s, "*") {
			s = s[1:]
			v, err := next()
			if err != nil {
				return 0, err
			}
			n, err := starlark.AsInt32(v)
			if err != nil || n > maxWidth || n < -maxWidth {
				return 0, errors.New("* wants an int")
			}
			return n, nil
		}
		i := 0
		for i < len(s) && s[i] >= '0' && s[i] <= '9' {
			i++
		}
		digits := s[:i]
		s = s[i:]
		if digits == "" {
			return 0, nil
		}
		n, err := strconv.Atoi(digits)
		if err != nil || n > maxWidth {
			return 0, fmt.Errorf("width or precision %s is too big", digits)
		}
		return n, nil
	}
	if c.width, err = number(); err != nil {
		return c, "", err
	}
	if c.width < 0 {
		c.left, c.width = true, -c.width
	}
	if strings.HasPrefix(s, ".") {
		s = s[1:]
		if c.precision, err = number(); err != nil {
			return c, "", err
		}
		c.precision = max(c.precision, 0)
	}
	s = strings.TrimLeft(s, "hlL")
	if s == "" {
		return c, "", errors.New("incomplete format")
	}
	c.verb = s[0]
	return c, s[1:], nil
}

// text formats the value.
func (c conversion) text() (string, error) {
	p := c.spec
	if c.left {
		p.align = '<'
	}
	number := func() {
		if c.zero && !c.left {
			p.fill, p.align = '0', '='
		}
	}
	switch c.verb {
	case 's', 'r', 'a':
		s := Repr(c.value)
		if c.verb == 's' {
			s = Str(c.value)
		}
		if p.align == 0 {
			p.align = '>'
		}
		return p.text(s)
	case 'c':
		if s, ok := c.value.(starlark.String); ok {
			if len([]rune(string(s))) != 1 {
				return "", errors.New("%c requires an int or a character")
			}
			return p.pad("", string(s), '>'), nil
		}
		n, ok := c.value.(starlark.Int)
		if !ok {
			return "", errors.New("%c requires an int or a character")
		}
		p.verb, p.precision = 'c', -1
		if p.align == 0 {
			p.align = '>'
		}
		return p.integer(n.BigInt())
	case 'd', 'i', 'u', 'x', 'X', 'o':
		n, err := c.integer()
		if err != nil {
			return "", err
		}
		number()
		if p.verb = c.verb; p.verb == 'i' || p.verb == 'u' {
			p.verb = 'd'
		}
		if p.precision >= 0 { // so many digits
			q := spec{fill: '0', align: '=', width: p.precision, precision: -1, verb: p.verb}
			digits, err := q.integer(new(big.Int).Abs(n))
			if err != nil {
				return "", err
			}
			prefix := ""
			if p.alternate && p.verb != 'd' {
				prefix = "0" + string(p.verb)
			}
			return p.pad(p.signOf(n.Sign() < 0)+prefix, digits, '>'), nil
		}
		return p.integer(n)
	case 'e', 'E', 'f', 'F', 'g', 'G':
		f, ok := starlark.AsFloat(c.value)
		if !ok {
			return "", fmt.Errorf("%%%c format: a real number is required, not %s", c.verb, c.value.Type())
		}
		number()
		p.verb = c.verb
		return p.float(f)
	}
	return "", fmt.Errorf("unsupported format character %q", c.verb)
}

// integer gives the number for a conversion to an integer.
func (c conversion) integer() (*big.Int, error) {
	switch v := c.value.(type) {
	case starlark.Int:
		return v.BigInt(), nil
	case starlark.Bool:
		if v {
			return big.NewInt(1), nil
		}
		return new(big.Int), nil
	case starlark.Float:
		if n, err := starlark.NumberToInt(v); err == nil && (c.verb == 'd' || c.verb == 'i' || c.verb == 'u') {
			return n.BigInt(), nil
		}
	}
	return nil, fmt.Errorf("%%%c format: a number is required, not %s", c.verb, c.value.Type())
}
