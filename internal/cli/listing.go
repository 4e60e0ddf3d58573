package cli

import (
	"strings"

	"github.com/spf13/pflag"
)

// ListingFlags adds the hidden options --short-options and --long-options, by
// which the completion of a shell asks a tool for its options, as it asks the
// C tools. The function gives the list that is asked for after parsing: an
// option a line, or nothing.
func ListingFlags(flags *pflag.FlagSet) (list func() string) {
	const short, long = "short-options", "long-options"
	for _, name := range []string{short, long} {
		flags.Bool(name, false, name)
		flags.Lookup(name).Hidden = true
	}
	given := func(name string) bool { return flags.Lookup(name).Changed }
	return func() string {
		var b strings.Builder
		flags.VisitAll(func(f *pflag.Flag) {
			switch {
			case f.Name == short || f.Name == long:
			case given(short) && f.Shorthand != "":
				b.WriteString("-" + f.Shorthand + "\n")
			case given(long) && !given(short) && !f.Hidden:
				b.WriteString("--" + f.Name + "\n")
			}
		})
		return b.String()
	}
}
