package nbd

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	mathrand "math/rand/v2"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gonbd/gonbd/nbdserver"
)

// certificate makes a certificate for localhost, and the pool to trust it by.
var certificate = sync.OnceValues(func() (tls.Certificate, *x509.CertPool) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
})

func serverTLS() *tls.Config {
	cert, _ := certificate()
	return &tls.Config{Certificates: []tls.Certificate{cert}}
}

func clientTLS() *tls.Config {
	_, pool := certificate()
	return &tls.Config{RootCAs: pool, ServerName: "localhost"}
}

// driver makes a client of a server, over a connection of its kind.
type driver struct {
	name string
	dial func(t testing.TB, s *nbdserver.Server, cfg Config) *Client
}

func over(network string, client, srv func(net.Conn) net.Conn, p func() *proxy) func(testing.TB, *nbdserver.Server, Config) *Client {
	return func(t testing.TB, s *nbdserver.Server, cfg Config) *Client {
		a, b := sockets(t, network)
		if p != nil {
			c, d := sockets(t, network)
			p().join(t, b, c)
			b = d
		}
		serveConn(t, s, srv(b))
		return clientOn(t, client(a), cfg)
	}
}

func bare(nc net.Conn) net.Conn { return nc }

// hidden is a connection of a kind that the package does not know.
type hidden struct{ net.Conn }

func hide(nc net.Conn) net.Conn { return hidden{nc} }

func secure(nc net.Conn) net.Conn    { return tls.Client(nc, clientTLS()) }
func secureSrv(nc net.Conn) net.Conn { return tls.Server(nc, serverTLS()) }

// scrambled embeds a socket, whose descriptor shows, and changes the bytes.
type scrambled struct{ *net.UnixConn }

func scramble(nc net.Conn) net.Conn { return scrambled{nc.(*net.UnixConn)} }

func (s scrambled) Read(p []byte) (int, error) {
	n, err := s.UnixConn.Read(p)
	for i := range p[:n] {
		p[i] ^= 0x55
	}
	return n, err
}

func (s scrambled) Write(p []byte) (int, error) {
	q := make([]byte, len(p))
	for i := range p {
		q[i] = p[i] ^ 0x55
	}
	return s.UnixConn.Write(q)
}

func chopper() *proxy { return newProxy(700) }

// staller stops now and then.
func staller() *proxy {
	p := newProxy(20_000)
	go func() {
		for range 20 {
			p.hold(true)
			time.Sleep(time.Millisecond)
			p.hold(false)
			time.Sleep(time.Millisecond)
		}
	}()
	return p
}

// tight makes the buffers of a socket small. Much smaller ones than these
// make TCP wait for its timers.
func tight(nc net.Conn) net.Conn {
	nc.(interface{ SetReadBuffer(int) error }).SetReadBuffer(64 << 10)
	nc.(interface{ SetWriteBuffer(int) error }).SetWriteBuffer(64 << 10)
	return nc
}

var drivers = []driver{
	{"unix", over("unix", bare, bare, nil)},
	{"tcp", over("tcp", bare, bare, nil)},
	{"pipe", over("pipe", bare, bare, nil)},
	{"tls", over("tcp", secure, secureSrv, nil)},
	{"tls pipe", over("pipe", secure, secureSrv, nil)},
	{"hidden", over("unix", hide, bare, nil)},
	{"scrambled", over("unix", scramble, func(nc net.Conn) net.Conn { return hide(scramble(nc)) }, nil)},
	{"chopped", over("unix", bare, bare, chopper)},
	{"chopped pipe", over("pipe", bare, bare, chopper)},
	{"stalling", over("tcp", bare, bare, staller)},
	{"stalling tls", over("tcp", secure, secureSrv, staller)},
	{"tight unix", over("unix", tight, tight, nil)},
	{"tight tcp", over("tcp", tight, tight, nil)},
}

func eachDriver(t *testing.T, f func(t *testing.T, d driver)) {
	for _, d := range drivers {
		t.Run(d.name, func(t *testing.T) { f(t, d) })
	}
}

