package tlspsk

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
)

// plain makes a record that is not encrypted.
func plain(typ byte, content []byte) []byte {
	return append([]byte{typ, 3, 3, byte(len(content) >> 8), byte(len(content))}, content...)
}

func plainAlert(alert tls.AlertError) []byte {
	return plain(recordAlert, []byte{levelFatal, byte(alert)})
}

// checkAlert reads the alert that a peer has sent in the clear.
func checkAlert(t *testing.T, r io.Reader, want tls.AlertError) {
	t.Helper()
	got, err := io.ReadAll(r)
	// What came before the alert does not matter: hellos.
	if err != nil || !bytes.HasSuffix(got, plainAlert(want)) {
		t.Errorf("received %x, %v; want the alert %v", got, err, want)
	}
}

// TestServerHelloViolations answers a client with what it must not accept.
func TestServerHelloViolations(t *testing.T) {
	// change alters a correct ServerHello.
	change := func(f func(*serverHello)) func(*clientHello) []byte {
		return func(hello *clientHello) []byte {
			m := &serverHello{random: make([]byte, 32), sessionID: hello.sessionID, suite: hello.suites[0],
				version: tls.VersionTLS13, share: hello.shares[0], hasPSK: true}
			f(m)
			return plain(recordHandshake, m.marshal())
		}
	}
	// message sends one of these bytes.
	message := func(typ byte, body ...byte) func(*clientHello) []byte {
		return func(*clientHello) []byte {
			return plain(recordHandshake, append([]byte{typ, 0, 0, byte(len(body))}, body...))
		}
	}
	raw := func(b []byte) func(*clientHello) []byte { return func(*clientHello) []byte { return b } }
	twice := func(f func(*clientHello) []byte) func(*clientHello) []byte {
		return func(hello *clientHello) []byte { return append(f(hello), f(hello)...) }
	}
	retry := func(f func(*serverHello)) func(*clientHello) []byte {
		return change(func(m *serverHello) { m.retry, m.group = true, tls.CurveP256; f(m) })
	}
	for _, test := range []struct {
		name  string
		reply func(*clientHello) []byte
		alert tls.AlertError
		want  string
	}{
		{"TLS 1.2", change(func(m *serverHello) { m.version = tls.VersionTLS12 }), alertProtocolVersion, "a ServerHello of TLS 1.2, but pre-shared keys need TLS 1.3"},
		{"TLS 1.2 without extensions", func(*clientHello) []byte {
			return message(typeServerHello, append(append([]byte{3, 3}, make([]byte, 33)...), 0, 0xa8, 0)...)(nil)
		}, alertProtocolVersion, "a ServerHello of TLS 1.2"},
		{"session id", change(func(m *serverHello) { m.sessionID = []byte{1} }), alertIllegalParameter, "another session id"},
		{"suite", change(func(m *serverHello) { m.suite = tls.TLS_AES_256_GCM_SHA384 }), alertIllegalParameter, "the cipher suite TLS_AES_256_GCM_SHA384, which was not offered"},
		{"no PSK", change(func(m *serverHello) { m.hasPSK = false }), alertHandshakeFailure, "the server wants certificates, not this pre-shared key: the user name or the key is probably wrong"},
		{"other PSK", change(func(m *serverHello) { m.identity = 1 }), alertIllegalParameter, "the choice of pre-shared key 1"},
		{"other group", change(func(m *serverHello) { m.share.group = tls.CurveP256 }), alertIllegalParameter, "a share in CurveP256 where one in X25519 was due"},
		{"share of zeros", change(func(m *serverHello) { m.share.data = make([]byte, 32) }), alertIllegalParameter, "a key share of 32 bytes that is no X25519 public key"},
		{"short share", change(func(m *serverHello) { m.share.data = make([]byte, 31) }), alertIllegalParameter, "a key share of 31 bytes that is no X25519 public key"},
		{"empty retry", retry(func(m *serverHello) { m.group = 0 }), alertIllegalParameter, "a HelloRetryRequest that asks for nothing"},
		{"retry for the same", retry(func(m *serverHello) { m.group = tls.X25519 }), alertIllegalParameter, "a HelloRetryRequest for X25519, which was not offered or has been sent"},
		{"retry for another", retry(func(m *serverHello) { m.group = tls.CurveP384 }), alertIllegalParameter, "a HelloRetryRequest for CurveP384, which was not offered or has been sent"},
		{"second retry", twice(retry(func(m *serverHello) {})), alertUnexpectedMessage, "a second HelloRetryRequest"},
		{"other suite after retry", func(hello *clientHello) []byte {
			return append(retry(func(m *serverHello) {})(hello), change(func(m *serverHello) { m.suite = hello.suites[1] })(hello)...)
		}, alertIllegalParameter, "another cipher suite than the HelloRetryRequest"},
		{"more after the hello", func(hello *clientHello) []byte {
			b := change(func(*serverHello) {})(hello)
			return plain(recordHandshake, append(b[recordHeader:], marshalEncryptedExtensions()...))
		}, alertUnexpectedMessage, "handshake messages across a change of keys"},
		{"EncryptedExtensions", raw(plain(recordHandshake, marshalEncryptedExtensions())), alertUnexpectedMessage, "EncryptedExtensions (type 8) where a ServerHello was due"},
		{"HelloRequest", message(0), alertUnexpectedMessage, "another handshake message (type 0) where a ServerHello was due"},
		{"malformed", message(typeServerHello, 3, 3), alertDecodeError, "a ServerHello that is malformed"},
		{"huge message", raw(plain(recordHandshake, []byte{typeServerHello, 1, 0, 0})), alertIllegalParameter, "a ServerHello of 65540 bytes, which is too long"},
		{"data", raw(plain(recordData, []byte("NBDMAGIC"))), alertUnexpectedMessage, "data before the end of the handshake"},
		{"empty handshake record", raw(plain(recordHandshake, nil)), alertUnexpectedMessage, "a record of type 22 and 0 bytes"},
		{"not TLS", raw([]byte("NBDMAGIC")), alertUnexpectedMessage, `"NBDMA", which is not the beginning of a TLS record`},
		{"SSL 2", raw([]byte{recordHandshake, 2, 0, 0, 1}), alertUnexpectedMessage, "which is not the beginning of a TLS record"},
		{"long record", raw([]byte{recordHandshake, 3, 3, 0x40, 1}), alertRecordOverflow, "a record of 16385 bytes, which is too long"},
		{"ChangeCipherSpec", raw(plain(recordChangeCipherSpec, []byte{2})), alertUnexpectedMessage, "a ChangeCipherSpec of 1 bytes that is malformed"},
		{"flood", raw(bytes.Repeat(plain(recordChangeCipherSpec, []byte{1}), 33)), alertUnexpectedMessage, "more than 32 records in a row without data"},
		{"long alert", raw(plain(recordAlert, []byte{2, 40, 0})), alertDecodeError, "an alert of 3 bytes"},
		{"not encrypted", func(hello *clientHello) []byte {
			return append(change(func(*serverHello) {})(hello), plain(recordHandshake, marshalEncryptedExtensions())...)
		}, 255, "a record of type 22 that is not encrypted"},
		{"nonsense instead of ciphertext", func(hello *clientHello) []byte {
			return append(change(func(*serverHello) {})(hello), plain(recordData, make([]byte, 40))...)
		}, 255, "the server's first encrypted message does not decrypt: the user name or the key is probably wrong"},
		{"short ciphertext", func(hello *clientHello) []byte {
			return append(change(func(*serverHello) {})(hello), plain(recordData, make([]byte, 16))...)
		}, 255, "an encrypted record of 16 bytes, which is too short"},
	} {
		t.Run(test.name, func(t *testing.T) {
			a, b := socketPair(t)
			client, fake := Client(a, clientConfig()), Server(b, serverConfig())
			done := make(chan error, 1)
			go func() {
				done <- client.Handshake()
				client.Close()
			}()
			msg, err := fake.receive(typeClientHello)
			if err != nil {
				t.Fatal(err)
			}
			hello, err := parseClientHello(msg)
			if err != nil {
				t.Fatal(err)
			}
			sendRaw(t, fake, test.reply(hello))
			err = <-done
			p, ok := errors.AsType[*ProtocolError](err)
			if !ok || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %s", err, test.want)
			}
			if errors.Is(err, ErrUnauthorized) != strings.Contains(test.want, ErrUnauthorized.Error()) {
				t.Errorf("error %v is ErrUnauthorized: %v", err, errors.Is(err, ErrUnauthorized))
			}
			if test.alert != 255 { // when it is encrypted
				if ok && p.Alert != test.alert {
					t.Errorf("alert %v, want %v", p.Alert, test.alert)
				}
				checkAlert(t, b, test.alert)
			}
		})
	}
}

