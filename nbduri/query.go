package nbduri

import (
	"net/url"
	"strings"
)

// textParameters are the parameters whose value is kept as it is.
var textParameters = []struct {
	name  string
	path  bool // of a local file, so that control characters are no mistake
	field func(*URI) *string
}{
	{"tls-certificates", true, func(u *URI) *string { return &u.TLSCertificates }},
	{"tls-psk-file", true, func(u *URI) *string { return &u.TLSPSKFile }},
	{"tls-hostname", false, func(u *URI) *string { return &u.TLSHostname }},
	{"tls-priority", false, func(u *URI) *string { return &u.TLSPriority }},
	{"tls-type", false, func(u *URI) *string { return &u.TLSType }},
	{"tls-username", false, func(u *URI) *string { return &u.TLSUsername }},
}

const knownParameters = "compress, nbd-port, socket, tls-certificates, tls-hostname, tls-priority, tls-psk-file, tls-type, tls-username, tls-verify-peer"

// query parses the parameters. As in libnbd, ";" separates them as "&" does,
// and "+" is no space.
func (p *parser) query(s string) error {
	seen := map[string]bool{}
	for part := range strings.FieldsFuncSeq(s, func(r rune) bool { return r == '&' || r == ';' }) {
		name, value, _ := strings.Cut(part, "=")
		name, err := p.unescape("the name of a parameter", name, ":@/?")
		if err != nil {
			return err
		}
		name = lower(name)
		value, err = p.unescape("the value of "+p.show(name), value, ":@/?=")
		if err != nil {
			return err
		}
		if seen[name] {
			return invalid("the parameter %s is given twice", p.show(name))
		}
		seen[name] = true
		if err := p.parameter(name, value); err != nil {
			return err
		}
	}
	return nil
}

// parameter sets what one parameter says.
func (p *parser) parameter(name, value string) error {
	u := p.u
	if strings.HasPrefix(name, experimental) {
		if u.Extra == nil {
			u.Extra = url.Values{}
		}
		u.Extra.Set(name, value)
		return nil
	}
	field, known := p.field(name)
	switch {
	case !known:
		return invalid("unknown parameter %s: want one of %s, or an experimental one beginning with %s", p.show(name), knownParameters, experimental)
	case value == "":
		return invalid("the parameter %s has no value", quote(name))
	case field != nil:
		*field = value
		return nil
	}
	switch name {
	case "nbd-port":
		n, err := p.port("nbd-port", value)
		if err != nil {
			return err
		}
		if u.Transport == TCP || u.Transport == Vsock {
			u.Port = n
		} else {
			u.NBDPort = n
		}
		return nil
	case "compress":
		b, err := p.boolean(name, value)
		u.Compress = b == True
		return err
	}
	var err error
	u.TLSVerifyPeer, err = p.boolean(name, value)
	return err
}

// field says whether a parameter is known, and where its text goes. It is nil
// for a parameter that is not kept as text.
func (p *parser) field(name string) (field *string, known bool) {
	switch name {
	case "socket":
		return &p.u.Socket, true
	case "nbd-port", "compress", "tls-verify-peer":
		return nil, true
	}
	for _, t := range textParameters {
		if t.name == name {
			return t.field(p.u), true
		}
	}
	return nil, false
}

// boolean reads a boolean in any of libnbd's spellings.
func (p *parser) boolean(name, value string) (Bool, error) {
	switch lower(value) {
	case "1", "true", "t", "yes", "y", "on":
		return True, nil
	case "0", "false", "f", "no", "n", "off":
		return False, nil
	}
	return Unset, invalid("%s is %s: expected true or false, or 1 or 0", name, p.show(value))
}
