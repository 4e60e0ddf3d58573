package tlspsk

import (
	"bytes"
	"crypto/ecdh"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"net"
	"slices"
)

// Client makes the client's end of a TLS connection on conn, which it takes
// over. Nothing is sent before the first Handshake, Read or Write. cfg is
// checked then too.
//
// A server that does not accept the user name or the key usually closes the
// connection; the error then is an [ErrUnauthorized].
func Client(conn net.Conn, cfg *ClientConfig) *Conn {
	c := newConn(conn, func(c *Conn) error {
		offer, err := cfg.check()
		if err != nil {
			return err
		}
		h := clientHandshake{c: c, cfg: cfg, offer: offer, group: offer.groups[0]}
		return h.run()
	})
	c.isClient = true
	return c
}

// clientHandshake is the client's side of a handshake.
type clientHandshake struct {
	c     *Conn
	cfg   *ClientConfig
	offer offer
	early []byte // the early secret

	hello *clientHello
	group *group // the one that a share was sent of
	key   *ecdh.PrivateKey

	// transcript is all messages so far, of which the first ClientHello is
	// replaced where there was a HelloRetryRequest.
	transcript []byte
}

func (h *clientHandshake) run() error {
	if err := h.prepare(); err != nil {
		return err
	}
	if err := h.sendHello(); err != nil {
		return err
	}
	hello, err := h.receiveHello()
	if err != nil {
		return refused(err)
	}
	retried := hello.retry
	if retried {
		if err := h.retry(hello); err != nil {
			return err
		}
		// The server may have closed the connection meanwhile.
		if err := h.sendHello(); err != nil {
			return refused(err)
		}
		suite := hello.suite
		if hello, err = h.receiveHello(); err != nil {
			return refused(err)
		}
		if hello.retry {
			return violation(alertUnexpectedMessage, "a second HelloRetryRequest")
		}
		if hello.suite != suite {
			return violation(alertIllegalParameter, "a ServerHello with another cipher suite than the HelloRetryRequest before it")
		}
	}
	if err := h.finish(hello); err != nil {
		return err
	}
	h.c.state = ConnectionState{
		Version:           tls.VersionTLS13,
		CipherSuite:       hello.suite,
		Group:             h.group.id,
		HelloRetryRequest: retried,
		Identity:          h.cfg.Identity,
	}
	return nil
}

// prepare makes everything of the ClientHello but its binder.
func (h *clientHandshake) prepare() error {
	h.hello = &clientHello{
		random:     make([]byte, helloRandomLen),
		versions:   []uint16{tls.VersionTLS13},
		modes:      []byte{modePSKWithDHE},
		identities: []string{h.cfg.Identity},
		binders:    [][]byte{make([]byte, hashLen)},
	}
	rand.Read(h.hello.random) // it never fails
	for _, s := range h.offer.suites {
		h.hello.suites = append(h.hello.suites, s.id)
	}
	for _, g := range h.offer.groups {
		h.hello.groups = append(h.hello.groups, g.id)
	}
	var err error
	if h.early, err = earlySecret(h.cfg.Key); err != nil {
		return err
	}
	return h.makeShare()
}

// makeShare makes a key in h.group for the ClientHello to share.
func (h *clientHandshake) makeShare() error {
	var err error
	if h.key, err = h.group.newKey(); err != nil {
		return err
	}
	h.hello.shares = []keyShare{{h.group.id, h.key.PublicKey().Bytes()}}
	return nil
}

func (h *clientHandshake) sendHello() error {
	msg := h.hello.marshal()
	// The binder is the end of the message that it covers the rest of.
	mac := binder(h.early, slices.Concat(h.transcript, msg[:h.hello.truncated]))
	copy(msg[len(msg)-hashLen:], mac)
	h.transcript = append(h.transcript, msg...)
	h.c.out.addAll(recordHandshake, msg)
	return h.c.out.flush(h.c.conn)
}

