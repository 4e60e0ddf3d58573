package nbdattach

import (
	"strings"
	"testing"

	"github.com/gonbd/gonbd/internal/cli"
	"github.com/gonbd/gonbd/internal/tooltest"
)

var tools = tooltest.Tools{"nbdattach": Run}

// TestUsage has what needs no kernel. What does, package interop/vm tests.
func TestUsage(t *testing.T) {
	for _, test := range []struct{ args, says string }{
		{"", "which server?"},
		{"a b c", "also [c]"},
		{"--detach", "which device?"},
		{"--check a b", "which device?"},
		{"--list a", "no more words"},
		{"--list --check a", "only one of"},
		{"-f nbd://x", "--force goes with --detach"},
		{"--wait 3s nbd://x", "--wait goes with --persist"},
		{"-C 0 nbd://x", "should be 1 or more"},
		{"-b 1000 nbd://x", "power of 2"},
		{"-b 256 nbd://x", "power of 2"},
		{"--timeout -1s nbd://x", "less than 0"},
		{"[ nbdkit null ]", "nbdublk can"},
		{"--no-such", "no option"},
	} {
		r := tools.Run(t, "", append([]string{"nbdattach"}, strings.Fields(test.args)...)...)
		if r.Code != cli.ExitFailure || !strings.Contains(r.Stderr, test.says) || !strings.Contains(r.Stderr, "--help") {
			t.Errorf("%s: exit code %d: %s", test.args, r.Code, r.Stderr)
		}
	}
	for option, want := range map[string]string{"--help": usage, "--version": "nbdattach " + cli.Version() + "\n"} {
		if r := tools.Run(t, "", "nbdattach", option); r.Code != cli.ExitSuccess || r.Stdout != want {
			t.Errorf("%s: exit code %d: %s%s", option, r.Code, r.Stdout, r.Stderr)
		}
	}
}
