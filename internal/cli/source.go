package cli

import (
	"slices"
	"strings"
)

// Source is a thing that a tool works on: a URI, a file, or a command in
// brackets that serves one.
type Source struct {
	Arg     string   // as it was written, if it is no command
	Command []string // the command between the brackets
}

// IsCommand says whether the source is a command in brackets.
func (s Source) IsCommand() bool { return s.Command != nil }

// String is the source for messages.
func (s Source) String() string {
	if s.IsCommand() {
		return "[ " + strings.Join(s.Command, " ") + " ]"
	}
	return s.Arg
}

// Sources reads arguments that are things to work on: each a word, or a
// command and its arguments between the words "[" and "]", in which brackets
// may be nested.
func Sources(args []string) ([]Source, error) {
	var list []Source
	for len(args) > 0 {
		if args[0] == "]" {
			return nil, Usagef("there is a ] without a [ before it")
		}
		if args[0] != "[" {
			list = append(list, Source{Arg: args[0]})
			args = args[1:]
			continue
		}
		n, closed := commandLength(args)
		switch {
		case !closed:
			return nil, Usagef("the command after [ has no ] behind it: both must be words of their own")
		case n == 2:
			return nil, Usagef("there is no command between [ and ]")
		}
		list = append(list, Source{Command: slices.Clone(args[1 : n-1])})
		args = args[n:]
	}
	return list, nil
}

// commandLength is the number of words from the "[" that args begins with to
// the "]" that belongs to it. If there is none, it is all of them.
func commandLength(args []string) (n int, closed bool) {
	depth := 0
	for i, a := range args {
		switch a {
		case "[":
			depth++
		case "]":
			depth--
		}
		if depth == 0 {
			return i + 1, true
		}
	}
	return len(args), false
}
