package tlsclient

import (
	"fmt"
	"syscall"

	"github.com/gonbd/gonbd/internal/nbderr"
	"github.com/gonbd/gonbd/internal/tlspsk"
)

func newPSK(s Settings, p *priority) (*Client, error) {
	name := s.Username
	if name == "" {
		var err error
		if name, err = LoginName(s.getenv); err != nil {
			return nil, refuse(syscall.EINVAL, "the login name is not known: set a TLS user name", err)
		}
	}
	keys, exposed, err := tlspsk.LoadKeys(s.PSKFile)
	if err != nil {
		errno, ok := nbderr.ErrnoOf(err)
		if !ok {
			errno = syscall.EINVAL
		}
		return nil, refuse(errno, "", err) // which names the file
	}
	key, ok := keys.Lookup(name)
	if !ok {
		return nil, refuse(syscall.ENOENT, fmt.Sprintf("the file of pre-shared keys %s has no user %q: add one with psktool, or set another TLS user name", nbderr.Printable(s.PSKFile), name), nil)
	}
	if !p.has13() {
		return nil, refuse(syscall.ENOTSUP, "the priority string leaves out TLS 1.3, which pre-shared keys need", nil)
	}
	groups := p.pskGroups()
	if groups != nil && len(groups) == 0 {
		return nil, refuse(syscall.ENOTSUP, "the priority string leaves out X25519 and SECP256R1, one of which pre-shared keys need here", nil)
	}
	c := &Client{psk: &tlspsk.ClientConfig{Identity: name, Key: key, Groups: groups}}
	if exposed {
		c.Warnings = append(c.Warnings, fmt.Sprintf("others than its owner can read the file of pre-shared keys %s: chmod 600 it", nbderr.Printable(s.PSKFile)))
	}
	return c, nil
}
