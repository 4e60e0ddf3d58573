package gogen

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/gonbd/gonbd/internal/api"
)

var (
	constLine  = regexp.MustCompile(`^const (\w+)(?: (\w+))? = (.*)$`)
	methodLine = regexp.MustCompile(`^func \(\w+ (\*\w+)\) (\w+)\((.*?)\) ?(.*)$`)
	funcLine   = regexp.MustCompile(`^func (\w+)(\(.*)$`)
	typeLine   = regexp.MustCompile(`^type (\w+) (.*)$`)
)

// Signatures gives libnbd/signatures_gen_test.go: for each line of the official
// binding's list of declarations, one that compiles, or a test that passes,
// only if package libnbd has it with the same type and value.
func Signatures(list string) []byte {
	var w, consts, kinds writer
	w.f("%s\n", notice)
	w.f("package libnbd\n")
	w.f("import (\n\"reflect\"\n\"syscall\"\n\"testing\"\n\"unsafe\"\n)\n")
	for line := range strings.Lines(list) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		if m := constLine.FindStringSubmatch(line); m != nil {
			want := m[3]
			if m[2] != "" {
				want = m[2] + "(" + want + ")"
			}
			consts.f("{%q, %s, %s},", m[1], m[1], want)
			w.f("const _ = %s", m[1]) // which a variable could not be
			continue
		}
		if m := methodLine.FindStringSubmatch(line); m != nil {
			params := m[1]
			if m[3] != "" {
				params += ", " + types(m[3])
			}
			w.f("var _ func(%s) %s = (%s).%s", params, m[4], m[1], m[2])
			continue
		}
		if m := funcLine.FindStringSubmatch(line); m != nil {
			w.f("var _ func%s = %s", m[2], m[1])
			continue
		}
		m := typeLine.FindStringSubmatch(line)
		switch {
		case m == nil:
			panic("not understood: " + line)
		case strings.Contains(m[2], "C.struct"):
			w.f("var _ *%s", m[1]) // what is inside is nobody's business
		case m[1] == "LibnbdError":
			w.f("var _ = struct{ Op, Errmsg string; Errno syscall.Errno }{LibnbdError{}.Op, LibnbdError{}.Errmsg, LibnbdError{}.Errno}")
		case strings.HasPrefix(m[2], "struct"):
			w.f("var _ = %s(%s{})", fields(m[2]), m[1])
		case strings.HasPrefix(m[2], "func"):
			w.f("var _ %s = %s(nil)", m[2], m[1])
		default:
			// A type of its own, not an alias, of that kind.
			kinds.f("{reflect.TypeFor[%s](), %q, reflect.%s},", m[1], m[1], api.GoName(m[2]))
		}
	}
	w.f("\n// TestConstants compares types and values.\nfunc TestConstants(t *testing.T) {")
	w.f("for _, tt := range []struct {\nname string\ngot, want any\n}{")
	w.f("%s", consts.String())
	w.f("} {\nif tt.got != tt.want {\nt.Errorf(\"%%s is %%T(%%v), want %%T(%%v)\", tt.name, tt.got, tt.got, tt.want, tt.want)\n}\n}\n}\n")
	w.f("// TestTypes compares the types that are numbers.\nfunc TestTypes(t *testing.T) {")
	w.f("for _, tt := range []struct {\ntyp reflect.Type\nname string\nkind reflect.Kind\n}{")
	w.f("%s", kinds.String())
	w.f("} {\nif tt.typ.Name() != tt.name || tt.typ.Kind() != tt.kind {\nt.Errorf(\"%%s is %%s of kind %%s, want kind %%s\", tt.name, tt.typ, tt.typ.Kind(), tt.kind)\n}\n}\n}")
	return w.source()
}

// types takes the names from parameters, which do not matter.
func types(params string) string {
	var list []string
	for p := range strings.SplitSeq(params, ", ") {
		_, typ, _ := strings.Cut(p, " ")
		list = append(list, typ)
	}
	return strings.Join(list, ", ")
}

// fields separates the fields of a structure that the list has on one line.
func fields(s string) string {
	words := strings.Fields(strings.TrimSuffix(strings.TrimPrefix(s, "struct {"), "}"))
	var list []string
	for i := 0; i+1 < len(words); i += 2 {
		list = append(list, fmt.Sprintf("%s %s", words[i], words[i+1]))
	}
	return "struct{ " + strings.Join(list, "; ") + " }"
}
