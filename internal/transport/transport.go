// Package transport makes the connection that an NBD client then speaks over:
// TCP, a Unix domain socket, AF_VSOCK, a command on a socket pair, a server
// started by systemd socket activation, and a command run through ssh.
//
// Every connection that it gives is a net.Conn that is also a syscall.Conn,
// so that a driver may do raw non-blocking I/O on the descriptor.
//
// Every error is an *nbderr.Error: of kind Local where the arguments were at
// fault, else of kind Transport, with Retry set where the same call may
// succeed later.
//
// The package never reads or writes a byte of the NBD protocol, never parses
// URIs, and never passes an argument through a shell of this machine.
package transport

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/gonbd/gonbd/internal/nbderr"
)

// badArgument is the error for an argument that could never work.
func badArgument(op, msg string) error {
	return &nbderr.Error{Kind: nbderr.Local, Op: op, Errno: syscall.EINVAL, Msg: msg}
}

// unsupported is the error for what this platform doesn't have.
func unsupported(op, msg string) error {
	return &nbderr.Error{
		Kind:  nbderr.Local,
		Op:    op,
		Errno: syscall.ENOTSUP,
		Msg:   msg,
		Err:   errors.ErrUnsupported,
	}
}

// failed is the error for a connection that could not be made because of err.
// The msg may be empty.
func failed(op, msg string, err error) error {
	errno, ok := nbderr.ErrnoOf(err)
	if !ok {
		switch {
		case errors.Is(err, context.Canceled):
			errno = syscall.ECANCELED
		case isTimeout(err):
			errno = syscall.ETIMEDOUT
		}
	}
	return &nbderr.Error{
		Kind:  nbderr.Transport,
		Op:    op,
		Errno: errno,
		Msg:   msg,
		Retry: mayPass(err),
		Err:   err,
	}
}

// lasting are errors that a later try would meet again.
var lasting = []error{
	context.Canceled,
	errors.ErrUnsupported,
	fs.ErrPermission,
	syscall.EAFNOSUPPORT,
	syscall.EINVAL,
	syscall.ELOOP,
	syscall.ENAMETOOLONG,
	syscall.ENODEV,
	syscall.ENOTDIR,
	syscall.ENOTSOCK,
	syscall.EPROTONOSUPPORT,
	syscall.EPROTOTYPE,
}

// mayPass reports whether trying again later is sensible: the server may not
// be up yet, or the network may be disturbed.
func mayPass(err error) bool {
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return !dns.IsNotFound && !errors.Is(err, context.Canceled)
	}
	for _, e := range lasting {
		if errors.Is(err, e) {
			return false
		}
	}
	return true
}

func isTimeout(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) {
		return true
	}
	ne, ok := errors.AsType[net.Error](err)
	return ok && ne.Timeout()
}

// dialContext is [net.Dialer.DialContext] whose error is the context's where that has
// ended. The dialer goes by the clock, and may be ahead of the context's timer.
func dialContext(ctx context.Context, network, address string) (net.Conn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, network, address)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = cmp.Or(contextError(ctx), err)
	}
	return conn, err
}

// contextError is ctx.Err(), and [context.DeadlineExceeded] too from the
// deadline on, be the context's timer ever so late.
func contextError(ctx context.Context) error {
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
		return cmp.Or(ctx.Err(), context.DeadlineExceeded)
	}
	return ctx.Err()
}

// cause takes the net.OpError from around err, whose text would repeat the
// addresses that our own error already names.
func cause(err error) error {
	if oe, ok := errors.AsType[*net.OpError](err); ok && oe.Err != nil {
		return oe.Err
	}
	return err
}
