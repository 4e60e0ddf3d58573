package nbdfuse

import (
	"fmt"

	"github.com/spf13/pflag"

	"github.com/gonbd/gonbd/internal/cli"
	"github.com/gonbd/gonbd/internal/source"
)

const usage = `Mount a disk, over NBD, as a file.

Usage:
  nbdfuse [options] MOUNTPOINT[/FILENAME] URI
  nbdfuse [options] MOUNTPOINT[/FILENAME] [ CMD [ARGS ...] ]
  nbdfuse [options] MOUNTPOINT[/FILENAME] --command CMD [ARGS ...]
  nbdfuse [options] MOUNTPOINT[/FILENAME] --fd N
  nbdfuse [options] MOUNTPOINT[/FILENAME] --tcp HOST PORT
  nbdfuse [options] MOUNTPOINT[/FILENAME] --unix SOCKET
  nbdfuse [options] MOUNTPOINT[/FILENAME] --vsock CID PORT

MOUNTPOINT is a folder, in which the file is called nbd if there is no
FILENAME, or a file, over which the disk is mounted. [ CMD ] is started as a
server that knows socket activation, --command one that serves on its standard
input and output. nbdfuse runs until the mount point is unmounted:
  fusermount3 -u MOUNTPOINT

Options:
  -C, --connections N  open up to N connections, where the server allows it and
                       is no command or --fd (default 4)
  -o FUSE-OPTION       options for the mount, such as allow_other: --fuse-help
                       lists them
  -P, --pidfile FILE   write the process ID to FILE when the mount is ready
  -r, --readonly       refuse writes
  -s                   serve one request at a time
  -d, -v, --verbose    tell what happens
      --fuse-help      list the FUSE options and exit
      --help           print this and exit
  -V, --version        print the version and exit

Examples:
  nbdfuse dir nbd://localhost
  nbdfuse -r dir/disk.raw [ qemu-nbd -r -f qcow2 disk.qcow2 ]
`

const (
	defaultConnections = 4
	maxConnections     = 1024
)

// options is the command line.
type options struct {
	mountpoint  string
	server      source.Target
	connections int
	fuse        fuseOptions
	pidfile     string

	readonly, single, verbose bool

	text string // that is asked for instead of work
}

// What pflag would show of an option. Spellings of one option have the same.
const (
	thePidfile  = "pidfile"
	theReadonly = "readonly"
)

func parseOptions(args []string) (*options, error) {
	o := &options{connections: defaultConnections, fuse: defaultFuseOptions()}
	f := pflag.NewFlagSet("nbdfuse", pflag.ContinueOnError)
	f.FuncP("connections", "C", "connections", o.setConnections)
	f.StringVarP(&o.pidfile, "pidfile", "P", "", thePidfile)
	f.StringVar(&o.pidfile, "pid-file", "", thePidfile)
	f.BoolVarP(&o.readonly, "readonly", "r", false, theReadonly)
	f.BoolVar(&o.readonly, "read-only", false, theReadonly)
	f.BoolVarP(&o.verbose, "verbose", "v", false, "verbose")
	wantFuseHelp := f.Bool("fuse-help", false, "FUSE help")
	// These have no long names, which pflag wants: so they get hidden ones.
	f.BoolVarP(&o.verbose, "debug", "d", false, "verbose")
	f.BoolVarP(&o.single, "single-thread", "s", false, "single")
	f.FuncP("fuse-option", "o", "FUSE option", o.fuse.parse)
	for _, name := range []string{"debug", "single-thread", "fuse-option"} {
		f.Lookup(name).Hidden = true
	}
	text := cli.TextFlags(f, "", usage, fmt.Sprintf("nbdfuse %[1]s\ngonbd %[1]s\n", cli.Version()))

	rest, err := cli.ParseLeading(f, args)
	if err != nil {
		return nil, err
	}
	if o.text = text(); o.text == "" && *wantFuseHelp {
		o.text = fuseHelp
	}
	switch {
	case o.text != "":
		return o, nil
	case len(rest) == 0:
		return nil, cli.Usagef("where? Give a mount point, a folder or a file, and a server")
	}
	o.mountpoint = rest[0]
	o.server, err = source.ParseTarget(rest[1:])
	return o, err
}

func (o *options) setConnections(s string) error {
	n, err := cli.ParseSize(s)
	if err != nil || n < 1 || n > maxConnections {
		return cli.Usagef("should be a number of connections from 1 to %d", maxConnections)
	}
	o.connections = int(n)
	return nil
}
