package tlspsk

import (
	"bytes"
	"crypto/tls"

	"golang.org/x/crypto/cryptobyte"
)

// serverHello is the answer of a server (RFC 8446, section 4.1.3) or its
// HelloRetryRequest, which is the same message with a certain random value.
type serverHello struct {
	retry     bool
	random    []byte // 32 bytes; unused in a HelloRetryRequest
	sessionID []byte // that of the client
	suite     uint16
	version   uint16

	// In a ServerHello:
	share    keyShare
	hasPSK   bool
	identity uint16 // which of the client's

	// In a HelloRetryRequest:
	group  tls.CurveID // the one to send a share of, or 0
	cookie []byte      // to be returned, or empty
}

// retryRandom is the random value of a HelloRetryRequest.
var retryRandom = []byte{
	0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
	0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
}

func (m *serverHello) marshal() []byte {
	var b cryptobyte.Builder
	b.AddUint8(typeServerHello)
	b.AddUint24LengthPrefixed(func(b *cryptobyte.Builder) {
		b.AddUint16(tls.VersionTLS12) // as all versions since say
		if m.retry {
			b.AddBytes(retryRandom)
		} else {
			b.AddBytes(m.random)
		}
		b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(m.sessionID) })
		b.AddUint16(m.suite)
		b.AddUint8(0) // no compression
		b.AddUint16LengthPrefixed(m.addExtensions)
	})
	return b.BytesOrPanic() // all parts are short
}

func (m *serverHello) addExtensions(b *cryptobyte.Builder) {
	addExtension(b, extSupportedVersions, func(b *cryptobyte.Builder) { b.AddUint16(m.version) })
	if m.retry {
		if m.group != 0 {
			addExtension(b, extKeyShare, func(b *cryptobyte.Builder) { b.AddUint16(uint16(m.group)) })
		}
		if len(m.cookie) > 0 {
			addExtension(b, extCookie, func(b *cryptobyte.Builder) {
				b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(m.cookie) })
			})
		}
		return
	}
	addExtension(b, extKeyShare, func(b *cryptobyte.Builder) { addShare(b, m.share) })
	if m.hasPSK {
		addExtension(b, extPreSharedKey, func(b *cryptobyte.Builder) { b.AddUint16(m.identity) })
	}
}

// parseServerHello reads the message. What it returns is part of msg. The
// version of an older server is returned as it is.
func parseServerHello(msg []byte) (*serverHello, error) {
	const name = "a ServerHello"
	m := &serverHello{}
	s := cryptobyte.String(msg[messageHeader:])
	var sessionID cryptobyte.String
	var compression uint8
	if !s.ReadUint16(&m.version) || !s.ReadBytes(&m.random, helloRandomLen) ||
		!s.ReadUint8LengthPrefixed(&sessionID) || len(sessionID) > 32 ||
		!s.ReadUint16(&m.suite) || !s.ReadUint8(&compression) {
		return nil, malformed(name)
	}
	m.sessionID = sessionID
	m.retry = bytes.Equal(m.random, retryRandom)
	if s.Empty() {
		return m, nil // of TLS 1.2 or older
	}
	if !hasExtension(s, extSupportedVersions) {
		return m, nil // likewise, and with extensions of its own
	}
	if m.version != tls.VersionTLS12 || compression != 0 {
		return nil, violation(alertIllegalParameter, "%s with the old version %#x and compression %d", name, m.version, compression)
	}
	if err := readExtensions(&s, name, false, m.readExtension); err != nil {
		return nil, err
	}
	return m, nil
}

func (m *serverHello) readExtension(id uint16, body *cryptobyte.String) (ok, valid bool) {
	switch {
	case id == extSupportedVersions:
		return true, body.ReadUint16(&m.version)
	case id == extKeyShare && m.retry:
		return true, body.ReadUint16((*uint16)(&m.group))
	case id == extKeyShare:
		return true, readShare(body, &m.share)
	case id == extCookie && m.retry:
		var cookie cryptobyte.String
		return true, body.ReadUint16LengthPrefixed(&cookie) && len(cookie) > 0 && cookie.ReadBytes(&m.cookie, len(cookie))
	case id == extPreSharedKey && !m.retry:
		m.hasPSK = true
		return true, body.ReadUint16(&m.identity)
	}
	return false, false
}

// hasExtension looks through a list of extensions as far as it is well formed.
func hasExtension(s cryptobyte.String, want uint16) bool {
	var list cryptobyte.String
	if !s.ReadUint16LengthPrefixed(&list) {
		return false
	}
	for !list.Empty() {
		var id uint16
		var body cryptobyte.String
		if !list.ReadUint16(&id) || !list.ReadUint16LengthPrefixed(&body) {
			return false
		}
		if id == want {
			return true
		}
	}
	return false
}
