package tlspsk

import (
	"bytes"
	"crypto/tls"
	"errors"
	"strings"
	"testing"
)

// TestEncryptedFlight: what a server may not send between its hello and its
// Finished.
func TestEncryptedFlight(t *testing.T) {
	finished := marshalFinished(make([]byte, hashLen))
	for _, test := range []struct {
		name    string
		records [][]byte // the type of the record, then its content
		alert   tls.AlertError
		want    string
	}{
		{"certificates", [][]byte{{recordHandshake, typeEncryptedExtensions, 0, 0, 2, 0, 0}, {recordHandshake, typeCertificateRequest, 0, 0, 0}}, alertUnexpectedMessage, "a CertificateRequest (type 13) where Finished was due"},
		{"extension", [][]byte{{recordHandshake, typeEncryptedExtensions, 0, 0, 6, 0, 4, 0, 16, 0, 0}}, alertUnsupportedExt, "EncryptedExtensions with the extension 16"},
		{"nothing", [][]byte{append([]byte{recordHandshake}, finished...)}, alertUnexpectedMessage, "Finished (type 20) where EncryptedExtensions was due"},
		{"wrong MAC", [][]byte{append(append([]byte{recordHandshake}, marshalEncryptedExtensions()...), finished...)}, alertDecryptError, "Finished with a wrong MAC"},
		{"short MAC", [][]byte{append(append([]byte{recordHandshake}, marshalEncryptedExtensions()...), typeFinished, 0, 0, 1, 0)}, alertDecodeError, "Finished that is malformed"},
		{"data", [][]byte{append([]byte{recordHandshake}, marshalEncryptedExtensions()...), {recordData, 'x'}}, alertUnexpectedMessage, "data before the end of the handshake"},
		{"more after Finished", [][]byte{nil}, alertUnexpectedMessage, "handshake messages across a change of keys"},
		{"alert", [][]byte{{recordAlert, levelFatal, 80}}, 0, "the peer ended the connection: tls: internal error"},
	} {
		t.Run(test.name, func(t *testing.T) {
			a, b := socketPair(t)
			client, server := Client(a, clientConfig()), Server(b, serverConfig())
			done := make(chan error, 1)
			go func() {
				done <- client.Handshake()
				client.Close()
			}()
			h, early := startServerHandshake(t, server)
			key, err := h.group.newKey()
			if err != nil {
				t.Fatal(err)
			}
			shared, err := h.group.agree(key, h.share)
			if err != nil {
				t.Fatal(err)
			}
			hello := &serverHello{random: make([]byte, 32), suite: h.suite.id, version: tls.VersionTLS13,
				share: keyShare{h.group.id, key.PublicKey().Bytes()}, hasPSK: true}
			msg := hello.marshal()
			transcript := append(bytes.Clone(h.raw), msg...)
			server.out.addAll(recordHandshake, msg)
			secret := nextSecret(early, shared)
			own := deriveSecret(secret, labelServerHandshake, transcript)
			server.out.keys.set(h.suite, own)
			if err := server.in.changeKeys(h.suite, deriveSecret(secret, labelClientHandshake, transcript)); err != nil {
				t.Fatal(err)
			}
			for _, record := range test.records {
				if record == nil {
					ext := marshalEncryptedExtensions()
					mac := finishedMAC(own, append(transcript, ext...))
					record = append(append([]byte{recordHandshake}, ext...), append(marshalFinished(mac), marshalKeyUpdate(false)...)...)
				}
				server.out.addAll(record[0], record[1:])
			}
			if err := server.out.flush(b); err != nil {
				t.Fatal(err)
			}
			if err := <-done; err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %s", err, test.want)
			}
			_, err = server.receive(typeFinished)
			if alert, ok := errors.AsType[tls.AlertError](err); test.alert != 0 && (!ok || alert != test.alert) {
				t.Errorf("the server reads %v, want the alert %v", err, test.alert)
			}
		})
	}
}

// startServerHandshake goes as far as to the server's hello.
func startServerHandshake(t testing.TB, c *Conn) (h *serverHandshake, early []byte) {
	t.Helper()
	cfg := serverConfig()
	offer, err := cfg.check()
	if err != nil {
		t.Fatal(err)
	}
	h = &serverHandshake{c: c, cfg: cfg, offer: offer}
	if err := h.receiveHello(); err != nil {
		t.Fatal(err)
	}
	h.chooseGroup()
	if early, _, err = h.authenticate(); err != nil {
		t.Fatal(err)
	}
	return h, early
}
