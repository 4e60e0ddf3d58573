package dialect

import (
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.starlark.net/starlark"
)

// Str gives the text of a value, as Python's str does.
func Str(v starlark.Value) string {
	if s, ok := v.(starlark.String); ok {
		return string(s)
	}
	return Repr(v)
}

// Repr gives how a value is written in a program, as Python's repr does.
func Repr(v starlark.Value) string {
	var w reprWriter
	w.value(v)
	return w.String()
}

// reprWriter writes a value, and knows inside of which others it is: a list
// may contain itself.
type reprWriter struct {
	strings.Builder
	path []starlark.Value
}

func (w *reprWriter) value(v starlark.Value) {
	switch v := v.(type) {
	case starlark.String:
		w.WriteString(quote(string(v)))
	case starlark.Float:
		w.WriteString(floatText(float64(v)))
	case *starlark.List:
		w.sequence(v, "[", "]")
	case starlark.Tuple:
		end := ")"
		if len(v) == 1 {
			end = ",)"
		}
		w.elements(v, "(", end)
	case *starlark.Set:
		if v.Len() == 0 {
			w.WriteString("set()")
			return
		}
		w.sequence(v, "{", "}")
	case *starlark.Dict:
		w.nested(v, "{...}", func() {
			w.WriteByte('{')
			for i, item := range v.Items() {
				if i > 0 {
					w.WriteString(", ")
				}
				w.value(item[0])
				w.WriteString(": ")
				w.value(item[1])
			}
			w.WriteByte('}')
		})
	default:
		w.WriteString(v.String())
	}
}

func (w *reprWriter) sequence(v starlark.Iterable, begin, end string) {
	w.nested(v, begin+"..."+end, func() { w.elements(v, begin, end) })
}

func (w *reprWriter) elements(v starlark.Iterable, begin, end string) {
	w.WriteString(begin)
	it := v.Iterate()
	defer it.Done()
	for i, x := 0, starlark.Value(nil); it.Next(&x); i++ {
		if i > 0 {
			w.WriteString(", ")
		}
		w.value(x)
	}
	w.WriteString(end)
}

// nested writes a container, or what stands for it inside of itself.
func (w *reprWriter) nested(v starlark.Value, again string, write func()) {
	for _, p := range w.path {
		if p == v {
			w.WriteString(again)
			return
		}
	}
	w.path = append(w.path, v)
	write()
	w.path = w.path[:len(w.path)-1]
}

// quote writes a string as Python does: in single quotation marks, unless it
// has some and no double ones.
func quote(s string) string {
	mark := byte('\'')
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		mark = '"'
	}
	var b strings.Builder
	b.WriteByte(mark)
	for i, r := range s {
		switch {
		case r == rune(mark) || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == utf8.RuneError && s[i] != 0xef: // no U+FFFD, but a byte that is not UTF-8
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r == ' ' || unicode.IsPrint(r):
			b.WriteRune(r)
		case r < 0x100:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
	}
	b.WriteByte(mark)
	return b.String()
}

// floatText writes a number with as few digits as tell it from all others,
// and so that it is seen to be no integer.
func floatText(f float64) string {
	switch {
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	case math.IsNaN(f):
		return "nan"
	}
	s := strconv.FormatFloat(f, 'e', -1, 64)
	exp, err := strconv.Atoi(s[strings.IndexByte(s, 'e')+1:])
	if err != nil || exp < -4 || exp >= 16 {
		return s
	}
	s = strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// fromHex reads hexadecimal digits, with spaces between the bytes or not.
func fromHex(s string) ([]byte, error) {
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		return nil, fmt.Errorf("fromhex: expected pairs of hexadecimal digits, not %s", quote(s))
	}
	return b, nil
}
