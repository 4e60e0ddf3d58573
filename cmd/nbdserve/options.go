package main

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"github.com/gonbd/gonbd/internal/cli"
	"github.com/gonbd/gonbd/nbdserver"
)

// usageError is a mistake in the command line.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// options is the command line.
type options struct {
	export      nbdserver.Export // without its Backend
	disable     nbdserver.Features
	maxConns    int
	maxRequests int

	port    string
	address string
	unix    string
	single  bool

	tls     tlsOptions
	pidfile string
	readyFD int
	verbose bool
	help    bool
	version bool
	listing string // of options, for completion

	memory      bool // else a file
	size        int64
	memoryLimit int64
	file        string

	flags *pflag.FlagSet
}

// usage is the text of --help, before the options.
const usage = `Serve a file, a block device or memory as a Network Block Device.

Usage:
  nbdserve [options] memory SIZE
  nbdserve [options] FILE

Without options it listens on all addresses at port 10809. Started by socket
activation (LISTEN_FDS), as by "nbdinfo [ nbdserve memory 1G ]", it serves the
sockets that it was given. SIGINT and SIGTERM let it finish the requests in
flight; a second one ends it at once.

Options:
`

func parseOptions(args []string) (*options, error) {
	o := &options{flags: pflag.NewFlagSet("nbdserve", pflag.ContinueOnError)}
	f := o.flags
	f.SortFlags = false
	f.SetInterspersed(true)
	f.Usage = func() {}
	f.StringVarP(&o.port, "port", "p", "", "listen on the TCP port `PORT`; 0 chooses one (default 10809)")
	f.StringVarP(&o.address, "address", "i", "", "listen on the TCP address `ADDRESS` only, a name or number")
	f.StringVarP(&o.unix, "unix", "U", "", "listen on the Unix socket `PATH` and remove it at the end")
	f.BoolVarP(&o.single, "single", "s", false, "serve one client on standard input and output")
	f.StringVarP(&o.export.Name, "export", "e", "", "call the export `NAME` (default the empty name)")
	f.StringVar(&o.export.Description, "description", "", "describe the export to clients with `TEXT`")
	f.BoolVarP(&o.export.ReadOnly, "read-only", "r", false, "refuse writes")
	blockSize := f.String("block-size", "", "`MIN:PREF:MAX`, the size constraints for requests, such as 512:4K:32M")
	noMultiConn := f.Bool("no-multi-conn", false, "don't offer several connections to one client")
	noHoles := f.Bool("no-holes", false, "answer reads of holes with zeroes")
	memoryLimit := f.String("memory-limit", "", "`SIZE` of the memory that data may take up (default no limit)")
	f.IntVar(&o.maxConns, "max-connections", 0, "serve at most `N` connections at a time (default 1024)")
	f.IntVar(&o.maxRequests, "max-requests", 0, "serve at most `N` requests of a connection at a time (default 64)")
	f.StringVarP(&o.pidfile, "pidfile", "P", "", "write the process ID to `PATH` when ready")
	f.IntVar(&o.readyFD, "ready-fd", -1, "write the URI and a newline to the file descriptor `FD` when ready, and close it")
	f.StringVar(&o.tls.policy, "tls", "", "`on`, off or require: offer TLS, or demand it (default on with certificates or keys)")
	f.StringVar(&o.tls.certificates, "tls-certificates", "", "take server-cert.pem and server-key.pem of the folder `DIR`")
	f.BoolVar(&o.tls.verifyPeer, "tls-verify-peer", false, "demand a client certificate of the authority in ca-cert.pem")
	f.StringVar(&o.tls.pskFile, "tls-psk", "", "take the users and pre-shared keys of `FILE`, as psktool writes it")
	d := &o.disable
	f.BoolVar(&d.Newstyle, "oldstyle", false, "speak the oldstyle handshake")
	f.BoolVar(&d.FixedNewstyle, "no-fixed-newstyle", false, "offer no option but NBD_OPT_EXPORT_NAME")
	f.BoolVar(&d.NoZeroes, "no-no-zeroes", false, "always send the 124 zeroes after NBD_OPT_EXPORT_NAME")
	f.BoolVar(&d.List, "no-list", false, "don't list the export")
	f.BoolVar(&d.Go, "no-go", false, "don't offer NBD_OPT_INFO and NBD_OPT_GO, nor extended headers")
	f.BoolVar(&d.StructuredReply, "no-structured-replies", false, "don't offer structured replies, nor extended headers")
	f.BoolVar(&d.ExtendedHeaders, "no-extended-headers", false, "don't offer extended headers")
	f.BoolVar(&d.MetaContext, "no-meta-contexts", false, "don't offer metadata contexts")
	f.BoolVar(&d.Flush, "no-flush", false, "don't offer NBD_CMD_FLUSH")
	f.BoolVar(&d.FUA, "no-fua", false, "don't offer NBD_CMD_FLAG_FUA")
	f.BoolVar(&d.Trim, "no-trim", false, "don't offer NBD_CMD_TRIM")
	f.BoolVar(&d.WriteZeroes, "no-write-zeroes", false, "don't offer NBD_CMD_WRITE_ZEROES")
	f.BoolVar(&d.FastZero, "no-fast-zero", false, "don't offer NBD_CMD_FLAG_FAST_ZERO")
	f.BoolVar(&d.DF, "no-df", false, "don't offer NBD_CMD_FLAG_DF")
	f.BoolVar(&d.Cache, "no-cache", false, "don't offer NBD_CMD_CACHE")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "tell on standard error what clients do")
	f.BoolVarP(&o.version, "version", "V", false, "print the version and exit")
	f.BoolVarP(&o.help, "help", "h", false, "print this and exit")

	list := cli.ListingFlags(f)
	if err := f.Parse(args); err != nil {
		return nil, usageError{err}
	}
	if o.listing = list(); o.help || o.version || o.listing != "" {
		return o, nil
	}
	o.export.MultiConn = !*noMultiConn
	o.export.SparseReads = !*noHoles
	d.ExtendedHeaders = d.ExtendedHeaders || d.StructuredReply
	if *blockSize != "" {
		if err := parseBlockSize(*blockSize, &o.export.BlockSize); err != nil {
			return nil, err
		}
	}
	if err := o.parseArguments(f.Args()); err != nil {
		return nil, err
	}
	if *memoryLimit != "" {
		var err error
		if o.memoryLimit, err = cli.ParseSize(*memoryLimit); err != nil {
			return nil, usagef("--memory-limit: %w", err)
		}
		if !o.memory {
			return nil, usagef("--memory-limit goes with memory, not with a file")
		}
	}
	return o, o.conflicts()
}

