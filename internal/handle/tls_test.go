//go:build linux

package handle

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gonbd/gonbd/internal/engine"
	"github.com/gonbd/gonbd/internal/script"
	"github.com/gonbd/gonbd/internal/testcerts"
	"github.com/gonbd/gonbd/internal/wire"
	"github.com/gonbd/gonbd/nbdserver"
)

// secured are the kinds of TLS: a server, and what a handle needs for it.
func secured(t *testing.T) map[string]func() (*nbdserver.Server, func(*Handle)) {
	dir := t.TempDir()
	ca := testcerts.New(t, dir)
	cert := ca.Server()
	ca.Client()
	keys := testcerts.WriteKeys(t, dir)
	certificates := func(version uint16) func() (*nbdserver.Server, func(*Handle)) {
		return func() (*nbdserver.Server, func(*Handle)) {
			s := memory(8 << 20)
			s.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ca.Pool(), MaxVersion: version}
			s.RequireTLS = true
			return s, func(h *Handle) { h.SetTls(tlsRequire); h.SetTlsCertificates(dir); h.SetTlsHostname("localhost") }
		}
	}
	return map[string]func() (*nbdserver.Server, func(*Handle)){
		"TLS 1.2": certificates(tls.VersionTLS12),
		"TLS 1.3": certificates(tls.VersionTLS13),
		"PSK": func() (*nbdserver.Server, func(*Handle)) {
			s := memory(8 << 20)
			s.PSK = func(name string) ([]byte, bool) { return testcerts.Key, name == "alice" }
			s.RequireTLS = true
			return s, func(h *Handle) { h.SetTls(tlsRequire); h.SetTlsPskFile(keys); h.SetTlsUsername("alice") }
		},
	}
}

func TestTLS(t *testing.T) {
	for name, kind := range secured(t) {
		t.Run(name, func(t *testing.T) {
			s, config := kind()
			h := connected(t, s, config, baseAllocation)
			if on, _ := h.GetTlsNegotiated(); !on {
				t.Fatal("TLS was not negotiated")
			}
			want, got := pattern(5<<20, 1), make([]byte, 5<<20)
			must(t, h.Pwrite(want, 77, 0))
			must(t, h.Pread(got, 77, 0))
			if !bytes.Equal(got, want) {
				t.Fatal("what was read is not what was written")
			}
			var log []string
			must(t, h.BlockStatus64(1<<20, 0, &extents64{recorder{log: &log}}, 0))
			must(t, h.Shutdown(0))
			if h.public.class() != engine.Closed {
				t.Errorf("the state is %v", h.public.class())
			}
		})
	}
}

// TestTLSPipeline has many commands in flight, in both directions at once,
// from several threads.
func TestTLSPipeline(t *testing.T) {
	for name, kind := range secured(t) {
		t.Run(name, func(t *testing.T) {
			s, config := kind()
			h := connected(t, s, config)
			var wg sync.WaitGroup
			for i := range 4 {
				wg.Go(func() {
					base := uint64(i) << 20
					want := pattern(1<<20, byte(i))
					var cookies []uint64
					for off := uint64(0); off < 1<<20; off += 64 << 10 {
						c, err := h.AioPwrite(want[off:off+64<<10], base+off, nil, 0)
						if err != nil {
							t.Error(err)
							return
						}
						cookies = append(cookies, c)
					}
					for _, c := range cookies {
						for {
							ok, err := h.AioCommandCompleted(c)
							if err != nil {
								t.Error(err)
								return
							}
							if ok {
								break
							}
							if _, err := h.Poll(-1); err != nil {
								t.Error(err)
								return
							}
						}
					}
					got := make([]byte, 1<<20)
					if err := h.Pread(got, base, 0); err != nil || !bytes.Equal(got, want) {
						t.Errorf("thread %d: %v", i, err)
					}
				})
			}
			within(t, "the threads", wg.Wait)
		})
	}
}

