package tlspsk

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"
)

// TestCombinations goes through what client and server can agree on, with
// data, changes of keys and padding in both directions.
func TestCombinations(t *testing.T) {
	for _, test := range []struct {
		name          string
		clientGroups  []tls.CurveID
		serverGroups  []tls.CurveID
		group         tls.CurveID
		retry, tinily bool
	}{
		{"X25519", nil, nil, tls.X25519, false, false},
		{"P-256", onlyP256, nil, tls.CurveP256, false, false},
		{"P-256 after retry", nil, onlyP256, tls.CurveP256, true, false},
		{"X25519 after retry", []tls.CurveID{tls.CurveP256, tls.X25519}, onlyX25519, tls.X25519, true, false},
		{"byte by byte", nil, onlyP256, tls.CurveP256, true, true},
	} {
		for _, suite := range CipherSuites() {
			for _, limit := range []uint64{recordLimit, 5} {
				t.Run(fmt.Sprintf("%s/%s/%d records", test.name, tls.CipherSuiteName(suite), limit), func(t *testing.T) {
					cc, sc := clientConfig(), serverConfig()
					cc.CipherSuites, cc.Groups, sc.Groups = []uint16{suite}, test.clientGroups, test.serverGroups
					a, b := socketPair(t)
					size := 1 << 20
					if test.tinily {
						a, b, size = chopped{a}, chopped{b}, 20000
					}
					client, server := Client(a, cc), Server(b, sc)
					client.out.limit, server.out.limit = limit, limit
					if cerr, serr := shakeHands(client, server); cerr != nil || serr != nil {
						t.Fatalf("handshake: client %v, server %v", cerr, serr)
					}
					want := ConnectionState{true, tls.VersionTLS13, suite, test.group, test.retry, "alice"}
					for _, c := range []*Conn{client, server} {
						if got := c.ConnectionState(); got != want {
							t.Errorf("state %+v, want %+v", got, want)
						}
					}
					data := randomBytes(size)
					transfer(t, client, server, data)
					transfer(t, server, client, data)
					if client.out.keys.seq >= limit || server.out.keys.seq >= limit {
						t.Errorf("%d and %d records under the same keys, want fewer than %d", client.out.keys.seq, server.out.keys.seq, limit)
					}
					for _, padding := range []int{1, 1000, 16384 - 5} {
						for _, way := range []struct{ from, to *Conn }{{client, server}, {server, client}} {
							var wg sync.WaitGroup
							wg.Go(func() { sendRaw(t, way.from, seal(way.from, recordData, []byte("hello"), padding)) })
							got := make([]byte, 5)
							if _, err := io.ReadFull(way.to, got); err != nil || string(got) != "hello" {
								t.Errorf("with padding of %d: read %q, %v", padding, got, err)
							}
							wg.Wait()
						}
					}
				})
			}
		}
	}
}

// TestPreference: the server's order decides on the suite, and a share that
// was sent is worth more than its order of groups.
func TestPreference(t *testing.T) {
	cc, sc := clientConfig(), serverConfig()
	cc.CipherSuites = []uint16{tls.TLS_AES_128_GCM_SHA256, tls.TLS_CHACHA20_POLY1305_SHA256}
	sc.CipherSuites = []uint16{tls.TLS_CHACHA20_POLY1305_SHA256, tls.TLS_AES_128_GCM_SHA256}
	sc.Groups = []tls.CurveID{tls.CurveP256, tls.X25519}
	client, _ := connect(t, cc, sc)
	state := client.ConnectionState()
	if state.CipherSuiteName() != "TLS_CHACHA20_POLY1305_SHA256" || state.Group != tls.X25519 || state.HelloRetryRequest {
		t.Errorf("state %+v", state)
	}
}

func TestConfig(t *testing.T) {
	for _, test := range []struct {
		want   string
		change func(*ClientConfig, *ServerConfig)
	}{
		{"the user name for TLS has 0 bytes; 1 to 4096 are possible", func(c *ClientConfig, s *ServerConfig) { c.Identity = "" }},
		{"the user name for TLS has 5000 bytes; 1 to 4096 are possible", func(c *ClientConfig, s *ServerConfig) { c.Identity = string(make([]byte, 5000)) }},
		{"the pre-shared key for TLS is empty", func(c *ClientConfig, s *ServerConfig) { c.Key = nil }},
		{"TLS with a pre-shared key does not know the cipher suite TLS_AES_256_GCM_SHA384", func(c *ClientConfig, s *ServerConfig) { c.CipherSuites = []uint16{tls.TLS_AES_256_GCM_SHA384} }},
		{"TLS with a pre-shared key does not know the group CurveP521", func(c *ClientConfig, s *ServerConfig) { c.Groups = []tls.CurveID{tls.CurveP521} }},
		{"the group X25519 is configured twice", func(c *ClientConfig, s *ServerConfig) { c.Groups = []tls.CurveID{tls.X25519, tls.X25519} }},
		{"the cipher suite TLS_AES_128_GCM_SHA256 is configured twice", func(c *ClientConfig, s *ServerConfig) { c.CipherSuites = append(onlyAES, onlyAES...) }},
		{"TLS is configured without any cipher suite or without any group", func(c *ClientConfig, s *ServerConfig) { c.Groups = []tls.CurveID{} }},
		{"a TLS server needs the function Lookup in its configuration", func(c *ClientConfig, s *ServerConfig) { s.Lookup = nil }},
	} {
		cc, sc := clientConfig(), serverConfig()
		test.change(cc, sc)
		a, b := socketPair(t)
		cerr, serr := shakeHands(Client(a, cc), Server(b, sc))
		if fmt.Sprint(cerr) != test.want && fmt.Sprint(serr) != test.want {
			t.Errorf("client %v, server %v, want %s", cerr, serr, test.want)
		}
	}
}

