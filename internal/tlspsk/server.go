package tlspsk

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"net"
	"slices"
)

// Server makes the server's end of a TLS connection on conn, which it takes
// over. Nothing is received before the first Handshake, Read or Write. cfg is
// checked then too.
//
// Where the client's user name or key is not accepted, the error is an
// [ErrUnauthorized] that says which of the two it was; the client can't tell.
func Server(conn net.Conn, cfg *ServerConfig) *Conn {
	return newConn(conn, func(c *Conn) error {
		offer, err := cfg.check()
		if err != nil {
			return err
		}
		h := serverHandshake{c: c, cfg: cfg, offer: offer}
		return h.run()
	})
}

// maxIdentities is how many of a client's user names are looked up.
const maxIdentities = 8

// serverHandshake is the server's side of a handshake.
type serverHandshake struct {
	c     *Conn
	cfg   *ServerConfig
	offer offer

	hello *clientHello // the latest
	raw   []byte       // the same as it came
	suite *suite
	group *group
	share []byte // the client's, in that group

	// transcript is all messages before hello, then all messages.
	transcript []byte
	ccs        bool // ChangeCipherSpec was sent
}

func (h *serverHandshake) run() error {
	if err := h.receiveHello(); err != nil {
		return err
	}
	retried := h.chooseGroup()
	if h.group == nil {
		return violation(alertHandshakeFailure, "a ClientHello with the groups %v, of which none is accepted here", h.hello.groups)
	}
	if retried {
		if err := h.retry(); err != nil {
			return err
		}
	}
	early, identity, err := h.authenticate()
	if err != nil {
		return err
	}
	if err := h.finish(early, identity); err != nil {
		return err
	}
	h.c.state = ConnectionState{
		Version:           tls.VersionTLS13,
		CipherSuite:       h.suite.id,
		Group:             h.group.id,
		HelloRetryRequest: retried,
		Identity:          h.hello.identities[identity],
	}
	return nil
}

// receiveHello receives a ClientHello and chooses the cipher suite.
func (h *serverHandshake) receiveHello() error {
	msg, err := h.c.receive(typeClientHello)
	if err != nil {
		return err
	}
	hello, err := parseClientHello(msg)
	switch {
	case err != nil:
		return err
	case hello.identities == nil:
		return violation(alertMissingExtension, "a ClientHello without a pre-shared key: the client must be given one")
	case hello.modes == nil || hello.groups == nil:
		return violation(alertMissingExtension, "a ClientHello without all that belongs to a pre-shared key with Diffie-Hellman")
	case !slices.Contains(hello.modes, modePSKWithDHE):
		return violation(alertHandshakeFailure, "a ClientHello that wants a pre-shared key without Diffie-Hellman, which is not accepted here")
	}
	h.hello, h.raw, h.suite = hello, msg, nil
	for _, s := range h.offer.suites {
		if slices.Contains(hello.suites, s.id) {
			h.suite = s
			return nil
		}
	}
	return violation(alertHandshakeFailure, "a ClientHello with the cipher suites %#04x, of which none is accepted here", hello.suites)
}

// chooseGroup reports whether the client has to be asked for a share.
func (h *serverHandshake) chooseGroup() (retry bool) {
	for _, g := range h.offer.groups {
		if share, ok := h.hello.share(g.id); ok {
			h.group, h.share = g, share
			return false
		}
	}
	for _, g := range h.offer.groups {
		if slices.Contains(h.hello.groups, g.id) {
			h.group = g
			return true
		}
	}
	return false
}

// retry sends a HelloRetryRequest and receives the second ClientHello.
func (h *serverHandshake) retry() error {
	request := &serverHello{
		retry:     true,
		sessionID: h.hello.sessionID,
		suite:     h.suite.id,
		version:   tls.VersionTLS13,
		group:     h.group.id,
	}
	msg := request.marshal()
	h.transcript = append(messageHash(h.raw), msg...)
	h.c.out.addAll(recordHandshake, msg)
	h.addChangeCipherSpec()
	if err := h.c.out.flush(h.c.conn); err != nil {
		return err
	}
	suite := h.suite
	if err := h.receiveHello(); err != nil {
		return err
	}
	share, ok := h.hello.share(h.group.id)
	if !ok || len(h.hello.shares) != 1 || h.suite != suite {
		return violation(alertIllegalParameter, "a second ClientHello that is not what was asked for")
	}
	h.share = share
	return nil
}

