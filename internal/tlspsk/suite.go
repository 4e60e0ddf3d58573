package tlspsk

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/rand"
	"crypto/tls"

	"golang.org/x/crypto/chacha20poly1305"
)

// suite is a cipher suite of RFC 8446, appendix B.4. The hash of both is
// SHA-256, and both have nonces of 12 bytes and tags of 16.
type suite struct {
	id     uint16
	keyLen int
	aead   func(key []byte) (cipher.AEAD, error)
}

var suites = []*suite{
	{tls.TLS_AES_128_GCM_SHA256, 16, newAESGCM},
	{tls.TLS_CHACHA20_POLY1305_SHA256, chacha20poly1305.KeySize, chacha20poly1305.New},
}

const (
	nonceLen = 12
	tagLen   = 16
	hashLen  = 32
)

// recordLimit is how many records may be sent under one key before a
// KeyUpdate. It is below the 2^24.5 that RFC 8446, section 5.5, allows for
// AES-GCM with full records; ChaCha20-Poly1305 would bear more and is not
// worth another number.
const recordLimit = 1 << 24

func newAESGCM(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

func suiteByID(id uint16) *suite {
	for _, s := range suites {
		if s.id == id {
			return s
		}
	}
	return nil
}

// group is a group of the key exchange, RFC 8446, section 4.2.7.
type group struct {
	id    tls.CurveID
	curve ecdh.Curve
}

var groups = []*group{
	{tls.X25519, ecdh.X25519()},
	{tls.CurveP256, ecdh.P256()},
}

func groupByID(id tls.CurveID) *group {
	for _, g := range groups {
		if g.id == id {
			return g
		}
	}
	return nil
}

// newKey makes an ephemeral key of the group.
func (g *group) newKey() (*ecdh.PrivateKey, error) {
	return g.curve.GenerateKey(rand.Reader)
}

// agree computes the shared secret from the peer's share, which is checked.
func (g *group) agree(own *ecdh.PrivateKey, share []byte) ([]byte, error) {
	key, err := g.curve.NewPublicKey(share)
	if err == nil {
		var secret []byte
		if secret, err = own.ECDH(key); err == nil {
			return secret, nil
		}
	}
	return nil, violation(alertIllegalParameter, "a key share of %d bytes that is no %v public key", len(share), g.id)
}
