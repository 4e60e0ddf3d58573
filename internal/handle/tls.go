package handle

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net"
	"syscall"
	"time"

	"github.com/gonbd/gonbd/internal/nbderr"
	"github.com/gonbd/gonbd/internal/sockio"
	"github.com/gonbd/gonbd/internal/tlsclient"
)

// canStartTLS says whether NBD_OPT_STARTTLS can be sent by hand, and prepares
// for it.
func (h *Handle) canStartTLS() error {
	if h.eng.TLS() {
		return fault(syscall.EINVAL, "TLS was negotiated already")
	}
	return h.prepareTLS()
}

// readyTLS prepares for TLS if it is to be asked for.
func (h *Handle) readyTLS() error {
	if h.tls == tlsDisable {
		return nil
	}
	return h.prepareTLS()
}

// prepareTLS reads the certificates or keys that the settings name, so that
// what is wrong with them shows before anything is sent.
func (h *Handle) prepareTLS() error {
	c, err := tlsclient.New(tlsclient.Settings{
		PSKFile:      h.tlsPSKFile,
		Username:     h.tlsUsername,
		Certificates: h.tlsCertificates,
		Insecure:     !h.tlsVerifyPeer,
		Hostname:     h.tlsHostname,
		Priority:     h.tlsPriority,
		Getenv:       Getenv,
	}, h.conn.target.Host)
	if err != nil {
		return err
	}
	if h.debug.on {
		for _, w := range c.Warnings {
			h.debugf("%s", w)
		}
	}
	h.tlsClient = c
	return nil
}

// tlsStream is TLS on the socket. Conn reads from and writes to it as from a
// connection, and the thread that has the lock moves the bytes: what Conn
// writes waits in out until the socket takes it, and where the socket has
// nothing for it Conn is told so, by an error that it does not remember.
//
// A handshake of crypto/tls cannot be interrupted like that. It runs in a
// goroutine that works only while the thread waits for it: the two hand the
// turn to each other, and what comes from the socket goes through in.
type tlsStream struct {
	conn    tlsclient.Conn
	h       *Handle
	in      []byte // received for the handshake, and not read yet
	out     []byte // to be sent
	eof     bool
	shaking bool
	turn    chan struct{} // to the goroutine: go on
	idle    chan error    // from it: errAgain, or how the handshake ended
}

// errAgain is what Conn reads where the socket would block.
var errAgain net.Error = againError{}

type againError struct{}

func (againError) Error() string   { return "nothing has come yet" }
func (againError) Timeout() bool   { return true }
func (againError) Temporary() bool { return true }

// startTLS begins to shake hands when the server has agreed to TLS.
func (h *Handle) startTLS() {
	if h.tlsClient == nil {
		if err := h.prepareTLS(); err != nil {
			h.eng.TLSDone(err)
			return
		}
	}
	s := &tlsStream{h: h, shaking: true, turn: make(chan struct{}), idle: make(chan error)}
	s.conn = h.tlsClient.Conn(tlsSocket{s})
	h.conn.tls = s
	go func() {
		<-s.turn
		s.idle <- s.conn.HandshakeContext(context.Background())
	}()
	s.shake()
}

// shake lets the handshake go on until it needs more, or has ended.
func (s *tlsStream) shake() {
	s.turn <- struct{}{}
	err := <-s.idle
	if err == errAgain {
		return
	}
	s.shaking = false
	s.h.progress++
	s.h.eng.TLSDone(err)
}

// end makes a handshake that is going on fail, and waits for that.
func (s *tlsStream) end() {
	s.eof = true
	for s.shaking {
		s.turn <- struct{}{}
		if err := <-s.idle; err != errAgain {
			s.shaking = false
		}
	}
}

// tlsSocket is the connection that TLS is on.
type tlsSocket struct{ s *tlsStream }

func (t tlsSocket) Read(p []byte) (int, error) {
	s := t.s
	for {
		if len(s.in) > 0 {
			n := copy(p, s.in)
			if s.in = s.in[n:]; len(s.in) == 0 {
				s.in = nil
			}
			return n, nil
		}
		switch {
		case s.eof:
			return 0, io.EOF
		case !s.shaking:
			return s.recv(p)
		}
		s.idle <- errAgain
		<-s.turn
	}
}

// recv receives without waiting.
func (s *tlsStream) recv(p []byte) (int, error) {
	n, err := s.h.in.Recv(uintptr(s.h.conn.fd), p, nil)
	switch {
	case n > 0:
		return n, nil
	case err == sockio.ErrAgain:
		return 0, errAgain
	}
	return 0, err
}

func (t tlsSocket) Write(p []byte) (int, error) {
	t.s.out = append(t.s.out, p...)
	return len(p), nil
}

func (tlsSocket) Close() error                     { return nil }
func (tlsSocket) LocalAddr() net.Addr              { return tlsAddr{} }
func (tlsSocket) RemoteAddr() net.Addr             { return tlsAddr{} }
func (tlsSocket) SetDeadline(time.Time) error      { return nil }
func (tlsSocket) SetReadDeadline(time.Time) error  { return nil }
func (tlsSocket) SetWriteDeadline(time.Time) error { return nil }

type tlsAddr struct{}

func (tlsAddr) Network() string { return "nbd" }
func (tlsAddr) String() string  { return "the server" }

// feed receives for the handshake, and lets it go on.
func (s *tlsStream) feed() error {
	var buf [16 << 10]byte
	n, err := s.h.in.Recv(uintptr(s.h.conn.fd), buf[:], nil)
	switch {
	case n > 0:
		s.in = append(s.in, buf[:n]...)
	case err == io.EOF:
		s.eof = true
	default:
		return err
	}
	s.shake()
	return nil
}

// read gives what was received and decrypted.
func (s *tlsStream) read(a, b []byte) (int, error) {
	if len(a) == 0 {
		a = b
	}
	n, err := s.conn.Read(a)
	switch {
	case n > 0:
		return n, nil
	case errors.Is(err, errAgain):
		return 0, sockio.ErrAgain
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		// Servers often hang up without the goodbye of TLS; what that means
		// the engine knows, which sees whether something is missing.
		return 0, io.EOF
	}
	return 0, &nbderr.Error{Kind: nbderr.Transport, Op: "TLS", Errno: cmp.Or(errnoOfTLS(err), syscall.EPROTO), Err: err}
}

func errnoOfTLS(err error) syscall.Errno {
	errno, _ := nbderr.ErrnoOf(err)
	return errno
}

// tlsBatch is how much is encrypted at a time, in bytes: what is encrypted
// and not sent takes memory.
const tlsBatch = 256 << 10

// write encrypts some of bufs for the socket. It gives the number of bytes
// that were taken.
func (s *tlsStream) write(bufs [][]byte) (int, error) {
	total := 0
	for _, b := range bufs {
		b = b[:min(len(b), tlsBatch-total)]
		n, err := s.conn.Write(b)
		total += n
		if err != nil || total == tlsBatch {
			return total, err
		}
	}
	return total, nil
}

// flush sends what is encrypted. The error is sockio.ErrAgain if that was not
// all.
func (s *tlsStream) flush() error {
	for len(s.out) > 0 {
		n, err := s.h.out.Send(uintptr(s.h.conn.fd), [][]byte{s.out})
		if err != nil {
			return err
		}
		s.out = s.out[:copy(s.out, s.out[n:])]
	}
	return nil
}

func (h *Handle) supportsTls() (bool, error) { return true, nil }
