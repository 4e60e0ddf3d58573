package tlsclient

import (
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
	"syscall"
)

// priority is what a priority string of GnuTLS comes to.
type priority struct {
	versions []uint16      // nil: all
	groups   []tls.CurveID // nil: all, in the order of crypto/tls
}

// Groups that both sides know, by the names that GnuTLS has for them.
var groupNames = map[string]tls.CurveID{
	"GROUP-X25519":    tls.X25519,
	"GROUP-SECP256R1": tls.CurveP256,
	"GROUP-SECP384R1": tls.CurveP384,
	"GROUP-SECP521R1": tls.CurveP521,
}

var allGroups = []tls.CurveID{tls.X25519, tls.CurveP256, tls.CurveP384, tls.CurveP521}

var versionNames = map[string]uint16{
	"VERS-TLS1.2": tls.VersionTLS12,
	"VERS-TLS1.3": tls.VersionTLS13,
}

var allVersions = []uint16{tls.VersionTLS12, tls.VersionTLS13}

// ignorable changes nothing here, or asks for what is the case anyway.
var ignorable = []string{"%SERVER_PRECEDENCE", "%COMPAT", "%NO_TICKETS", "%SAFE_RENEGOTIATION", "%PROFILE_LOW", "%PROFILE_LEGACY"}

// parsePriority takes the subset of GnuTLS's priority strings that crypto/tls
// can obey. Whatever else it has is an error: to drop what excludes a cipher
// would weaken a policy unseen.
func parsePriority(s string) (*priority, error) {
	p := new(priority)
	if s == "" {
		return p, nil
	}
	for i, token := range strings.Split(s, ":") {
		switch {
		case i == 0 && slices.Contains([]string{"NORMAL", "SECURE128", "PFS", "PERFORMANCE"}, token):
			continue
		case i == 0 && strings.HasPrefix(token, "@"):
			return nil, badPriority(s, token, "it names a configuration file of GnuTLS, which is not read")
		case i == 0:
			return nil, badPriority(s, token, "expected NORMAL, PFS, PERFORMANCE or SECURE128 to begin with")
		case slices.Contains(ignorable, token):
			continue
		}
		if err := p.change(token); err != nil {
			return nil, badPriority(s, token, err.Error())
		}
	}
	if p.versions != nil && len(p.versions) == 0 {
		return nil, badPriority(s, s, "it leaves no version of TLS")
	}
	if p.groups != nil && len(p.groups) == 0 {
		return nil, badPriority(s, s, "it leaves no group for the key exchange")
	}
	return p, nil
}

func badPriority(s, token, why string) error {
	return refuse(syscall.EINVAL, fmt.Sprintf("the priority string %q: %q: %s", s, token, why), nil)
}

// change obeys a token that adds or takes away.
func (p *priority) change(token string) error {
	if len(token) < 2 {
		return fmt.Errorf("not understood")
	}
	add := token[0] == '+'
	if !add && token[0] != '-' && token[0] != '!' {
		return fmt.Errorf("not understood: expected +, - or ! before a name")
	}
	name := token[1:]
	switch {
	case name == "VERS-ALL" || name == "VERS-TLS-ALL":
		p.versions = []uint16{}
		if add {
			p.versions = nil
		}
		return nil
	case name == "GROUP-ALL":
		p.groups = []tls.CurveID{}
		if add {
			p.groups = nil
		}
		return nil
	}
	if v, ok := versionNames[name]; ok {
		if p.versions == nil {
			p.versions = slices.Clone(allVersions)
		}
		p.versions = with(p.versions, v, add)
		return nil
	}
	if g, ok := groupNames[name]; ok {
		if p.groups == nil {
			p.groups = slices.Clone(allGroups)
		}
		p.groups = with(p.groups, g, add)
		return nil
	}
	switch {
	case !add && (strings.HasPrefix(name, "VERS-TLS1.0") || strings.HasPrefix(name, "VERS-TLS1.1") || strings.HasPrefix(name, "VERS-SSL") || strings.HasPrefix(name, "VERS-DTLS")):
		return nil // never used anyway
	case strings.HasPrefix(name, "PSK") || name == "ECDHE-PSK" || name == "DHE-PSK":
		return nil // a file of keys decides about that
	}
	return fmt.Errorf("this library cannot choose that")
}

// with gives a list with or without a value.
func with[T comparable](list []T, v T, add bool) []T {
	list = slices.DeleteFunc(list, func(x T) bool { return x == v })
	if add {
		list = append(list, v)
	}
	return list
}

// has13 says whether TLS 1.3 is permitted.
func (p *priority) has13() bool {
	return p.versions == nil || slices.Contains(p.versions, uint16(tls.VersionTLS13))
}

// apply makes the configuration obey.
func (p *priority) apply(cfg *tls.Config) {
	if p.versions != nil {
		cfg.MinVersion, cfg.MaxVersion = slices.Min(p.versions), slices.Max(p.versions)
	}
	cfg.CurvePreferences = p.groups
}

// pskGroups gives those groups that tlspsk knows.
func (p *priority) pskGroups() []tls.CurveID {
	if p.groups == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(p.groups), func(g tls.CurveID) bool { return g != tls.X25519 && g != tls.CurveP256 })
}
