package tlsclient

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/gonbd/gonbd/internal/nbderr"
)

// Names of files in a folder of certificates.
const (
	caFile   = "ca-cert.pem"
	crlFile  = "ca-crl.pem"
	certFile = "client-cert.pem"
	keyFile  = "client-key.pem"
)

// folders gives libnbd's default folders.
func (s *Settings) folders() []string {
	if os.Geteuid() == 0 {
		return []string{"/etc/pki/libnbd"}
	}
	home := s.getenv("HOME")
	if home == "" {
		return nil
	}
	return []string{filepath.Join(home, ".pki/libnbd"), filepath.Join(home, ".config/pki/libnbd")}
}

// verifier checks a server's certificates.
type verifier struct {
	roots    *x509.CertPool // nil: the system's
	anchors  []*x509.Certificate
	crls     []*x509.RevocationList
	hostname string
}

func newX509(s Settings, p *priority, hostname string) (*Client, error) {
	cfg := &tls.Config{
		MinVersion: tls.VersionTLS12,
		// Verification is our own: libnbd's rules are not those of the web.
		InsecureSkipVerify: true,
	}
	p.apply(cfg)
	if net.ParseIP(hostname) == nil {
		cfg.ServerName = hostname
	}
	v := &verifier{hostname: hostname}
	dir := s.Certificates
	if dir == "" {
		for _, d := range s.folders() {
			if _, err := os.Stat(d); err == nil {
				dir = d
				break
			}
		}
	}
	if dir != "" {
		if err := v.load(dir, s.Certificates != ""); err != nil {
			return nil, err
		}
		certs, err := clientCertificates(dir)
		if err != nil {
			return nil, err
		}
		cfg.Certificates = certs
	}
	if !s.Insecure {
		cfg.VerifyConnection = v.verify
	}
	return &Client{x509: cfg}, nil
}

// load reads the certificate authorities of a folder and what they revoked.
// A folder that the user named must have the former.
func (v *verifier) load(dir string, named bool) error {
	path := filepath.Join(dir, caFile)
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !named:
		return nil // and the system's are trusted
	case err != nil:
		return unreadable("the certificate authority", path, err)
	}
	v.roots = x509.NewCertPool()
	for block := range blocks(text, "CERTIFICATE") {
		cert, err := x509.ParseCertificate(block)
		if err != nil {
			return unreadable("the certificate authority", path, err)
		}
		v.roots.AddCert(cert)
		v.anchors = append(v.anchors, cert)
	}
	if v.anchors == nil {
		return unreadable("the certificate authority", path, errors.New("there is no certificate in it"))
	}
	path = filepath.Join(dir, crlFile)
	text, err = os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return unreadable("the certificate revocation list", path, err)
	}
	for block := range blocks(text, "X509 CRL") {
		crl, err := x509.ParseRevocationList(block)
		if err != nil {
			return unreadable("the certificate revocation list", path, err)
		}
		v.crls = append(v.crls, crl)
	}
	if v.crls == nil {
		return unreadable("the certificate revocation list", path, errors.New("there is no list in it"))
	}
	return nil
}

// blocks gives the contents of the PEM blocks of a type. Text between them,
// as certtool writes it, is skipped.
func blocks(text []byte, typ string) func(func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for {
			var b *pem.Block
			if b, text = pem.Decode(text); b == nil {
				return
			}
			if b.Type == typ && !yield(b.Bytes) {
				return
			}
		}
	}
}

// clientCertificates reads the client's certificate, and the numbered ones
// beside it.
func clientCertificates(dir string) ([]tls.Certificate, error) {
	var list []tls.Certificate
	add := func(cert, key string) (bool, error) {
		cert, key = filepath.Join(dir, cert), filepath.Join(dir, key)
		_, err1 := os.Stat(cert)
		_, err2 := os.Stat(key)
		if errors.Is(err1, fs.ErrNotExist) && errors.Is(err2, fs.ErrNotExist) {
			return false, nil
		}
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			return false, unreadable("the client's certificate and key", cert, err)
		}
		list = append(list, pair)
		return true, nil
	}
	if _, err := add(certFile, keyFile); err != nil {
		return nil, err
	}
	for n := 0; ; n++ {
		more, err := add(fmt.Sprintf("client-cert-%d.pem", n), fmt.Sprintf("client-key-%d.pem", n))
		if err != nil {
			return nil, err
		}
		if !more {
			return list, nil
		}
	}
}

