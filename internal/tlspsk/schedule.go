package tlspsk

import (
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
)

// The labels of RFC 8446, section 7.1, that are in use.
const (
	labelBinder          = "ext binder"
	labelDerived         = "derived"
	labelClientHandshake = "c hs traffic"
	labelServerHandshake = "s hs traffic"
	labelClientTraffic   = "c ap traffic"
	labelServerTraffic   = "s ap traffic"
	labelUpdate          = "traffic upd"
	labelFinished        = "finished"
	labelKey             = "key"
	labelIV              = "iv"
)

// earlySecret is the first secret of the key schedule. It fails only where
// the process is restricted to FIPS 140 and the key is too short for that.
func earlySecret(psk []byte) ([]byte, error) {
	return hkdf.Extract(sha256.New, psk, make([]byte, hashLen))
}

// nextSecret goes from the early secret to that of the handshake, by the
// result of the key exchange, and from there to the main secret, by nil.
func nextSecret(secret, input []byte) []byte {
	if input == nil {
		input = make([]byte, hashLen)
	}
	next, err := hkdf.Extract(sha256.New, input, deriveSecret(secret, labelDerived, nil))
	if err != nil {
		panic(err) // all inputs but the first have 32 bytes, which suit any rule
	}
	return next
}

// deriveSecret is Derive-Secret of RFC 8446, section 7.1, with the messages
// joined.
func deriveSecret(secret []byte, label string, messages []byte) []byte {
	hash := sha256.Sum256(messages)
	return expandLabel(secret, label, hash[:], hashLen)
}

// expandLabel is HKDF-Expand-Label of RFC 8446, section 7.1.
func expandLabel(secret []byte, label string, context []byte, n int) []byte {
	const prefix = "tls13 "
	info := binary.BigEndian.AppendUint16(nil, uint16(n))
	info = append(info, byte(len(prefix)+len(label)))
	info = append(info, prefix...)
	info = append(info, label...)
	info = append(info, byte(len(context)))
	info = append(info, context...)
	out, err := hkdf.Expand(sha256.New, secret, string(info), n)
	if err != nil {
		panic(err) // secret has 32 bytes and n is at most that
	}
	return out
}

// finishedMAC is the content of Finished, and of a binder: the MAC of the
// messages under a key made from the secret (RFC 8446, section 4.4.4).
func finishedMAC(secret, messages []byte) []byte {
	hash := sha256.Sum256(messages)
	mac := hmac.New(sha256.New, expandLabel(secret, labelFinished, nil, hashLen))
	mac.Write(hash[:])
	return mac.Sum(nil)
}

// binder proves the knowledge of the pre-shared key. messages end with the
// ClientHello, without its list of binders.
func binder(early, messages []byte) []byte {
	return finishedMAC(deriveSecret(early, labelBinder, nil), messages)
}

// trafficKeys protect the records of one direction (RFC 8446, section 7.3).
type trafficKeys struct {
	suite  *suite
	secret []byte
	aead   cipher.AEAD // nil until there are keys
	iv     [nonceLen]byte
	nonce  [nonceLen]byte // for one record; here so as not to be allocated
	seq    uint64         // of the next record
}

func (k *trafficKeys) set(s *suite, secret []byte) {
	aead, err := s.aead(expandLabel(secret, labelKey, nil, s.keyLen))
	if err != nil {
		panic(err) // the key has the length of the suite
	}
	k.suite, k.secret, k.aead, k.seq = s, secret, aead, 0
	copy(k.iv[:], expandLabel(secret, labelIV, nil, nonceLen))
}

// update goes on to the next keys, after a KeyUpdate.
func (k *trafficKeys) update() {
	k.set(k.suite, expandLabel(k.secret, labelUpdate, nil, hashLen))
}

// nextNonce is the nonce of the next record, valid until the one after it.
// The number of records never wraps: 2^64 can't be sent.
func (k *trafficKeys) nextNonce() []byte {
	copy(k.nonce[:], k.iv[:])
	low := k.nonce[nonceLen-8:]
	binary.BigEndian.PutUint64(low, binary.BigEndian.Uint64(low)^k.seq)
	k.seq++
	return k.nonce[:]
}

// messageHash stands for the first ClientHello in what is hashed after a
// HelloRetryRequest (RFC 8446, section 4.4.1).
func messageHash(hello []byte) []byte {
	hash := sha256.Sum256(hello)
	return append([]byte{typeMessageHash, 0, 0, hashLen}, hash[:]...)
}
