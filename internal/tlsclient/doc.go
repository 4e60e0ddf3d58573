// Package tlsclient makes the client's side of a TLS connection from the
// settings that libnbd knows: a folder of certificates or a file of pre-shared
// keys, names, and a priority string (libnbd(3), "Encryption and
// authentication").
//
// It reads files, and never dials, logs, or prints a secret.
package tlsclient

import (
	"cmp"
	"context"
	"crypto/tls"
	"net"
	"os"
	"os/user"
	"syscall"

	"github.com/gonbd/gonbd/internal/nbderr"
	"github.com/gonbd/gonbd/internal/tlspsk"
)

// Settings are what a user says about TLS. The zero value is good: the
// certificate authorities of libnbd's folders, or else the system's.
type Settings struct {
	// PSKFile is a file of pre-shared keys. If it is set, no certificates are
	// used (nbd_set_tls_psk_file(3)).
	PSKFile string

	// Username is the name in the file of keys; the login name if empty
	// (nbd_set_tls_username(3)).
	Username string

	// Certificates is a folder of certificates; libnbd's default folders if
	// empty (nbd_set_tls_certificates(3)).
	Certificates string

	// Insecure leaves the server's certificate unverified
	// (nbd_set_tls_verify_peer(3)).
	Insecure bool

	// Hostname is the name that the server's certificate must bear, instead
	// of the one that was dialled (nbd_set_tls_hostname(3)).
	Hostname string

	// Priority is a priority string (nbd_set_tls_priority(3)).
	Priority string

	// Getenv looks up HOME and LOGNAME; os.Getenv if nil.
	Getenv func(string) string
}

func (s *Settings) getenv(name string) string {
	if s.Getenv != nil {
		return s.Getenv(name)
	}
	return os.Getenv(name)
}

// Conn is a TLS connection.
type Conn interface {
	net.Conn
	HandshakeContext(context.Context) error
	CloseWrite() error
}

// Client makes connections to one server. Its methods may be called
// concurrently.
type Client struct {
	x509 *tls.Config
	psk  *tlspsk.ClientConfig

	// Warnings tell of what deserves attention but works.
	Warnings []string
}

// New reads what the settings name. The server is the name that was dialled,
// or "" where there was none, as for a Unix domain socket: then the
// certificate may bear any name, unless Hostname is set.
func New(s Settings, server string) (*Client, error) {
	p, err := parsePriority(s.Priority)
	if err != nil {
		return nil, err
	}
	if s.PSKFile != "" {
		return newPSK(s, p)
	}
	return newX509(s, p, cmp.Or(s.Hostname, server))
}

// FromConfig makes a client of a configuration of crypto/tls.
func FromConfig(cfg *tls.Config) *Client { return &Client{x509: cfg} }

// FromPSK makes a client of a pre-shared key.
func FromPSK(identity string, key Key) *Client {
	return &Client{psk: &tlspsk.ClientConfig{Identity: identity, Key: key}}
}

// Key is a pre-shared key, which does not print itself.
type Key = tlspsk.Key

// DoNotVerify leaves the server's certificate unverified.
func (c *Client) DoNotVerify() {
	if c.x509 != nil {
		c.x509 = c.x509.Clone()
		c.x509.InsecureSkipVerify = true
		c.x509.VerifyConnection = nil
	}
}

// Conn puts a TLS connection on another one. Nothing is sent before the
// handshake.
func (c *Client) Conn(nc net.Conn) Conn {
	if c.psk != nil {
		return tlspsk.Client(nc, c.psk)
	}
	return tls.Client(nc, c.x509)
}

// refuse is the error for settings that cannot be used.
func refuse(errno syscall.Errno, msg string, err error) error {
	return &nbderr.Error{Kind: nbderr.Local, Op: "TLS", Errno: errno, Msg: msg, Err: err}
}

// unreadable is the error for a file that cannot be used.
func unreadable(what, path string, err error) error {
	errno, ok := nbderr.ErrnoOf(err)
	if !ok {
		errno = syscall.EINVAL
	}
	return refuse(errno, what+" "+nbderr.Printable(path), err)
}

// LoginName gives the name that a user of this process goes by, as the
// environment has it.
func LoginName(getenv func(string) string) (string, error) {
	if name := getenv("LOGNAME"); name != "" {
		return name, nil
	}
	u, err := user.Current()
	if err != nil {
		return "", err
	}
	return u.Username, nil
}