// verify checks the chain, what was revoked, and the name, as libnbd does: a
// certificate may be for any usage, and its common name counts only where it
// has no other names.
func (v *verifier) verify(state tls.ConnectionState) error {
	if len(state.PeerCertificates) == 0 {
		return errors.New("the server has no certificate")
	}
	leaf := state.PeerCertificates[0]
	opts := x509.VerifyOptions{Roots: v.roots, Intermediates: x509.NewCertPool(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}
	for _, c := range state.PeerCertificates[1:] {
		opts.Intermediates.AddCert(c)
	}
	chains, err := leaf.Verify(opts)
	if err != nil {
		return explainChain(err, leaf)
	}
	if err := v.revoked(chains); err != nil {
		return err
	}
	return checkName(leaf, v.hostname)
}

// explainChain says what to do about a chain that does not verify.
func explainChain(err error, leaf *x509.Certificate) error {
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return fmt.Errorf("the server's certificate, issued by %q, is not of an authority that is trusted here: set the folder of certificates whose %s issued it: %w",
			nbderr.Printable(leaf.Issuer.String()), caFile, err)
	}
	if e, ok := errors.AsType[x509.CertificateInvalidError](err); ok && e.Reason == x509.Expired {
		return fmt.Errorf("the server's certificate is valid from %s to %s only: %w",
			leaf.NotBefore.Format(time.DateTime), leaf.NotAfter.Format(time.DateTime), err)
	}
	return fmt.Errorf("the server's certificate: %w", err)
}

// revoked looks for a certificate of every chain in the lists of the
// authority that issued it.
func (v *verifier) revoked(chains [][]*x509.Certificate) error {
	if len(v.crls) == 0 {
		return nil
	}
	var last error
	for _, chain := range chains {
		if last = v.revokedIn(chain); last == nil {
			return nil
		}
	}
	return last
}

func (v *verifier) revokedIn(chain []*x509.Certificate) error {
	for i := 0; i+1 < len(chain); i++ {
		for _, crl := range v.crls {
			if crl.CheckSignatureFrom(chain[i+1]) != nil {
				continue
			}
			for _, r := range crl.RevokedCertificateEntries {
				if r.SerialNumber.Cmp(chain[i].SerialNumber) == 0 {
					return fmt.Errorf("the certificate of %q was revoked by its authority on %s", nbderr.Printable(chain[i].Subject.String()), r.RevocationTime.Format(time.DateOnly))
				}
			}
		}
	}
	return nil
}

// checkName says whether the certificate bears the name.
func checkName(leaf *x509.Certificate, hostname string) error {
	if hostname == "" {
		return nil
	}
	if len(leaf.DNSNames)+len(leaf.IPAddresses)+len(leaf.EmailAddresses)+len(leaf.URIs) > 0 {
		if leaf.VerifyHostname(hostname) == nil {
			return nil
		}
		var names []string
		names = append(names, leaf.DNSNames...)
		for _, ip := range leaf.IPAddresses {
			names = append(names, ip.String())
		}
		return wrongName(hostname, strings.Join(names, ", "))
	}
	// The common name is matched as one of the other names would be.
	alias := &x509.Certificate{Raw: leaf.Raw, DNSNames: []string{leaf.Subject.CommonName}}
	if ip := net.ParseIP(leaf.Subject.CommonName); ip != nil {
		alias.IPAddresses = []net.IP{ip}
	}
	if alias.VerifyHostname(hostname) == nil {
		return nil
	}
	return wrongName(hostname, leaf.Subject.CommonName)
}

func wrongName(want, have string) error {
	return &nbderr.Error{Errno: syscall.EPROTO, Msg: fmt.Sprintf("the server's certificate is for %s, not for %s: connect by that name, or set the TLS host name",
		nbderr.Printable(have), nbderr.Printable(want))}
}
