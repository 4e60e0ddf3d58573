package nbd

import (
	"context"
	"fmt"
	"net"
	"syscall"

	"github.com/gonbd/gonbd/internal/nbderr"
)

// Error is the error type of this package. Its Kind says who is at fault,
// its Errno what the failure counts as, its ServerText what the server
// itself said, and its Retry whether the same request may be sent again on a
// new connection.
type Error = nbderr.Error

// ErrorKind says who is at fault.
type ErrorKind = nbderr.Kind

// Kinds of error.
const (
	// LocalError is what the caller did: an argument out of range, a request
	// that the export does not offer, a call on a closed client, or the end
	// of its context.
	LocalError = nbderr.Local
	// ServerError is an error that the server answered with.
	ServerError = nbderr.Server
	// ProtocolError is a violation of the protocol by the server.
	ProtocolError = nbderr.Protocol
	// TransportError is a failure of the connection.
	TransportError = nbderr.Transport
)

func misuse(op string, errno syscall.Errno, msg string) error {
	return &Error{Kind: LocalError, Op: op, Errno: errno, Msg: msg}
}

func closedError(op string) error {
	return &Error{Kind: LocalError, Op: op, Errno: syscall.EBADF, Err: net.ErrClosed}
}

// canceled is the error of a request whose context ended.
func canceled(ctx context.Context, op string) error {
	errno := syscall.ECANCELED
	if ctx.Err() == context.DeadlineExceeded {
		errno = syscall.ETIMEDOUT
	}
	err := ctx.Err()
	if cause := context.Cause(ctx); cause != err {
		err = fmt.Errorf("%w: %w", err, cause)
	}
	return &Error{Kind: LocalError, Op: op, Errno: errno, Msg: "abandoned", Err: err, Retry: true}
}
