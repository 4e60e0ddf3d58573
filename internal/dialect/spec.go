package dialect

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.starlark.net/starlark"
)

// spec is how a value is to be formatted: what stands behind the colon of a
// replacement field, or between the percent sign and the letter.
type spec struct {
	fill      rune
	align     byte // one of "<>=^", or 0 for what the type has
	sign      byte // one of "+- ", or 0
	alternate bool
	width     int
	group     byte // one of ",_", or 0
	precision int  // -1: none given
	verb      byte // 0: none given
}

// maxWidth bounds widths and precisions: nobody reads longer ones.
const maxWidth = 1 << 20

// parseSpec reads a format specification: "#010x", "*>8", ",.2f".
func parseSpec(s string) (spec, error) {
	p := spec{fill: ' ', precision: -1}
	rest := s
	bad := func() (spec, error) { return p, fmt.Errorf("invalid format specifier %s", quote(s)) }
	isAlign := func(s string) bool { return s != "" && strings.IndexByte("<>=^", s[0]) >= 0 }
	if r, n := utf8.DecodeRuneInString(rest); n > 0 && isAlign(rest[n:]) {
		p.fill, p.align = r, rest[n]
		rest = rest[n+1:]
	} else if isAlign(rest) {
		p.align = rest[0]
		rest = rest[1:]
	}
	take := func(set string) byte {
		if rest == "" || strings.IndexByte(set, rest[0]) < 0 {
			return 0
		}
		c := rest[0]
		rest = rest[1:]
		return c
	}
	number := func() (int, bool) {
		i := 0
		for i < len(rest) && rest[i] >= '0' && rest[i] <= '9' {
			i++
		}
		n, err := strconv.Atoi(rest[:i])
		rest = rest[i:]
		return n, i > 0 && err == nil && n <= maxWidth
	}
	p.sign = take("+- ")
	p.alternate = take("#") != 0
	if take("0") != 0 && p.align == 0 {
		p.fill, p.align = '0', '='
	}
	if rest != "" && rest[0] >= '0' && rest[0] <= '9' {
		var ok bool
		if p.width, ok = number(); !ok {
			return bad()
		}
	}
	p.group = take(",_")
	if take(".") != 0 {
		var ok bool
		if p.precision, ok = number(); !ok {
			return bad()
		}
	}
	p.verb = take("bcdeEfFgGnosxX%")
	if rest != "" {
		return bad()
	}
	return p, nil
}

// format formats a value.
func (p spec) format(v starlark.Value) (string, error) {
	switch x := v.(type) {
	case starlark.Bool:
		if p.verb == 0 || p.verb == 's' {
			return p.text(Str(v))
		}
		n := 0
		if x {
			n = 1
		}
		return p.integer(big.NewInt(int64(n)))
	case starlark.Int:
		switch p.verb {
		case 'e', 'E', 'f', 'F', 'g', 'G', '%':
			return p.float(float64(x.Float()))
		case 's':
			return "", fmt.Errorf("unknown format code 's' for an int")
		}
		return p.integer(x.BigInt())
	case starlark.Float:
		return p.float(float64(x))
	}
	if p.verb != 0 && p.verb != 's' {
		return "", fmt.Errorf("unknown format code '%c' for a value of type %s", p.verb, v.Type())
	}
	return p.text(Str(v))
}

func (p spec) text(s string) (string, error) {
	if p.align == '=' {
		if p.fill != '0' {
			return "", fmt.Errorf("'=' alignment is for numbers only")
		}
		p.align = '<'
	}
	if p.precision >= 0 {
		if r := []rune(s); len(r) > p.precision {
			s = string(r[:p.precision])
		}
	}
	return p.pad("", s, '<'), nil
}

