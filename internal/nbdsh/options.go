package nbdsh

import (
	"errors"
	"strings"

	"github.com/spf13/pflag"

	"github.com/gonbd/gonbd/internal/cli"
)

// exitUsage is the exit code for options that don't exist, as the C tool has
// it.
const exitUsage = 2

const usage = `Talk to NBD servers in the libnbd API, from Starlark, whose syntax is Python's.

Usage:
  nbdsh [options]
  nbdsh [options] SCRIPT [ARGUMENT...]

Without -c and SCRIPT this is a shell with a prompt, or, where standard input is
no terminal, a script is read from there.

Options (commands, connecting and negotiating happen in the order given):
      --base-allocation   ask for the metadata context base:allocation
  -c, --command COMMAND   run a command, or with - what standard input has;
                          may be given several times
  -h, --help              print this and exit
  -n, --no-handle         do not create the handle h
      --opt-mode          let options be negotiated, before an export is opened
  -u, --uri URI           connect h to a server
  -v, --verbose           print debugging messages
  -V, --version           print the version and exit

Examples:
  nbdsh -u nbd://localhost -c 'print(h.get_size())'
  nbdsh -c 'h.connect_command(["nbdkit", "-s", "memory", "1G"])' -c 'h.zero(512, 0)'
  nbdsh --base-allocation -u nbd://localhost script.nbdsh
`

// step is something to do before or instead of the prompt.
type step struct {
	kind stepKind
	arg  string
}

type stepKind int

const (
	stepCommand stepKind = iota
	stepURI
	stepOptMode
	stepBaseAllocation
)

// options is the command line.
type options struct {
	steps   []step
	command bool     // there is a command, so no prompt
	argv    []string // the script and its arguments

	noHandle, verbose bool
	help, version     bool
	listing           string
}

func parseOptions(args []string) (*options, error) {
	o := new(options)
	f := pflag.NewFlagSet("nbdsh", pflag.ContinueOnError)
	add := func(kind stepKind) func(string) error {
		return func(arg string) error {
			o.steps = append(o.steps, step{kind, arg})
			return nil
		}
	}
	f.BoolFunc("base-allocation", "base allocation", add(stepBaseAllocation))
	f.FuncP("command", "c", "command", add(stepCommand))
	f.FuncP("connect", "", "uri", add(stepURI))
	f.BoolVarP(&o.help, "help", "h", false, "help")
	f.BoolVarP(&o.noHandle, "no-handle", "n", false, "no handle")
	f.BoolFunc("opt-mode", "opt mode", add(stepOptMode))
	f.FuncP("uri", "u", "uri", add(stepURI))
	f.BoolVarP(&o.verbose, "verbose", "v", false, "verbose")
	f.BoolVarP(&o.version, "version", "V", false, "version")
	list := cli.ListingFlags(f)

	wrong := func(err error) (*options, error) { return nil, &cli.ExitError{Code: exitUsage, Err: err} }
	rest, err := cli.ParseLeading(f, args)
	if err != nil {
		return wrong(err)
	}
	connecting := false
	for _, s := range o.steps {
		if s.kind == stepCommand {
			o.command = true
		} else {
			connecting = true
		}
	}
	o.argv = rest
	// The option's name of old is for old scripts.
	if o.listing = strings.Replace(list(), "--connect\n", "", 1); o.help || o.listing != "" {
		return o, nil
	}
	switch {
	case len(rest) > 0 && o.command:
		return wrong(cli.Usagef("there is a command by -c, and a script %q: only one of them can be run", rest[0]))
	case o.noHandle && connecting:
		return nil, errors.New("-n option cannot be used with --base-allocation, --opt-mode or --uri")
	}
	return o, nil
}
