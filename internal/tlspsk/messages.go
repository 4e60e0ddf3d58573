package tlspsk

import (
	"crypto/tls"
	"slices"

	"golang.org/x/crypto/cryptobyte"
)

// The handshake messages of RFC 8446, section 4, that are in use.
const (
	typeClientHello         = 1
	typeServerHello         = 2
	typeNewSessionTicket    = 4
	typeEncryptedExtensions = 8
	typeCertificateRequest  = 13
	typeFinished            = 20
	typeKeyUpdate           = 24
	typeMessageHash         = 254
)

// The extensions of RFC 8446, section 4.2, that are in use.
const (
	extSupportedGroups   = 10
	extPreSharedKey      = 41
	extSupportedVersions = 43
	extCookie            = 44
	extPSKModes          = 45
	extKeyShare          = 51
)

// modePSKWithDHE is psk_dhe_ke of RFC 8446, section 4.2.9.
const modePSKWithDHE = 1

// messageHeader is a byte for the type and three for the length.
const messageHeader = 4

// keyShare is a KeyShareEntry of RFC 8446, section 4.2.8.
type keyShare struct {
	group tls.CurveID
	data  []byte
}

// readExtensions reads a list of extensions, each by known, which consumes the
// body; it returns false if the extension does not belong there. allowUnknown
// skips those instead, as a server must.
func readExtensions(s *cryptobyte.String, message string, allowUnknown bool, known func(id uint16, body *cryptobyte.String) (ok, valid bool)) error {
	var list cryptobyte.String
	if !s.ReadUint16LengthPrefixed(&list) || !s.Empty() {
		return malformed(message)
	}
	var seen []uint16
	for !list.Empty() {
		var id uint16
		var body cryptobyte.String
		if !list.ReadUint16(&id) || !list.ReadUint16LengthPrefixed(&body) {
			return malformed(message)
		}
		ok, valid := known(id, &body)
		switch {
		case !ok && allowUnknown:
			continue
		case !ok:
			return violation(alertUnsupportedExt, "%s with the extension %d, which does not belong there", message, id)
		case !valid || !body.Empty():
			return violation(alertDecodeError, "%s with a malformed extension %d", message, id)
		case slices.Contains(seen, id):
			return violation(alertIllegalParameter, "%s with the extension %d twice", message, id)
		}
		seen = append(seen, id)
	}
	return nil
}

func malformed(message string) error {
	return violation(alertDecodeError, "%s that is malformed", message)
}

// parseEncryptedExtensions looks for extensions that answer nothing the client
// has said. None of those that may be there means anything here.
func parseEncryptedExtensions(msg []byte) error {
	const name = "EncryptedExtensions"
	s := cryptobyte.String(msg[messageHeader:])
	return readExtensions(&s, name, false, func(id uint16, body *cryptobyte.String) (ok, valid bool) {
		return id == extSupportedGroups, body.Skip(len(*body))
	})
}

// marshalEncryptedExtensions has none to send.
func marshalEncryptedExtensions() []byte {
	return []byte{typeEncryptedExtensions, 0, 0, 2, 0, 0}
}

func marshalFinished(mac []byte) []byte {
	return append([]byte{typeFinished, 0, 0, hashLen}, mac...)
}

// parseKeyUpdate reports whether the peer asks for an update in return.
func parseKeyUpdate(msg []byte) (asked bool, err error) {
	body := msg[messageHeader:]
	if len(body) != 1 {
		return false, malformed("KeyUpdate")
	}
	if body[0] > 1 {
		return false, violation(alertIllegalParameter, "KeyUpdate with the request %d", body[0])
	}
	return body[0] == 1, nil
}

func marshalKeyUpdate(ask bool) []byte {
	msg := []byte{typeKeyUpdate, 0, 0, 1, 0}
	if ask {
		msg[4] = 1
	}
	return msg
}

// messageName is what a message is called in errors.
func messageName(typ byte) string {
	switch typ {
	case typeClientHello:
		return "a ClientHello"
	case typeServerHello:
		return "a ServerHello"
	case typeNewSessionTicket:
		return "a NewSessionTicket"
	case typeEncryptedExtensions:
		return "EncryptedExtensions"
	case typeCertificateRequest:
		return "a CertificateRequest"
	case typeFinished:
		return "Finished"
	case typeKeyUpdate:
		return "a KeyUpdate"
	}
	return "another handshake message"
}

// expect checks the type of a message.
func expect(msg []byte, typ byte) error {
	if msg[0] != typ {
		return violation(alertUnexpectedMessage, "%s (type %d) where %s was due", messageName(msg[0]), msg[0], messageName(typ))
	}
	return nil
}
