package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/gonbd/gonbd/internal/cli"
	"github.com/gonbd/gonbd/nbdcopy"
)

const help = `Copy to and from NBD servers, files, block devices and streams.

Usage:
  nbdcopy [options] SOURCE DESTINATION

SOURCE and DESTINATION are an NBD URI, a file or block device, - for standard
input or output, or [ COMMAND ARGUMENTS... ], an NBD server to be started for
the copy. DESTINATION can be null: too. Put -- before commands with options.

Options:
`

const examples = `
Examples:
  nbdcopy nbd://example.com local.img
  nbdcopy -p local.img nbd://example.com
  nbdcopy -- [ qemu-nbd -r -f qcow2 disk.qcow2 ] disk.img
  nbdcopy nbd://example.com null:
`

// options are the options as they were given.
type options struct {
	copy    nbdcopy.Options
	open    nbdcopy.OpenOptions
	threads int

	blockHash  string // "": none
	hashFile   string // "": standard output
	progress   string // "": none; "bar"; or a file descriptor
	verbose    bool
	version    bool
	help       bool
	listing    string // of options, for completion
	src, dst   cli.Source
	flags      *pflag.FlagSet
	progressFD int
}

func parse(args []string) (*options, error) {
	o := &options{}
	f := pflag.NewFlagSet("nbdcopy", pflag.ContinueOnError)
	f.SortFlags = false
	o.flags = f
	requestSize, queueSize, sparse := cli.Size(nbdcopy.DefaultRequestSize), cli.Size(nbdcopy.DefaultQueueSize), cli.Size(-1)
	f.BoolVar(&o.copy.Allocated, "allocated", false, "make all of the destination allocated, zeroes too")
	f.StringVar(&o.blockHash, "blkhash", "", "print a hash of the blocks of the disk, by md5, sha1, sha256 or sha512; `DIGEST`/SIZE: of blocks of that size (default sha256/64k)")
	f.Lookup("blkhash").NoOptDefVal = "sha256"
	f.Lookup("blkhash").DefValue = ""
	f.StringVar(&o.hashFile, "blkhash-file", "", "print it to `FILE`")
	f.IntVarP(&o.open.Connections, "connections", "C", nbdcopy.DefaultConnections(), "open up to `N` connections to a server that allows several")
	f.BoolVar(&o.copy.DestinationIsZero, "destination-is-zero", false, "the destination reads as zeroes: don't write any")
	f.BoolVar(&o.copy.DestinationIsZero, "target-is-zero", false, "the destination reads as zeroes: don't write any")
	f.Lookup("target-is-zero").Hidden = true
	f.BoolVar(&o.copy.Flush, "flush", false, "make the copy durable before the end")
	f.BoolVar(&o.copy.NoExtents, "no-extents", false, "read all of the source, instead of asking where it is zero")
	f.StringVarP(&o.progress, "progress", "p", "", "show a progress bar, or write N/100 to the file descriptor `FD`")
	f.Lookup("progress").NoOptDefVal = "bar"
	f.Var(&queueSize, "queue-size", "hold at most `SIZE` bytes of data for each connection")
	f.Var(&requestSize, "request-size", "read and write at most `SIZE` bytes at once, a power of 2")
	f.IntVarP(&o.copy.Requests, "requests", "R", nbdcopy.DefaultRequests, "have at most `N` requests in flight for each connection")
	f.VarP(&sparse, "sparse", "S", "look for zeroes in blocks of `SIZE` bytes, a power of 2; 0: don't look (default 4096)")
	f.Lookup("sparse").DefValue = ""
	f.BoolVar(&o.copy.Synchronous, "synchronous", false, "copy one request after the other, in order")
	f.IntVarP(&o.threads, "threads", "T", 0, "use up to `N` processors; 0: as many as the copy has use for")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "tell on standard error what happens")
	f.BoolVarP(&o.version, "version", "V", false, "print the version and exit")
	f.BoolVar(&o.help, "help", false, "print this and exit")

	list := cli.ListingFlags(f)
	sources, err := cli.Parse(f, args)
	if err != nil {
		return nil, err
	}
	o.listing = list()
	if o.help || o.version || o.listing != "" {
		return o, nil
	}
	if len(sources) != 2 {
		return nil, cli.Usagef("expected a source and a destination, saw %d arguments", len(sources))
	}
	o.src, o.dst = sources[0], sources[1]
	o.copy.RequestSize, o.copy.QueueSize = int(requestSize), int64(queueSize)
	if err := o.check(int64(sparse)); err != nil {
		return nil, err
	}
	if !f.Changed("queue-size") {
		o.copy.QueueSize = 0 // for all connections there is another limit
	}
	return o, nil
}

// check refuses values that make no sense, naming the option.
func (o *options) check(sparse int64) error {
	pow2 := func(n int64) bool { return n > 0 && n&(n-1) == 0 }
	switch r := int64(o.copy.RequestSize); {
	case o.open.Connections < 1:
		return cli.Usagef("--connections: should be at least 1, is %d", o.open.Connections)
	case o.copy.Requests < 1:
		return cli.Usagef("--requests: should be at least 1, is %d", o.copy.Requests)
	case o.threads < 0:
		return cli.Usagef("--threads: should be at least 0, is %d", o.threads)
	case !pow2(r) || r < 4096 || r > 32<<20:
		return cli.Usagef("--request-size: should be a power of 2 from 4096 to 33554432, is %d", r)
	case o.copy.QueueSize < 1:
		return cli.Usagef("--queue-size: should be at least 1, is %d", o.copy.QueueSize)
	case sparse > 0 && (!pow2(sparse) || sparse < 512 || sparse > math.MaxUint32):
		return cli.Usagef("--sparse: should be 0, or a power of 2 from 512 to 2147483648, is %d", sparse)
	}
	switch {
	case sparse == 0:
		o.copy.SparseSize = -1
	case sparse > 0:
		o.copy.SparseSize = int(sparse)
	}
	if o.flags.Changed("progress") && o.progress != "bar" {
		fd, err := strconv.ParseUint(o.progress, 10, 16)
		if err != nil {
			return cli.Usagef("--progress: %q is no file descriptor", o.progress)
		}
		o.progressFD = int(fd)
	}
	if o.flags.Changed("blkhash") {
		var err error
		if o.copy.BlockHash, err = parseBlockHash(o.blockHash); err != nil {
			return err
		}
	}
	o.open.NoExtents = o.copy.NoExtents
	if o.copy.Synchronous {
		o.open.Connections = 1
	}
	switch {
	case !o.src.IsCommand() && o.src.Arg == "null:":
		return cli.Usagef("null: can only be a destination")
	case o.src.Arg == "" && !o.src.IsCommand(), o.dst.Arg == "" && !o.dst.IsCommand():
		return cli.Usagef("the name of a source or destination is empty")
	}
	return nil
}

func (o *options) usage() string {
	// The flag package has no words for a value that may be left out.
	flags := strings.NewReplacer(`--progress FD[="bar"]`, "--progress[=FD]      ", `--blkhash DIGEST[="sha256"]`, "--blkhash[=DIGEST]         ").
		Replace(o.flags.FlagUsagesWrapped(79))
	return help + flags + examples
}

func versionText() string {
	return fmt.Sprintf("nbdcopy %s (gonbd)\n", cli.Version())
}
