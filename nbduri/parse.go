package nbduri

import (
	"math"
	"net/netip"
	"strconv"
	"strings"
)

// schemes has what each scheme stands for, by its name in lower case.
var schemes = allSchemes()

func allSchemes() map[string]URI {
	all := map[string]URI{}
	for t := range transportNames {
		for _, tls := range []bool{false, true} {
			u := URI{Transport: Transport(t), TLS: tls}
			all[u.Scheme()] = u
		}
	}
	return all
}

// Is reports whether s looks like an NBD URI: it begins with one of the
// schemes and "://". A program whose argument is a URI or a file name can tell
// them apart so; Parse may still refuse s. It is nbd_is_uri(3).
func Is(s string) bool {
	scheme, _, ok := strings.Cut(s, "://")
	_, known := schemes[lower(scheme)]
	return ok && known
}

// Parse takes an NBD URI apart and fills in the defaults. The package comment
// says what it accepts, and where that differs from libnbd.
//
// Errors name the part that is wrong and what was expected, and wrap
// syscall.EINVAL. They never show what may be a password.
func Parse(s string) (*URI, error) {
	u, rest, err := parseScheme(s)
	if err != nil {
		return nil, err
	}
	if strings.Contains(rest, "#") {
		return nil, invalid(`"#" begins a fragment, which an NBD URI does not have: in a name, write it as %%23`)
	}
	rest, query, _ := strings.Cut(rest, "?")
	auth, path := rest, ""
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		auth, path = rest[:i], rest[i:]
	}
	p := parser{u: u, hasPath: path != ""}
	// In nbd://user:pass/word@host the slash ends the authority, and what was
	// meant as a password is found in the place of other things.
	p.hide = !strings.Contains(auth, "@") && strings.Contains(auth, ":") && strings.Contains(path+query, "@")

	if err := p.authority(auth); err != nil {
		return nil, err
	}
	u.Export, err = p.unescape("the export name", strings.TrimPrefix(path, "/"), ":@/")
	if err != nil {
		return nil, err
	}
	if err := p.query(query); err != nil {
		return nil, err
	}
	p.defaults()
	if err := u.Validate(); err != nil {
		return nil, err
	}
	return u, nil
}

// parseScheme returns what the scheme tells, and what follows its "//".
func parseScheme(s string) (u *URI, rest string, err error) {
	scheme, rest, ok := strings.Cut(s, ":")
	if !ok || !isScheme(scheme) {
		return nil, "", invalid("no scheme: it begins with nbd://, nbds:// or nbd+unix://, for instance; a local socket is nbd+unix:///?socket=PATH")
	}
	known, ok := schemes[lower(scheme)]
	if !ok {
		return nil, "", invalid("unknown scheme %s: want nbd, nbd+unix, nbd+vsock or nbd+ssh, or the same with nbds where TLS is required", quote(scheme))
	}
	rest, ok = strings.CutPrefix(rest, "//")
	if !ok {
		if strings.HasPrefix(rest, "unix:") {
			known.Transport = Unix // qemu's older nbd:unix:PATH
		}
		return nil, "", invalid(`no "//" behind the scheme: write %s, as in %s`, known.Scheme()+"://", known.form())
	}
	return &known, rest, nil
}

// form shows what a URI of u's scheme looks like.
func (u URI) form() string {
	switch u.Transport {
	case Unix:
		return u.Scheme() + ":///EXPORT?socket=PATH"
	case Vsock:
		return u.Scheme() + "://CID:PORT/EXPORT"
	}
	return u.Scheme() + "://HOST:PORT/EXPORT"
}

// parser is the work on one URI behind its scheme.
type parser struct {
	u       *URI
	hasPath bool
	hide    bool // don't show pieces: one of them may be a password
}

// show quotes a piece of the URI for an error message.
func (p *parser) show(piece string) string {
	if p.hide {
		return "(not shown)"
	}
	return quote(piece)
}

