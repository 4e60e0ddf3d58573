package nbd

import (
	"cmp"
	"syscall"

	"github.com/gonbd/gonbd/internal/engine"
	"github.com/gonbd/gonbd/internal/tlsclient"
	"github.com/gonbd/gonbd/nbduri"
)

// ownTLS gives what the configuration itself says about TLS, or nil. The
// server is the name that was dialled, if there is one.
func (c *Config) ownTLS(server string) *tlsclient.Client {
	switch {
	case c.PSK != nil:
		return tlsclient.FromPSK(c.PSK.Identity, c.PSK.Key)
	case c.TLS == nil:
		return nil
	case c.TLS.ServerName != "":
		return tlsclient.FromConfig(c.TLS)
	}
	t := c.TLS.Clone()
	t.ServerName = server
	return tlsclient.FromConfig(t)
}

// setTLS prepares the TLS that a URI asks for, or that the configuration
// allows.
func (s *session) setTLS(u *nbduri.URI) error {
	if !u.TLS && !s.cfg.AllowTLS {
		return nil
	}
	if !u.TLS {
		s.policy = engine.TLSAllow
	}
	if s.tls = s.cfg.ownTLS(cmp.Or(u.TLSHostname, u.Host, nbduri.DefaultHost)); s.tls != nil {
		if !u.TLSVerifyPeer.Or(true) {
			s.tls.DoNotVerify()
		}
		return nil
	}
	switch {
	case u.TLSType == "anon":
		return misuse("TLS", syscall.ENOTSUP, "tls-type=anon, which protects from nobody who can change what is sent, is not supported: use certificates or a pre-shared key")
	case u.TLSType == "psk" && u.TLSPSKFile == "":
		return misuse("TLS", syscall.EINVAL, "tls-type=psk needs tls-psk-file, or a key given by the program")
	}
	settings := tlsclient.Settings{
		PSKFile:      u.TLSPSKFile,
		Username:     u.TLSUsername,
		Certificates: u.TLSCertificates,
		Insecure:     !u.TLSVerifyPeer.Or(true),
		Hostname:     u.TLSHostname,
		Priority:     u.TLSPriority,
	}
	if settings.Username == "" && u.Transport != nbduri.SSH {
		settings.Username = u.User
	}
	var err error
	s.tls, err = tlsclient.New(settings, u.Host)
	if err != nil {
		return err
	}
	for _, w := range s.tls.Warnings {
		s.warn("nbd: " + w)
	}
	return nil
}
