package tlspsk

import (
	"bytes"
	"crypto/ecdh"
	"crypto/tls"
	"encoding/hex"
	"slices"
	"strings"
	"testing"
)

// These are the values of RFC 8448, section 4, "Resumed 0-RTT Handshake", whose
// pre-shared key comes from a ticket: only the label of the binder differs.
const (
	rfcPSK         = "4ecd0eb6ec3b4d87f5d6028f922ca4c5851a277fd41311c9e62d2c9492e1c4f3"
	rfcClientKey   = "bff91188283846dd6a2134ef7180ca2b0b14fb10dce707b5098c0dddc813b2df"
	rfcServerShare = "121761ee42c333e1b9e77b60dd57c2053cd94512ab47f115e86eff50942cea31"
	rfcClientHello = `010001fc03031bc3ceb6bbe39cff938355b5a50adb6db21b7a6af649d7b4bc41
		9d7876487d95000006130113031302010001cd0000000b000900000673657276
		6572ff01000100000a00140012001d0017001800190100010101020103010400
		3300260024001d0020e4ffb68ac05f8d96c99da26698346c6be16482badddafe
		051a66b4f18d668f0b002a0000002b0003020304000d0020001e040305030603
		020308040805080604010501060102010402050206020202002d00020101001c
		0002400100150057000000000000000000000000000000000000000000000000
		0000000000000000000000000000000000000000000000000000000000000000
		0000000000000000000000000000000000000000000000000000000000000000
		2900dd00b800b22c035d829359ee5ff7af4ec900000000262a6494dc486d2c8a
		34cb33fa90bf1b0070ad3c498883c9367c09a2be785abc55cd226097a3a98211
		7283f82a03a143efd3ff5dd36d64e861be7fd61d2827db279cce145077d454a3
		664d4e6da4d29ee03725a6a4dafcd0fc67d2aea70529513e3da2677fa5906c5b
		3f7d8f92f228bda40dda721470f9fbf297b5aea617646fac5c03272e970727c6
		21a79141ef5f7de6505e5bfbc388e93343694093934ae4d357fad6aacb002120
		3add4fb2d8fdf822a0ca3cf7678ef5e88dae990141c5924d57bb6fa31b9e5f9d`
	rfcServerHello = `0200005c03033ccfd2dec890222763472ae8136777c9d7358777bb66e91ea512
		2495f559ea2d00130100003400290002000000330024001d0020121761ee42c3
		33e1b9e77b60dd57c2053cd94512ab47f115e86eff50942cea31002b00020304`
	rfcEncryptedExtensions = `080000280026000a00140012001d001700180019010001010102010301040
		01c0002400100000000002a0000`
	rfcServerFinished = "1400002048d3e0e1b3d907c6acff145e16090388c77b05c050b634ab1a88bbd0dd1a34b2"
	rfcEndOfEarlyData = "05000000"
	rfcClientFinished = "140000207230a9c952c25cd6138fc5e6628308c41c5335dd81b9f96bcea50fd32bda416d"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestRFC8448 computes every secret of that handshake that exists here too.
func TestRFC8448(t *testing.T) {
	check := func(what string, got []byte, want string) {
		t.Helper()
		if hex.EncodeToString(got) != want {
			t.Errorf("%s: %x, want %s", what, got, want)
		}
	}
	early, err := earlySecret(unhex(t, rfcPSK))
	if err != nil {
		t.Fatal(err)
	}
	check("early secret", early, "9b2188e9b2fc6d64d71dc329900e20bb41915000f678aa839cbb797cb7d8332c")

	rawHello := unhex(t, rfcClientHello)
	hello, err := parseClientHello(rawHello)
	if err != nil {
		t.Fatal(err)
	}
	if hello.truncated != 477 {
		t.Errorf("the binder covers %d bytes, want 477", hello.truncated)
	}
	binderKey := deriveSecret(early, "res binder", nil)
	check("binder key", binderKey, "69fe131a3bbad5d63c64eebcc30e395b9d8107726a13d074e389dbc8a4e47256")
	check("finished key", expandLabel(binderKey, labelFinished, nil, hashLen), "5588673e72cb59c87d220caffe94f2dea9a3b1609f7d50e90a48227db9ed7eaa")
	if got := finishedMAC(binderKey, rawHello[:hello.truncated]); !bytes.Equal(got, hello.binders[0]) {
		t.Errorf("binder %x, want %x", got, hello.binders[0])
	}

	rawServer := unhex(t, rfcServerHello)
	server, err := parseServerHello(rawServer)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdh.X25519().NewPrivateKey(unhex(t, rfcClientKey))
	if err != nil {
		t.Fatal(err)
	}
	share, ok := hello.share(tls.X25519)
	if !ok || !bytes.Equal(share, key.PublicKey().Bytes()) {
		t.Errorf("the client's share is %x", share)
	}
	check("the server's share", server.share.data, rfcServerShare)
	shared, err := groupByID(tls.X25519).agree(key, server.share.data)
	if err != nil {
		t.Fatal(err)
	}
	check("shared secret", shared, "f44194756ff9ec9d25180635d66ea6824c6ab3bf179977be37f723570e7ccb2e")

	transcript := slices.Concat(rawHello, rawServer)
	secret := nextSecret(early, shared)
	check("handshake secret", secret, "005cb112fd8eb4ccc623bb88a07c64b3ede1605363fc7d0df8c7ce4ff0fb4ae6")
	client := deriveSecret(secret, labelClientHandshake, transcript)
	check("client's handshake traffic", client, "2faac08f851d35fea3604fcb4de82dc62c9b164a70974d0462e27f1ab278700f")
	servers := deriveSecret(secret, labelServerHandshake, transcript)
	check("server's handshake traffic", servers, "fe927ae271312e8bf0275b581c54eef020450dc4ecffaa05a1a35d27518e7803")
	check("server's handshake key", expandLabel(servers, labelKey, nil, 16), "27c6bdc0a3dcea39a47326d79bc9e4ee")
	var keys trafficKeys
	keys.set(suites[0], servers)
	check("server's handshake IV", keys.iv[:], "9569ecdd4d0536705e9ef725")
	keys.seq = 0x0102
	check("nonce of record 258", keys.nextNonce(), "9569ecdd4d0536705e9ef627")

	transcript = append(transcript, unhex(t, rfcEncryptedExtensions)...)
	finished := unhex(t, rfcServerFinished)
	if err := checkFinished(finished, servers, transcript); err != nil {
		t.Error(err)
	}
	transcript = append(transcript, finished...)
	secret = nextSecret(secret, nil)
	check("main secret", secret, "e2d32d4ed66dd37897a0e80c84107503ce58bf8aad4cb55a5002d77ecb890ece")
	check("client's traffic", deriveSecret(secret, labelClientTraffic, transcript), "2abbf2b8e381d23dbebe1dd2a7d16a8bf484cb4950d23fb7fb7fa8547062d9a1")
	check("server's traffic", deriveSecret(secret, labelServerTraffic, transcript), "cc21f1bf8feb7dd5fa505bd9c4b468a9984d554a993dc49e6d285598fb672691")

	transcript = append(transcript, unhex(t, rfcEndOfEarlyData)...)
	finished = unhex(t, rfcClientFinished)
	if err := checkFinished(finished, client, transcript); err != nil {
		t.Error(err)
	}
	finished[len(finished)-1] ^= 1
	if err := checkFinished(finished, client, transcript); err == nil {
		t.Error("a wrong Finished was accepted")
	}
	if err := checkFinished(finished[:30], client, transcript); err == nil {
		t.Error("a short Finished was accepted")
	}
}
