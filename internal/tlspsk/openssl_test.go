package tlspsk

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gonbd/gonbd/internal/peers"
)

// program is a running program whose output is read line by line.
type program struct {
	t     testing.TB
	stdin io.WriteCloser
	lines chan string
}

// start starts a program, to be killed with the test.
func start(t testing.TB, cmd *exec.Cmd) *program {
	t.Helper()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	r, w := io.Pipe()
	cmd.Stdout, cmd.Stderr = w, w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &program{t: t, stdin: stdin, lines: make(chan string, 10000)}
	go func() {
		defer close(p.lines)
		for s := bufio.NewScanner(r); s.Scan(); {
			p.lines <- s.Text()
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Cancel()
		_ = cmd.Wait() // it was killed
		w.Close()
	})
	return p
}

// send gives a line to the program's standard input.
func (p *program) send(line string) {
	p.t.Helper()
	if _, err := io.WriteString(p.stdin, line+"\n"); err != nil {
		p.t.Fatal(err)
	}
}

// expect waits for a line of output with that text in it, and gives it.
func (p *program) expect(text string) string {
	p.t.Helper()
	timeout := time.After(patience)
	var seen []string
	for {
		select {
		case line, ok := <-p.lines:
			if !ok {
				p.t.Fatalf("the program ended without %q; it said:\n%s", text, strings.Join(seen, "\n"))
			}
			if strings.Contains(line, text) {
				return line
			}
			seen = append(seen, line)
		case <-timeout:
			p.t.Fatalf("no %q; the program said:\n%s", text, strings.Join(seen, "\n"))
		}
	}
}

// opensslServer starts openssl s_server.
func opensslServer(t *testing.T, options ...string) (p *program, addr string) {
	t.Helper()
	args := append([]string{"s_server", "-accept", "127.0.0.1:0", "-nocert",
		"-psk", hex.EncodeToString(testKey), "-psk_identity", "alice"}, options...)
	p = start(t, peers.Bookworm.Command(t, t.TempDir(), "openssl", args...))
	_, addr, _ = strings.Cut(p.expect("ACCEPT"), " ")
	return p, addr
}

func dial(t *testing.T, addr string, cfg *ClientConfig) *Conn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	return Client(conn, cfg)
}

// expectLine reads a line from a connection.
func expectLine(t testing.TB, c *Conn, want string) {
	t.Helper()
	got := make([]byte, len(want)+1)
	if _, err := io.ReadFull(c, got); err != nil || string(got) != want+"\n" {
		t.Fatalf("read %q, %v; want %q", got, err, want)
	}
}

// awaitKeys waits for a KeyUpdate, without data.
func awaitKeys(t testing.TB, c *Conn) {
	t.Helper()
	before := c.in.keys.secret
	for bytes.Equal(before, c.in.keys.secret) {
		c.SetReadDeadline(time.Now().Add(time.Millisecond))
		if n, err := c.Read(make([]byte, 1)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("read %d, %v where a KeyUpdate was due", n, err)
		}
	}
	c.SetReadDeadline(time.Now().Add(patience))
}

// TestOpenSSLServer talks with openssl s_server, which sends two tickets after
// the handshake, and changes its keys when K is typed.
func TestOpenSSLServer(t *testing.T) {
	for _, test := range []struct {
		name    string
		options []string
		client  ClientConfig
		retry   bool
	}{
		{name: "AES", client: ClientConfig{CipherSuites: onlyAES}},
		{name: "ChaCha20", client: ClientConfig{CipherSuites: onlyChaCha}},
		{name: "P-256", client: ClientConfig{Groups: onlyP256}},
		{name: "retry", options: []string{"-groups", "P-256"}, retry: true},
		{name: "padding", options: []string{"-record_padding", "512"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			server, addr := opensslServer(t, test.options...)
			cfg := test.client
			cfg.Identity, cfg.Key = "alice", testKey
			client := dial(t, addr, &cfg)
			if err := client.Handshake(); err != nil {
				t.Fatal(err)
			}
			if state := client.ConnectionState(); state.HelloRetryRequest != test.retry {
				t.Errorf("state %+v", state)
			}
			server.send("from the server")
			expectLine(t, client, "from the server")
			server.send("k") // a change of keys
			awaitKeys(t, client)
			server.send("K") // and one that asks for ours
			awaitKeys(t, client)
			server.send("with other keys")
			expectLine(t, client, "with other keys")
			if !client.updateAsked.Load() {
				t.Error("the server's KeyUpdate did not ask for ours")
			}
			client.out.limit = 2
			for _, line := range []string{"from the client", "once more\n"} {
				if _, err := io.WriteString(client, line+"\n"); err != nil {
					t.Fatal(err)
				}
			}
			server.expect("from the client")
			server.expect("once more")
			if err := client.Close(); err != nil {
				t.Error(err)
			}
			server.expect("DONE")
		})
	}
}