func (p spec) integer(n *big.Int) (string, error) {
	base, prefix, every := 10, "", 3
	switch p.verb {
	case 'c':
		if !n.IsInt64() || n.Int64() < 0 || n.Int64() > utf8.MaxRune {
			return "", fmt.Errorf("%%c needs the number of a character, not %v", n)
		}
		return p.pad("", string(rune(n.Int64())), '<'), nil
	case 'b':
		base, prefix, every = 2, "0b", 4
	case 'o':
		base, prefix, every = 8, "0o", 4
	case 'x':
		base, prefix, every = 16, "0x", 4
	case 'X':
		base, prefix, every = 16, "0X", 4
	}
	if p.precision >= 0 {
		return "", fmt.Errorf("precision is not allowed for an int")
	}
	digits := new(big.Int).Abs(n).Text(base)
	if p.verb == 'X' {
		digits = strings.ToUpper(digits)
	}
	if !p.alternate {
		prefix = ""
	}
	return p.pad(p.signOf(n.Sign() < 0)+prefix, p.grouped(digits, every), '>'), nil
}

func (p spec) float(f float64) (string, error) {
	verb, precision := p.verb, p.precision
	abs := math.Abs(f)
	var digits string
	switch {
	case verb == 'b' || verb == 'c' || verb == 'd' || verb == 'o' || verb == 'x' || verb == 'X' || verb == 's':
		return "", fmt.Errorf("unknown format code '%c' for a float", verb)
	case math.IsInf(f, 0) || math.IsNaN(f):
		digits = floatText(abs)
	case verb == 0 && precision < 0:
		digits = floatText(abs)
	default:
		percent := ""
		switch {
		case verb == '%':
			verb, abs, percent = 'f', abs*100, "%"
		case verb == 0 || verb == 'n':
			verb = 'g'
		case verb == 'F':
			verb = 'f'
		}
		if precision < 0 {
			precision = 6
		}
		if verb == 'g' || verb == 'G' {
			digits = general(abs, verb, precision, p.alternate)
		} else {
			digits = strconv.FormatFloat(abs, verb, precision, 64)
		}
		digits += percent
	}
	whole := strings.IndexAny(digits, ".e%")
	if whole < 0 {
		whole = len(digits)
	}
	return p.pad(p.signOf(math.Signbit(f)), p.grouped(digits[:whole], 3)+digits[whole:], '>'), nil
}

// general is %g of C: without the zeroes at the end that say nothing.
func general(f float64, verb byte, precision int, keep bool) string {
	precision = max(precision, 1)
	s := strconv.FormatFloat(f, 'e', precision-1, 64)
	exp, err := strconv.Atoi(s[strings.IndexByte(s, 'e')+1:])
	if err != nil {
		return s
	}
	tail := ""
	if exp < -4 || exp >= precision {
		i := strings.IndexByte(s, 'e')
		s, tail = s[:i], s[i:]
	} else {
		s = strconv.FormatFloat(f, 'f', precision-1-exp, 64)
	}
	if !keep && strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	if verb == 'G' {
		tail = strings.ToUpper(tail)
	}
	return s + tail
}

func (p spec) signOf(negative bool) string {
	switch {
	case negative:
		return "-"
	case p.sign == '+' || p.sign == ' ':
		return string(p.sign)
	}
	return ""
}

// grouped puts a mark between groups of digits.
func (p spec) grouped(digits string, every int) string {
	if p.group == 0 {
		return digits
	}
	if p.group == ',' {
		every = 3
	}
	var parts []string
	for len(digits) > every {
		parts = append([]string{digits[len(digits)-every:]}, parts...)
		digits = digits[:len(digits)-every]
	}
	return strings.Join(append([]string{digits}, parts...), string(p.group))
}

// pad fills up to the width. The sign stands before the filling if the
// alignment is '='.
func (p spec) pad(sign, s string, align byte) string {
	n := p.width - utf8.RuneCountInString(sign) - utf8.RuneCountInString(s)
	if p.align != 0 {
		align = p.align
	}
	if n <= 0 {
		return sign + s
	}
	fill := func(n int) string { return strings.Repeat(string(p.fill), n) }
	switch align {
	case '<':
		return sign + s + fill(n)
	case '^':
		return fill(n/2) + sign + s + fill(n-n/2)
	case '=':
		return sign + fill(n) + s
	}
	return fill(n) + sign + s
}
