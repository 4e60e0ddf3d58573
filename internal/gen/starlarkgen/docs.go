package starlarkgen

import (
	"regexp"
	"strings"

	"github.com/gonbd/gonbd/internal/api"
	"github.com/gonbd/gonbd/internal/gen/gogen"
)

var (
	reference = regexp.MustCompile(`\bnbd_([a-z0-9_]+)\(3\)`)
	code      = regexp.MustCompile(`\{([^{}]*)\}`)
	constant  = regexp.MustCompile(`\bLIBNBD_([A-Z0-9_]+)`)
)

// Docs gives internal/nbdmodule/docs_gen.go.
func Docs() []byte {
	var w writer
	w.f("%s\n", notice)
	w.f("package nbdmodule\n")
	w.f("// docs is what there is to read about each method: its parameters, and a\n// description.")
	w.f("var docs = map[string]doc{")
	for _, c := range calls() {
		w.f("%q: {params: %q, text: %s},", c.Name, Params(c), "`"+text(c)+"`")
	}
	w.f("}")
	w.f("\n// constantDocs says what each constant means.\nvar constantDocs = map[string]string{")
	for _, c := range api.Constants {
		w.f("%q: %q,", c.Name, plain(c.Doc))
	}
	w.f("}")
	return gogen.Format(w.String())
}

// text gives the description of a call.
func text(c *api.Call) string {
	d := c.Doc()
	parts := []string{strings.ToUpper(d.Short[:1]) + d.Short[1:] + "."}
	if long := strings.Trim(d.Long, "\n"); long != "" {
		parts = append(parts, long)
	}
	var notes []string
	if c.States != 0 {
		notes = append(notes, "The handle must be "+strings.Join(c.States.Words(), ", or ")+".")
	}
	if len(c.Flags) > 0 {
		var names []string
		for _, f := range c.Flags {
			names = append(names, "nbd."+f)
		}
		notes = append(notes, "Flags: "+strings.Join(names, ", ")+".")
	}
	if len(notes) > 0 {
		parts = append(parts, strings.Join(notes, " "))
	}
	if len(d.SeeAlso) > 0 {
		var names []string
		for _, n := range d.SeeAlso {
			names = append(names, "nbd_"+n+"(3)")
		}
		parts = append(parts, "See also "+strings.Join(names, ", ")+".")
	}
	return wrapAll(plain(strings.Join(parts, "\n\n")))
}

// plain replaces the markup of prose: calls are methods here.
func plain(s string) string {
	s = reference.ReplaceAllStringFunc(s, func(s string) string {
		switch n := reference.FindStringSubmatch(s)[1]; n {
		case "create":
			return "nbd.NBD()"
		case "get_error", "get_errno":
			return "nbd.catch"
		default:
			return "h." + n
		}
	})
	s = code.ReplaceAllString(s, "$1")
	s = constant.ReplaceAllStringFunc(s, func(s string) string {
		if s == "LIBNBD_DEBUG" { // a variable of the environment
			return s
		}
		return "nbd." + strings.TrimPrefix(s, "LIBNBD_")
	})
	return strings.ReplaceAll(s, "`", "'")
}

// wrapAll breaks the lines of paragraphs and lists.
func wrapAll(s string) string {
	var out []string
	for para := range strings.SplitSeq(s, "\n\n") {
		var block []string // what is wrapped together
		indent := ""
		flush := func() {
			if len(block) > 0 {
				out = append(out, wrap(strings.Fields(strings.Join(block, " ")), indent)...)
			}
			block = nil
		}
		if len(out) > 0 {
			out = append(out, "")
		}
		for line := range strings.SplitSeq(para, "\n") {
			switch {
			case strings.HasPrefix(line, "\t"):
				flush()
				out = append(out, "    "+line[1:])
				continue
			case strings.HasPrefix(line, "- "):
				flush()
				indent = "  "
			}
			block = append(block, line)
		}
		flush()
	}
	return strings.Join(out, "\n")
}

// wrap breaks words into lines, of which those behind the first are indented.
func wrap(words []string, indent string) []string {
	const width = 76
	var lines []string
	line := ""
	for _, w := range words {
		if line != "" && len(line)+1+len(w) > width {
			lines = append(lines, line)
			line = indent
			line += w
			continue
		}
		if line != "" {
			line += " "
		}
		line += w
	}
	return append(lines, line)
}
