package nbd

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/gonbd/gonbd/internal/script"
	"github.com/gonbd/gonbd/internal/testcerts"
	"github.com/gonbd/gonbd/internal/wire"
	"github.com/gonbd/gonbd/nbdserver"
	"github.com/gonbd/gonbd/nbduri"
)

// serveTLS answers NBD_OPT_STARTTLS itself, and has the server do the rest
// inside of TLS. It gives the address.
func serveTLS(t *testing.T, s *nbdserver.Server, network string) net.Addr {
	l := listen(t, network)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				err := script.Steps(script.Newstyle(wire.FlagFixedNewstyle|wire.FlagNoZeroes), script.Answer(wire.OptStartTLS, wire.RepAck, nil))(nc)
				if err != nil {
					nc.Close()
					return
				}
				inside(s, tls.Server(nc, serverTLS()), &wg)
			})
		}
	})
	t.Cleanup(func() { l.Close(); s.Close(); wg.Wait() })
	return l.Addr()
}

// inside goes on with a server whose greeting the client has had already.
func inside(s *nbdserver.Server, nc net.Conn, wg *sync.WaitGroup) {
	a, b := net.Pipe()
	wg.Go(func() { s.ServeConn(context.Background(), b) })
	io.ReadFull(a, make([]byte, wire.GreetingSize+wire.HandshakeFlagsSize))
	a.Write(wire.AppendClientFlags(nil, wire.FlagCFixedNewstyle|wire.FlagCNoZeroes))
	wg.Go(func() { io.Copy(nc, a); nc.Close(); a.Close() })
	wg.Go(func() { io.Copy(a, nc); nc.Close(); a.Close() })
}

func TestTLS(t *testing.T) {
	s := server(&nbdserver.Export{Backend: nbdserver.NewMemory(1 << 20), MultiConn: true})
	tcp, unix := serveTLS(t, s, "tcp"), serveTLS(t, s, "unix")
	for _, uri := range []string{"nbds://" + tcp.String() + "/?tls-hostname=localhost", "nbds+unix:///?socket=" + unix.String()} {
		_, pool := certificate()
		c, err := Dial(limited(t), uri, WithTLSConfig(&tls.Config{RootCAs: pool}), WithConnections(2))
		if err != nil {
			t.Fatalf("%s: %v", uri, err)
		}
		if p := c.Protocol(); !p.TLS || !p.ExtendedHeaders || c.Connections() != 2 {
			t.Errorf("%+v, %d connections", p, c.Connections())
		}
		want := pattern(1<<20, 11)
		if _, err := c.WriteAt(want, 0); err != nil {
			t.Error(err)
		}
		same(t, "over TLS", readBack(t, c), want)
		if err := c.Shutdown(limited(t)); err != nil {
			t.Error(err)
		}
		if list, err := List(limited(t), uri, WithTLSConfig(&tls.Config{RootCAs: pool})); err != nil || len(list) != 1 {
			t.Errorf("List: %v, %v", list, err)
		}
	}
	uri := "nbds://" + tcp.String()
	var unknown x509.UnknownAuthorityError
	if _, err := Dial(limited(t), uri+"/?tls-hostname=localhost"); !errors.As(err, &unknown) {
		t.Errorf("a certificate that nobody knows: %v", err)
	}
	_, pool := certificate()
	var host x509.HostnameError
	if _, err := Dial(limited(t), uri, WithTLSConfig(&tls.Config{RootCAs: pool})); !errors.As(err, &host) {
		t.Errorf("another host's certificate: %v", err)
	}
	c, err := Dial(limited(t), uri+"/?tls-verify-peer=no")
	if err != nil {
		t.Errorf("without verification: %v", err)
	} else {
		c.Close()
	}
}

func TestTLSOnAnyConnection(t *testing.T) {
	s := memory(4096)
	addr := serveTLS(t, s, "unix")
	nc, err := net.Dial("unix", addr.String())
	if err != nil {
		t.Fatal(err)
	}
	c := clientOn(t, nc, Config{TLS: clientTLS()})
	if !c.Protocol().TLS {
		t.Error("no TLS")
	}
	if _, err := c.ReadAt(make([]byte, 4096), 0); err != nil {
		t.Error(err)
	}
}

