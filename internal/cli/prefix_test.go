package cli

import (
	"fmt"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

func TestParseBefore(t *testing.T) {
	for _, test := range []struct{ args, want string }{
		{"", "false 0 [] []"},
		{"-n 1 dev uri", "false 1 [dev uri] []"},
		{"dev -n 1 uri", "false 1 [dev uri] []"},
		{"dev [ cmd -n 1 ] -n 2", "false 2 [dev [ cmd -n 1 ]] []"},
		{"--command dev cmd -n 1 --command", "true 0 [dev] [cmd -n 1 --command]"},
		{"dev --command -n 3 cmd -- [", "true 3 [dev] [cmd -- []"},
		{"- --comm -- -n -n 1", "true 0 [-] [-n -n 1]"},
		{"-- dev -n", "false 0 [dev -n] []"},
		{"--command", "true 0 [] []"},
		{"dev -n", "needs an argument"},
		{"dev -x", "no option"},
		{"dev ]", "without a ["},
		{"dev [ cmd", "no ] behind it"},
		{"-n x dev", "invalid argument"},
	} {
		f := pflag.NewFlagSet("tool", pflag.ContinueOnError)
		command := f.Bool("command", false, "command")
		n := f.IntP("number", "n", 0, "number")
		list, rest, err := ParseBefore(f, strings.Fields(test.args), func(things int) bool { return *command && things == 1 })
		got := fmt.Sprint(*command, *n, list, rest)
		if err != nil {
			if _, ok := err.(*Usage); !ok || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%s: %v, want %s", test.args, err, test.want)
			}
			continue
		}
		if got != test.want {
			t.Errorf("%s: %s, want %s", test.args, got, test.want)
		}
	}
}