// TestAlertsFromServer: what an alert in answer to a ClientHello means.
func TestAlertsFromServer(t *testing.T) {
	for _, test := range []struct {
		alert        tls.AlertError
		unauthorized bool
		want         string
	}{
		{alertDecryptError, true, "the server refused the TLS handshake (tls: error decrypting message): the user name or the key is probably wrong"},
		{alertUnknownPSKIdentity, true, "the server refused the TLS handshake (tls: unknown PSK identity): the user name or the key is probably wrong"},
		{alertHandshakeFailure, true, "the server refused the TLS handshake (tls: handshake failure): the user name or the key is probably wrong"},
		{alertProtocolVersion, false, "the server refused the TLS handshake (tls: protocol version not supported): it must speak TLS 1.3 for pre-shared keys"},
		{alertInternalError, false, "the server refused the TLS handshake: tls: internal error"},
		{alertCloseNotify, true, "the server closed the connection during the TLS handshake: the user name or the key is probably wrong"},
	} {
		a, b := socketPair(t)
		if _, err := b.Write(plainAlert(test.alert)); err != nil {
			t.Fatal(err)
		}
		err := Client(a, clientConfig()).Handshake()
		if fmt.Sprint(err) != test.want || errors.Is(err, ErrUnauthorized) != test.unauthorized {
			t.Errorf("error %v, want %s", err, test.want)
		}
		alert, ok := errors.AsType[tls.AlertError](err)
		if test.alert != alertCloseNotify && (!ok || alert != test.alert) {
			t.Errorf("the alert in %v is %v", err, alert)
		}
	}
}

