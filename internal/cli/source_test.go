package cli

import (
	"reflect"
	"strings"
	"testing"
)

func TestSources(t *testing.T) {
	tests := []struct {
		args string
		want []Source
	}{
		{"", nil},
		{"a b", []Source{{Arg: "a"}, {Arg: "b"}}},
		{"[ x ] b", []Source{{Command: []string{"x"}}, {Arg: "b"}}},
		{"a [ x -y ]", []Source{{Arg: "a"}, {Command: []string{"x", "-y"}}}},
		{"[ x [ y ] z ] [ w ]", []Source{{Command: []string{"x", "[", "y", "]", "z"}}, {Command: []string{"w"}}}},
		{"[x] [y", []Source{{Arg: "[x]"}, {Arg: "[y"}}},
	}
	for _, test := range tests {
		args := strings.Fields(test.args)
		got, err := Sources(args)
		if err != nil || !reflect.DeepEqual(got, test.want) {
			t.Errorf("Sources(%q) = %+v, %v; want %+v", test.args, got, err, test.want)
		}
		var words []string
		for _, s := range got {
			words = append(words, s.String())
			if s.IsCommand() != strings.HasPrefix(s.String(), "[ ") {
				t.Errorf("Sources(%q): %v: IsCommand() = %v", test.args, s, s.IsCommand())
			}
		}
		if s := strings.Join(words, " "); s != test.args {
			t.Errorf("Sources(%q) written again: %q", test.args, s)
		}
	}
}

// The command is the caller's own.
func TestSourcesCopies(t *testing.T) {
	args := []string{"[", "x", "]"}
	got, err := Sources(args)
	if err != nil {
		t.Fatal(err)
	}
	args[1] = "changed"
	if got[0].Command[0] != "x" {
		t.Errorf("the command changed with the arguments: %v", got[0])
	}
}
