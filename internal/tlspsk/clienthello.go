package tlspsk

import (
	"crypto/tls"
	"slices"

	"golang.org/x/crypto/cryptobyte"
)

// clientHello is the first message of a client, and its second after a
// HelloRetryRequest (RFC 8446, section 4.1.2).
type clientHello struct {
	random     []byte // 32 bytes
	sessionID  []byte // meaningless, but to be returned
	suites     []uint16
	versions   []uint16
	groups     []tls.CurveID
	shares     []keyShare
	cookie     []byte // of a HelloRetryRequest
	modes      []byte // of using a pre-shared key
	identities []string
	binders    [][]byte // one for each identity

	// truncated is how much of the message the binders are computed over.
	truncated int
}

const helloRandomLen = 32

// marshal writes the message and sets m.truncated.
func (m *clientHello) marshal() []byte {
	var b cryptobyte.Builder
	b.AddUint8(typeClientHello)
	b.AddUint24LengthPrefixed(func(b *cryptobyte.Builder) {
		b.AddUint16(tls.VersionTLS12) // as all versions since say
		b.AddBytes(m.random)
		b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(m.sessionID) })
		b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
			for _, id := range m.suites {
				b.AddUint16(id)
			}
		})
		b.AddBytes([]byte{1, 0}) // one method of compression: none
		b.AddUint16LengthPrefixed(m.addExtensions)
	})
	msg := b.BytesOrPanic() // all lists are short, and the identity was checked
	m.truncated = len(msg) - 2
	for _, binder := range m.binders {
		m.truncated -= 1 + len(binder)
	}
	return msg
}

func (m *clientHello) addExtensions(b *cryptobyte.Builder) {
	addExtension(b, extSupportedVersions, func(b *cryptobyte.Builder) {
		b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) {
			for _, v := range m.versions {
				b.AddUint16(v)
			}
		})
	})
	addExtension(b, extSupportedGroups, func(b *cryptobyte.Builder) {
		b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
			for _, id := range m.groups {
				b.AddUint16(uint16(id))
			}
		})
	})
	addExtension(b, extKeyShare, func(b *cryptobyte.Builder) {
		b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
			for _, share := range m.shares {
				addShare(b, share)
			}
		})
	})
	if len(m.cookie) > 0 {
		addExtension(b, extCookie, func(b *cryptobyte.Builder) {
			b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(m.cookie) })
		})
	}
	addExtension(b, extPSKModes, func(b *cryptobyte.Builder) {
		b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(m.modes) })
	})
	// This one must be the last.
	addExtension(b, extPreSharedKey, func(b *cryptobyte.Builder) {
		b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
			for _, identity := range m.identities {
				b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes([]byte(identity)) })
				b.AddUint32(0) // the age of a ticket, which this is not
			}
		})
		b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
			for _, binder := range m.binders {
				b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(binder) })
			}
		})
	})
}

func addExtension(b *cryptobyte.Builder, id uint16, body cryptobyte.BuilderContinuation) {
	b.AddUint16(id)
	b.AddUint16LengthPrefixed(body)
}

func addShare(b *cryptobyte.Builder, share keyShare) {
	b.AddUint16(uint16(share.group))
	b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(share.data) })
}

