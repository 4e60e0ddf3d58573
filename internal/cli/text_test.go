package cli

import (
	"testing"

	"github.com/spf13/pflag"
)

func TestTextFlags(t *testing.T) {
	for _, test := range []struct{ arg, want string }{
		{"--help", "usage"},
		{"-h", "usage"},
		{"--version", "version"},
		{"-V", "version"},
		{"-hV", "usage"},
		{"--short-options", "-h\n-V\n"},
		{"--long-options", "--help\n--version\n"},
		{"--", ""},
	} {
		f := pflag.NewFlagSet("tool", pflag.ContinueOnError)
		text := TextFlags(f, "h", "usage", "version")
		if _, err := Parse(f, []string{test.arg}); err != nil {
			t.Error(err)
		}
		if got := text(); got != test.want {
			t.Errorf("%s: %q, expected %q", test.arg, got, test.want)
		}
	}
}
