package cli

import (
	"testing"

	"github.com/spf13/pflag"
)

func TestListingFlags(t *testing.T) {
	for _, test := range []struct{ arg, want string }{
		{"--short-options", "-V\n-y\n"},
		{"--long-options", "--fast\n--version\n--yes\n"},
		{"--yes", ""},
	} {
		f := pflag.NewFlagSet("tool", pflag.ContinueOnError)
		f.BoolP("version", "V", false, "")
		f.BoolP("yes", "y", false, "")
		f.Bool("fast", false, "")
		list := ListingFlags(f)
		if _, err := Parse(f, []string{test.arg}); err != nil {
			t.Error(err)
		}
		if got := list(); got != test.want {
			t.Errorf("%s: %q, expected %q", test.arg, got, test.want)
		}
	}
}