// parseClientHello reads the message. What it returns is part of msg.
// Extensions that it does not know are skipped. Those that are missing leave
// their fields empty: whether that will do is for the server to say.
func parseClientHello(msg []byte) (*clientHello, error) {
	const name = "a ClientHello"
	m := &clientHello{}
	s := cryptobyte.String(msg[messageHeader:])
	var version uint16
	var sessionID, suites, compression cryptobyte.String
	if !s.ReadUint16(&version) || !s.ReadBytes(&m.random, helloRandomLen) ||
		!s.ReadUint8LengthPrefixed(&sessionID) || len(sessionID) > 32 ||
		!s.ReadUint16LengthPrefixed(&suites) || !readUint16s(suites, &m.suites) ||
		!s.ReadUint8LengthPrefixed(&compression) || len(compression) == 0 {
		return nil, malformed(name)
	}
	if s.Empty() {
		return nil, violation(alertProtocolVersion, "%s of an old version of TLS; 1.3 is needed", name)
	}
	m.sessionID = sessionID
	lastID := uint16(0)
	err := readExtensions(&s, name, true, func(id uint16, body *cryptobyte.String) (ok, valid bool) {
		lastID = id
		return m.readExtension(id, body)
	})
	switch {
	case err != nil:
		return nil, err
	case !slices.Contains(m.versions, tls.VersionTLS13):
		return nil, violation(alertProtocolVersion, "%s without TLS 1.3 among its versions", name)
	case len(compression) != 1 || compression[0] != 0:
		return nil, violation(alertIllegalParameter, "%s that asks for compression", name)
	case m.identities != nil && lastID != extPreSharedKey:
		return nil, violation(alertIllegalParameter, "%s whose pre-shared key is not the last extension", name)
	case len(m.identities) != len(m.binders):
		return nil, violation(alertIllegalParameter, "%s with %d pre-shared keys and %d binders", name, len(m.identities), len(m.binders))
	}
	m.truncated = len(msg)
	if m.identities != nil {
		m.truncated -= 2
		for _, binder := range m.binders {
			m.truncated -= 1 + len(binder)
		}
	}
	return m, nil
}

func (m *clientHello) readExtension(id uint16, body *cryptobyte.String) (ok, valid bool) {
	var list cryptobyte.String
	switch id {
	case extSupportedVersions:
		return true, body.ReadUint8LengthPrefixed(&list) && readUint16s(list, &m.versions)
	case extSupportedGroups:
		return true, body.ReadUint16LengthPrefixed(&list) && readUint16s(list, &m.groups)
	case extCookie:
		return true, body.ReadUint16LengthPrefixed(&list) && len(list) > 0 && list.ReadBytes(&m.cookie, len(list))
	case extPSKModes:
		return true, body.ReadUint8LengthPrefixed(&list) && len(list) > 0 && list.ReadBytes(&m.modes, len(list))
	case extKeyShare:
		if !body.ReadUint16LengthPrefixed(&list) {
			return true, false
		}
		for !list.Empty() {
			var share keyShare
			if !readShare(&list, &share) {
				return true, false
			}
			m.shares = append(m.shares, share)
		}
		return true, true
	case extPreSharedKey:
		return true, m.readPreSharedKeys(body)
	}
	return false, false
}

func (m *clientHello) readPreSharedKeys(body *cryptobyte.String) bool {
	var identities, binders cryptobyte.String
	if !body.ReadUint16LengthPrefixed(&identities) || len(identities) == 0 ||
		!body.ReadUint16LengthPrefixed(&binders) || len(binders) == 0 {
		return false
	}
	for !identities.Empty() {
		var identity cryptobyte.String
		var age uint32
		if !identities.ReadUint16LengthPrefixed(&identity) || len(identity) == 0 || !identities.ReadUint32(&age) {
			return false
		}
		m.identities = append(m.identities, string(identity))
	}
	for !binders.Empty() {
		var binder cryptobyte.String
		if !binders.ReadUint8LengthPrefixed(&binder) || len(binder) < hashLen {
			return false
		}
		m.binders = append(m.binders, binder)
	}
	return true
}

// share gives the client's share of a key exchange in that group.
func (m *clientHello) share(id tls.CurveID) ([]byte, bool) {
	for _, share := range m.shares {
		if share.group == id {
			return share.data, true
		}
	}
	return nil, false
}

func readShare(s *cryptobyte.String, share *keyShare) bool {
	var id uint16
	var data cryptobyte.String
	if !s.ReadUint16(&id) || !s.ReadUint16LengthPrefixed(&data) || len(data) == 0 {
		return false
	}
	*share = keyShare{tls.CurveID(id), data}
	return true
}

// readUint16s reads all of s, which must not be empty.
func readUint16s[T ~uint16](s cryptobyte.String, list *[]T) bool {
	if len(s) == 0 || len(s)%2 != 0 {
		return false
	}
	for !s.Empty() {
		var v uint16
		if !s.ReadUint16(&v) {
			return false
		}
		*list = append(*list, T(v))
	}
	return true
}
