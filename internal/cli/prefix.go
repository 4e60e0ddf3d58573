package cli

import (
	"strings"

	"github.com/spf13/pflag"
)

// ParseBefore is Parse for a command line that may end in that of another
// program. It asks stop before each thing to work on, with the number of those
// before it; where the answer is yes, that and all behind it is the rest, in
// which nothing is an option. The options before have been set by then.
func ParseBefore(flags *pflag.FlagSet, args []string, stop func(things int) bool) (list []Source, rest []string, err error) {
	options := true
	for len(args) > 0 {
		n := 1 // words to take
		switch a := args[0]; {
		case options && a == "--":
			options = false
		case options && a != "-" && strings.HasPrefix(a, "-"):
			if a, n, err = option(flags, a); err != nil {
				return nil, nil, err
			}
			n = min(n, len(args))
			if err := flags.Parse(append([]string{a}, args[1:n]...)); err != nil {
				return nil, nil, Usagef("%v", err)
			}
		case stop(len(list)):
			return list, args, nil
		default:
			if a == "[" {
				n, _ = commandLength(args)
			}
			things, err := Sources(args[:n])
			if err != nil {
				return nil, nil, err
			}
			list = append(list, things...)
		}
		args = args[n:]
	}
	return list, nil, nil
}
