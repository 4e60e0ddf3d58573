// Package nbderr is the one error type of the project and the mapping of NBD
// error numbers to errno and back.
//
// An error says who is at fault (its Kind), what was being done (Op, and the
// range of the export where there is one), what was expected and what was
// seen (Msg), what the server itself said (ServerText), and whether the same
// request may be sent again on a new connection (Retry).
//
// errors.Is works with a syscall.Errno, and with whatever Err wraps;
// errors.As finds the *Error.
//
// The package never formats secrets, and knows nothing of connections.
package nbderr

import (
	"fmt"
	"strings"
	"syscall"
	"unicode"

	"github.com/gonbd/gonbd/internal/wire"
)

// Kind says who is at fault.
type Kind uint8

// Kinds of error.
const (
	// Local is what the caller did: an argument out of range, a command
	// that the export doesn't offer, a call on a closed client, or the end of
	// its context.
	Local Kind = iota + 1
	// Server is an error that the server answered with.
	Server
	// Protocol is a violation of the NBD protocol by the peer.
	Protocol
	// Transport is a failure of the connection: it could not be made, was
	// reset, or ended early.
	Transport
)

// String names the kind as error messages do.
func (k Kind) String() string {
	switch k {
	case Local:
		return "invalid call"
	case Server:
		return "server error"
	case Protocol:
		return "protocol violation by the server"
	case Transport:
		return "connection failed"
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// Error is an error of this project. The zero value of a field means that it
// does not apply.
type Error struct {
	Kind  Kind
	Op    string        // what was being done: "read", "NBD_OPT_GO", "dial"
	Errno syscall.Errno // what it counts as
	Msg   string        // what happened, expected and seen

	// ServerText is the server's own message, already made safe to print.
	ServerText string

	// Rep is the option reply that the server refused an option with.
	Rep wire.Rep

	// Offset and Length are the range of the export in bytes, where
	// HasRange says that the operation had one.
	Offset, Length uint64
	HasRange       bool

	// Retry says that the request can safely be sent again on a new
	// connection: it is idempotent, as every NBD request is, and the failure
	// was the connection's and not the request's.
	Retry bool

	// Err is the cause, if another error was.
	Err error
}

// Error implements error: "read of 512 bytes at offset 1024: server error:
// message". That an error is local needs no words: nobody else is accused, and
// it may be no fault at all, as the end of a context.
func (e *Error) Error() string {
	var b strings.Builder
	add := func(s string) {
		if s != "" && b.Len() > 0 {
			b.WriteString(": ")
		}
		b.WriteString(s)
	}
	add(e.Op)
	if e.Op != "" && e.HasRange {
		fmt.Fprintf(&b, " of %d bytes at offset %d", e.Length, e.Offset)
	}
	if e.Kind != 0 && e.Kind != Local {
		add(e.Kind.String())
	}
	add(e.Msg)
	if e.Errno != 0 && e.Kind == Server {
		add(e.Errno.Error())
	}
	add(e.ServerText)
	if e.Err != nil {
		add(e.Err.Error())
	}
	return b.String()
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is reports whether target is e's errno, or a standard error that the errno
// stands for, as fs.ErrPermission and errors.ErrUnsupported.
func (e *Error) Is(target error) bool {
	return e.Errno != 0 && (target == error(e.Errno) || e.Errno.Is(target))
}

// Printable makes text of a peer safe to print on a terminal or in a log: one
// line, what controls terminals or the direction of text and broken UTF-8
// replaced, and cut with an ellipsis behind 4096 bytes.
func Printable(s string) string {
	const most = 4096
	cut := len(s) > most
	if cut {
		s = s[:most]
	}
	s = strings.ToValidUTF8(s, "\uFFFD")
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			return ' '
		case unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || unicode.Is(unicode.Bidi_Control, r):
			return '\uFFFD'
		}
		return r
	}, s)
	// A replacement is longer than what it replaces.
	if len(s) > most {
		cut = true
		s = strings.ToValidUTF8(s[:most], "")
	}
	s = strings.TrimSpace(s)
	if cut {
		s += "…"
	}
	return s
}
