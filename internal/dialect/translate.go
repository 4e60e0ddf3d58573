package dialect

import (
	"fmt"
	"math/big"
	"strings"
)

// translator replaces in the text of a program what Starlark's parser would
// refuse, and leaves the lines where they are:
//
//   - f"..." becomes "...".format(...);
//   - assert becomes a call;
//   - import and from become assignments, of modules that are there;
//   - is and is not become == and !=;
//   - ** between two numbers becomes the power, unless that is very large.
//
// It reads words and strings only, and lets mistakes be: the parser tells of
// them.
type translator struct {
	isModule func(name string) bool

	name    string // of the program, for messages
	number  int    // of the line
	src     string // what is left
	out     strings.Builder
	depth   int    // of brackets
	start   bool   // a statement may begin here
	closing bool   // an assert is to be closed at the end of the statement
	open    string // the quotation marks that end a string of several lines
}

func newTranslator(name string, isModule func(string) bool) *translator {
	return &translator{name: name, isModule: isModule, number: 1, start: true}
}

// translate translates the next lines of a program.
func (t *translator) translate(text string) (string, error) {
	t.src = text
	t.out.Reset()
	for t.src != "" {
		if err := t.token(); err != nil {
			return "", err
		}
	}
	return t.out.String(), nil
}

// finish is what is to stand behind a program that ends without a newline.
func (t *translator) finish() string {
	if t.closing {
		t.closing = false
		return ")"
	}
	return ""
}

func (t *translator) errorf(format string, args ...any) error {
	return lineError(t.name, t.number, format, args...)
}

func lineError(name string, number int, format string, args ...any) error {
	return fmt.Errorf("%s:%d: %s", name, number, fmt.Sprintf(format, args...))
}

// take moves n bytes to the output.
func (t *translator) take(n int) string {
	s := t.src[:n]
	t.out.WriteString(s)
	t.skip(n)
	return s
}

func (t *translator) skip(n int) {
	t.number += strings.Count(t.src[:n], "\n")
	t.src = t.src[n:]
}

// token translates a token.
func (t *translator) token() error {
	if t.open != "" {
		t.insideString()
		return nil
	}
	c := t.src[0]
	switch {
	case c == '\n':
		if t.depth == 0 {
			t.endStatement()
		}
		t.take(1)
	case c == ' ' || c == '\t' || c == '\r' || c == '\f':
		t.take(1)
	case c == '#':
		if t.depth == 0 {
			t.endStatement()
		}
		n := strings.IndexByte(t.src, '\n')
		if n < 0 {
			n = len(t.src)
		}
		t.take(n)
	case c == '\\' && len(t.src) > 1:
		t.take(2)
	case c == ';' && t.depth == 0:
		t.endStatement()
		t.take(1)
	case c == ':' && t.depth == 0:
		t.take(1)
		t.start = true
	case strings.IndexByte("([{", c) >= 0:
		t.depth++
		t.plain(1)
	case strings.IndexByte(")]}", c) >= 0:
		t.depth = max(t.depth-1, 0)
		t.plain(1)
	case c == '"' || c == '\'':
		t.start = false
		t.string()
	case isDigit(c):
		t.start = false
		t.numberToken()
	case isLetter(c):
		return t.word()
	default:
		t.plain(1)
	}
	return nil
}

func (t *translator) plain(n int) {
	t.start = false
	t.take(n)
}

func (t *translator) endStatement() {
	t.out.WriteString(t.finish())
	t.start = true
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isLetter(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

// wordLength is the length of the letters and digits that s begins with.
func wordLength(s string) int {
	n := 0
	for n < len(s) && (isLetter(s[n]) || isDigit(s[n])) {
		n++
	}
	return n
}

// word translates what begins with a letter.
func (t *translator) word() error {
	start := t.start
	t.start = false
	n := wordLength(t.src)
	w := t.src[:n]
	if n < len(t.src) && (t.src[n] == '"' || t.src[n] == '\'') && n <= 2 {
		switch p := strings.ToLower(w); p {
		case "f", "rf", "fr":
			return t.fString(n, p != "f")
		case "u":
			t.skip(1)
			t.string()
			return nil
		case "br", "rb":
			t.skip(2)
			t.out.WriteString("rb")
			t.string()
			return nil
		case "r", "b":
			t.skip(1)
			t.out.WriteString(p)
			t.string()
			return nil
		}
	}
	switch {
	case w == "assert" && start:
		t.take(n)
		t.out.WriteString("(")
		t.closing = true
	case (w == "import" || w == "from") && start:
		return t.imports()
	case w == "is":
		t.skip(n)
		rest := strings.TrimLeft(t.src, " \t")
		if strings.HasPrefix(rest, "not") && wordLength(rest) == 3 {
			t.skip(len(t.src) - len(rest) + 3)
			t.out.WriteString("!=")
		} else {
			t.out.WriteString("==")
		}
	default:
		t.take(n)
	}
	return nil
}

// string translates a string, whose prefix is written.
func (t *translator) string() {
	mark := t.src[:1]
	if strings.HasPrefix(t.src, strings.Repeat(mark, 3)) {
		mark = t.src[:3]
	}
	t.open = mark
	t.take(len(mark))
	t.insideString()
}

// insideString goes on to the end of a string, or of the text.
func (t *translator) insideString() {
	n, closed := stringEnd(t.src, t.open)
	t.take(n)
	if closed || len(t.open) == 1 {
		t.open = ""
	}
}

// stringEnd gives the length of a string's rest with its closing quotation
// marks. If they are not there, it is the length of the line, or of all of s
// where a string may go on in a further line.
func stringEnd(s, mark string) (n int, closed bool) {
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\': // before a quotation mark also in a raw string
			i++
		case strings.HasPrefix(s[i:], mark):
			return i + len(mark), true
		case s[i] == '\n' && len(mark) == 1:
			return i, false
		}
	}
	return len(s), false
}

