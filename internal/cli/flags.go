package cli

import (
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// Parse reads a command line of options and things to work on, in any order
// as getopt_long(3) has it: "--" ends the options, and a long option may be
// cut short to what is still like no other. What stands between brackets
// belongs to the command there.
//
// The set's own handling of operands is not used. All errors are of the type
// *Usage.
func Parse(flags *pflag.FlagSet, args []string) ([]Source, error) {
	var options, operands []string
	for len(args) > 0 {
		n := 1 // words to take
		switch a := args[0]; {
		case a == "--":
			operands = append(operands, args[1:]...)
			args = nil
			continue
		case a == "[":
			n, _ = commandLength(args)
			operands = append(operands, args[:n]...)
		case a == "-" || !strings.HasPrefix(a, "-"):
			operands = append(operands, a)
		default:
			var err error
			a, n, err = option(flags, a)
			if err != nil {
				return nil, err
			}
			n = min(n, len(args))
			options = append(append(options, a), args[1:n]...)
		}
		args = args[n:]
	}
	if err := flags.Parse(options); err != nil {
		return nil, Usagef("%v", err)
	}
	return Sources(operands)
}

// ParseLeading reads the options that stand before the first word that is
// none, or before "--", and gives the words behind them. It is for tools that
// run something that has options of its own.
func ParseLeading(flags *pflag.FlagSet, args []string) ([]string, error) {
	var options []string
	for len(args) > 0 && args[0] != "-" && strings.HasPrefix(args[0], "-") {
		if args[0] == "--" {
			args = args[1:]
			break
		}
		a, n, err := option(flags, args[0])
		if err != nil {
			return nil, err
		}
		n = min(n, len(args))
		options = append(append(options, a), args[1:n]...)
		args = args[n:]
	}
	if err := flags.Parse(options); err != nil {
		return nil, Usagef("%v", err)
	}
	return args, nil
}

// option gives an option with its name written out, and the number of words
// that it and its value take up.
func option(flags *pflag.FlagSet, a string) (string, int, error) {
	if short, ok := strings.CutPrefix(a, "-"); ok && !strings.HasPrefix(short, "-") {
		for i := range len(short) {
			f := flags.ShorthandLookup(short[i : i+1])
			switch {
			case f == nil:
				return "", 0, Usagef("there is no option -%c", short[i])
			case f.NoOptDefVal == "" && i == len(short)-1:
				return a, 2, nil
			case f.NoOptDefVal == "":
				return a, 1, nil // the rest is the value
			}
		}
		return a, 1, nil
	}
	name, value, hasValue := strings.Cut(a[2:], "=")
	f, err := lookup(flags, name)
	if err != nil {
		return "", 0, err
	}
	switch {
	case hasValue && strings.HasPrefix(f.Value.Type(), "bool"): // or boolfunc
		return "", 0, Usagef("the option --%s takes no value, but was given %q", f.Name, value)
	case hasValue:
		return "--" + f.Name + "=" + value, 1, nil
	case f.NoOptDefVal == "":
		return "--" + f.Name, 2, nil
	}
	return "--" + f.Name, 1, nil
}

// lookup finds the long option that a name, perhaps cut short, means.
func lookup(flags *pflag.FlagSet, name string) (*pflag.Flag, error) {
	if f := flags.Lookup(name); f != nil {
		return f, nil
	}
	var found []*pflag.Flag
	var names []string
	flags.VisitAll(func(f *pflag.Flag) {
		if name == "" || !strings.HasPrefix(f.Name, name) {
			return
		}
		names = append(names, "--"+f.Name)
		// Other spellings of the same option are no other option.
		if !slices.ContainsFunc(found, func(g *pflag.Flag) bool { return f.Usage == g.Usage }) {
			found = append(found, f)
		}
	})
	switch len(found) {
	case 0:
		return nil, Usagef("there is no option --%s", name)
	case 1:
		return found[0], nil
	}
	return nil, Usagef("the option --%s could be any of %s", name, strings.Join(names, ", "))
}