// TestDrivers compares with a model, from many goroutines that each have a
// part of the disk, in requests of all sizes.
func TestDrivers(t *testing.T) {
	const part, workers = 100_000, 8
	eachDriver(t, func(t *testing.T, d driver) {
		c := d.dial(t, memory(part*workers), Config{MetaContexts: []string{ContextBaseAllocation}})
		var wg sync.WaitGroup
		for w := range workers {
			wg.Go(func() {
				r := mathrand.New(mathrand.NewPCG(uint64(w), 1))
				model := make([]byte, part)
				start := int64(w) * part
				for i := range 60 {
					off := r.IntN(part)
					n := r.IntN(part - off)
					if r.IntN(2) == 0 {
						n = min(n, 600)
					}
					switch r.IntN(5) {
					case 0, 1:
						got := make([]byte, n)
						if _, err := c.ReadAt(got, start+int64(off)); err != nil {
							t.Error(err)
							return
						}
						same(t, "read", got, model[off:off+n])
					case 2, 3:
						copy(model[off:], pattern(n, uint64(i)))
						if _, err := c.WriteAt(model[off:off+n], start+int64(off)); err != nil {
							t.Error(err)
							return
						}
					case 4:
						clear(model[off : off+n])
						if err := c.WriteZeroes(limited(t), start+int64(off), int64(n)); err != nil {
							t.Error(err)
							return
						}
						sum := int64(0)
						for e, err := range c.Extents(limited(t), start+int64(off), int64(n), ContextBaseAllocation) {
							if err != nil {
								t.Error(err)
								return
							}
							sum += e.Length
						}
						if sum != int64(n) {
							t.Errorf("extents of %d bytes cover %d", n, sum)
						}
					}
				}
			})
		}
		within(t, "the suite", wg.Wait)
		ctx := limited(t)
		if err := c.Flush(ctx); err != nil {
			t.Error(err)
		}
		if err := c.Shutdown(ctx); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
	})
}

// TestBothDirectionsFull sends large writes and large reads at once, through
// buffers that take neither.
func TestBothDirectionsFull(t *testing.T) {
	eachDriver(t, func(t *testing.T, d driver) {
		const n = 300_000
		s := memory(16 * n)
		s.MaxRequests = 4
		c := d.dial(t, s, Config{})
		var wg sync.WaitGroup
		for w := range 16 {
			wg.Go(func() {
				p := make([]byte, n)
				for range 2 {
					var err error
					if w%2 == 0 {
						_, err = c.WriteAt(p, int64(w)*n)
					} else {
						_, err = c.ReadAt(p, int64(w)*n)
					}
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		within(t, "reading and writing at once", wg.Wait)
	})
}

// TestDeadlineOfCaller has the caller leave a deadline on the connection.
func TestDeadlineOfCaller(t *testing.T) {
	for _, network := range []string{"unix", "pipe"} {
		a, b := sockets(t, network)
		serveConn(t, memory(4096), b)
		soon := time.Now().Add(2 * time.Second) // when the handshake has long ended
		a.SetDeadline(soon)
		c := clientOn(t, a, Config{})
		await(t, "the deadline has passed", func() bool { return time.Now().After(soon) })
		if _, err := c.ReadAtContext(limited(t), make([]byte, 1), 0); err != nil {
			t.Errorf("%s: %v", network, err)
		}
		// One that comes later is an error, and no busy loop.
		a.SetDeadline(time.Unix(1, 0))
		if _, err := c.ReadAtContext(limited(t), make([]byte, 1), 0); err == nil {
			t.Errorf("%s: no error", network)
		}
	}
}

func TestNewClientOfForeignSocket(t *testing.T) {
	a, b := sockets(t, "unix")
	defer b.Close()
	defer a.Close()
	if _, ok := plain(a).(syscall.Conn); !ok {
		t.Error("a Unix socket has lost its descriptor")
	}
	if _, ok := plain(scramble(a)).(syscall.Conn); ok {
		t.Error("what is more than a socket shows its descriptor")
	}
	if c, _ := net.Pipe(); plain(c) != c {
		t.Error("a pipe was wrapped")
	}
}

// TestNoDeadlines has a connection that refuses deadlines: a context must
// still end the handshake.
func TestNoDeadlines(t *testing.T) {
	a, b := net.Pipe()
	defer b.Close()
	ctx, cancel := context.WithCancel(context.Background())
	within(t, "NewClient", func() {
		done := make(chan error, 1)
		go func() {
			_, err := NewClient(ctx, timeless{a}, Config{})
			done <- err
		}()
		cancel()
		if err := <-done; err == nil {
			t.Error("no error")
		}
	})
}

type timeless struct{ net.Conn }

func (timeless) SetDeadline(time.Time) error      { return syscall.ENOTSUP }
func (timeless) SetReadDeadline(time.Time) error  { return syscall.ENOTSUP }
func (timeless) SetWriteDeadline(time.Time) error { return syscall.ENOTSUP }
