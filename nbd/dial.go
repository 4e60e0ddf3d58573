package nbd

import (
	"cmp"
	"context"
	"net"
	"strconv"

	"github.com/gonbd/gonbd/internal/transport"
	"github.com/gonbd/gonbd/nbduri"
)

// Dial connects to the export that an NBD URI names, as package nbduri
// describes: over TCP, a Unix domain socket, vsock, or ssh.
//
// The context governs connecting and the handshake only.
func Dial(ctx context.Context, uri string, opts ...Option) (*Client, error) {
	s, err := newSession(ctx, uri, opts)
	if err != nil {
		return nil, err
	}
	return s.client(ctx)
}

// DialCommand runs a command that serves NBD on its standard input and
// output, such as "nbdkit -s memory 1G", and connects to it. Closing the
// client ends the command (nbd_connect_command(3)).
func DialCommand(ctx context.Context, argv []string, opts ...Option) (*Client, error) {
	cfg := newConfig(opts)
	proc, err := transport.Command(ctx, argv, transport.Options{Stderr: cfg.Stderr})
	if err != nil {
		return nil, err
	}
	return ofProcess(cfg, proc, "command "+argv[0]).client(ctx)
}

// DialSocketActivation runs a command that serves NBD on a listening socket
// which it inherits by systemd's protocol for socket activation, such as
// "nbdkit memory 1G", and connects to it, several times if asked to. Closing
// the client ends the command
// (nbd_connect_systemd_socket_activation(3)).
func DialSocketActivation(ctx context.Context, argv []string, opts ...Option) (*Client, error) {
	s, err := activate(ctx, argv, newConfig(opts))
	if err != nil {
		return nil, err
	}
	return s.client(ctx)
}

func activate(ctx context.Context, argv []string, cfg *Config) (*session, error) {
	proc, err := transport.SocketActivation(ctx, argv, transport.Options{Stderr: cfg.Stderr})
	if err != nil {
		return nil, err
	}
	s := ofProcess(cfg, proc, "command "+argv[0])
	s.again = true
	return s, nil
}

// ofProcess makes the session of a server that was started for it. The first
// connection is there already.
func ofProcess(cfg *Config, proc *transport.Subprocess, target string) *session {
	s := &session{cfg: cfg, export: cfg.Export, tls: cfg.ownTLS(""), proc: proc, target: target}
	first := true
	s.dial = func(ctx context.Context) (net.Conn, error) {
		if first {
			first = false
			return proc.UnixConn, nil
		}
		return proc.Dial(ctx)
	}
	return s
}

// newSession makes the session of a URI. Nothing is dialled yet, but for ssh,
// which is run by the first connection.
func newSession(ctx context.Context, uri string, opts []Option) (*session, error) {
	u, err := nbduri.Parse(uri)
	if err != nil {
		return nil, err
	}
	cfg := newConfig(opts)
	perms := nbduri.DefaultPermissions()
	if cfg.Permissions != nil {
		perms = *cfg.Permissions
	}
	if err := perms.Check(u); err != nil {
		return nil, err
	}
	s := &session{cfg: cfg, export: cmp.Or(u.Export, cfg.Export), target: u.String(), again: true}
	if err = s.setTLS(u); err != nil {
		return nil, err
	}
	port := strconv.FormatUint(uint64(cmp.Or(u.Port, nbduri.DefaultPort)), 10)
	switch u.Transport {
	case nbduri.Unix:
		s.dial = func(ctx context.Context) (net.Conn, error) { return transport.DialUnix(ctx, u.Socket) }
	case nbduri.Vsock:
		s.dial = func(ctx context.Context) (net.Conn, error) {
			return transport.DialVsock(ctx, u.CID, cmp.Or(u.Port, nbduri.DefaultPort))
		}
	case nbduri.SSH:
		target := transport.SSHTarget{User: u.User, Host: u.Host, Compress: u.Compress, Socket: u.Socket}
		if u.Port != 0 {
			target.Port = port
		}
		if u.NBDPort != 0 {
			target.NBDPort = strconv.FormatUint(uint64(u.NBDPort), 10)
		}
		proc, err := transport.SSH(ctx, target, transport.Options{Stderr: cfg.Stderr})
		if err != nil {
			return nil, err
		}
		p := ofProcess(cfg, proc, s.target)
		s.dial, s.proc, s.again = p.dial, proc, false
	default:
		s.dial = func(ctx context.Context) (net.Conn, error) {
			return transport.DialTCP(ctx, cmp.Or(u.Host, nbduri.DefaultHost), port)
		}
	}
	return s, nil
}
