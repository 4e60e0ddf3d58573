package nbduri

import (
	"fmt"
	"net/netip"
	"strings"
	"syscall"
	"unicode"
	"unicode/utf8"

	"github.com/gonbd/gonbd/internal/nbderr"
)

// experimental is how the names of experimental parameters begin.
const experimental = "x-"

// Validate says whether the fields fit together, so that String gives a URI
// which Parse accepts. It is for a URI written out by hand; Parse has called
// it already. An error wraps syscall.EINVAL.
func (u URI) Validate() error {
	if int(u.Transport) >= len(transportNames) {
		return invalid("unknown %s", u.Transport)
	}
	for _, check := range []func() error{u.checkMisplaced, u.checkServer, u.checkSocket, u.checkNames, u.checkTLS, u.checkExtra} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

// checkMisplaced refuses what the transport has no use for.
func (u URI) checkMisplaced() error {
	if u.Socket != "" && u.Transport != Unix && u.Transport != SSH {
		right := URI{Transport: Unix, TLS: u.TLS}
		return invalid("the parameter socket does not go with %s: for a Unix domain socket, write %s", u.Scheme(), right.form())
	}
	for _, part := range []struct {
		what    string
		present bool
		fits    TransportSet
	}{
		{"a server name", u.Host != "", AllowTCP | AllowSSH},
		{"a port", u.Port != 0, AllowTCP | AllowVsock | AllowSSH},
		{"a vsock CID", u.CID != 0, AllowVsock},
		{"the parameter nbd-port", u.NBDPort != 0, AllowSSH},
		{"the parameter compress", u.Compress, AllowSSH},
	} {
		if part.present && !part.fits.Has(u.Transport) {
			return invalid("%s does not go with %s", part.what, u.Scheme())
		}
	}
	return nil
}

// checkServer judges host and ports.
func (u URI) checkServer() error {
	if u.Transport != Vsock {
		for _, port := range []uint32{u.Port, u.NBDPort} {
			if port > 65535 {
				return invalid("the port is %d: expected a number from 1 to 65535", port)
			}
		}
	}
	if u.Transport == SSH {
		switch {
		case u.Host == "":
			return invalid("%s needs the name of the SSH server: write %s", u.Scheme(), u.form())
		case u.Socket != "" && u.NBDPort != 0:
			return invalid("socket and nbd-port are two places for the remote server: give one of them")
		}
		// As an argument of ssh it could be taken for an option.
		for _, part := range []struct{ what, s string }{{"SSH server", u.Host}, {"SSH user", u.User}, {"remote socket", u.Socket}} {
			if strings.HasPrefix(part.s, "-") {
				return invalid(`the %s %s begins with "-", which ssh or a command run by it could take for an option`, part.what, quote(part.s))
			}
		}
	}
	return checkHost(u.Host)
}

// checkHost judges a decoded host: an IPv6 address, or a name or IPv4 address
// with nothing in it that would end the host of a URI elsewhere.
func checkHost(host string) error {
	name := host
	if strings.Contains(host, ":") {
		ip, err := netip.ParseAddr(host)
		if err != nil {
			return invalid("the server %s contains a colon, but is not an IPv6 address; brackets and port are not part of it", quote(host))
		}
		name = ip.Zone()
	}
	for i, r := range name {
		_, size := utf8.DecodeRuneInString(name[i:])
		if !unicode.IsPrint(r) || r == utf8.RuneError && size == 1 || strings.ContainsRune(" \"#%/<>?@[\\]^`{|}", r) {
			return invalid("the server %s contains %s, which no server name has", quote(host), quote(name[i:i+size]))
		}
	}
	return nil
}

// checkSocket judges the path of a socket. Its length is for the operating
// system to judge.
func (u URI) checkSocket() error {
	path := u.Socket
	if u.Transport == Unix {
		if path == "" {
			return invalid("%s needs the parameter socket: write %s", u.Scheme(), u.form())
		}
		var abstract bool
		if path, abstract = strings.CutPrefix(path, "\x00"); abstract && path == "" {
			return invalid("the parameter socket is a NUL alone: expected the name of an abstract socket behind it")
		}
	}
	if strings.Contains(path, "\x00") {
		return invalid("the parameter socket is %s: a NUL may only be the first byte, for %s and %s", quote(u.Socket), URI{Transport: Unix}.Scheme(), URI{Transport: Unix, TLS: true}.Scheme())
	}
	return nil
}

// checkNames judges the names that the server is told.
func (u URI) checkNames() error {
	if i := strings.IndexByte(u.Export, 0); i >= 0 {
		return invalid("the export name has a NUL behind %s, which the NBD protocol does not allow", quote(u.Export[:i]))
	}
	if len(u.Export) > MaxExport {
		return invalid("the export name has %d bytes, but the NBD protocol allows at most %d", len(u.Export), MaxExport)
	}
	return checkControl("the user name", u.User)
}

// checkTLS judges the parameters for TLS.
func (u URI) checkTLS() error {
	for _, p := range textParameters {
		value := *p.field(&u)
		if p.path && strings.Contains(value, "\x00") {
			return invalid("the parameter %s is %s, but a path has no NUL", p.name, quote(value))
		}
		if !p.path {
			if err := checkControl("the parameter "+p.name, value); err != nil {
				return err
			}
		}
	}
	switch u.TLSType {
	case "", "anon", "x509", "psk":
	default:
		return invalid("tls-type is %s: expected anon, x509 or psk", quote(u.TLSType))
	}
	if u.TLSVerifyPeer > True {
		return invalid("tls-verify-peer is %s: expected Unset, False or True", u.TLSVerifyPeer)
	}
	return nil
}

// checkExtra judges the experimental parameters.
func (u URI) checkExtra() error {
	for name, values := range u.Extra {
		switch {
		case !strings.HasPrefix(name, experimental) || name != lower(name):
			return invalid("the experimental parameter %s: expected a name in lower case beginning with %s", quote(name), experimental)
		case len(values) != 1:
			return invalid("the experimental parameter %s has %d values: expected one", quote(name), len(values))
		}
	}
	return nil
}

// checkControl refuses control characters.
func checkControl(what, s string) error {
	for _, c := range []byte(s) {
		if c < ' ' || c == 0x7f {
			return invalid("%s is %s: control characters are not allowed", what, quote(s))
		}
	}
	return nil
}

// invalid is an error about the form of a URI.
func invalid(format string, args ...any) error {
	return &nbderr.Error{Kind: nbderr.Local, Op: "NBD URI", Errno: syscall.EINVAL, Msg: fmt.Sprintf(format, args...)}
}
