package nbdublk

import (
	"github.com/spf13/pflag"

	"github.com/gonbd/gonbd/internal/cli"
	"github.com/gonbd/gonbd/internal/source"
	"github.com/gonbd/gonbd/internal/ublk"
)

const usage = `Make a block device, such as /dev/ublkb0, of an NBD server.

Usage:
  nbdublk [-C N] [-r] [-v] DEVICE URI
  nbdublk [-C N] [-r] [-v] DEVICE [ COMMAND ARGUMENTS... ]
  nbdublk [-r] [-v] DEVICE --command COMMAND ARGUMENTS...
  nbdublk [-r] [-v] DEVICE --fd N
  nbdublk [-C N] [-r] [-v] DEVICE --tcp HOST PORT
  nbdublk [-C N] [-r] [-v] DEVICE --unix SOCKET
  nbdublk [-C N] [-r] [-v] DEVICE --vsock CID PORT
  nbdublk --delete DEVICE

DEVICE is a path such as /dev/ublkb0, or just its number, or - for any that is
free. URI is an NBD URI, such as nbd://HOST/EXPORT. A COMMAND is a server to be
started: between [ and ] one that knows socket activation, after --command one
that speaks NBD on its standard input and output.

The path of the device is printed when it is there. It goes when nbdublk ends:
at SIGINT or SIGTERM, when all that was written is saved first; when another
nbdublk, or "ublk del", deletes it; and when the server has died, after its
users got errors.

Options:
  -C, --connections N   use N connections, if the server allows it; default 4
      --delete          delete a device, for which all that was written to it
                        is saved; the nbdublk that made it ends
  -r, --readonly        make the device read-only
  -v, --verbose         tell of what happens
      --help            print this and exit
  -V, --version         print the version and exit

It takes root, Linux 6.0 or newer, and the kernel's module ublk_drv (modprobe
ublk_drv).

Examples:
  nbdublk /dev/ublkb0 nbd://server/disk
  nbdublk - [ qemu-nbd -f qcow2 disk.qcow2 ]
`

// defaultConnections is that of the C tool.
const defaultConnections = 4

// options is the command line.
type options struct {
	device      int  // or ublk.AnyID
	remove      bool // the device, and no more
	target      source.Target
	connections int
	readOnly    bool
	verbose     bool

	text string // that is asked for instead of work
}

func parseOptions(args []string) (*options, error) {
	o := &options{}
	f := pflag.NewFlagSet("nbdublk", pflag.ContinueOnError)
	f.IntVarP(&o.connections, "connections", "C", defaultConnections, "connections")
	f.BoolVarP(&o.readOnly, "readonly", "r", false, "read-only")
	f.BoolVar(&o.readOnly, "read-only", false, "read-only")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "verbose")
	text := cli.TextFlags(f, "", usage, "nbdublk "+cli.Version()+"\n")
	f.BoolVar(&o.remove, "delete", false, "delete")

	words, err := cli.ParseLeading(f, args)
	if err != nil {
		return nil, err
	}
	switch o.text = text(); {
	case o.text != "":
		return o, nil
	case o.remove && (len(words) != 1 || words[0] == "-"):
		return nil, cli.Usagef("with --delete there should be one device, such as /dev/ublkb0, but there is %q", words)
	case o.remove:
		return o, o.setDevice(words[0])
	case len(words) == 0:
		return nil, cli.Usagef("which device? Give one, such as /dev/ublkb0, or - for any, and the server")
	case o.connections < 1:
		return nil, cli.Usagef("the number of connections should be 1 or more, is %d", o.connections)
	}
	if o.target, err = source.ParseTarget(words[1:]); err != nil {
		return nil, err
	}
	return o, o.setDevice(words[0])
}

func (o *options) setDevice(name string) (err error) {
	if o.device, err = ublk.ParseDevice(name); err != nil {
		return cli.Usagef("%v", err)
	}
	return nil
}
