package tlspsk

import (
	"encoding/hex"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gonbd/gonbd/internal/peers"
)

// TestGnuTLSRetry restricts the library under nbdkit to P-256, so that our
// first share, of X25519, makes it send a HelloRetryRequest.
func TestGnuTLSRetry(t *testing.T) {
	peers.Each(t, func(t *testing.T, tree peers.Tree) {
		dir := keysFile(t, "keys.psk")
		config := filepath.Join(dir, "gnutls.conf")
		text := "[overrides]\ntls-disabled-group = X25519\n"
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		t.Setenv("GNUTLS_SYSTEM_PRIORITY_FILE", config)
		server := peers.NbdkitUnix(t, tree, "--tls=require", "--tls-psk="+filepath.Join(dir, "keys.psk"), "memory", "1M")
		client := startTLS(t, server, clientConfig())
		if err := client.Handshake(); err != nil {
			t.Fatal(err)
		}
		if state := client.ConnectionState(); !state.HelloRetryRequest {
			t.Errorf("state %+v: the server did not ask for another share", state)
		}
		listExports(t, client)
	}, "nbdkit")
}

// TestGnuTLSKeyUpdate changes the keys every three records, and asks GnuTLS to
// do so too.
func TestGnuTLSKeyUpdate(t *testing.T) {
	peers.Each(t, func(t *testing.T, tree peers.Tree) {
		server := peers.NbdkitUnix(t, tree, "--tls=require", "--tls-psk="+filepath.Join(keysFile(t, "keys.psk"), "keys.psk"), "memory", "1M")
		client := startTLS(t, server, clientConfig())
		client.out.limit = 3
		if err := client.Handshake(); err != nil {
			t.Fatal(err)
		}
		const optUnknown = 0x1234 // which has exactly one reply
		changes := 0
		for i := range 6 {
			before := client.in.keys.secret
			if i%2 == 1 {
				client.out.updateKeys(true)
			}
			sendOption(t, client, optUnknown)
			if typ, _ := readOption(t, client, optUnknown); typ != repUnsupported {
				t.Fatalf("reply %#x to an unknown option", typ)
			}
			if string(before) != string(client.in.keys.secret) {
				changes++
			}
		}
		if changes != 3 {
			t.Errorf("the server changed its keys %d times, but was asked to three times", changes)
		}
		listExports(t, client)
	}, "nbdkit")
}

// TestGnuTLSClient is gnutls-cli as the client of our server.
func TestGnuTLSClient(t *testing.T) {
	const kx = "NORMAL:-KX-ALL:+ECDHE-PSK:+DHE-PSK:-VERS-ALL:+VERS-TLS1.3:-GROUP-ALL:"
	for _, test := range []struct {
		name, priority string
		server         ServerConfig
		retry          bool
	}{
		{"X25519", kx + "+GROUP-X25519", ServerConfig{}, false},
		{"ChaCha20", kx + "+GROUP-X25519", ServerConfig{CipherSuites: onlyChaCha}, false},
		{"P-256", kx + "+GROUP-SECP256R1", ServerConfig{}, false},
		{"retry", kx + "+GROUP-SECP384R1:+GROUP-SECP256R1:+GROUP-X25519", ServerConfig{Groups: onlyP256}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			cfg := test.server
			cfg.Lookup = serverConfig().Lookup
			client, server := gnutlsClient(t, &cfg, "--priority="+test.priority, "--pskkey="+hex.EncodeToString(testKey))
			if err := server.Handshake(); err != nil {
				t.Fatal(err)
			}
			state := server.ConnectionState()
			if state.Identity != "alice" || test.retry != state.HelloRetryRequest {
				t.Errorf("state %+v", state)
			}
			client.send("from the client")
			expectLine(t, server, "from the client")
			client.send("^rekey^")
			client.send("with other keys")
			expectLine(t, server, "with other keys")
			client.send("^rekey1^")
			client.send("with keys of both sides")
			expectLine(t, server, "with keys of both sides")
			if !server.updateAsked.Load() {
				t.Error("the client's KeyUpdate did not ask for ours")
			}
			server.out.limit = 2
			for _, line := range []string{"from the server", "once more"} {
				if _, err := io.WriteString(server, line+"\n"); err != nil {
					t.Fatal(err)
				}
			}
			client.expect("from the server")
			client.expect("once more")
		})
	}
	t.Run("wrong key", func(t *testing.T) {
		_, server := gnutlsClient(t, serverConfig(), "--priority="+kx+"+GROUP-X25519", "--pskkey="+strings.Repeat("12", 32))
		if err := server.Handshake(); !errors.Is(err, ErrUnauthorized) {
			t.Errorf("error %v, want one that is ErrUnauthorized", err)
		}
	})
}

// gnutlsClient starts gnutls-cli, and gives our end of the connection.
func gnutlsClient(t *testing.T, cfg *ServerConfig, options ...string) (*program, *Conn) {
	t.Helper()
	peers.Forky.Need(t, "gnutls-cli")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := strings.Cut(l.Addr().String(), ":")
	args := append(options, "--port="+port, "--inline-commands", "--pskusername=alice", "127.0.0.1")
	p := start(t, peers.Forky.Command(t, peers.Scratch(t), "gnutls-cli", args...))
	return p, accept(t, l, cfg)
}
