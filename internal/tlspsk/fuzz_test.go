package tlspsk

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"reflect"
	"testing"
	"time"
)

// feed is an inner connection that gives certain bytes and swallows all.
type feed struct {
	net.Conn
	r io.Reader
}

func (f feed) Read(p []byte) (int, error)       { return f.r.Read(p) }
func (f feed) Write(p []byte) (int, error)      { return len(p), nil }
func (f feed) Close() error                     { return nil }
func (f feed) SetWriteDeadline(time.Time) error { return nil }

// FuzzClientHello: what is accepted comes out the same if it is written anew.
func FuzzClientHello(f *testing.F) {
	f.Add(exampleClientHello().marshal())
	f.Add(unhex(f, rfcClientHello))
	f.Fuzz(func(t *testing.T, msg []byte) {
		if len(msg) < messageHeader {
			return
		}
		m, err := parseClientHello(msg)
		if err != nil {
			checkViolation(t, err)
			return
		}
		if len(m.random) != helloRandomLen || m.truncated > len(msg) || m.truncated < messageHeader || len(m.identities) != len(m.binders) {
			t.Fatalf("accepted %+v", m)
		}
		if m.groups == nil || m.modes == nil || m.identities == nil {
			return // such a one is never written
		}
		again, err := parseClientHello(m.marshal())
		if err != nil || len(again.shares)+len(m.shares) > 0 && !reflect.DeepEqual(again, m) {
			t.Fatalf("%+v came back as %+v, %v", m, again, err)
		}
	})
}

// FuzzServerHello is FuzzClientHello for the answers.
func FuzzServerHello(f *testing.F) {
	for _, m := range exampleServerHellos() {
		f.Add(m.marshal())
	}
	f.Add(unhex(f, rfcServerHello))
	f.Fuzz(func(t *testing.T, msg []byte) {
		if len(msg) < messageHeader {
			return
		}
		checkViolation(t, parseEncryptedExtensions(msg))
		m, err := parseServerHello(msg)
		checkViolation(t, err)
		if err != nil || m.version != tls.VersionTLS13 || m.share.data == nil && !m.retry {
			return
		}
		if again, err := parseServerHello(m.marshal()); err != nil || !reflect.DeepEqual(again, m) {
			t.Fatalf("%+v came back as %+v, %v", m, again, err)
		}
	})
}

// checkViolation: the peer is told of everything that is not accepted.
func checkViolation(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	if p, ok := errors.AsType[*ProtocolError](err); !ok || p.Alert == alertCloseNotify || p.Msg == "" {
		t.Fatalf("error %#v", err)
	}
}

// FuzzHandshake gives a client and a server any bytes for an answer: there is
// an error, and no handshake.
func FuzzHandshake(f *testing.F) {
	f.Add(plain(recordHandshake, unhex(f, rfcClientHello)))
	f.Add(plain(recordHandshake, unhex(f, rfcServerHello)))
	f.Add(plain(recordHandshake, exampleClientHello().marshal()))
	for _, m := range exampleServerHellos() {
		m.sessionID = nil
		f.Add(append(plain(recordHandshake, m.marshal()), plain(recordData, make([]byte, 50))...))
	}
	f.Add(append(plain(recordChangeCipherSpec, []byte{1}), plainAlert(alertHandshakeFailure)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, c := range []*Conn{
			Client(feed{r: bytes.NewReader(b)}, clientConfig()),
			Server(feed{r: bytes.NewReader(b)}, serverConfig()),
		} {
			if err := c.Handshake(); err == nil || err == io.EOF || err.Error() == "" {
				t.Fatalf("client %v: error %v", c.isClient, err)
			}
			if len(c.in.buf) > largeBuffer || len(c.in.hand) > maxMessage+maxPlaintext {
				t.Fatalf("%d and %d bytes held", len(c.in.buf), len(c.in.hand))
			}
			c.Close()
		}
	})
}

// FuzzRecords lets a peer that has the keys send anything, as its records say
// that the input is cut: a byte for the type, two for the length of the
// content, one for padding. With type 0 it is sent as it is.
func FuzzRecords(f *testing.F) {
	f.Add([]byte{recordData, 0, 5, 3, 'h', 'e', 'l', 'l', 'o', recordAlert, 0, 2, 0, 1, 0})
	f.Add([]byte{recordHandshake, 0, 5, 0, typeKeyUpdate, 0, 0, 1, 1, recordData, 0, 1, 0, 'x'})
	f.Add([]byte{recordHandshake, 0, 3, 0, typeNewSessionTicket, 0, 0, recordHandshake, 0, 3, 0, 2, 1, 1, recordData, 0, 0, 0})
	f.Add([]byte{0, 0, 7, 0, recordData, 3, 3, 0, 2, 1, 2})
	secret := make([]byte, hashLen)
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, isClient := range []bool{false, true} {
			peer := newConn(nil, nil)
			peer.out.keys.set(suites[0], secret)
			var stream []byte
			var sent []byte // all data, up to what may not be
			for in := b; len(in) >= 4; {
				typ, n, padding := in[0], min(int(in[1])<<8|int(in[2]), len(in)-4), int(in[3])
				content := in[4 : 4+n]
				in = in[4+n:]
				if typ == 0 {
					stream = append(stream, content...)
					continue
				}
				stream = append(stream, seal(peer, typ, content, padding)...)
				if typ == recordData {
					sent = append(sent, content...)
				}
				if typ == recordHandshake && len(content) == 5 && content[0] == typeKeyUpdate {
					peer.out.keys.update()
				}
			}
			c := newConn(feed{r: bytes.NewReader(stream)}, nil)
			c.isClient = isClient
			c.in.keys.set(suites[0], secret)
			c.out.keys.set(suites[0], secret)
			c.ready.Store(true)
			var got []byte
			p := make([]byte, 1+len(b)%100)
			for {
				buffered := c.Buffered()
				n, err := c.Read(p)
				got = append(got, p[:n]...)
				if n < min(buffered, len(p)) {
					t.Fatalf("read %d of %d bytes, %v", n, buffered, err)
				}
				if err != nil {
					if err == io.ErrUnexpectedEOF || err == io.EOF || errors.As(err, new(tls.AlertError)) {
						break
					}
					checkViolation(t, err)
					break
				}
				if n == 0 {
					t.Fatal("Read returned nothing")
				}
			}
			if !bytes.HasPrefix(sent, got) {
				t.Fatalf("read %q where %q was sent", got, sent)
			}
			if len(c.in.buf) > largeBuffer || len(c.in.hand) > maxMessage+maxPlaintext {
				t.Fatalf("%d and %d bytes held", len(c.in.buf), len(c.in.hand))
			}
			c.Close()
		}
	})
}