// TestTLSByHand starts TLS in option mode.
func TestTLSByHand(t *testing.T) {
	s, config := secured(t)["PSK"]()
	s.RequireTLS = false
	h := connected(t, s, config, func(h *Handle) { h.SetTls(tlsDisable); h.SetOptMode(true) })
	if on, _ := h.GetStructuredRepliesNegotiated(); !on {
		t.Error("no structured replies before TLS")
	}
	ok, err := h.OptStarttls()
	if !ok || err != nil {
		t.Fatalf("%v, %v", ok, err)
	}
	if on, _ := h.GetTlsNegotiated(); !on {
		t.Error("TLS was not negotiated")
	}
	if on, _ := h.GetExtendedHeadersNegotiated(); on {
		t.Error("what was negotiated in the clear is not forgotten")
	}
	must(t, h.OptGo())
	must(t, h.Pread(make([]byte, 512), 0, 0))

	plain := connected(t, memory(4096), func(h *Handle) { h.SetOptMode(true) })
	if ok, err := plain.OptStarttls(); ok || err != nil {
		t.Errorf("a server without TLS: %v, %v", ok, err)
	}
	if on, _ := plain.AioIsNegotiating(); !on {
		t.Errorf("the state is %v", plain.public.class())
	}
}

// TestTLSRefusals are the ways in which TLS is not to be had. That a
// certificate is checked at all is the lesson of CVE-2024-7383.
func TestTLSRefusals(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	ca := testcerts.New(t, dir)
	testcerts.New(t, other)
	cert := ca.Server()
	expired := ca.Server(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })
	keys := testcerts.WriteKeys(t, dir)
	wrong := other + "/wrong.psk"
	must(t, os.WriteFile(wrong, []byte("alice:00\nbob:11\n"), 0o600))
	with := func(c tls.Certificate) *nbdserver.Server {
		s := memory(4096)
		s.TLS = &tls.Config{Certificates: []tls.Certificate{c}}
		return s
	}
	psk := memory(4096)
	psk.PSK = func(name string) ([]byte, bool) { return testcerts.Key, name == "alice" }
	authenticating := with(cert)
	authenticating.TLS.ClientAuth = tls.RequireAndVerifyClientCert
	authenticating.TLS.ClientCAs = ca.Pool()
	for _, tt := range []struct {
		what   string
		server *nbdserver.Server
		config func(*Handle)
		errno  syscall.Errno
		texts  []string
	}{
		{"a server without TLS", memory(4096), func(h *Handle) { h.SetTlsCertificates(dir) }, syscall.ENOTSUP, []string{"TLS", "required, but the server refused it"}},
		{"the wrong authority", with(cert), func(h *Handle) { h.SetTlsCertificates(other) }, syscall.EPROTO, []string{"is not of an authority that is trusted here"}},
		{"the wrong name", with(cert), func(h *Handle) { h.SetTlsCertificates(dir); h.SetTlsHostname("elsewhere.example") }, syscall.EPROTO, []string{"localhost", "elsewhere.example"}},
		{"an expired certificate", with(expired), func(h *Handle) { h.SetTlsCertificates(dir) }, syscall.EPROTO, []string{"is valid from"}},
		{"no client certificate", authenticating, func(h *Handle) { h.SetTlsCertificates(other); h.SetTlsVerifyPeer(false) }, 0, []string{"certificate required"}},
		{"a wrong key", psk, func(h *Handle) { h.SetTlsPskFile(wrong); h.SetTlsUsername("alice") }, syscall.EPROTO, []string{"the user name or the key is probably wrong"}},
		{"a wrong user", psk, func(h *Handle) { h.SetTlsPskFile(wrong); h.SetTlsUsername("bob") }, syscall.EPROTO, []string{"the user name or the key is probably wrong"}},
		{"a user without a key", psk, func(h *Handle) { h.SetTlsPskFile(keys); h.SetTlsUsername("carol") }, syscall.ENOENT, []string{`no user "carol"`}},
		{"no file of keys", psk, func(h *Handle) { h.SetTlsPskFile("/nonexistent.psk") }, syscall.ENOENT, []string{"/nonexistent.psk"}},
		{"no folder of certificates", psk, func(h *Handle) { h.SetTlsCertificates("/nonexistent") }, syscall.ENOENT, []string{"/nonexistent/ca-cert.pem"}},
		{"a priority string", psk, func(h *Handle) { h.SetTlsPriority("NORMAL:-AES-128-GCM") }, syscall.EINVAL, []string{`"-AES-128-GCM"`}},
	} {
		t.Run(tt.what, func(t *testing.T) {
			h := create(t)
			must(t, h.SetTls(tlsRequire))
			tt.config(h)
			var err error
			within(t, "connecting", func() { err = h.ConnectUnix(serve(t, tt.server)) })
			if tt.errno == 0 {
				tt.errno = err.(*Error).Errno // whatever it is
			}
			wantErr(t, err, tt.errno, tt.texts...)
		})
	}
}

