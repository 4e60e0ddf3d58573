package tlsclient

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gonbd/gonbd/internal/testcerts"
)

func TestPriority(t *testing.T) {
	tls13, tls12 := uint16(tls.VersionTLS13), uint16(tls.VersionTLS12)
	for _, tt := range []struct {
		s        string
		min, max uint16
		groups   []tls.CurveID
	}{
		{"", tls12, 0, nil},
		{"NORMAL", tls12, 0, nil},
		{"NORMAL:%COMPAT:%NO_TICKETS", tls12, 0, nil},
		{"NORMAL:-VERS-TLS1.2", tls13, tls13, nil},
		{"NORMAL:-VERS-ALL:+VERS-TLS1.2", tls12, tls12, nil},
		{"NORMAL:-VERS-TLS1.0:-VERS-TLS1.1", tls12, 0, nil},
		{"PFS:-GROUP-ALL:+GROUP-SECP256R1", tls12, 0, []tls.CurveID{tls.CurveP256}},
		{"NORMAL:-GROUP-X25519:!GROUP-SECP521R1", tls12, 0, []tls.CurveID{tls.CurveP256, tls.CurveP384}},
		{"NORMAL:-GROUP-ALL:+GROUP-ALL:-VERS-ALL:+VERS-ALL", tls12, 0, nil},
	} {
		p, err := parsePriority(tt.s)
		if err != nil {
			t.Errorf("%q: %v", tt.s, err)
			continue
		}
		cfg := &tls.Config{MinVersion: tls.VersionTLS12}
		p.apply(cfg)
		if cfg.MinVersion != tt.min || cfg.MaxVersion != tt.max || !slices.Equal(cfg.CurvePreferences, tt.groups) {
			t.Errorf("%q: versions %#x to %#x, groups %v", tt.s, cfg.MinVersion, cfg.MaxVersion, cfg.CurvePreferences)
		}
	}
	for s, token := range map[string]string{
		"@SYSTEM":                       "@SYSTEM",
		"+VERS-TLS1.3":                  "+VERS-TLS1.3",
		"SECURE256":                     "SECURE256",
		"NORMAL:-AES-128-GCM":           "-AES-128-GCM",
		"NORMAL:+SIGN-RSA-SHA256":       "+SIGN-RSA-SHA256",
		"NORMAL:%PROFILE_HIGH":          "%PROFILE_HIGH",
		"NORMAL:":                       `""`,
		"NORMAL:VERS-TLS1.3":            "VERS-TLS1.3",
		"NORMAL:-VERS-ALL":              "no version",
		"NORMAL:-GROUP-ALL":             "no group",
		"NORMAL:+VERS-TLS1.1":           "+VERS-TLS1.1",
		"NORMAL:-GROUP-ALL:+GROUP-X448": "+GROUP-X448",
	} {
		if _, err := parsePriority(s); !errors.Is(err, syscall.EINVAL) || !strings.Contains(err.Error(), token) {
			t.Errorf("%q: %v, want an error about %s", s, err, token)
		}
	}
}

// shake has a client of the settings shake hands with a server.
func shake(t *testing.T, s Settings, host string, server *tls.Config) error {
	t.Helper()
	c, err := New(s, host)
	if err != nil {
		return err
	}
	// Not net.Pipe, on which both would write and neither read.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ours, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(30 * time.Second)
	ours.SetDeadline(deadline)
	theirs.SetDeadline(deadline)
	defer ours.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer theirs.Close()
		srv := tls.Server(theirs, server)
		if srv.Handshake() == nil {
			srv.Write([]byte{1})
		}
	}()
	conn := c.Conn(ours)
	err = conn.HandshakeContext(context.Background())
	if err == nil {
		_, err = conn.Read(make([]byte, 1)) // where a refusal of TLS 1.3 shows
	}
	ours.Close()
	<-done
	return err
}

func TestCertificates(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	ca := testcerts.New(t, dir)
	testcerts.New(t, other)
	server := func(change ...func(*x509.Certificate)) *tls.Config {
		return &tls.Config{Certificates: []tls.Certificate{ca.Server(change...)}}
	}
	names := func(list ...string) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = list, nil }
	}
	common := func(name string) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.DNSNames, c.IPAddresses, c.Subject.CommonName = nil, nil, name }
	}
	for _, tt := range []struct {
		what     string
		settings Settings
		host     string
		server   *tls.Config
		want     string // in the error; "" for none
	}{
		{"all is well", Settings{Certificates: dir}, "localhost", server(), ""},
		{"an IP address", Settings{Certificates: dir}, "127.0.0.1", server(), ""},
		{"no name was dialled", Settings{Certificates: dir}, "", server(), ""},
		{"another name", Settings{Certificates: dir}, "db.example", server(names("www.example")), "is for www.example, not for db.example"},
		{"another name was asked for", Settings{Certificates: dir, Hostname: "db.example"}, "localhost", server(), "not for db.example"},
		{"the name was asked for", Settings{Certificates: dir, Hostname: "db.example"}, "proxy", server(names("db.example")), ""},
		{"a wildcard", Settings{Certificates: dir}, "db.example", server(names("*.example")), ""},
		{"the common name alone", Settings{Certificates: dir}, "db.example", server(common("db.example")), ""},
		{"the common name beside others", Settings{Certificates: dir}, "localhost", server(names("www.example")), "is for www.example"},
		{"a wrong common name", Settings{Certificates: dir}, "db.example", server(common("www.example")), "is for www.example"},
		{"a common name that is an address", Settings{Certificates: dir}, "127.0.0.1", server(common("127.0.0.1")), ""},
		{"any usage", Settings{Certificates: dir}, "localhost", server(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection} }), ""},
		{"expired", Settings{Certificates: dir}, "localhost", server(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }), "is valid from"},
		{"another authority", Settings{Certificates: other}, "localhost", server(), "is not of an authority that is trusted here"},
		{"not verified", Settings{Certificates: other, Insecure: true}, "elsewhere", server(), ""},
		{"no common version", Settings{Certificates: dir, Priority: "NORMAL:-VERS-TLS1.3"}, "localhost", func() *tls.Config { s := server(); s.MinVersion = tls.VersionTLS13; return s }(), "protocol version"},
		{"a client certificate is missing", Settings{Certificates: dir}, "localhost", func() *tls.Config { s := server(); s.ClientAuth = tls.RequireAnyClientCert; return s }(), "certificate required"},
	} {
		t.Run(tt.what, func(t *testing.T) {
			err := shake(t, tt.settings, tt.host, tt.server)
			if tt.want == "" && err != nil {
				t.Error(err)
			}
			if tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("the error is %v, want one that says %q", err, tt.want)
			}
		})
	}
}