func TestOpenSSLServerRefuses(t *testing.T) {
	for _, test := range []struct {
		name string
		cfg  ClientConfig
	}{
		{"wrong user", ClientConfig{Identity: "mallory", Key: testKey}},
		{"wrong key", ClientConfig{Identity: "alice", Key: Key("wrong")}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, addr := opensslServer(t)
			err := dial(t, addr, &test.cfg).Handshake()
			if test.name == "wrong user" && err == nil {
				t.Skip("this openssl does not look at the user name")
			}
			if !errors.Is(err, ErrUnauthorized) {
				t.Errorf("error %v, want one that is ErrUnauthorized", err)
			}
			t.Log(err)
		})
	}
	t.Run("TLS 1.2 only", func(t *testing.T) {
		_, addr := opensslServer(t, "-tls1_2")
		err := dial(t, addr, clientConfig()).Handshake()
		if err == nil || errors.Is(err, ErrUnauthorized) || !strings.Contains(err.Error(), "TLS 1.3") {
			t.Errorf("error %v, want one about TLS 1.3", err)
		}
	})
}

// opensslClient starts openssl s_client, and gives our end of the connection.
func opensslClient(t *testing.T, cfg *ServerConfig, options ...string) (*program, *Conn) {
	t.Helper()
	dir := peers.Scratch(t)
	l, err := net.Listen("unix", filepath.Join(dir, "sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	args := append([]string{"s_client", "-unix", l.Addr().String(), "-tls1_3", "-psk_identity", "alice"}, options...)
	p := start(t, peers.Bookworm.Command(t, dir, "openssl", args...))
	return p, accept(t, l, cfg)
}

func accept(t *testing.T, l net.Listener, cfg *ServerConfig) *Conn {
	t.Helper()
	l.(interface{ SetDeadline(time.Time) error }).SetDeadline(time.Now().Add(patience))
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	return Server(conn, cfg)
}

func TestOpenSSLClient(t *testing.T) {
	for _, test := range []struct {
		name    string
		options []string
		server  ServerConfig
		retry   bool
	}{
		{name: "AES", server: ServerConfig{CipherSuites: onlyAES}},
		{name: "ChaCha20", server: ServerConfig{CipherSuites: onlyChaCha}},
		{name: "retry", server: ServerConfig{Groups: onlyP256}, retry: true},
		{name: "no middlebox", options: []string{"-no_middlebox"}},
		{name: "padding", options: []string{"-record_padding", "4096"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			cfg := test.server
			cfg.Lookup = serverConfig().Lookup
			client, server := opensslClient(t, &cfg, append(test.options, "-psk", hex.EncodeToString(testKey))...)
			if err := server.Handshake(); err != nil {
				t.Fatal(err)
			}
			if state := server.ConnectionState(); state.HelloRetryRequest != test.retry || state.Identity != "alice" {
				t.Errorf("state %+v", state)
			}
			client.send("from the client")
			expectLine(t, server, "from the client")
			client.send("K")
			client.expect("KEYUPDATE")
			client.send("with other keys")
			expectLine(t, server, "with other keys")
			server.out.limit = 2
			for _, line := range []string{"from the server", "once more"} {
				if _, err := io.WriteString(server, line+"\n"); err != nil {
					t.Fatal(err)
				}
			}
			client.expect("from the server")
			client.expect("once more")
			client.send("Q")
			if _, err := server.Read(make([]byte, 1)); err != io.EOF {
				t.Errorf("read %v after the client said good-bye, want EOF", err)
			}
		})
	}
	t.Run("wrong key", func(t *testing.T) {
		client, server := opensslClient(t, serverConfig(), "-psk", "123456")
		err := server.Handshake()
		if want := `TLS: the client has a wrong key for the user name "alice"`; !errors.Is(err, ErrUnauthorized) || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
		client.expect("alert decrypt error")
	})
}