// authenticate finds the client's key, and checks that it has it.
func (h *serverHandshake) authenticate() (early []byte, identity int, err error) {
	var key Key
	known := false
	for i, name := range h.hello.identities[:min(len(h.hello.identities), maxIdentities)] {
		if k, ok := h.cfg.Lookup(name); ok && len(k) > 0 {
			key, identity, known = k, i, true
			break
		}
	}
	if !known {
		// No client has this key, and all else is as with a wrong one.
		key = make(Key, hashLen)
		rand.Read(key) // it never fails
	}
	if early, err = earlySecret(key); err != nil {
		return nil, 0, err
	}
	want := binder(early, slices.Concat(h.transcript, h.raw[:h.hello.truncated]))
	proven := hmac.Equal(h.hello.binders[identity], want)
	if known && proven {
		return early, identity, nil
	}
	name := h.hello.identities[identity]
	if len(name) > maxIdentity {
		name = name[:maxIdentity]
	}
	p := &ProtocolError{Alert: alertDecryptError, Err: ErrUnauthorized}
	if known {
		p.Msg = fmt.Sprintf("the client has a wrong key for the user name %q", name)
	} else {
		p.Msg = fmt.Sprintf("the client has the user name %q, which is not known here", name)
	}
	return nil, 0, p
}

// finish goes from the ServerHello to the end.
func (h *serverHandshake) finish(early []byte, identity int) error {
	key, err := h.group.newKey()
	if err != nil {
		return err
	}
	shared, err := h.group.agree(key, h.share)
	if err != nil {
		return err
	}
	hello := &serverHello{
		random:    make([]byte, helloRandomLen),
		sessionID: h.hello.sessionID,
		suite:     h.suite.id,
		version:   tls.VersionTLS13,
		share:     keyShare{h.group.id, key.PublicKey().Bytes()},
		hasPSK:    true,
		identity:  uint16(identity),
	}
	rand.Read(hello.random) // it never fails
	msg := hello.marshal()
	h.transcript = slices.Concat(h.transcript, h.raw, msg)
	c := h.c
	c.out.addAll(recordHandshake, msg)
	h.addChangeCipherSpec()

	secret := nextSecret(early, shared)
	own := deriveSecret(secret, labelServerHandshake, h.transcript)
	peers := deriveSecret(secret, labelClientHandshake, h.transcript)
	if err := c.in.changeKeys(h.suite, peers); err != nil {
		return err
	}
	c.out.keys.set(h.suite, own)
	msg = marshalEncryptedExtensions()
	h.transcript = append(h.transcript, msg...)
	finished := marshalFinished(finishedMAC(own, h.transcript))
	h.transcript = append(h.transcript, finished...)
	c.out.addAll(recordHandshake, append(msg, finished...))
	if err := c.out.flush(c.conn); err != nil {
		return err
	}

	secret = nextSecret(secret, nil)
	if msg, err = c.receive(typeFinished); err != nil {
		return err
	}
	if err := checkFinished(msg, peers, h.transcript); err != nil {
		return err
	}
	c.out.keys.set(h.suite, deriveSecret(secret, labelServerTraffic, h.transcript))
	return c.in.changeKeys(h.suite, deriveSecret(secret, labelClientTraffic, h.transcript))
}

// addChangeCipherSpec sends the message that a client expects, once, if it
// thinks of middleboxes, which its session id tells (RFC 8446, section D.4).
func (h *serverHandshake) addChangeCipherSpec() {
	if len(h.hello.sessionID) == 0 || h.ccs {
		return
	}
	h.ccs = true
	h.c.out.buf = append(h.c.out.buf, recordChangeCipherSpec, 3, 3, 0, 1, 1)
}
