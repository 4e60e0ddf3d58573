package tlspsk

import (
	"bytes"
	"crypto/tls"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func exampleClientHello() *clientHello {
	return &clientHello{
		random:     randomBytes(32),
		sessionID:  []byte{1, 2, 3},
		suites:     []uint16{tls.TLS_AES_128_GCM_SHA256, tls.TLS_CHACHA20_POLY1305_SHA256},
		versions:   []uint16{tls.VersionTLS13, tls.VersionTLS12},
		groups:     []tls.CurveID{tls.X25519, tls.CurveP256},
		shares:     []keyShare{{tls.X25519, randomBytes(32)}, {tls.CurveP256, randomBytes(65)}},
		cookie:     []byte("cookie"),
		modes:      []byte{0, 1},
		identities: []string{"alice", "bob"},
		binders:    [][]byte{randomBytes(32), randomBytes(48)},
	}
}

func exampleServerHellos() []*serverHello {
	return []*serverHello{
		{random: randomBytes(32), sessionID: []byte{1, 2, 3}, suite: tls.TLS_AES_128_GCM_SHA256, version: tls.VersionTLS13,
			share: keyShare{tls.X25519, randomBytes(32)}, hasPSK: true, identity: 1},
		{random: retryRandom, retry: true, sessionID: []byte{1, 2, 3}, suite: tls.TLS_AES_128_GCM_SHA256, version: tls.VersionTLS13,
			group: tls.CurveP256, cookie: []byte("cookie")},
	}
}

func TestRoundTrip(t *testing.T) {
	want := exampleClientHello()
	msg := want.marshal()
	got, err := parseClientHello(msg)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("ClientHello %+v, %v; want %+v", got, err, want)
	}
	if !bytes.HasSuffix(msg, slices.Concat([]byte{0, 33 + 49, 32}, want.binders[0], []byte{48}, want.binders[1])) || len(msg)-want.truncated != 2+33+49 {
		t.Errorf("the binder covers %d of %d bytes", want.truncated, len(msg))
	}
	for _, want := range exampleServerHellos() {
		if got, err := parseServerHello(want.marshal()); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("ServerHello %+v, %v; want %+v", got, err, want)
		}
	}
}

// resize corrects the length of a message that was changed.
func resize(msg []byte) []byte {
	n := len(msg) - messageHeader
	msg[1], msg[2], msg[3] = byte(n>>16), byte(n>>8), byte(n)
	return msg
}

// TestPrefixes: a message that ends too early is malformed wherever it ends,
// and so is one that goes on.
func TestPrefixes(t *testing.T) {
	messages := map[string][]byte{
		"ClientHello":         exampleClientHello().marshal(),
		"ServerHello":         exampleServerHellos()[0].marshal(),
		"HelloRetryRequest":   exampleServerHellos()[1].marshal(),
		"EncryptedExtensions": {typeEncryptedExtensions, 0, 0, 8, 0, 6, 0, extSupportedGroups, 0, 2, 0, 0},
	}
	for name, msg := range messages {
		parse := map[byte]func([]byte) error{
			typeClientHello:         func(b []byte) error { _, err := parseClientHello(b); return err },
			typeServerHello:         func(b []byte) error { _, err := parseServerHello(b); return err },
			typeEncryptedExtensions: parseEncryptedExtensions,
		}[msg[0]]
		if err := parse(msg); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for n := messageHeader; n < len(msg); n++ {
			err := parse(resize(bytes.Clone(msg[:n])))
			if msg[0] == typeServerHello && err == nil {
				// Without its extensions, it is of an older version.
				m, _ := parseServerHello(resize(bytes.Clone(msg[:n])))
				if m.version == tls.VersionTLS12 {
					continue
				}
			}
			if !errors.As(err, new(*ProtocolError)) {
				t.Errorf("%s: %d of %d bytes: error %v", name, n, len(msg), err)
			}
		}
		if err := parse(resize(append(bytes.Clone(msg), 0))); err == nil && msg[0] != typeServerHello {
			t.Errorf("%s: a byte too many was accepted", name)
		}
	}
}

// TestExtensions puts wrong extensions into otherwise correct messages.
func TestExtensions(t *testing.T) {
	client, server := exampleClientHello().marshal(), exampleServerHellos()[0].marshal()
	// add puts extensions at the end or the beginning of the message's list.
	add := func(msg []byte, list int, end bool, ext ...byte) []byte {
		msg = bytes.Clone(msg)
		n := int(msg[list])<<8 | int(msg[list+1])
		if list+2+n != len(msg) {
			t.Fatal("the list of extensions is not where it was thought to be")
		}
		msg[list], msg[list+1] = byte((n+len(ext))>>8), byte(n+len(ext))
		if end {
			return resize(append(msg, ext...))
		}
		return resize(slices.Insert(msg, list+2, ext...))
	}
	const inClient, inServer = 4 + 2 + 32 + 4 + 6 + 2, 4 + 2 + 32 + 4 + 3
	versions := []byte{0, extSupportedVersions, 0, 3, 2, 3, 4}
	for _, test := range []struct {
		name string
		msg  []byte
		want string
	}{
		{"unknown to a server", add(client, inClient, false, 0xaa, 0xaa, 0, 1, 7), ""},
		{"unknown to a server, twice", add(client, inClient, false, 0xaa, 0xaa, 0, 0, 0xaa, 0xaa, 0, 0), ""},
		{"after the pre-shared key", add(client, inClient, true, 0xaa, 0xaa, 0, 0), "is not the last extension"},
		{"twice", add(client, inClient, false, versions...), "the extension 43 twice"},
		{"odd length", add(client, inClient, false, 0, extSupportedGroups, 0, 5, 0, 3, 1, 2, 3), "malformed extension 10"},
		{"unknown to a client", add(server, inServer, true, 0xaa, 0xaa, 0, 0), "the extension 43690, which does not belong there"},
		{"cookie", add(server, inServer, true, 0, extCookie, 0, 3, 0, 1, 1), "the extension 44, which does not belong there"},
		{"twice from a server", add(server, inServer, true, 0, extPreSharedKey, 0, 2, 0, 0), "the extension 41 twice"},
		{"something behind", add(server, inServer, false, 0, extPreSharedKey, 0, 3, 0, 0, 0), "malformed extension 41"},
		{"encrypted, unknown", []byte{typeEncryptedExtensions, 0, 0, 6, 0, 4, 0, extKeyShare, 0, 0}, "the extension 51, which does not belong there"},
	} {
		var err error
		switch test.msg[0] {
		case typeClientHello:
			_, err = parseClientHello(test.msg)
		case typeServerHello:
			_, err = parseServerHello(test.msg)
		default:
			err = parseEncryptedExtensions(test.msg)
		}
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: error %v, want %q", test.name, err, test.want)
		}
	}
}
