package tlspsk

import (
	"context"
	"crypto/tls"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Conn is a TLS connection on another connection, the inner one, which it
// owns. Its methods may be called by several goroutines at once; Reads wait
// for Reads and Writes for Writes, but not the ones for the others.
//
// Deadlines are those of the inner connection. An error of the inner
// connection in [Conn.Read], a timeout or any other, loses nothing and is not
// remembered: the next Read goes on where the last one was, even in the middle
// of a record. So a Conn can be read without blocking, if the inner
// connection's Read returns an error where it would block; such a reader must
// not wait for the inner connection while [Conn.Readable] is true. An error of
// the inner connection in [Conn.Write] is final, as in crypto/tls, because a
// part of a record may have been sent.
type Conn struct {
	conn     net.Conn
	shake    func(*Conn) error // either side's handshake
	isClient bool

	shakeMutex sync.Mutex
	shakeErr   error       // why the handshake failed, for good
	ready      atomic.Bool // the handshake has succeeded
	state      ConnectionState

	in  inbound
	out outbound

	// updateAsked says that the peer wants us to change our keys. The
	// reader learns of it but must not write: both peers could wait for
	// each other to read. The next Write does.
	updateAsked atomic.Bool

	// broken is what the peer did wrong, when it did. It too is for the
	// next Write or Close to tell the peer.
	broken atomic.Pointer[ProtocolError]

	closed atomic.Bool
}

// ConnectionState is what two peers have agreed on. Its identifiers are those
// of crypto/tls.
type ConnectionState struct {
	// HandshakeComplete is false, and all else zero, before and during the
	// handshake, and if it failed.
	HandshakeComplete bool
	// Version is always [tls.VersionTLS13]; [tls.VersionName] names it.
	Version uint16
	// CipherSuite can be named by [tls.CipherSuiteName].
	CipherSuite uint16
	// Group is that of the key exchange.
	Group tls.CurveID
	// HelloRetryRequest says whether the server had to ask for a share in
	// this group.
	HelloRetryRequest bool
	// Identity is the user name of the client.
	Identity string
}

// CipherSuiteName is the name of the cipher suite in the standards, as
// "TLS_AES_128_GCM_SHA256".
func (s ConnectionState) CipherSuiteName() string {
	return tls.CipherSuiteName(s.CipherSuite)
}

func newConn(conn net.Conn, shake func(*Conn) error) *Conn {
	c := &Conn{conn: conn, shake: shake}
	c.out.limit = recordLimit
	return c
}

// Handshake is HandshakeContext without a context.
func (c *Conn) Handshake() error { return c.HandshakeContext(context.Background()) }

// HandshakeContext runs the handshake, unless that was done before. Read and
// Write do so by themselves; a program that wants to be able to give up calls
// it first. If ctx ends before the handshake does, the inner connection is
// closed and the error is that of the context. Any error is final.
func (c *Conn) HandshakeContext(ctx context.Context) error {
	if c.ready.Load() {
		return nil
	}
	c.shakeMutex.Lock()
	defer c.shakeMutex.Unlock()
	if c.ready.Load() || c.shakeErr != nil {
		return c.shakeErr
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	stop := context.AfterFunc(ctx, func() {
		c.conn.Close() // only to end what goes on; the error is the context's
	})
	err := c.shake(c)
	if alert, ok := alertOf(err); ok {
		c.lastWords(alert)
	}
	if !stop() {
		err = context.Cause(ctx)
	}
	if err != nil {
		c.shakeErr = err
		return err
	}
	c.state.HandshakeComplete = true
	c.ready.Store(true)
	return nil
}

// ConnectionState reports what was agreed on. It is zero before the handshake
// is complete.
func (c *Conn) ConnectionState() ConnectionState {
	if !c.ready.Load() {
		return ConnectionState{}
	}
	return c.state
}

// NetConn returns the inner connection. To read from or write to it breaks
// this one.
func (c *Conn) NetConn() net.Conn { return c.conn }

// LocalAddr is that of the inner connection.
func (c *Conn) LocalAddr() net.Addr { return c.conn.LocalAddr() }

// RemoteAddr is that of the inner connection.
func (c *Conn) RemoteAddr() net.Addr { return c.conn.RemoteAddr() }

// SetDeadline sets both deadlines of the inner connection. See [Conn] for what
// becomes of a connection when one has passed.
func (c *Conn) SetDeadline(t time.Time) error { return c.conn.SetDeadline(t) }

// SetReadDeadline sets the deadline of reading from the inner connection.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.conn.SetReadDeadline(t) }

// SetWriteDeadline sets the deadline of writing to the inner connection.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.conn.SetWriteDeadline(t) }
