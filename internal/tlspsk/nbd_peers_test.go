package tlspsk

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gonbd/gonbd/internal/peers"
)

// keysFile writes a file of keys as psktool does, in a folder of its own.
func keysFile(t testing.TB, name string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	line := fmt.Sprintf("alice:%s\n", hex.EncodeToString(testKey))
	if err := os.WriteFile(filepath.Join(dir, name), []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestNBDServers asks real servers for TLS and then for their exports.
func TestNBDServers(t *testing.T) {
	for _, kind := range []struct {
		prog  string
		start func(t testing.TB, tree peers.Tree) *peers.Server
	}{
		{"nbdkit", func(t testing.TB, tree peers.Tree) *peers.Server {
			return peers.NbdkitUnix(t, tree, "--tls=require", "--tls-psk="+filepath.Join(keysFile(t, "keys.psk"), "keys.psk"), "memory", "1M")
		}},
		{"qemu-nbd", func(t testing.TB, tree peers.Tree) *peers.Server {
			image := filepath.Join(t.TempDir(), "image")
			if err := os.WriteFile(image, make([]byte, 1<<20), 0o600); err != nil {
				t.Fatal(err)
			}
			return peers.QemuNBD(t, tree, "--format=raw", "--export-name=disk", "--tls-creds=tls0",
				"--object=tls-creds-psk,id=tls0,endpoint=server,dir="+keysFile(t, "keys.psk"), image)
		}},
	} {
		t.Run(kind.prog, func(t *testing.T) {
			peers.Each(t, func(t *testing.T, tree peers.Tree) {
				server := kind.start(t, tree)
				for _, test := range []struct {
					name   string
					change func(*ClientConfig)
				}{
					{"AES", func(cfg *ClientConfig) { cfg.CipherSuites = onlyAES }},
					{"ChaCha20", func(cfg *ClientConfig) { cfg.CipherSuites = onlyChaCha }},
					{"P-256", func(cfg *ClientConfig) { cfg.Groups = onlyP256 }},
					{"X25519", func(cfg *ClientConfig) { cfg.Groups = onlyX25519 }},
				} {
					t.Run(test.name, func(t *testing.T) {
						cfg := clientConfig()
						test.change(cfg)
						client := startTLS(t, server, cfg)
						if err := client.Handshake(); err != nil {
							t.Fatal(err)
						}
						listExports(t, client)
					})
				}
				for _, wrong := range []*ClientConfig{
					{Identity: "mallory", Key: testKey},
					{Identity: "alice", Key: Key("a wrong key")},
				} {
					t.Run("wrong/"+wrong.Identity, func(t *testing.T) {
						err := startTLS(t, server, wrong).Handshake()
						if !errors.Is(err, ErrUnauthorized) {
							t.Errorf("error %v, want one that is ErrUnauthorized", err)
						}
						t.Log(err)
					})
				}
			}, kind.prog)
		})
	}
}

const (
	nbdMagic       = "NBDMAGICIHAVEOPT"
	nbdReplyMagic  = 0x3e889045565a9
	optAbort       = 2
	optList        = 3
	optStartTLS    = 5
	repAck         = 1
	repServer      = 2
	repUnsupported = 1<<31 | 1
)

// startTLS greets an NBD server and asks it for TLS.
func startTLS(t *testing.T, server *peers.Server, cfg *ClientConfig) *Conn {
	t.Helper()
	conn, err := net.Dial("unix", server.Socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	greeting := make([]byte, 18)
	if _, err := io.ReadFull(conn, greeting); err != nil || string(greeting[:16]) != nbdMagic {
		t.Fatalf("greeting %q, %v", greeting, err)
	}
	// The client's flags: fixed newstyle, no zeroes.
	if _, err := conn.Write([]byte{0, 0, 0, 3}); err != nil {
		t.Fatal(err)
	}
	sendOption(t, conn, optStartTLS)
	if typ, payload := readOption(t, conn, optStartTLS); typ != repAck {
		t.Fatalf("reply %#x to NBD_OPT_STARTTLS, %q", typ, payload)
	}
	return Client(conn, cfg)
}

// listExports asks for the list of exports and ends the session.
func listExports(t *testing.T, c *Conn) {
	t.Helper()
	sendOption(t, c, optList)
	exports := 0
	for {
		typ, payload := readOption(t, c, optList)
		if typ == repAck {
			break
		}
		if typ != repServer {
			t.Fatalf("reply %#x to NBD_OPT_LIST, %q", typ, payload)
		}
		exports++
	}
	if exports != 1 {
		t.Errorf("%d exports, want 1", exports)
	}
	sendOption(t, c, optAbort)
	if typ, payload := readOption(t, c, optAbort); typ != repAck {
		t.Fatalf("reply %#x to NBD_OPT_ABORT, %q", typ, payload)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

func sendOption(t *testing.T, w io.Writer, option uint32) {
	t.Helper()
	b := binary.BigEndian.AppendUint32([]byte("IHAVEOPT"), option)
	if _, err := w.Write(append(b, 0, 0, 0, 0)); err != nil {
		t.Fatal(err)
	}
}

func readOption(t *testing.T, r io.Reader, option uint32) (typ uint32, payload []byte) {
	t.Helper()
	var header [20]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		t.Fatalf("reply to option %d: %v", option, err)
	}
	if magic := binary.BigEndian.Uint64(header[:]); magic != nbdReplyMagic || binary.BigEndian.Uint32(header[8:]) != option {
		t.Fatalf("reply %x to option %d", header, option)
	}
	payload = make([]byte, binary.BigEndian.Uint32(header[16:]))
	if _, err := io.ReadFull(r, payload); err != nil {
		t.Fatal(err)
	}
	return binary.BigEndian.Uint32(header[12:]), payload
}