func TestTLSRefused(t *testing.T) {
	plain, old, ancient := memory(4096), memory(4096), memory(4096)
	old.Disable.FixedNewstyle = true
	ancient.Disable.Newstyle = true
	for _, s := range []*nbdserver.Server{plain, old, ancient} {
		uri := strings.Replace(serve(t, s, "unix"), "nbd+", "nbds+", 1)
		var e *Error
		if _, err := Dial(limited(t), uri); !errors.As(err, &e) || e.Kind != ServerError || !strings.Contains(err.Error(), "TLS: server error: required, but") {
			t.Errorf("%v", err)
		}
	}
	// The greeting of the attacker who injects commands.
	nc, wait := play(t, "unix", script.Newstyle(wire.FlagFixedNewstyle), script.ExpectOption(wire.OptStartTLS, nil),
		script.Send(wire.AppendOptionReply(nil, wire.OptStartTLS, wire.RepAck, nil), []byte("in the clear")))
	if _, err := NewClient(limited(t), nc, Config{TLS: clientTLS()}); err == nil || !strings.Contains(err.Error(), "in the clear after it agreed to TLS") {
		t.Errorf("%v", err)
	}
	wait()
	// A server that agrees and then talks nonsense.
	nc, wait = play(t, "unix", script.Newstyle(wire.FlagFixedNewstyle), script.Answer(wire.OptStartTLS, wire.RepAck, nil),
		script.ExpectFunc(5, func([]byte) error { return nil }), script.Send([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")))
	var e *Error
	if _, err := NewClient(limited(t), nc, Config{TLS: clientTLS()}); !errors.As(err, &e) || e.Op != "TLS handshake" {
		t.Errorf("%v", err)
	}
	wait()
}

// TestTLSParameters reaches servers by what a URI says alone.
func TestTLSParameters(t *testing.T) {
	dir := t.TempDir()
	ca := testcerts.New(t, dir)
	cert := ca.Server()
	ca.Client()
	keys := testcerts.WriteKeys(t, dir)
	x509 := memory(4096)
	x509.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ca.Pool()}
	psk := memory(4096)
	psk.PSK = func(name string) ([]byte, bool) { return testcerts.Key, name == "alice" }
	x509.RequireTLS, psk.RequireTLS = true, true
	perms := nbduri.DefaultPermissions()
	perms.LocalFile, perms.TLSPriority = true, true
	x509URI := strings.Replace(serve(t, x509, "tcp"), "nbd:", "nbds:", 1)
	pskURI := strings.Replace(serve(t, psk, "unix"), "nbd+unix://", "nbds+unix://alice@", 1)
	for _, uri := range []string{
		x509URI + "?tls-certificates=" + dir,
		x509URI + "?tls-certificates=" + dir + "&tls-priority=NORMAL:-VERS-TLS1.3",
		x509URI + "?tls-certificates=" + dir + "&tls-hostname=localhost",
		pskURI + "&tls-psk-file=" + keys,
		strings.Replace(pskURI, "alice@", "", 1) + "&tls-username=alice&tls-psk-file=" + keys,
	} {
		c, err := Dial(limited(t), uri, WithPermissions(perms))
		if err != nil {
			t.Errorf("%s: %v", uri, err)
			continue
		}
		if _, err := c.WriteAt(pattern(4096, 1), 0); err != nil || !c.Protocol().TLS {
			t.Errorf("%s: %v", uri, err)
		}
		if err := c.Close(); err != nil {
			t.Errorf("%s: closing: %v", uri, err)
		}
	}
	for uri, text := range map[string]string{
		x509URI + "?tls-certificates=" + dir + "&tls-hostname=elsewhere": "is for localhost",
		x509URI + "?tls-certificates=/nonexistent":                       "/nonexistent/ca-cert.pem",
		pskURI + "&tls-psk-file=/nonexistent":                            "/nonexistent",
		x509URI + "?tls-type=anon":                                       "tls-type=anon",
		pskURI + "&tls-type=psk":                                         "tls-psk-file",
		x509URI + "?tls-priority=SECURE256":                              "SECURE256",
	} {
		if _, err := Dial(limited(t), uri, WithPermissions(perms)); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: %v, want an error that says %q", uri, err, text)
		}
	}
	if _, err := Dial(limited(t), pskURI+"&tls-psk-file="+keys); !errors.Is(err, syscall.EPERM) {
		t.Errorf("a local file without permission: %v", err)
	}
	if _, err := Dial(limited(t), "nbd://localhost:1", WithPermissions(nbduri.Permissions{})); err == nil {
		t.Error("no permission at all, and no error")
	}
	c, err := Dial(limited(t), pskURI, WithPSK("alice", testcerts.Key))
	if err != nil || !c.Protocol().TLS {
		t.Fatalf("a key in memory: %v", err)
	}
	c.Close()
	// Both sides may do without.
	c, err = Dial(limited(t), serve(t, memory(4096), "unix"), WithAllowedTLS())
	if err != nil || c.Protocol().TLS {
		t.Fatalf("TLS allowed, a server without: %v", err)
	}
	c.Close()
	psk.RequireTLS = false
	c, err = Dial(limited(t), serve(t, psk, "unix"), WithAllowedTLS(), WithPSK("alice", testcerts.Key))
	if err != nil || !c.Protocol().TLS {
		t.Fatalf("TLS allowed, a server with it: %v", err)
	}
	c.Close()
}

func TestLogTellsNoSecrets(t *testing.T) {
	var log logged
	uri := serve(t, memory(4096), "unix")
	data := []byte("a secret that is only data")
	c := dial(t, uri, WithLogger(log.logger()), WithTLSConfig(clientTLS()))
	if _, err := c.WriteAt(data, 0); err != nil {
		t.Error(err)
	}
	c.ReadAt(data, 0)
	c.Close()
	text := log.String()
	if !strings.Contains(text, "nbd: connected") || !strings.Contains(text, "size=4096") || !strings.Contains(text, strings.TrimPrefix(uri, "nbd+unix://")) {
		t.Errorf("the log is %q", text)
	}
	if strings.Contains(text, "secret") {
		t.Errorf("the log tells a secret: %q", text)
	}
	if strings.Contains(text, "WARN") {
		t.Errorf("closing is nothing to warn of: %q", text)
	}
}

func TestLogWarns(t *testing.T) {
	s := memory(4096)
	s.Disable.Newstyle = true
	var log logged
	open(t, s, WithExport("disk"), WithLogger(log.logger()))
	if !strings.Contains(log.String(), `level=WARN`) || !strings.Contains(log.String(), "oldstyle") {
		t.Errorf("the log is %q", log.String())
	}
}

func TestErrorTexts(t *testing.T) {
	c, wait := scripted(t, "unix", helloContext(1<<20, plainFlags|wire.FlagSendTrim, false), Config{},
		script.WithRequest(false, wire.CmdRead, func(r wire.Request) script.Step {
			return script.Send(chunkOf(r.Cookie, wire.ReplyFlagDone, wire.ReplyErrorOffset, wire.AppendErrorOffset(nil, wire.EIO, "sector lost", r.Offset+100)))
		}),
		script.WithRequest(false, wire.CmdTrim, func(r wire.Request) script.Step {
			return script.Send(chunkOf(r.Cookie, wire.ReplyFlagDone, wire.ReplyError, wire.AppendError(nil, wire.ENOSPC, "disk\nfull")))
		}),
		script.ExpectRequest(false, wire.CmdDisc, nil))
	_, err := c.ReadAt(make([]byte, 512), 1024)
	var e *Error
	if !errors.As(err, &e) || e.ServerText != "sector lost" || e.Kind != ServerError || e.Retry || !errors.Is(err, syscall.EIO) {
		t.Errorf("%#v", err)
	}
	if want := "read of 512 bytes at offset 1024: server error: at offset 1124: input/output error: sector lost"; err == nil || err.Error() != want {
		t.Errorf("%q, expected %q", err, want)
	}
	err = c.Trim(limited(t), 5, 10)
	if want := "trim of 10 bytes at offset 5: server error: no space left on device: disk full"; err == nil || err.Error() != want {
		t.Errorf("%q, expected %q", err, want)
	}
	c.Close()
	_, err = c.ReadAt(make([]byte, 512), 1024)
	if want := "read: use of closed network connection"; err == nil || err.Error() != want {
		t.Errorf("%q, expected %q", err, want)
	}
	if err := wait(); err != nil {
		t.Error(err)
	}
}
