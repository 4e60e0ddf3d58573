package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/gonbd/gonbd/nbdserver"
)

// tlsOptions are the options about TLS. Their names are nbdkit's.
type tlsOptions struct {
	policy       string
	certificates string
	verifyPeer   bool
	pskFile      string
}

func (o *tlsOptions) check() error {
	has := o.certificates != "" || o.pskFile != ""
	switch o.policy {
	case "", "off", "on", "require":
	default:
		return usagef("--tls should be on, off or require, is %q", o.policy)
	}
	if !has && (o.policy == "on" || o.policy == "require" || o.verifyPeer) {
		return usagef("TLS needs --tls-certificates or --tls-psk")
	}
	return nil
}

func (o *tlsOptions) enabled() bool {
	return o.policy != "off" && (o.certificates != "" || o.pskFile != "")
}

// scheme is that of a URI by which clients reach the server.
func (o *tlsOptions) scheme() string {
	if o.enabled() {
		return "nbds"
	}
	return "nbd"
}

// apply reads what the options name.
func (o *tlsOptions) apply(s *nbdserver.Server) error {
	if !o.enabled() {
		return nil
	}
	s.RequireTLS = o.policy == "require"
	if o.pskFile != "" {
		keys, err := nbdserver.LoadKeys(o.pskFile, s.Logger)
		s.PSK = keys
		return err
	}
	cert, err := tls.LoadX509KeyPair(filepath.Join(o.certificates, "server-cert.pem"), filepath.Join(o.certificates, "server-key.pem"))
	if err != nil {
		return fmt.Errorf("--tls-certificates: %w", err)
	}
	s.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	if !o.verifyPeer {
		return nil
	}
	path := filepath.Join(o.certificates, "ca-cert.pem")
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("--tls-verify-peer: %w", err)
	}
	s.TLS.ClientCAs = x509.NewCertPool()
	if !s.TLS.ClientCAs.AppendCertsFromPEM(text) {
		return fmt.Errorf("--tls-verify-peer: %s: %w", path, errors.New("there is no certificate in it"))
	}
	s.TLS.ClientAuth = tls.RequireAndVerifyClientCert
	return nil
}
