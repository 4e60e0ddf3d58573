package source

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"

	"github.com/spf13/pflag"

	"github.com/gonbd/gonbd/internal/cli"
	"github.com/gonbd/gonbd/nbd"
	"github.com/gonbd/gonbd/nbduri"
)

// Modes are the options of nbdfuse and nbdublk that say how a command line
// names the server. They stand before or behind the first word, which is the
// mountpoint or the device, and what names the server comes last (nbdfuse(1),
// "MODES").
type Modes struct {
	command, fd, tcp, unix, vsock bool
}

// Flags adds the options to a set.
func (m *Modes) Flags(f *pflag.FlagSet) {
	f.BoolVar(&m.command, "command", false, "command")
	f.BoolVar(&m.fd, "fd", false, "file descriptor")
	f.BoolVar(&m.tcp, "tcp", false, "TCP")
	f.BoolVar(&m.unix, "unix", false, "Unix socket")
	f.BoolVar(&m.vsock, "vsock", false, "vsock")
}

// Parse reads a command line. It gives the first word, and the server. Neither
// is given if there are no words. All errors are of the type *cli.Usage.
func (m *Modes) Parse(f *pflag.FlagSet, args []string) (first string, t *Target, err error) {
	words, command, err := cli.ParseBefore(f, args, func(words int) bool { return m.command && words == 1 })
	if err != nil || len(words) == 0 {
		return "", nil, err
	}
	if words[0].IsCommand() {
		return "", nil, cli.Usagef("the first word should not be the command %v", words[0])
	}
	first, words = words[0].Arg, words[1:]
	modes := 0
	for _, set := range []bool{m.command, m.fd, m.tcp, m.unix, m.vsock} {
		if set {
			modes++
		}
	}
	if modes > 1 {
		return "", nil, cli.Usagef("only one of --command, --fd, --tcp, --unix and --vsock can name the server")
	}
	if m.command {
		t, err = m.commandTarget(command)
		return first, t, err
	}
	t, err = m.target(words)
	return first, t, err
}

func (m *Modes) commandTarget(command []string) (*Target, error) {
	if len(command) == 0 {
		return nil, cli.Usagef("which command? After --command there should be one, and its arguments")
	}
	return &Target{
		name: "--command " + command[0],
		dial: func(ctx context.Context, o ...nbd.Option) (*nbd.Client, error) {
			return nbd.DialCommand(ctx, command, o...)
		},
	}, nil
}

// target makes a target of the words that name it.
func (m *Modes) target(words []cli.Source) (*Target, error) {
	expect := func(option string, what ...string) ([]string, error) {
		var list []string
		for _, w := range words {
			if w.IsCommand() {
				return nil, cli.Usagef("with %s there should be no command between [ and ]", option)
			}
			list = append(list, w.Arg)
		}
		if len(list) != len(what) {
			return nil, cli.Usagef("with %s there should be %v, but there is %v", option, what, list)
		}
		return list, nil
	}
	switch {
	case m.fd:
		w, err := expect("--fd", "N")
		if err != nil {
			return nil, err
		}
		return fdTarget(w[0])
	case m.tcp:
		w, err := expect("--tcp", "HOST", "PORT")
		if err != nil {
			return nil, err
		}
		port, err := net.LookupPort("tcp", w[1])
		if err != nil {
			return nil, cli.Usagef("--tcp: the port %q should be a number or the name of a service: %v", w[1], err)
		}
		return uriTarget(nbduri.URI{Transport: nbduri.TCP, Host: w[0], Port: uint32(port)})
	case m.unix:
		w, err := expect("--unix", "SOCKET")
		if err != nil {
			return nil, err
		}
		return uriTarget(nbduri.URI{Transport: nbduri.Unix, Socket: w[0]})
	case m.vsock:
		w, err := expect("--vsock", "CID", "PORT")
		if err != nil {
			return nil, err
		}
		cid, cidErr := strconv.ParseUint(w[0], 10, 32)
		port, portErr := strconv.ParseUint(w[1], 10, 32)
		if cidErr != nil || portErr != nil {
			return nil, cli.Usagef("--vsock: %q and %q should be numbers", w[0], w[1])
		}
		return uriTarget(nbduri.URI{Transport: nbduri.Vsock, CID: uint32(cid), Port: uint32(port)})
	case len(words) == 0:
		return nil, cli.Usagef("which server? Give an NBD URI, or a command between [ and ]")
	case len(words) > 1:
		return nil, cli.Usagef("there is one server, %v, but there are also %v", words[0], words[1:])
	}
	s := words[0]
	return &Target{
		name:  s.String(),
		again: !s.IsCommand(),
		dial:  func(ctx context.Context, o ...nbd.Option) (*nbd.Client, error) { return Dial(ctx, s, o...) },
	}, nil
}

func uriTarget(u nbduri.URI) (*Target, error) {
	if err := u.Validate(); err != nil {
		return nil, cli.Usagef("%v", err)
	}
	s := cli.Source{Arg: u.String()}
	return &Target{
		name:  s.Arg,
		again: true,
		dial:  func(ctx context.Context, o ...nbd.Option) (*nbd.Client, error) { return Dial(ctx, s, o...) },
	}, nil
}

func fdTarget(word string) (*Target, error) {
	fd, err := strconv.ParseUint(word, 10, 31)
	if err != nil {
		return nil, cli.Usagef("--fd: %q should be the number of an open file", word)
	}
	return &Target{
		name: "--fd " + word,
		dial: func(ctx context.Context, options ...nbd.Option) (*nbd.Client, error) {
			f := os.NewFile(uintptr(fd), "fd "+word)
			if f == nil {
				return nil, fmt.Errorf("%s is no file descriptor", word)
			}
			nc, err := net.FileConn(f)
			f.Close()
			if err != nil {
				return nil, fmt.Errorf("the file descriptor %s is no connected socket: %w", word, err)
			}
			var cfg nbd.Config
			for _, o := range options {
				o(&cfg)
			}
			return nbd.NewClient(ctx, nc, cfg)
		},
	}, nil
}

// Target is the server that a command line names.
type Target struct {
	name  string
	again bool
	dial  func(context.Context, ...nbd.Option) (*nbd.Client, error)
}

// String names the server for messages.
func (t *Target) String() string { return t.name }

// Dial connects to the server, with several connections where that is
// possible. With a command and with an open file it is not (nbdfuse(1),
// "THREAD MODEL").
func (t *Target) Dial(ctx context.Context, connections int, options ...nbd.Option) (*nbd.Client, error) {
	if t.again {
		options = append(options, nbd.WithConnections(connections))
	}
	return t.dial(ctx, options...)
}
