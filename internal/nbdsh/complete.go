package nbdsh

import (
	"slices"
	"strings"

	"go.starlark.net/starlark"
)

// keywords are completed beside names.
var keywords = []string{"and", "assert", "break", "continue", "def", "elif", "else", "for", "if", "import", "in", "lambda", "not", "or", "pass", "return", "while"}

// complete gives what can be inserted behind a piece of a line, and, if there
// are several things that could follow, these.
func (sh *shell) complete(before string) (insert string, choices []string) {
	word := before[strings.LastIndexFunc(before, func(r rune) bool {
		return r != '.' && r != '_' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	})+1:]
	path := strings.Split(word, ".")
	prefix := path[len(path)-1]
	var names []string
	if len(path) == 1 {
		names = append(sh.in.Names(), keywords...)
	} else {
		v := sh.in.Lookup(path[0])
		for _, name := range path[1 : len(path)-1] {
			x, ok := v.(starlark.HasAttrs)
			if !ok {
				return "", nil
			}
			var err error
			if v, err = x.Attr(name); err != nil {
				return "", nil
			}
		}
		x, ok := v.(starlark.HasAttrs)
		if !ok {
			return "", nil
		}
		names = x.AttrNames()
	}
	names = slices.DeleteFunc(slices.Clone(names), func(n string) bool { return !strings.HasPrefix(n, prefix) })
	slices.Sort(names)
	names = slices.Compact(names)
	if len(names) == 0 {
		return "", nil
	}
	common := names[0]
	for _, n := range names {
		for !strings.HasPrefix(n, common) {
			common = common[:len(common)-1]
		}
	}
	insert = common[len(prefix):]
	if insert != "" || len(names) == 1 {
		return insert, nil
	}
	return "", names
}
