package nbdattach

import (
	"time"

	"github.com/spf13/pflag"

	"github.com/gonbd/gonbd/internal/cli"
	"github.com/gonbd/gonbd/nbdkernel"
)

const usage = `Attach an NBD server to the kernel, as a disk such as /dev/nbd0.

Usage:
  nbdattach [OPTIONS] URI [DEVICE]    attach, and print the name of the device
  nbdattach --detach DEVICE [-f]      detach, with all that was written saved
  nbdattach --check DEVICE            is it attached? exit with 0 (yes) or 1 (no)
  nbdattach --list                    list what is attached

URI is an NBD URI, such as nbd://HOST/EXPORT or nbd+unix:///EXPORT?socket=PATH.
DEVICE is a path such as /dev/nbd3; without it any free one is taken.

Options:
  -b, --block-size N    the device's block size, 512 or more; default is what
                        the server asks for, or 512
  -C, --connections N   use N connections, if the server allows it; default 4
  -f, --force           detach a device that is in use, too
  -p, --persist         stay, connect anew what breaks, and detach at SIGINT or
                        SIGTERM
  -r, --readonly        make the device read-only
      --timeout T       give up a connection where a request takes longer, such
                        as 10s, and send what was under way there again;
                        default is 30s, for a single connection never
      --wait T          with --persist: have programs wait that long for a
                        server that is gone before they get errors; default 1m
      --auto-detach     detach when the last program closes the device
  -v, --verbose         tell of what happens to connections
      --help            print this and exit
  -V, --version         print the version and exit

It takes root and the kernel's module nbd (modprobe nbd). For TLS, and for a
server that is a command, there is nbdublk.

Examples:
  nbdattach nbd://server/disk
  nbdattach --persist "nbd+unix:///?socket=/run/nbd.sock" /dev/nbd0
  nbdattach --detach /dev/nbd0
`

// options is the command line.
type options struct {
	uri    string
	detach bool
	check  bool
	list   bool
	force  bool

	persist bool
	verbose bool
	config  nbdkernel.Config // but for what needs more than the command line

	text string // that is asked for instead of work
}

func parseOptions(args []string) (*options, error) {
	o := &options{}
	f := pflag.NewFlagSet("nbdattach", pflag.ContinueOnError)
	f.BoolVarP(&o.detach, "detach", "d", false, "detach")
	f.BoolVarP(&o.check, "check", "c", false, "check")
	f.BoolVarP(&o.list, "list", "l", false, "list")
	f.BoolVarP(&o.force, "force", "f", false, "force")
	f.BoolVarP(&o.persist, "persist", "p", false, "persist")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "verbose")
	f.IntVarP(&o.config.Connections, "connections", "C", nbdkernel.DefaultConnections, "connections")
	var blockSize cli.Size
	f.VarP(&blockSize, "block-size", "b", "block size")
	f.BoolVarP(&o.config.ReadOnly, "readonly", "r", false, "read-only")
	f.BoolVar(&o.config.ReadOnly, "read-only", false, "read-only")
	f.DurationVar(&o.config.Timeout, "timeout", 0, "timeout")
	f.DurationVar(&o.config.DeadConnTimeout, "wait", time.Minute, "wait")
	f.BoolVar(&o.config.DetachOnClose, "auto-detach", false, "auto-detach")
	text := cli.TextFlags(f, "", usage, "nbdattach "+cli.Version()+"\n")

	operands, err := cli.Parse(f, args)
	if err != nil {
		return nil, err
	}
	if o.text = text(); o.text != "" {
		return o, nil
	}
	for _, s := range operands {
		if s.IsCommand() {
			return nil, cli.Usagef("the kernel can't reach a command such as %v: nbdublk can", s)
		}
	}
	modes := 0
	for _, set := range []bool{o.detach, o.check, o.list} {
		if set {
			modes++
		}
	}
	switch {
	case modes > 1:
		return nil, cli.Usagef("only one of --detach, --check and --list can be done at a time")
	case o.force && !o.detach:
		return nil, cli.Usagef("--force goes with --detach")
	case f.Changed("wait") && !o.persist:
		return nil, cli.Usagef("--wait goes with --persist: nobody would connect anew")
	case o.config.Connections < 1:
		return nil, cli.Usagef("the number of connections should be 1 or more, is %d", o.config.Connections)
	case o.config.Timeout < 0 || o.config.DeadConnTimeout < 0:
		return nil, cli.Usagef("a time should not be less than 0")
	case blockSize != 0 && (blockSize < 512 || blockSize > 1<<20 || blockSize&(blockSize-1) != 0):
		return nil, cli.Usagef("the block size should be a power of 2 and 512 or more, is %d", blockSize)
	}
	o.config.BlockSize = int(blockSize)
	if !o.persist {
		o.config.DeadConnTimeout = 0
	}
	return o, o.setOperands(operands)
}

func (o *options) setOperands(operands []cli.Source) error {
	switch n := len(operands); {
	case o.list && n > 0:
		return cli.Usagef("--list lists all devices, and takes no more words")
	case o.list:
	case (o.detach || o.check) && n != 1:
		return cli.Usagef("which device? Give one, such as /dev/nbd0")
	case o.detach || o.check:
		o.config.Device = operands[0].Arg
	case n == 0:
		return cli.Usagef("which server? Give an NBD URI")
	case n > 2:
		return cli.Usagef("expected an NBD URI and perhaps a device, but there are also %v", operands[2:])
	default:
		o.uri = operands[0].Arg
		if n == 2 {
			o.config.Device = operands[1].Arg
		}
	}
	return nil
}
