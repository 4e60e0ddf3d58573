package erase

import (
	"fmt"
	"math"

	"github.com/spf13/pflag"

	"github.com/gonbd/gonbd/internal/cli"
)

// exitUsage is the exit code for options that don't exist, as the C tools
// have it.
const exitUsage = 2

const usage = `%s

Usage:
  %s [options] NBD

NBD is a URI, such as nbd://HOST/EXPORT or nbd+unix:///EXPORT?socket=PATH, or a
server to be started that knows socket activation: [ COMMAND ARGUMENTS... ]

All data in the range is PERMANENTLY ERASED. On a terminal you are asked first.

Options:
  -c, --check          change nothing, but exit with 0 if the range is sparse,
                       or with --zero if it reads as zeroes, and with 1 if not
      --fast-zero      zero, but fail where that would be as slow as writing
  -h, --help           print this and exit
  -l, --length LENGTH  erase only so many bytes, instead of all to the end
  -o, --offset OFFSET  begin there. Both take suffixes such as K, M and G
  -q, --quiet          print no warnings, and not where --check finds data
  -v, --verbose        tell what happens
  -V, --version        print the version and exit
  -y, --yes            don't ask, erase
  -z, --zero           zero instead of discarding; nbdzero always does

Examples:
  %[2]s nbd://localhost
  %[2]s --yes -o 1G -l 512M "nbd+unix:///?socket=/tmp/nbd.sock"
  %[2]s --check -- [ qemu-nbd -r -f qcow2 disk.qcow2 ]
`

// options is the command line.
type options struct {
	source cli.Source
	offset int64
	length int64 // at most
	// offsetGiven and lengthGiven say that these are no defaults.
	offsetGiven, lengthGiven bool

	check, zero, fast   bool
	quiet, verbose, yes bool

	text string // that is asked for instead of work
}

func parseOptions(name string, zero bool, args []string) (*options, error) {
	o := &options{length: math.MaxInt64}
	var offset, length string
	f := pflag.NewFlagSet(name, pflag.ContinueOnError)
	f.BoolVarP(&o.check, "check", "c", false, "check")
	f.BoolVar(&o.fast, "fast-zero", false, "fast zero")
	f.StringVarP(&length, "length", "l", "", "length")
	f.StringVarP(&offset, "offset", "o", "", "offset")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "quiet")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "verbose")
	f.BoolVarP(&o.yes, "yes", "y", false, "yes")
	f.BoolVarP(&o.zero, "zero", "z", false, "zero")
	text := cli.TextFlags(f, "h", usageText(name), name+" "+cli.Version()+"\n")

	sources, err := cli.Parse(f, args)
	if err != nil {
		return nil, &cli.ExitError{Code: exitUsage, Err: err}
	}
	o.zero = o.zero || o.fast || zero
	if o.text = text(); o.text != "" {
		return o, nil
	}
	if o.offsetGiven = f.Changed("offset"); o.offsetGiven {
		if o.offset, err = cli.ParseSize(offset); err != nil {
			return nil, cli.Usagef("--offset: %v", err)
		}
	}
	if o.lengthGiven = f.Changed("length"); o.lengthGiven {
		if o.length, err = cli.ParseSize(length); err != nil {
			return nil, cli.Usagef("--length: %v", err)
		}
	}
	switch {
	case len(sources) == 0:
		return nil, cli.Usagef("which disk? Give an NBD URI, or a command between [ and ]")
	case len(sources) > 1:
		return nil, &cli.ExitError{Code: exitUsage, Err: cli.Usagef("one disk can be erased, but there are also %v", sources[1:])}
	}
	o.source = sources[0]
	return o, nil
}

// usageText is the text of --help.
func usageText(name string) string {
	does := "Discard what a disk holds, over NBD."
	if name == "nbdzero" {
		does = "Make a disk read as zeroes, over NBD."
	}
	return fmt.Sprintf(usage, does, name)
}