// TestClientCertificates finds the client's own, numbered ones too.
func TestClientCertificates(t *testing.T) {
	dir := t.TempDir()
	ca := testcerts.New(t, dir)
	server := &tls.Config{Certificates: []tls.Certificate{ca.Server()}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ca.Pool()}
	ca.Client()
	if err := shake(t, Settings{Certificates: dir}, "localhost", server); err != nil {
		t.Error(err)
	}
	for _, n := range []string{"cert", "key"} {
		if err := os.Rename(filepath.Join(dir, "client-"+n+".pem"), filepath.Join(dir, "client-"+n+"-0.pem")); err != nil {
			t.Fatal(err)
		}
	}
	if err := shake(t, Settings{Certificates: dir}, "localhost", server); err != nil {
		t.Errorf("the numbered certificate: %v", err)
	}
	os.Remove(filepath.Join(dir, "client-key-0.pem"))
	if _, err := New(Settings{Certificates: dir}, ""); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "client-cert-0.pem") {
		t.Errorf("a certificate without its key: %v", err)
	}
}

// TestRevoked heeds the list, and what is wrong with it.
func TestRevoked(t *testing.T) {
	dir := t.TempDir()
	ca := testcerts.New(t, dir)
	server := &tls.Config{Certificates: []tls.Certificate{ca.Server(func(c *x509.Certificate) { c.SerialNumber = big.NewInt(77) })}}
	ca.Revoke(76)
	if err := shake(t, Settings{Certificates: dir}, "localhost", server); err != nil {
		t.Error(err)
	}
	ca.Revoke(76, 77)
	if err := shake(t, Settings{Certificates: dir}, "localhost", server); err == nil || !strings.Contains(err.Error(), "was revoked") {
		t.Errorf("a revoked certificate: %v", err)
	}
	os.WriteFile(filepath.Join(dir, crlFile), []byte("nothing"), 0o600)
	if _, err := New(Settings{Certificates: dir}, ""); err == nil || !strings.Contains(err.Error(), crlFile) {
		t.Errorf("a broken list: %v", err)
	}
	os.WriteFile(filepath.Join(dir, caFile), []byte("nothing"), 0o600)
	if _, err := New(Settings{Certificates: dir}, ""); err == nil || !strings.Contains(err.Error(), caFile) {
		t.Errorf("a broken authority: %v", err)
	}
}

func TestKeys(t *testing.T) {
	dir := t.TempDir()
	path := testcerts.WriteKeys(t, dir)
	c, err := New(Settings{PSKFile: path, Username: "alice"}, "")
	if err != nil || len(c.Warnings) > 0 {
		t.Fatalf("%v, %q", err, c.Warnings)
	}
	t.Setenv("LOGNAME", "alice")
	if _, err := New(Settings{PSKFile: path}, ""); err != nil {
		t.Errorf("the login name: %v", err)
	}
	t.Setenv("LOGNAME", "mallory")
	if _, err := New(Settings{PSKFile: path}, ""); !errors.Is(err, syscall.ENOENT) || !strings.Contains(err.Error(), `"mallory"`) {
		t.Errorf("a login name without a key: %v", err)
	}
	for _, p := range []string{"NORMAL:-VERS-TLS1.3", "NORMAL:-GROUP-ALL:+GROUP-SECP384R1"} {
		if _, err := New(Settings{PSKFile: path, Username: "alice", Priority: p}, ""); !errors.Is(err, syscall.ENOTSUP) {
			t.Errorf("priority %s: %v", p, err)
		}
	}
	if runtime.GOOS == "windows" {
		return
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if c, err = New(Settings{PSKFile: path, Username: "alice"}, ""); err != nil || len(c.Warnings) != 1 || !strings.Contains(c.Warnings[0], "chmod 600") {
		t.Errorf("a file that all can read: %v, %q", err, c.Warnings)
	}
	for _, w := range c.Warnings {
		if strings.Contains(w, string(testcerts.Key)) {
			t.Error("a warning shows the key")
		}
	}
}