// TestClientHelloViolations sends a server what it must not accept.
func TestClientHelloViolations(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*clientHello)
		alert  tls.AlertError
		want   string
	}{
		{"wrong user", func(m *clientHello) { m.identities[0] = "mallory" }, alertDecryptError, `TLS: the client has the user name "mallory", which is not known here`},
		{"other user", func(m *clientHello) { m.identities[0] = "bob" }, alertDecryptError, `TLS: the client has a wrong key for the user name "bob"`},
		{"no PSK", func(m *clientHello) { m.identities, m.binders = nil, nil }, alertDecodeError, "malformed extension 41"},
		{"two keys, one binder", func(m *clientHello) { m.identities = append(m.identities, "bob") }, alertIllegalParameter, "2 pre-shared keys and 1 binders"},
		{"no modes", func(m *clientHello) { m.modes = nil }, alertDecodeError, "malformed extension 45"},
		{"without Diffie-Hellman", func(m *clientHello) { m.modes = []byte{0} }, alertHandshakeFailure, "a pre-shared key without Diffie-Hellman"},
		{"old version", func(m *clientHello) { m.versions = []uint16{tls.VersionTLS12} }, alertProtocolVersion, "without TLS 1.3 among its versions"},
		{"suites", func(m *clientHello) { m.suites = []uint16{tls.TLS_AES_256_GCM_SHA384} }, alertHandshakeFailure, "the cipher suites [0x1302], of which none is accepted here"},
		{"groups", func(m *clientHello) {
			m.groups, m.shares = []tls.CurveID{tls.CurveP384}, []keyShare{{tls.CurveP384, make([]byte, 97)}}
		}, alertHandshakeFailure, "the groups [CurveP384], of which none is accepted here"},
		{"bad share", func(m *clientHello) { m.shares[0].data = make([]byte, 32) }, alertIllegalParameter, "that is no X25519 public key"},
		{"long session id", func(m *clientHello) { m.sessionID = make([]byte, 33) }, alertDecodeError, "a ClientHello that is malformed"},
		{"short binder", func(m *clientHello) { m.binders[0] = make([]byte, 31) }, alertDecodeError, "malformed extension 41"},
	} {
		t.Run(test.name, func(t *testing.T) {
			a, b := socketPair(t)
			client, server := Client(a, clientConfig()), Server(b, serverConfig())
			h := newClientHandshake(t, client)
			test.change(h.hello)
			if len(h.hello.binders) == 0 || len(h.hello.binders[0]) != hashLen {
				client.out.addAll(recordHandshake, h.hello.marshal())
				if err := client.out.flush(a); err != nil {
					t.Fatal(err)
				}
			} else if err := h.sendHello(); err != nil {
				t.Fatal(err)
			}
			err := server.Handshake()
			server.Close()
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %s", err, test.want)
			}
			if errors.Is(err, ErrUnauthorized) != strings.HasSuffix(test.name, "user") {
				t.Errorf("error %v is ErrUnauthorized: %v", err, errors.Is(err, ErrUnauthorized))
			}
			checkAlert(t, a, test.alert)
		})
	}
}