func TestCloseNotify(t *testing.T) {
	client, server := connect(t, clientConfig(), serverConfig())
	if _, err := client.Write([]byte("last")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := client.CloseWrite(); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := io.ReadAll(server); err != nil || string(got) != "last" {
		t.Errorf("read %q, %v", got, err)
	}
	if _, err := client.Write([]byte("more")); !errors.Is(err, errWriteClosed) {
		t.Errorf("write after CloseWrite: %v", err)
	}
	// The other direction still works.
	transfer(t, server, client, []byte("answer"))
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	if n, err := client.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("read after the peer's Close: %d, %v", n, err)
	}
	if err := server.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("second Close: %v", err)
	}
	if _, err := server.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Write after Close: %v", err)
	}
	if err := server.CloseWrite(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("CloseWrite after Close: %v", err)
	}
}

// TestTruncation: without a close_notify it is not the proper end.
func TestTruncation(t *testing.T) {
	client, server := connect(t, clientConfig(), serverConfig())
	record := seal(client, recordData, []byte("hello"), 0)
	sendRaw(t, client, record[:len(record)-1])
	client.conn.Close()
	if _, err := server.Read(make([]byte, 10)); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("error %v, want io.ErrUnexpectedEOF", err)
	}
}

func TestCloseWriteBeforeHandshake(t *testing.T) {
	a, _ := socketPair(t)
	client := Client(a, clientConfig())
	if err := client.CloseWrite(); err != errNoHandshake {
		t.Errorf("CloseWrite before the handshake: %v", err)
	}
	if state := client.ConnectionState(); state != (ConnectionState{}) {
		t.Errorf("state before the handshake: %+v", state)
	}
	if err := client.Close(); err != nil {
		t.Error(err)
	}
	if _, err := client.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Read after Close: %v", err)
	}
}

// TestDeadlines: a Read that has timed out can be repeated, in the middle of
// a record too; a Write can't.
func TestDeadlines(t *testing.T) {
	client, server := connect(t, clientConfig(), serverConfig())
	record := seal(client, recordData, []byte("hello"), 0)
	p := make([]byte, 10)
	for _, part := range [][]byte{record[:3], record[3:9], record[9 : len(record)-1]} {
		sendRaw(t, client, part)
		server.SetReadDeadline(time.Now().Add(5 * time.Millisecond))
		if n, err := server.Read(p); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("read %d, %v; want a timeout", n, err)
		}
	}
	sendRaw(t, client, record[len(record)-1:])
	server.SetReadDeadline(time.Now().Add(patience))
	if n, err := server.Read(p); string(p[:n]) != "hello" {
		t.Fatalf("read %q, %v", p[:n], err)
	}

	client.SetWriteDeadline(time.Now().Add(5 * time.Millisecond))
	n, err := client.Write(make([]byte, 64<<20))
	if nerr, ok := errors.AsType[net.Error](err); n >= 64<<20 || !ok || !nerr.Timeout() {
		t.Fatalf("wrote %d, %v; want a timeout", n, err)
	}
	client.SetWriteDeadline(time.Time{})
	if _, again := client.Write([]byte("x")); again != err {
		t.Errorf("after a timeout: %v, want %v again", again, err)
	}
}

// TestFullDuplex writes much in both directions at once, with Close in the end
// in the middle of it.
func TestFullDuplex(t *testing.T) {
	client, server := connect(t, clientConfig(), serverConfig())
	client.out.limit, server.out.limit = 50, 50
	data := randomBytes(1 << 20)
	var wg sync.WaitGroup
	for _, way := range []struct{ from, to *Conn }{{client, server}, {server, client}} {
		wg.Go(func() {
			for range 8 {
				transfer(t, way.from, way.to, data)
			}
		})
		wg.Go(func() {
			for range 100 {
				if way.to.Buffered() < 0 || !way.to.ConnectionState().HandshakeComplete {
					t.Error("Buffered or ConnectionState is wrong")
				}
			}
		})
	}
	wg.Wait()

	for _, c := range []*Conn{client, server} {
		wg.Go(func() {
			for {
				if _, err := c.Write(data); err != nil {
					return
				}
			}
		})
	}
	wg.Go(func() { client.Close() })
	wg.Go(func() { server.Close() })
	wg.Wait()
}

func TestWritev(t *testing.T) {
	client, server := connect(t, clientConfig(), serverConfig())
	data := randomBytes(100000)
	bufs := [][]byte{data[:28], nil, data[28:40000], {}, data[40000:40001], data[40001:]}
	go func() {
		if n, err := client.Writev(bufs); n != len(data) || err != nil {
			t.Errorf("Writev gave %d, %v", n, err)
		}
	}()
	got := make([]byte, len(data))
	if _, err := io.ReadFull(server, got); err != nil || string(got) != string(data) {
		t.Errorf("error %v, or other data than was sent", err)
	}
	// 7 records hold it, which no other number does.
	if server.in.keys.seq != 7 {
		t.Errorf("%d records, want 7", server.in.keys.seq)
	}
	if n, err := client.Writev(nil); n != 0 || err != nil {
		t.Errorf("empty Writev gave %d, %v", n, err)
	}
}
