package nbddump

import (
	"fmt"
	"math"

	"github.com/spf13/pflag"

	"github.com/gonbd/gonbd/internal/cli"
)

const usage = `Print what a disk holds, over NBD, in hexadecimal and as characters.

Usage:
  nbddump [-n N] [-o N] NBD

NBD is a URI, such as nbd://HOST/EXPORT or nbd+unix:///EXPORT?socket=PATH, or a
server to be started that knows socket activation: [ COMMAND ARGUMENTS... ]

Each line has an offset, 16 bytes, and the same as characters where they are
printable. A line with a star stands for repetitions of the line before it.

Options:
  -n, --length N, --limit N
                      print up to N bytes and stop
  -o, --offset N, --skip N
                      begin at offset N. Both take suffixes such as K, M and G
      --color[=WHEN]  colour the output: always, which is meant where WHEN is
                      left out; never; or auto, for terminals only
      --no-color      don't colour the output
      --help          print this and exit
  -V, --version       print the version and exit

Examples:
  nbddump nbd://localhost
  nbddump -o 1M -n 512 "nbd+unix:///?socket=/tmp/nbd.sock"
  nbddump -- [ qemu-nbd -r -f qcow2 disk.qcow2 ]
`

// options is the command line.
type options struct {
	source cli.Source
	offset int64
	length int64 // at most
	color  cli.ColorMode

	text string // that is asked for instead of work
}

// What pflag would show of an option. Spellings of one option have the same.
const (
	theLength  = "length"
	theOffset  = "offset"
	theColor   = "colour"
	theNoColor = "no colour"
)

func parseOptions(args []string) (*options, error) {
	o := &options{length: math.MaxInt64}
	f := pflag.NewFlagSet("nbddump", pflag.ContinueOnError)
	f.VarP((*cli.Size)(&o.length), "length", "n", theLength)
	f.Var((*cli.Size)(&o.length), "limit", theLength)
	f.VarP((*cli.Size)(&o.offset), "offset", "o", theOffset)
	f.Var((*cli.Size)(&o.offset), "skip", theOffset)
	for _, name := range []string{"color", "colour", "colors", "colours"} {
		f.Func(name, theColor, o.setColor)
		f.Lookup(name).NoOptDefVal = "always"
		f.BoolFunc("no-"+name, theNoColor, func(string) error { return o.setColor("never") })
	}
	text := cli.TextFlags(f, "", usage, fmt.Sprintf("nbddump %[1]s\ngonbd %[1]s\n", cli.Version()))

	sources, err := cli.Parse(f, args)
	if err != nil {
		return nil, err
	}
	o.text = text()
	switch {
	case o.text != "":
	case len(sources) == 0:
		return nil, cli.Usagef("which disk? Give an NBD URI, or a command between [ and ]")
	case len(sources) > 1:
		return nil, cli.Usagef("one disk can be printed, but there are also %v", sources[1:])
	default:
		o.source = sources[0]
	}
	return o, nil
}

func (o *options) setColor(when string) error {
	mode, ok := map[string]cli.ColorMode{"always": cli.ColorAlways, "auto": cli.ColorAuto, "never": cli.ColorNever}[when]
	if !ok {
		return fmt.Errorf("should be always, auto or never")
	}
	o.color = mode
	return nil
}
