// Package testcerts makes certificates and keys for tests of TLS: a certificate
// authority, a server's and a client's certificate, in a folder that libnbd,
// nbdkit and qemu can read, and a file of pre-shared keys.
//
// It is for tests and benchmarks only.
package testcerts

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// Failer is told of what fails: a testing.TB, or whoever has no test.
type Failer interface {
	Helper()
	Fatal(args ...any)
}

// Authority is a certificate authority, and the folder of its files.
type Authority struct {
	Dir  string // has ca-cert.pem, and what Server and Client write
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	t    Failer
}

// New makes an authority, with ca-cert.pem in the folder.
func New(t Failer, dir string) *Authority {
	t.Helper()
	a := &Authority{Dir: dir, t: t}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "gonbd test authority"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(time.Hour),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	a.key = a.newKey()
	der, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	a.must(err)
	a.cert, err = x509.ParseCertificate(der)
	a.must(err)
	a.write("ca-cert.pem", "CERTIFICATE", der)
	return a
}

// Server writes server-cert.pem and server-key.pem, for localhost and this
// machine's loopback addresses unless change says otherwise, and gives the
// certificate.
func (a *Authority) Server(change ...func(*x509.Certificate)) tls.Certificate {
	return a.issue("server", &x509.Certificate{
		SerialNumber: big.NewInt(2),
		Subject:      pkix.Name{CommonName: "localhost"},
		DNSNames:     []string{"localhost"},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, change)
}

// Client writes client-cert.pem and client-key.pem.
func (a *Authority) Client(change ...func(*x509.Certificate)) tls.Certificate {
	return a.issue("client", &x509.Certificate{
		SerialNumber: big.NewInt(3),
		Subject:      pkix.Name{CommonName: "alice"},
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, change)
}

// Pool has the authority's certificate.
func (a *Authority) Pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

// Revoke writes ca-crl.pem, which revokes the certificates with the serial
// numbers: 2 is the server's.
func (a *Authority) Revoke(serials ...int64) {
	a.t.Helper()
	list := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: time.Now().Add(-time.Hour), NextUpdate: time.Now().Add(time.Hour)}
	for _, n := range serials {
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: big.NewInt(n), RevocationTime: time.Now().Add(-time.Minute)})
	}
	der, err := x509.CreateRevocationList(rand.Reader, list, a.cert, a.key)
	a.must(err)
	a.write("ca-crl.pem", "X509 CRL", der)
}

func (a *Authority) issue(name string, template *x509.Certificate, change []func(*x509.Certificate)) tls.Certificate {
	a.t.Helper()
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	template.KeyUsage = x509.KeyUsageDigitalSignature
	for _, f := range change {
		f(template)
	}
	key := a.newKey()
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	a.must(err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	a.must(err)
	a.write(name+"-cert.pem", "CERTIFICATE", der)
	a.write(name+"-key.pem", "PRIVATE KEY", keyDER)
	pair, err := tls.LoadX509KeyPair(filepath.Join(a.Dir, name+"-cert.pem"), filepath.Join(a.Dir, name+"-key.pem"))
	a.must(err)
	return pair
}

func (a *Authority) newKey() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	a.must(err)
	return key
}

func (a *Authority) write(name, typ string, der []byte) {
	a.must(os.WriteFile(filepath.Join(a.Dir, name), pem.EncodeToMemory(&pem.Block{Type: typ, Bytes: der}), 0o600))
}

func (a *Authority) must(err error) {
	a.t.Helper()
	if err != nil {
		a.t.Fatal(err)
	}
}

// Key is the pre-shared key of the user alice.
var Key = []byte("0123456789abcdef0123456789abcdef")

// WriteKeys writes the file keys.psk, with the key of alice, and gives its
// path.
func WriteKeys(t Failer, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "keys.psk")
	if err := os.WriteFile(path, []byte("alice:"+hex.EncodeToString(Key)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