// receiveHello checks what a ServerHello and a HelloRetryRequest have in
// common.
func (h *clientHandshake) receiveHello() (*serverHello, error) {
	msg, err := h.c.receive(typeServerHello)
	if err != nil {
		return nil, err
	}
	hello, err := parseServerHello(msg)
	switch {
	case err != nil:
		return nil, err
	case hello.version != tls.VersionTLS13:
		return nil, violation(alertProtocolVersion, "a ServerHello of %s, but pre-shared keys need TLS 1.3", tls.VersionName(hello.version))
	case !bytes.Equal(hello.sessionID, h.hello.sessionID):
		return nil, violation(alertIllegalParameter, "a ServerHello with another session id than ours")
	case h.offer.hasSuite(hello.suite) == nil:
		return nil, violation(alertIllegalParameter, "a ServerHello with the cipher suite %s, which was not offered", tls.CipherSuiteName(hello.suite))
	}
	if hello.retry {
		// From here on, the first ClientHello is represented by its hash.
		h.transcript = messageHash(h.transcript)
	}
	h.transcript = append(h.transcript, msg...)
	return hello, nil
}

// retry changes the ClientHello as the server asked, and nothing else in it.
func (h *clientHandshake) retry(request *serverHello) error {
	if request.group == 0 && len(request.cookie) == 0 {
		return violation(alertIllegalParameter, "a HelloRetryRequest that asks for nothing")
	}
	h.hello.cookie = bytes.Clone(request.cookie)
	if request.group == 0 {
		return nil
	}
	group := h.offer.hasGroup(request.group)
	if group == nil || group == h.group {
		return violation(alertIllegalParameter, "a HelloRetryRequest for %v, which was not offered or has been sent", request.group)
	}
	h.group = group
	return h.makeShare()
}

// finish goes from the ServerHello to the end.
func (h *clientHandshake) finish(hello *serverHello) error {
	switch {
	case !hello.hasPSK:
		return &ProtocolError{
			Alert: alertHandshakeFailure,
			Msg:   "the server wants certificates, not this pre-shared key: " + ErrUnauthorized.Error(),
			Err:   ErrUnauthorized,
		}
	case hello.identity != 0:
		return violation(alertIllegalParameter, "the choice of pre-shared key %d where one was offered", hello.identity)
	case hello.share.group != h.group.id:
		return violation(alertIllegalParameter, "a ServerHello with a share in %v where one in %v was due", hello.share.group, h.group.id)
	}
	shared, err := h.group.agree(h.key, hello.share.data)
	if err != nil {
		return err
	}
	c, suite := h.c, h.offer.hasSuite(hello.suite)
	secret := nextSecret(h.early, shared)
	own := deriveSecret(secret, labelClientHandshake, h.transcript)
	peers := deriveSecret(secret, labelServerHandshake, h.transcript)
	if err := c.in.changeKeys(suite, peers); err != nil {
		return err
	}
	c.out.keys.set(suite, own)

	msg, err := c.receive(typeEncryptedExtensions)
	if err != nil {
		return notOurKey(err)
	}
	if err := parseEncryptedExtensions(msg); err != nil {
		return err
	}
	h.transcript = append(h.transcript, msg...)

	if msg, err = c.receive(typeFinished); err != nil {
		return err
	}
	if err := checkFinished(msg, peers, h.transcript); err != nil {
		return err
	}
	h.transcript = append(h.transcript, msg...)

	secret = nextSecret(secret, nil)
	if err := c.in.changeKeys(suite, deriveSecret(secret, labelServerTraffic, h.transcript)); err != nil {
		return err
	}
	c.out.addAll(recordHandshake, marshalFinished(finishedMAC(own, h.transcript)))
	c.out.keys.set(suite, deriveSecret(secret, labelClientTraffic, h.transcript))
	return c.out.flush(c.conn)
}

// notOurKey explains a first encrypted message that doesn't decrypt: the
// server has another key, and hasn't looked at the binder.
func notOurKey(err error) error {
	if p, ok := errors.AsType[*ProtocolError](err); ok && p.Alert == alertBadRecordMAC {
		return &ProtocolError{
			Alert: p.Alert,
			Msg:   "the server's first encrypted message does not decrypt: " + ErrUnauthorized.Error(),
			Err:   ErrUnauthorized,
		}
	}
	return err
}
