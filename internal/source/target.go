package source

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/gonbd/gonbd/internal/cli"
	"github.com/gonbd/gonbd/nbd"
	"github.com/gonbd/gonbd/nbduri"
)

// Target is the server that a command line of nbdfuse or nbdublk names.
type Target struct {
	source  cli.Source // a URI or a command for socket activation
	command []string   // with NBD on its standard input and output
	fd      int        // of a connected socket; -1 if there is none
}

// ParseTarget reads what stands behind the mount point or the device: a mode
// and its arguments (nbdfuse(1), "MODES"). All errors are of the type
// *cli.Usage.
func ParseTarget(args []string) (Target, error) {
	s := Target{fd: -1}
	if len(args) == 0 {
		return s, cli.Usagef("which server? Give an NBD URI, or a command between [ and ]")
	}
	mode, args := args[0], args[1:]
	want := func(n int, what string) error {
		if len(args) != n {
			return cli.Usagef("%s wants %s and nothing behind it, but %q was given", mode, what, args)
		}
		return nil
	}
	var err error
	switch mode {
	case "[":
		var list []cli.Source
		if list, err = cli.Sources(append([]string{mode}, args...)); err == nil {
			if len(list) > 1 {
				return s, cli.Usagef("nothing may stand behind the ] of the command, but there is %v", list[1:])
			}
			s.source = list[0]
		}
	case "--command":
		if s.command = args; len(args) == 0 {
			err = cli.Usagef("--command wants a command")
		}
	case "--fd":
		if err = want(1, "the number of a file descriptor"); err == nil {
			if s.fd, err = strconv.Atoi(args[0]); err != nil || s.fd < 0 {
				err = cli.Usagef("--fd: %q is not the number of a file descriptor", args[0])
			}
		}
	case "--tcp":
		if err = want(2, "a host and a port"); err == nil {
			var port int
			if port, err = net.LookupPort("tcp", args[1]); err != nil || port == 0 {
				return s, cli.Usagef("--tcp: %q is not a port: it should be a number from 1 to 65535, or the name of a service", args[1])
			}
			s.source.Arg = (&nbduri.URI{Transport: nbduri.TCP, Host: strings.Trim(args[0], "[]"), Port: uint32(port)}).String()
		}
	case "--unix":
		if err = want(1, "the path of a socket"); err == nil {
			s.source.Arg = (&nbduri.URI{Transport: nbduri.Unix, Socket: args[0]}).String()
		}
	case "--vsock":
		if err = want(2, "a CID and a port"); err == nil {
			var cid, port uint64
			cid, err = strconv.ParseUint(args[0], 0, 32)
			if err == nil {
				port, err = strconv.ParseUint(args[1], 0, 32)
			}
			if err != nil || port == 0 {
				return s, cli.Usagef("--vsock: %q are not a CID and a port, which are numbers of 32 bits", args)
			}
			s.source.Arg = (&nbduri.URI{Transport: nbduri.Vsock, CID: uint32(cid), Port: uint32(port)}).String()
		}
	default:
		if strings.HasPrefix(mode, "-") {
			return s, cli.Usagef("there is no mode %s: in its place there should be a URI, [, --command, --fd, --tcp, --unix or --vsock, and options before all that", mode)
		}
		s.source.Arg = mode
		err = want(0, "to be the last word:")
		if err != nil {
			err = cli.Usagef("nothing may stand behind the URI %s, but there is %q", mode, args)
		}
	}
	return s, err
}

// String names the server for messages.
func (s Target) String() string {
	switch {
	case s.fd >= 0:
		return fmt.Sprintf("--fd %d", s.fd)
	case s.command != nil:
		return "--command " + s.command[0]
	}
	return s.source.String()
}

// Dial connects, several times where the server can be reached again and
// allows it.
func (s Target) Dial(ctx context.Context, connections int, options ...nbd.Option) (*nbd.Client, error) {
	switch {
	case s.fd >= 0:
		return dialFD(ctx, s.fd, options)
	case s.command != nil:
		return nbd.DialCommand(ctx, s.command, options...)
	case s.source.IsCommand():
		return Dial(ctx, s.source, options...)
	}
	return Dial(ctx, s.source, append(options, nbd.WithConnections(connections))...)
}

// dialFD takes over the socket that the process was started with.
func dialFD(ctx context.Context, fd int, options []nbd.Option) (*nbd.Client, error) {
	f := os.NewFile(uintptr(fd), fmt.Sprintf("file descriptor %d", fd))
	conn, err := net.FileConn(f)
	switch {
	case errors.Is(err, syscall.EBADF):
		// Closing it would only fail again.
		return nil, fmt.Errorf("--fd: file descriptor %d is not open: it should be a socket, connected to an NBD server", fd)
	case err != nil:
		return nil, errors.Join(fmt.Errorf("--fd: file descriptor %d should be a socket, connected to an NBD server: %w", fd, err), f.Close())
	}
	if err := f.Close(); err != nil { // conn has a copy
		return nil, errors.Join(err, conn.Close())
	}
	var cfg nbd.Config
	for _, o := range options {
		o(&cfg)
	}
	return nbd.NewClient(ctx, conn, cfg)
}
