package dialect

import (
	"fmt"
	"strings"

	"go.starlark.net/syntax"
)

// fString translates a string in which expressions stand in braces: into a
// string in which their numbers do, and its method format.
func (t *translator) fString(prefix int, raw bool) error {
	t.skip(prefix)
	mark := t.src[:1]
	if strings.HasPrefix(t.src, strings.Repeat(mark, 3)) {
		mark = t.src[:3]
	}
	f := &fString{t: t, mark: mark, src: t.src[len(mark):], counted: t.src, number: t.number}
	literal, err := f.literal(mark)
	if err != nil {
		return err
	}
	if raw {
		t.out.WriteByte('r')
	}
	t.out.WriteString(mark + literal + mark)
	if len(f.args) > 0 || strings.ContainsAny(literal, "{}") {
		t.out.WriteString(".format(" + strings.Join(f.args, ", ") + ")")
	}
	t.skip(len(t.src) - len(f.src))
	return nil
}

// fString is such a string while it is read.
type fString struct {
	t       *translator
	mark    string
	src     string // what is left
	args    []string
	counted string // what was left when the lines were counted
	number  int    // of the line then
}

func (f *fString) unclosed() error {
	return f.t.errorf("the f-string has no %s at its end in this line", f.mark)
}

// line is the number of the line that is being read.
func (f *fString) line() int {
	f.number += strings.Count(f.counted[:len(f.counted)-len(f.src)], "\n")
	f.counted = f.src
	return f.number
}

func (f *fString) errorf(format string, args ...any) error {
	return lineError(f.t.name, f.line(), format, args...)
}

// literal reads text with fields up to the end, which is a quotation mark or
// the brace behind a specification.
func (f *fString) literal(end string) (string, error) {
	var out strings.Builder
	for {
		if f.src == "" || f.src[0] == '\n' && len(f.mark) == 1 {
			return "", f.unclosed()
		}
		switch c := f.src[0]; {
		case strings.HasPrefix(f.src, end):
			f.src = f.src[len(end):]
			return out.String(), nil
		case end != "}" && (strings.HasPrefix(f.src, "{{") || strings.HasPrefix(f.src, "}}")):
			out.WriteString(f.src[:2])
			f.src = f.src[2:]
		case c == '{':
			f.src = f.src[1:]
			field, err := f.field()
			if err != nil {
				return "", err
			}
			out.WriteString(field)
		case c == '}':
			return "", f.errorf("a } in an f-string is written }}")
		case c == '\\' && len(f.src) > 1 && f.src[1] != '{' && f.src[1] != '}':
			out.WriteString(f.src[:2])
			f.src = f.src[2:]
		default:
			out.WriteByte(c)
			f.src = f.src[1:]
		}
	}
}

// field reads an expression with its conversion and specification, behind its
// opening brace, and gives what stands for it.
func (f *fString) field() (string, error) {
	n, err := f.expressionLength()
	if err != nil {
		return "", err
	}
	whole := f.src[:n]
	expr, conversion, spec := strings.TrimSpace(whole), "", ""
	e, explained := strings.CutSuffix(expr, "=")
	if explained = explained && e != "" && strings.IndexByte("=!<>", e[len(e)-1]) < 0; explained {
		expr = e
	}
	if expr == "" {
		return "", f.errorf("an f-string has no expression between { and }")
	}
	sub := newTranslator(f.t.name, f.t.isModule)
	sub.number, sub.start = f.line(), false
	text, err := sub.translate(expr)
	if err != nil {
		return "", err
	}
	f.src = f.src[n:]
	// What follows the string stays in its line.
	text += strings.Repeat("\n", strings.Count(whole, "\n")-strings.Count(text, "\n"))
	before := ""
	if explained { // a text of its own, as no escape stands in a raw string
		before = fmt.Sprintf("{%d}", len(f.args))
		f.args = append(f.args, syntax.Quote(whole, false))
	}
	number := len(f.args)
	f.args = append(f.args, "("+text+")")
	if strings.HasPrefix(f.src, "!") {
		n := 1 + wordLength(f.src[1:])
		conversion = f.src[:n]
		f.src = f.src[n:]
	}
	switch {
	case strings.HasPrefix(f.src, ":"):
		f.src = f.src[1:]
		if spec, err = f.literal("}"); err != nil {
			return "", err
		}
		spec = ":" + spec
	case strings.HasPrefix(f.src, "}"):
		f.src = f.src[1:]
		if explained && conversion == "" {
			conversion = "!r"
		}
	default:
		return "", f.errorf("expected } behind an expression in an f-string")
	}
	return fmt.Sprintf("%s{%d%s%s}", before, number, conversion, spec), nil
}

// expressionLength finds the end of an expression: a brace, a colon, or a
// conversion that are not inside of brackets or strings.
func (f *fString) expressionLength() (int, error) {
	depth := 0
	for i := 0; i < len(f.src); i++ {
		c := f.src[i]
		switch {
		case c == '\n' && len(f.mark) == 1:
			return 0, f.unclosed()
		case c == '\'' || c == '"':
			mark := f.src[i : i+1]
			if strings.HasPrefix(f.src[i:], strings.Repeat(mark, 3)) {
				mark = f.src[i : i+3]
			}
			i += len(mark)
			n, closed := stringEnd(f.src[i:], mark)
			if !closed {
				return 0, f.unclosed()
			}
			i += n - 1
		case strings.IndexByte("([{", c) >= 0:
			depth++
		case depth > 0 && strings.IndexByte(")]}", c) >= 0:
			depth--
		case depth == 0 && (c == '}' || c == ':' || c == '!' && !strings.HasPrefix(f.src[i:], "!=")):
			return i, nil
		}
	}
	return 0, f.unclosed()
}
