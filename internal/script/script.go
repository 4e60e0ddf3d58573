// Package script plays an NBD server byte by byte, for tests of clients: it
// sends what it is told to, right or wrong, expects what it is told to, and
// stalls or hangs up on command.
//
// A script is a list of steps, each of which does one thing to the
// connection. The package knows the handshake well enough to shorten scripts,
// and never decides anything itself; a server with a mind of its own is
// package nbdserver.
package script

import (
	"bytes"
	"fmt"
	"io"
	"net"

	"github.com/gonbd/gonbd/internal/wire"
)

// Step is one thing that the scripted server does.
type Step func(net.Conn) error

// Run does the steps in turn, until one fails, and closes nc.
func Run(nc net.Conn, steps ...Step) error {
	defer nc.Close()
	return Steps(steps...)(nc)
}

// Pipe runs the steps against the connection it returns, which is an
// in-memory one, like that of net.Pipe. wait waits for the script's end and
// gives its error.
func Pipe(steps ...Step) (client net.Conn, wait func() error) {
	client, server := net.Pipe()
	return client, start(server, steps)
}

// Listen runs the steps against the first client that connects to l, and
// closes l then. wait waits for the script's end and gives its error.
func Listen(l net.Listener, steps ...Step) (wait func() error) {
	done := make(chan error, 1)
	go func() {
		nc, err := l.Accept()
		l.Close()
		if err == nil {
			err = Run(nc, steps...)
		}
		done <- err
	}()
	return func() error { return <-done }
}

func start(nc net.Conn, steps []Step) (wait func() error) {
	done := make(chan error, 1)
	go func() { done <- Run(nc, steps...) }()
	return func() error { return <-done }
}

// Steps makes one step of several.
func Steps(steps ...Step) Step {
	return func(nc net.Conn) error {
		for i, step := range steps {
			if err := step(nc); err != nil {
				return fmt.Errorf("step %d: %w", i+1, err)
			}
		}
		return nil
	}
}

// Send sends the pieces in one write.
func Send(pieces ...[]byte) Step {
	all := bytes.Join(pieces, nil)
	return func(nc net.Conn) error {
		if len(all) == 0 {
			return nil
		}
		_, err := nc.Write(all)
		return err
	}
}

// SendChopped sends b in writes of n bytes.
func SendChopped(n int, b []byte) Step {
	return func(nc net.Conn) error {
		for rest := b; len(rest) > 0; {
			k := min(n, len(rest))
			if _, err := nc.Write(rest[:k]); err != nil {
				return err
			}
			rest = rest[k:]
		}
		return nil
	}
}

// Expect receives as many bytes as want has, which must be those.
func Expect(want []byte) Step {
	return ExpectFunc(len(want), func(got []byte) error {
		if !bytes.Equal(got, want) {
			return fmt.Errorf("expected % x, saw % x", want, got)
		}
		return nil
	})
}

// ExpectFunc receives n bytes and has f judge them.
func ExpectFunc(n int, f func([]byte) error) Step {
	return func(nc net.Conn) error {
		b := make([]byte, n)
		if k, err := io.ReadFull(nc, b); err != nil {
			return fmt.Errorf("expected %d bytes, saw %d: %w", n, k, err)
		}
		return f(b)
	}
}

// ExpectEOF expects the client to hang up.
func ExpectEOF() Step {
	return func(nc net.Conn) error {
		if n, err := nc.Read(make([]byte, 1)); n > 0 || err != io.EOF {
			return fmt.Errorf("expected the end of the connection, saw %d bytes and the error %v", n, err)
		}
		return nil
	}
}

// Stall does nothing until until is closed.
func Stall(until <-chan struct{}) Step {
	return func(net.Conn) error {
		<-until
		return nil
	}
}

// CloseWrite ends the server's own direction and leaves the client's open. It
// works on TCP and Unix sockets.
func CloseWrite() Step {
	return func(nc net.Conn) error {
		h, ok := nc.(interface{ CloseWrite() error })
		if !ok {
			return fmt.Errorf("a %T can't be closed one way", nc)
		}
		return h.CloseWrite()
	}
}

// Close hangs up.
func Close() Step { return func(nc net.Conn) error { return nc.Close() } }

// Newstyle sends the greeting of a newstyle server with the flags, and
// receives the client's.
func Newstyle(flags wire.HandshakeFlags) Step {
	return Steps(
		Send(wire.AppendHandshakeFlags(wire.AppendGreeting(nil, wire.OptionMagic), flags)),
		ExpectFunc(wire.ClientFlagsSize, func([]byte) error { return nil }),
	)
}

// ExpectOption receives an option, which must be o, and has check judge its
// data, if it is not nil.
func ExpectOption(o wire.Option, check func(data []byte) error) Step {
	return func(nc net.Conn) error {
		b := make([]byte, wire.OptionHeaderSize)
		if _, err := io.ReadFull(nc, b); err != nil {
			return fmt.Errorf("expected %v: %w", o, err)
		}
		h, err := wire.ParseOptionHeader(b)
		if err != nil {
			return err
		}
		if h.Option != o {
			return fmt.Errorf("expected %v, saw %v", o, h.Option)
		}
		return ExpectFunc(int(h.Length), func(data []byte) error {
			if check == nil {
				return nil
			}
			return check(data)
		})(nc)
	}
}

// Answer receives the option o and sends a reply to it.
func Answer(o wire.Option, rep wire.Rep, data []byte) Step {
	return Steps(ExpectOption(o, nil), Send(wire.AppendOptionReply(nil, o, rep, data)))
}

// Go receives NBD_OPT_GO and accepts it, for an export of the size and flags.
func Go(size uint64, flags wire.TransmissionFlags) Step {
	const o = wire.OptGo
	return Steps(ExpectOption(o, nil), Send(
		wire.AppendOptionReply(nil, o, wire.RepInfo, wire.AppendInfoExport(nil, size, flags)),
		wire.AppendOptionReply(nil, o, wire.RepAck, nil)))
}

// ExpectRequest receives a request without its payload, and has check judge
// it, if it is not nil. What follows may need its cookie: see WithRequest.
func ExpectRequest(extended bool, c wire.Command, check func(wire.Request) error) Step {
	return WithRequest(extended, c, func(r wire.Request) Step {
		return func(net.Conn) error {
			if check == nil {
				return nil
			}
			return check(r)
		}
	})
}

// WithRequest receives a request without its payload, and does the step that
// next makes of it.
func WithRequest(extended bool, c wire.Command, next func(wire.Request) Step) Step {
	size := wire.RequestSize
	if extended {
		size = wire.ExtendedRequestSize
	}
	return func(nc net.Conn) error {
		b := make([]byte, size)
		if _, err := io.ReadFull(nc, b); err != nil {
			return fmt.Errorf("expected %v: %w", c, err)
		}
		r, err := wire.ParseRequest(b, extended)
		if err != nil {
			return err
		}
		if r.Type != c {
			return fmt.Errorf("expected %v, saw %v", c, r.Type)
		}
		return next(r)(nc)
	}
}
