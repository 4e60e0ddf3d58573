package gogen

import (
	"regexp"
	"strings"

	"github.com/gonbd/gonbd/internal/api"
)

var (
	reference = regexp.MustCompile(`\bnbd_([a-z0-9_]+)\(3\)`)
	code      = regexp.MustCompile(`\{([^{}]*)\}`)
	constant  = regexp.MustCompile(`\bLIBNBD_([A-Z0-9_]+)`)
)

// Doc gives the Go doc comment of a call: what the table says, and what
// follows from it.
func Doc(c *api.Call) string { return describe(c, c.Doc()) }

func describe(c *api.Call, d api.Doc) string {
	text := api.GoName(c.Name) + " is nbd_" + c.Name
	if d.Short != "" {
		text += ": " + d.Short
	}
	text += "."
	for _, s := range []string{d.Long, conditions(c), seeAlso(d.SeeAlso)} {
		if s != "" {
			text += "\n\n" + strings.Trim(s, "\n")
		}
	}
	return comment(text)
}

// conditions says when a call may be made, and since when there is one.
func conditions(c *api.Call) string {
	var list []string
	switch {
	case c.States != 0:
		list = append(list, "The handle must be "+strings.Join(c.States.Words(), ", or ")+".")
	case c.Atomic():
		list = append(list, "It may be called from a callback.")
	}
	switch {
	case c.Symbol == "":
		list = append(list, "It is newer than libnbd "+api.Version+".")
	case c.Since != "1.0":
		list = append(list, "It is in libnbd since version "+c.Since+".")
	}
	return strings.Join(list, " ")
}

func seeAlso(names []string) string {
	if len(names) == 0 {
		return ""
	}
	var links []string
	for _, n := range names {
		links = append(links, "nbd_"+n+"(3)")
	}
	return "See also " + strings.Join(links, ", ") + "."
}

// comment makes a comment of text in the table's markup: wrapped paragraphs,
// lists, and verbatim blocks.
func comment(text string) string {
	var out []string
	for para := range strings.SplitSeq(strings.Trim(text, "\n"), "\n\n") {
		if len(out) > 0 {
			out = append(out, "//")
		}
		var prose []string
		prefix := "// "
		flush := func() {
			out = append(out, wrap(strings.Fields(plain(strings.Join(prose, "\n"))), prefix)...)
			prose = nil
		}
		for line := range strings.SplitSeq(para, "\n") {
			switch {
			case strings.HasPrefix(line, "\t"):
				flush()
				out = append(out, "//"+line)
				continue
			case strings.HasPrefix(line, "- "):
				flush()
				prefix = "//   - "
				line = line[2:]
			}
			prose = append(prose, line)
		}
		flush()
	}
	return strings.Join(out, "\n")
}

// plain replaces the markup of prose: calls become links, and names those of
// package libnbd.
func plain(text string) string {
	text = reference.ReplaceAllStringFunc(text, func(s string) string {
		n := reference.FindStringSubmatch(s)[1]
		switch {
		case n == "create":
			return "[Create]"
		case n == "close" || known(n):
			return "[Libnbd." + api.GoName(n) + "]"
		}
		return s
	})
	text = code.ReplaceAllString(text, "$1")
	return constant.ReplaceAllStringFunc(text, func(s string) string {
		name := strings.TrimPrefix(s, "LIBNBD_")
		for _, c := range api.Constants {
			if strings.HasPrefix(c.Name, name) { // of one, or of several: LIBNBD_STRICT_*
				return name
			}
		}
		return s // LIBNBD_DEBUG is a variable of the environment
	})
}

// known says whether package libnbd has a generated method for a call.
func known(name string) bool {
	for _, c := range calls() {
		if c.Name == name {
			return true
		}
	}
	return false
}

// wrap breaks words into lines, of which the first begins with the prefix and
// the others are indented like it.
func wrap(words []string, prefix string) []string {
	const width = 77
	var lines []string
	line := prefix
	for i, w := range words {
		if i > 0 && len(line)+1+len(w) > width && line != prefix {
			lines = append(lines, strings.TrimRight(line, " "))
			prefix = "//" + strings.Repeat(" ", len(prefix)-2)
			line = prefix
		}
		if line != prefix {
			line += " "
		}
		line += w
	}
	if line != prefix {
		lines = append(lines, line)
	}
	return lines
}
