package tlspsk

import (
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
)

// ClientConfig is what a client needs to know. It must not be changed while a
// connection uses it; many connections may share it.
type ClientConfig struct {
	// Identity is the user name that the server knows the key by, of 1 to
	// 4096 bytes. It is sent in the clear.
	Identity string

	// Key is the pre-shared key. It must not be empty; 32 random bytes are
	// usual.
	Key Key

	// CipherSuites are the cipher suites to offer, the preferred one first.
	// Nil means all that the package knows, of which AES-128-GCM is first
	// because it is by far the faster on processors with AES instructions.
	CipherSuites []uint16

	// Groups are the groups of the key exchange to offer, the preferred one
	// first; the key share for that one is sent at once. Nil means X25519,
	// then P-256.
	Groups []tls.CurveID
}

// ServerConfig is what a server needs to know. It must not be changed while a
// connection uses it; many connections may share it.
type ServerConfig struct {
	// Lookup gives the key of a user. It is called during the handshakes of
	// all connections, perhaps at once. A client whose user is not known
	// sees what one with a wrong key sees; for that to be true of the time
	// it takes as well, Lookup should take the same time for both.
	Lookup func(identity string) (key Key, ok bool)

	// CipherSuites are the cipher suites to accept, the preferred one first.
	// Nil means all that the package knows, AES-128-GCM first.
	CipherSuites []uint16

	// Groups are the groups of the key exchange to accept, the preferred one
	// first. Nil means X25519, then P-256. A client that has sent a key
	// share for any of them is spared a HelloRetryRequest.
	Groups []tls.CurveID
}

// CipherSuites gives the identifiers of all cipher suites that the package
// knows, in its order of preference.
func CipherSuites() []uint16 {
	ids := make([]uint16, len(suites))
	for i, s := range suites {
		ids[i] = s.id
	}
	return ids
}

// Groups gives all groups that the package knows, in its order of preference.
func Groups() []tls.CurveID {
	ids := make([]tls.CurveID, len(groups))
	for i, g := range groups {
		ids[i] = g.id
	}
	return ids
}

const maxIdentity = 4096

// offer is a checked choice of suites and groups. Neither list is empty.
type offer struct {
	suites []*suite
	groups []*group
}

func (cfg *ClientConfig) check() (offer, error) {
	if n := len(cfg.Identity); n == 0 || n > maxIdentity {
		return offer{}, fmt.Errorf("the user name for TLS has %d bytes; 1 to %d are possible", n, maxIdentity)
	}
	if len(cfg.Key) == 0 {
		return offer{}, errors.New("the pre-shared key for TLS is empty")
	}
	return checkOffer(cfg.CipherSuites, cfg.Groups)
}

func (cfg *ServerConfig) check() (offer, error) {
	if cfg.Lookup == nil {
		return offer{}, errors.New("a TLS server needs the function Lookup in its configuration")
	}
	return checkOffer(cfg.CipherSuites, cfg.Groups)
}

func checkOffer(suiteIDs []uint16, groupIDs []tls.CurveID) (offer, error) {
	if suiteIDs == nil {
		suiteIDs = CipherSuites()
	}
	if groupIDs == nil {
		groupIDs = Groups()
	}
	var o offer
	for _, id := range suiteIDs {
		s := suiteByID(id)
		if s == nil {
			return offer{}, fmt.Errorf("TLS with a pre-shared key does not know the cipher suite %s", tls.CipherSuiteName(id))
		}
		if slices.Contains(o.suites, s) {
			return offer{}, fmt.Errorf("the cipher suite %s is configured twice", tls.CipherSuiteName(id))
		}
		o.suites = append(o.suites, s)
	}
	for _, id := range groupIDs {
		g := groupByID(id)
		if g == nil {
			return offer{}, fmt.Errorf("TLS with a pre-shared key does not know the group %v", id)
		}
		if slices.Contains(o.groups, g) {
			return offer{}, fmt.Errorf("the group %v is configured twice", id)
		}
		o.groups = append(o.groups, g)
	}
	if len(o.suites) == 0 || len(o.groups) == 0 {
		return offer{}, errors.New("TLS is configured without any cipher suite or without any group")
	}
	return o, nil
}

// hasSuite gives the suite of that identifier if it is in the offer.
func (o *offer) hasSuite(id uint16) *suite {
	for _, s := range o.suites {
		if s.id == id {
			return s
		}
	}
	return nil
}

// hasGroup gives the group of that identifier if it is in the offer.
func (o *offer) hasGroup(id tls.CurveID) *group {
	for _, g := range o.groups {
		if g.id == id {
			return g
		}
	}
	return nil
}
