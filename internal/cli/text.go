package cli

import "github.com/spf13/pflag"

// TextFlags adds the options that ask for a text instead of work: --help,
// which may have a short name too, -V or --version, and those of
// ListingFlags. The function gives the text that is asked for after parsing,
// or nothing.
func TextFlags(flags *pflag.FlagSet, shortHelp, usage, version string) (text func() string) {
	wantHelp := flags.BoolP("help", shortHelp, false, "help")
	wantVersion := flags.BoolP("version", "V", false, "version")
	list := ListingFlags(flags)
	return func() string {
		switch {
		case *wantHelp:
			return usage
		case *wantVersion:
			return version
		}
		return list()
	}
}