// TestTLSAllow goes on without TLS.
func TestTLSAllow(t *testing.T) {
	h := connected(t, memory(4096), func(h *Handle) { h.SetTls(tlsAllow) })
	if on, _ := h.GetTlsNegotiated(); on {
		t.Error("TLS was negotiated with a server that has none")
	}
	s, config := secured(t)["PSK"]()
	h = connected(t, s, config, func(h *Handle) { h.SetTls(tlsAllow) })
	if on, _ := h.GetTlsNegotiated(); !on {
		t.Error("TLS was not negotiated with a server that has it")
	}
}

// TestTLSRevoked heeds a revocation list.
func TestTLSRevoked(t *testing.T) {
	dir := t.TempDir()
	ca := testcerts.New(t, dir)
	s := memory(4096)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{ca.Server()}}
	path := serve(t, s)
	h := create(t)
	must(t, h.SetTls(tlsRequire))
	must(t, h.SetTlsCertificates(dir))
	must(t, h.ConnectUnix(path))
	ca.Revoke(2)
	h = create(t)
	must(t, h.SetTls(tlsRequire))
	must(t, h.SetTlsCertificates(dir))
	wantErr(t, h.ConnectUnix(path), syscall.EPROTO, "was revoked")
}

// TestTLSDowngrade is what a man in the middle may try (CVE-2019-14842 and its
// like).
func TestTLSDowngrade(t *testing.T) {
	ack := wire.AppendOptionReply(nil, wire.OptStartTLS, wire.RepAck, nil)
	for name, steps := range map[string][]script.Step{
		"refusing":            {script.Answer(wire.OptStartTLS, wire.RepErrUnsup, nil)},
		"answering otherwise": {script.ExpectOption(wire.OptStartTLS, nil), script.Send(wire.AppendOptionReply(nil, wire.OptStartTLS, wire.RepServer, []byte{0, 0, 0, 0}))},
		"answering in the clear afterwards": {script.ExpectOption(wire.OptStartTLS, nil),
			script.Send(ack, wire.AppendOptionReply(nil, wire.OptStructuredReply, wire.RepAck, nil))},
		"talking nonsense": {script.Answer(wire.OptStartTLS, wire.RepAck, nil), script.Send([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))},
		"hanging up":       {script.Answer(wire.OptStartTLS, wire.RepAck, nil), script.Close()},
	} {
		t.Run(name, func(t *testing.T) {
			_, config := secured(t)["PSK"]()
			h := create(t)
			config(h)
			scripted(t, h, append([]script.Step{script.Newstyle(wire.FlagFixedNewstyle | wire.FlagNoZeroes)}, steps...)...)
			within(t, "the handshake", func() {
				if err := h.handshake(); err == nil && h.public.class() != engine.Dead {
					t.Errorf("the state is %v", h.public.class())
				}
			})
			if h.public.class() != engine.Dead {
				t.Errorf("the state is %v", h.public.class())
			}
		})
	}
}

// TestTLSCloseInHandshake closes a handle in the middle of a handshake, with
// no goroutine left behind.
func TestTLSCloseInHandshake(t *testing.T) {
	_, config := secured(t)["TLS 1.3"]()
	h := create(t)
	config(h)
	block := make(chan struct{})
	defer close(block)
	scripted(t, h, script.Newstyle(wire.FlagFixedNewstyle), script.Answer(wire.OptStartTLS, wire.RepAck, nil),
		script.ExpectFunc(5, func([]byte) error { return nil }), script.Stall(block))
	for h.public.state() != engine.StateTLSHandshake {
		if _, err := h.Poll(-1); err != nil {
			t.Fatal(err)
		}
	}
	if dir, _ := h.AioGetDirection(); dir&directionRead == 0 {
		t.Errorf("the direction is %d", dir)
	}
	within(t, "closing", func() { must(t, h.Close()) })
}