// newClientHandshake prepares a handshake to be made step by step.
func newClientHandshake(t testing.TB, c *Conn) *clientHandshake {
	t.Helper()
	cfg := clientConfig()
	offer, err := cfg.check()
	if err != nil {
		t.Fatal(err)
	}
	h := &clientHandshake{c: c, cfg: cfg, offer: offer, group: offer.groups[0]}
	if err := h.prepare(); err != nil {
		t.Fatal(err)
	}
	return h
}

// TestSecondHello: after a HelloRetryRequest, a client must do as told.
func TestSecondHello(t *testing.T) {
	for name, change := range map[string]func(*clientHello){
		"the same again": func(m *clientHello) {},
		"other suite": func(m *clientHello) {
			m.suites, m.shares = onlyChaCha, []keyShare{{tls.CurveP256, make([]byte, 65)}}
		},
		"two shares": func(m *clientHello) { m.shares = append(m.shares, keyShare{tls.CurveP256, make([]byte, 65)}) },
	} {
		a, b := socketPair(t)
		cfg := serverConfig()
		cfg.Groups = onlyP256
		client, server := Client(a, clientConfig()), Server(b, cfg)
		h := newClientHandshake(t, client)
		if err := h.sendHello(); err != nil {
			t.Fatal(err)
		}
		change(h.hello)
		if err := h.sendHello(); err != nil {
			t.Fatal(err)
		}
		if err := server.Handshake(); err == nil || !strings.Contains(err.Error(), "a second ClientHello that is not what was asked for") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// TestMiddleboxes: a server sends one ChangeCipherSpec to a client that has a
// session id, after its first message.
func TestMiddleboxes(t *testing.T) {
	for _, test := range []struct {
		sessionID []byte
		groups    []tls.CurveID
		want      []byte // the types of the records
	}{
		{nil, nil, []byte{recordHandshake, recordData}},
		{randomBytes(32), nil, []byte{recordHandshake, recordChangeCipherSpec, recordData}},
		{randomBytes(32), onlyP256, []byte{recordHandshake, recordChangeCipherSpec, recordHandshake, recordData}},
	} {
		a, b := socketPair(t)
		cfg := serverConfig()
		cfg.Groups = test.groups
		client, server := Client(a, clientConfig()), Server(b, cfg)
		seen := &typesSeen{Conn: b}
		server.conn = seen
		h := newClientHandshake(t, client)
		h.hello.sessionID = test.sessionID
		done := make(chan error, 1)
		go func() { done <- server.Handshake() }()
		for {
			if err := h.sendHello(); err != nil {
				t.Fatal(err)
			}
			hello, err := h.receiveHello()
			if err != nil {
				t.Fatal(err)
			}
			if !hello.retry {
				if err := h.finish(hello); err != nil {
					t.Fatal(err)
				}
				break
			}
			if err := h.retry(hello); err != nil {
				t.Fatal(err)
			}
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(seen.types, test.want) {
			t.Errorf("records of types %d, want %d", seen.types, test.want)
		}
	}
}

// typesSeen notes the types of the records that are written.
type typesSeen struct {
	net.Conn
	types []byte
}

func (c *typesSeen) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; rest = rest[recordHeader+int(rest[3])<<8+int(rest[4]):] {
		c.types = append(c.types, rest[0])
	}
	return c.Conn.Write(p)
}

// TestPlainAlert: a client that can't make sense of a ServerHello has no keys
// to encrypt its alert with.
func TestPlainAlert(t *testing.T) {
	a, b := socketPair(t)
	client, server := Client(a, clientConfig()), Server(b, serverConfig())
	h := newClientHandshake(t, client)
	if err := h.sendHello(); err != nil {
		t.Fatal(err)
	}
	sendRaw(t, client, plainAlert(alertIllegalParameter))
	err := server.Handshake()
	if alert, ok := errors.AsType[tls.AlertError](err); !ok || alert != alertIllegalParameter {
		t.Errorf("error %v, want the client's alert", err)
	}
}

// TestUserAmongMany: a client may have several keys, and only the chosen one's
// binder counts.
func TestUserAmongMany(t *testing.T) {
	a, b := socketPair(t)
	client, server := Client(a, clientConfig()), Server(b, serverConfig())
	h := newClientHandshake(t, client)
	h.hello.identities = []string{"mallory", "alice"}
	h.hello.binders = [][]byte{make([]byte, 40), make([]byte, hashLen)}
	if err := h.sendHello(); err != nil {
		t.Fatal(err)
	}
	// The server goes on, and waits for Finished.
	go server.Handshake()
	hello, err := h.receiveHello()
	if err != nil || !hello.hasPSK || hello.identity != 1 {
		t.Errorf("ServerHello %+v, %v", hello, err)
	}
}

// TestCookie: a client returns the cookie of a HelloRetryRequest, with or
// without another share.
func TestCookie(t *testing.T) {
	for _, group := range []tls.CurveID{0, tls.CurveP256} {
		a, b := socketPair(t)
		client, server := Client(a, clientConfig()), Server(b, serverConfig())
		done := make(chan error, 1)
		go func() { done <- client.Handshake() }()
		offer, err := serverConfig().check()
		if err != nil {
			t.Fatal(err)
		}
		h := &serverHandshake{c: server, cfg: serverConfig(), offer: offer}
		if err := h.receiveHello(); err != nil {
			t.Fatal(err)
		}
		random := bytes.Clone(h.hello.random)
		cookie := randomBytes(1000)
		msg := (&serverHello{retry: true, suite: h.suite.id, version: tls.VersionTLS13, group: group, cookie: cookie}).marshal()
		h.transcript = append(messageHash(h.raw), msg...)
		server.out.addAll(recordHandshake, msg)
		if err := server.out.flush(b); err != nil {
			t.Fatal(err)
		}
		if err := h.receiveHello(); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(h.hello.cookie, cookie) || !bytes.Equal(h.hello.random, random) {
			t.Errorf("the second ClientHello has the cookie %x", h.hello.cookie)
		}
		h.chooseGroup()
		early, identity, err := h.authenticate()
		if err != nil {
			t.Fatal(err)
		}
		if err := h.finish(early, identity); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if state := client.ConnectionState(); !state.HelloRetryRequest || group != 0 && state.Group != group {
			t.Errorf("state %+v", state)
		}
	}
}
