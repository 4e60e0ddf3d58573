package tlspsk

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// patience is how long anything may take that should happen at once.
const patience = 20 * time.Second

var testKey = Key("0123456789abcdefghijklmnopqrstuv")

func clientConfig() *ClientConfig {
	return &ClientConfig{Identity: "alice", Key: testKey}
}

func serverConfig() *ServerConfig {
	return &ServerConfig{Lookup: Keys{"alice": testKey, "bob": Key("another key")}.Lookup}
}

// socketPair gives both ends of a connection.
func socketPair(t testing.TB) (a, b net.Conn) {
	t.Helper()
	dir, err := os.MkdirTemp("", "gonbd")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	l, err := net.Listen("unix", filepath.Join(dir, "sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if a, err = net.Dial("unix", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if b, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	for _, conn := range []net.Conn{a, b} {
		if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
	}
	return a, b
}

// shakeHands runs both handshakes and gives their errors. An end whose
// handshake fails is closed, as its user would.
func shakeHands(client, server *Conn) (clientErr, serverErr error) {
	done := make(chan error, 1)
	go func() {
		err := server.HandshakeContext(context.Background())
		if err != nil {
			server.Close()
		}
		done <- err
	}()
	clientErr = client.HandshakeContext(context.Background())
	if clientErr != nil {
		client.Close()
	}
	return clientErr, <-done
}

// connect gives both ends of a connection after the handshake.
func connect(t testing.TB, cc *ClientConfig, sc *ServerConfig) (client, server *Conn) {
	t.Helper()
	a, b := socketPair(t)
	client, server = Client(a, cc), Server(b, sc)
	if cerr, serr := shakeHands(client, server); cerr != nil || serr != nil {
		t.Fatalf("handshake: client %v, server %v", cerr, serr)
	}
	return client, server
}

// randomBytes are the same in every run.
func randomBytes(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{1}).Read(b)
	return b
}

// transfer sends data from one to the other in pieces of various sizes, and
// compares what comes, read in pieces of other sizes.
func transfer(t testing.TB, from io.Writer, to io.Reader, data []byte) {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		sizes := []int{1, 100, 16384, 70000, 16385, 3}
		for i, rest := 0, data; len(rest) > 0; i++ {
			n := min(sizes[i%len(sizes)], len(rest))
			if _, err := from.Write(rest[:n]); err != nil {
				done <- err
				return
			}
			rest = rest[n:]
		}
		done <- nil
	}()
	got := make([]byte, 0, len(data))
	sizes := []int{16, 50000, 1, 200000, 16384}
	for i := 0; len(got) < len(data); i++ {
		n, err := to.Read(got[len(got):min(len(got)+sizes[i%len(sizes)], len(data))])
		got = got[:len(got)+n]
		if err != nil {
			t.Fatalf("read after %d of %d bytes: %v", len(got), len(data), err)
		}
	}
	if err := <-done; err != nil {
		t.Fatalf("write: %v", err)
	}
	if !bytes.Equal(got, data) {
		t.Fatal("other data came than was sent")
	}
}

// seal makes records as a peer may that pads them.
func seal(c *Conn, typ byte, content []byte, padding int) []byte {
	o := &c.out
	inner := append(append(bytes.Clone(content), typ), make([]byte, padding)...)
	n := len(inner) + tagLen
	header := []byte{recordData, 3, 3, byte(n >> 8), byte(n)}
	return o.keys.aead.Seal(header, o.keys.nextNonce(), inner, bytes.Clone(header))
}

// sendRaw writes to the inner connection.
func sendRaw(t testing.TB, c *Conn, b []byte) {
	t.Helper()
	if _, err := c.conn.Write(b); err != nil {
		t.Error(err)
	}
}

// chopped is a connection that gives and takes one byte at a time.
type chopped struct{ net.Conn }

func (c chopped) Read(p []byte) (int, error) { return c.Conn.Read(p[:min(len(p), 1)]) }

func (c chopped) Write(p []byte) (int, error) {
	for i := range p {
		if _, err := c.Conn.Write(p[i : i+1]); err != nil {
			return i, err
		}
	}
	return len(p), nil
}

var (
	onlyP256   = []tls.CurveID{tls.CurveP256}
	onlyX25519 = []tls.CurveID{tls.X25519}
	onlyAES    = []uint16{tls.TLS_AES_128_GCM_SHA256}
	onlyChaCha = []uint16{tls.TLS_CHACHA20_POLY1305_SHA256}
)