// maxLiteral bounds the bits of a power that is computed here. A text of many
// larger ones would take for ever to read; pow computes each when it is called.
const maxLiteral = 1 << 12

// numberToken translates a number, and the power of one.
func (t *translator) numberToken() {
	base, n := number(t.src)
	rest := strings.TrimLeft(t.src[n:], " \t")
	if base != nil && strings.HasPrefix(rest, "**") {
		rest = strings.TrimLeft(rest[2:], " \t")
		if rest != "" && isDigit(rest[0]) {
			exp, m := number(rest)
			rest = rest[m:]
			again := strings.HasPrefix(strings.TrimLeft(rest, " \t"), "**")
			if exp != nil && !again && smallPower(base, exp, maxLiteral) {
				t.skip(len(t.src) - len(rest))
				t.out.WriteString(new(big.Int).Exp(base, exp, nil).String())
				return
			}
		}
	}
	t.take(n)
}

// number reads a number. The value is nil if it is no integer.
func number(s string) (*big.Int, int) {
	n := wordLength(s)
	float := false
	for n < len(s) && (s[n] == '.' || (s[n] == '+' || s[n] == '-') && (s[n-1] == 'e' || s[n-1] == 'E') && !strings.HasPrefix(s, "0x")) {
		float = true
		n++
		n += wordLength(s[n:])
	}
	if v, ok := new(big.Int).SetString(strings.ToLower(s[:n]), 0); ok && !float {
		return v, n
	}
	return nil, n
}

// imports translates an import statement.
func (t *translator) imports() error {
	end := strings.IndexAny(t.src, "\n;#")
	if end < 0 {
		end = len(t.src)
	}
	line := t.src[:end]
	t.skip(end)
	var out []string
	// names gives the pairs of "a, b as c".
	names := func(list string) ([][2]string, bool) {
		var pairs [][2]string
		for item := range strings.SplitSeq(list, ",") {
			words := strings.Fields(item)
			switch {
			case len(words) == 1:
				pairs = append(pairs, [2]string{words[0], words[0]})
			case len(words) == 3 && words[1] == "as":
				pairs = append(pairs, [2]string{words[0], words[2]})
			default:
				return nil, false
			}
		}
		return pairs, true
	}
	known := func(module string) error {
		if t.isModule(module) {
			return nil
		}
		return t.errorf("there is no module %s: this is no Python, and has errno, nbd and sys only", module)
	}
	if list, ok := strings.CutPrefix(line, "import"); ok {
		pairs, ok := names(list)
		if !ok {
			return t.errorf("expected names of modules behind import")
		}
		for _, p := range pairs {
			if err := known(p[0]); err != nil {
				return err
			}
			if p[0] != p[1] {
				out = append(out, p[1]+" = "+p[0])
			}
		}
	} else {
		module, list, ok := strings.Cut(strings.TrimPrefix(line, "from"), " import ")
		module = strings.TrimSpace(module)
		list = strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(list), "("), ")")
		pairs, okNames := names(list)
		if !ok || !okNames {
			return t.errorf("expected from MODULE import NAMES")
		}
		if err := known(module); err != nil {
			return err
		}
		for _, p := range pairs {
			out = append(out, p[1]+" = "+module+"."+p[0])
		}
	}
	if len(out) == 0 {
		out = []string{"pass"}
	}
	t.out.WriteString(strings.Join(out, "; "))
	return nil
}