// authority parses [user@][host][:port].
func (p *parser) authority(s string) error {
	if i := strings.LastIndexByte(s, '@'); i >= 0 {
		// Before anything else, so that no other error shows a password.
		if strings.Contains(s[:i], ":") {
			return invalid(`the user part contains ":", but an NBD URI has no place for a password: leave it out, or write a colon in the user name as %%3A`)
		}
		var err error
		if p.u.User, err = p.unescape("the user name", s[:i], ""); err != nil {
			return err
		}
		s = s[i+1:]
	}
	host, port, err := p.hostport(s)
	if err != nil {
		return err
	}
	switch p.u.Transport {
	case TCP, SSH:
		p.u.Host = host
	case Vsock:
		p.u.CID = HostCID
		if host != "" {
			if p.u.CID, err = p.number("the vsock CID", host, 0, math.MaxUint32); err != nil {
				return err
			}
		}
	case Unix:
		if host != "" && !p.hasPath {
			return invalid("%s is in the place of a server name, which %s does not have: for an export name, write %s", p.show(host), p.u.Scheme(), p.u.form())
		}
	}
	if port != "" {
		n, err := p.port("the port", port)
		if err != nil {
			return err
		}
		if p.u.Transport != Unix {
			p.u.Port = n
		}
	}
	return nil
}

// hostport splits what follows the user, and decodes the host.
func (p *parser) hostport(s string) (host, port string, err error) {
	inner, ok := strings.CutPrefix(s, "[")
	if !ok {
		if strings.Count(s, ":") > 1 {
			return "", "", invalid("the server %s contains more than one colon: an IPv6 address is written in brackets, as in [::1]:%d", p.show(s), DefaultPort)
		}
		host, port, _ = strings.Cut(s, ":")
		host, err = p.unescape("the server name", host, "")
		return host, port, err
	}
	inner, rest, ok := strings.Cut(inner, "]")
	if !ok {
		return "", "", invalid(`the server %s has "[" without "]"`, p.show(s))
	}
	port, ok = strings.CutPrefix(rest, ":")
	if !ok && rest != "" {
		return "", "", invalid(`%s follows "]": expected ":" and a port`, p.show(rest))
	}
	host, err = p.literal(inner)
	return host, port, err
}

// literal reads the IPv6 address between brackets. A zone follows "%25" (RFC
// 6874), or a bare "%" where that can't be the begin of an escape, as libnbd
// takes it too.
func (p *parser) literal(s string) (string, error) {
	addr, zone, hasZone := strings.Cut(s, "%")
	if hasZone {
		if z, ok := strings.CutPrefix(zone, "25"); ok {
			zone = z
		} else if len(zone) >= 2 && isHex(zone[0]) && isHex(zone[1]) {
			return "", invalid(`%s: write the "%%" before the zone as %%25`, p.show("["+s+"]"))
		}
		var err error
		if zone, err = p.unescape("the zone of the address", zone, ""); err != nil {
			return "", err
		}
		addr += "%" + zone
	}
	if ip, err := netip.ParseAddr(addr); err != nil || !ip.Is6() {
		return "", invalid("%s is not an IPv6 address: only such an address stands in brackets", p.show("["+s+"]"))
	}
	return addr, nil
}

// port reads a port: 32 bits for vsock, 16 for all else. 0 is none.
func (p *parser) port(what, s string) (uint32, error) {
	if p.u.Transport == Vsock {
		return p.number(what, s, 1, math.MaxUint32)
	}
	return p.number(what, s, 1, math.MaxUint16)
}

// number reads decimal digits.
func (p *parser) number(what, s string, least, most uint64) (uint32, error) {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil || n < least || n > most {
		return 0, invalid("%s is %s: expected a number from %d to %d", what, p.show(s), least, most)
	}
	return uint32(n), nil
}

// defaults fills in what the URI leaves out.
func (p *parser) defaults() {
	u := p.u
	switch u.Transport {
	case TCP:
		if u.Host == "" {
			u.Host = DefaultHost
		}
		fallthrough
	case Vsock:
		if u.Port == 0 {
			u.Port = DefaultPort
		}
	case SSH:
		if u.NBDPort == 0 && u.Socket == "" {
			u.NBDPort = DefaultPort
		}
	}
}