func (o *options) parseArguments(args []string) error {
	switch {
	case len(args) == 0:
		return usagef("what is to be served? Give a FILE, or 'memory' and a SIZE")
	case args[0] == "memory" && len(args) == 1:
		return usagef("'memory' needs a SIZE, such as 1G (a file of that name is ./memory)")
	case args[0] == "memory" && len(args) == 2:
		var err error
		o.memory = true
		if o.size, err = cli.ParseSize(args[1]); err != nil {
			return usageError{err}
		}
		return nil
	case args[0] == "memory":
		return usagef("'memory' needs one SIZE, but %q follows", args[2])
	case len(args) > 1:
		return usagef("one FILE can be served, but there are also %q", args[1:])
	case args[0] == "":
		return usagef("the name of the FILE is empty")
	}
	o.file = args[0]
	return nil
}

// conflicts finds options that exclude each other.
func (o *options) conflicts() error {
	set := func(name string) bool { return o.flags.Changed(name) }
	for _, pair := range [][2]string{
		{"unix", "port"}, {"unix", "address"}, {"unix", "single"}, {"single", "port"}, {"single", "address"},
		{"single", "ready-fd"}, {"single", "max-connections"},
		{"tls-certificates", "tls-psk"}, {"tls-verify-peer", "tls-psk"},
		{"oldstyle", "export"}, {"oldstyle", "no-fixed-newstyle"},
	} {
		if set(pair[0]) && set(pair[1]) {
			return usagef("--%s and --%s exclude each other", pair[0], pair[1])
		}
	}
	if set("unix") && o.unix == "" {
		return usagef("--unix needs the path of a socket")
	}
	if err := o.tls.check(); err != nil {
		return err
	}
	if o.maxConns < 0 || o.maxRequests < 0 {
		return usagef("--max-connections and --max-requests can't be negative")
	}
	return nil
}

// parseBlockSize parses MIN:PREF:MAX. Parts may be empty, for the default.
func parseBlockSize(s string, b *nbdserver.BlockSize) error {
	parts := strings.Split(s, ":")
	if len(parts) != 3 {
		return usagef("--block-size should be MIN:PREF:MAX, such as 512:4K:32M, is %q", s)
	}
	for i, to := range []*uint32{&b.Minimum, &b.Preferred, &b.MaxPayload} {
		if parts[i] == "" {
			continue
		}
		n, err := cli.ParseSize(parts[i])
		if err == nil && n > math.MaxUint32 {
			err = errors.New("more than 32 bits")
		}
		if err != nil {
			return usagef("--block-size %s: %w", s, err)
		}
		*to = uint32(n)
	}
	return nil
}

// open opens what is to be served. close may be called when it is not served
// any more.
func (o *options) open() (e *nbdserver.Export, close func() error, err error) {
	if o.memory {
		m := nbdserver.NewMemory(o.size)
		if o.memoryLimit > 0 {
			m.SetLimit(o.memoryLimit)
		}
		o.export.Backend = m
		return &o.export, func() error { return nil }, nil
	}
	mode := os.O_RDWR
	if o.export.ReadOnly {
		mode = os.O_RDONLY
	}
	f, err := nbdserver.OpenFile(o.file, mode)
	if err != nil {
		if errors.Is(err, os.ErrPermission) && !o.export.ReadOnly {
			err = fmt.Errorf("%w (to serve it without writing, give --read-only)", err)
		}
		return nil, nil, err
	}
	o.export.Backend = f
	return &o.export, f.Close, nil
}

func (o *options) tcpAddress() (host, port string) { return o.address, cmp.Or(o.port, "10809") }
