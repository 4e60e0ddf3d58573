package interop

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gonbd/gonbd/internal/peers"
	"github.com/gonbd/gonbd/internal/testcerts"
	"github.com/gonbd/gonbd/libnbd"
	"github.com/gonbd/gonbd/nbd"
	"github.com/gonbd/gonbd/nbduri"
)

// credentials are a folder with certificates for both sides and a file of
// keys, and the parameters of a URI that make a client use them.
type credentials struct {
	dir, keys string
	x509, psk string // behind "?socket=…"
}

func newCredentials(t *testing.T) *credentials {
	dir := peers.Scratch(t)
	ca := testcerts.New(t, dir)
	ca.Server()
	ca.Client()
	c := &credentials{dir: dir, keys: testcerts.WriteKeys(t, dir)}
	c.x509 = "&tls-hostname=localhost&tls-certificates=" + dir
	c.psk = "&tls-psk-file=" + c.keys
	return c
}

// useTLS reads and writes through a server over TLS, by each Go face.
func useTLS(t *testing.T, uri string) {
	t.Helper()
	perms := nbduri.DefaultPermissions()
	perms.LocalFile = true
	want := bytes.Repeat([]byte("through TLS "), 100_000)
	ctx := testContext(t)
	c, err := nbd.Dial(ctx, uri, nbd.WithPermissions(perms))
	if err != nil {
		t.Fatalf("nbd: %v", err)
	}
	if !c.Protocol().TLS {
		t.Error("nbd: no TLS")
	}
	if _, err := c.WriteAt(want, 4096); err != nil {
		t.Errorf("nbd: %v", err)
	}
	if err := c.Shutdown(ctx); err != nil {
		t.Errorf("nbd: shutting down: %v", err)
	}

	h, err := libnbd.Create()
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	h.SetUriAllowLocalFile(true)
	if err := h.ConnectUri(uri); err != nil {
		t.Fatalf("libnbd: %v", err)
	}
	if on, _ := h.GetTlsNegotiated(); !on {
		t.Error("libnbd: no TLS")
	}
	got := make([]byte, len(want))
	if err := h.Pread(got, 4096, nil); err != nil || !bytes.Equal(got, want) {
		t.Errorf("libnbd: reading what was written: %v", err)
	}
	if err := h.Shutdown(nil); err != nil {
		t.Errorf("libnbd: shutting down: %v", err)
	}
}

// secureURI has the user in the place where old clients look too.
func secureURI(socket, parameters string) string {
	user := ""
	if strings.Contains(parameters, "tls-psk-file") {
		user = "alice@"
	}
	return "nbds+unix://" + user + "/?socket=" + socket + parameters
}

// TestTLSServers uses real servers over TLS, with certificates and with
// pre-shared keys.
func TestTLSServers(t *testing.T) {
	cred := newCredentials(t)
	peers.Each(t, func(t *testing.T, tree peers.Tree) {
		t.Run("psk", func(t *testing.T) {
			s := peers.NbdkitUnix(t, tree, "--tls=require", "--tls-psk="+cred.keys, "memory", "4M")
			useTLS(t, secureURI(s.Socket, cred.psk))
		})
		t.Run("certificates", func(t *testing.T) {
			s := peers.NbdkitUnix(t, tree, "--tls=require", "--tls-certificates="+cred.dir, "--tls-verify-peer", "memory", "4M")
			useTLS(t, secureURI(s.Socket, cred.x509))
		})
	}, "nbdkit")
	peers.Each(t, func(t *testing.T, tree peers.Tree) {
		image := filepath.Join(peers.Scratch(t), "disk.img")
		if err := os.WriteFile(image, make([]byte, 4<<20), 0o600); err != nil {
			t.Fatal(err)
		}
		t.Run("psk", func(t *testing.T) {
			s := peers.QemuNBD(t, tree, "--object", "tls-creds-psk,id=tls0,endpoint=server,dir="+cred.dir, "--tls-creds", "tls0", "-f", "raw", image)
			useTLS(t, secureURI(s.Socket, cred.psk))
		})
		t.Run("certificates", func(t *testing.T) {
			s := peers.QemuNBD(t, tree, "--object", "tls-creds-x509,id=tls0,endpoint=server,verify-peer=yes,dir="+cred.dir, "--tls-creds", "tls0", "-f", "raw", image)
			useTLS(t, secureURI(s.Socket, cred.x509))
		})
	}, "qemu-nbd")
	peers.Each(t, func(t *testing.T, tree peers.Tree) {
		image := filepath.Join(peers.Scratch(t), "disk.img")
		if err := os.WriteFile(image, make([]byte, 4<<20), 0o600); err != nil {
			t.Fatal(err)
		}
		d := cred.dir
		s := peers.NBDServer(t, tree, "certfile = "+d+"/server-cert.pem\nkeyfile = "+d+"/server-key.pem\ncacertfile = "+d+"/ca-cert.pem\nforce_tls = true\n[disk]\nexportname = "+image+"\n")
		useTLS(t, strings.Replace(secureURI(s.Socket, cred.x509), ":///", ":///disk", 1))
	}, "nbd-server")
}

// TestTLSOwnServer has the C clients use our server over TLS.
func TestTLSOwnServer(t *testing.T) {
	cred := newCredentials(t)
	for name, tt := range map[string]struct {
		args   []string
		params string
		object string
	}{
		"certificates": {[]string{"--tls-certificates", cred.dir, "--tls-verify-peer"}, cred.x509, "tls-creds-x509,id=tls0,endpoint=client,dir=" + cred.dir},
		"psk":          {[]string{"--tls-psk", cred.keys}, cred.psk, "tls-creds-psk,id=tls0,endpoint=client,username=alice,dir=" + cred.dir},
	} {
		t.Run(name, func(t *testing.T) {
			plain := nbdserve(t, append(tt.args, "-U", filepath.Join(cred.dir, name), "--tls=require", "memory", "4M")...)
			if !strings.HasPrefix(plain, "nbds+unix://") {
				t.Errorf("the server's URI is %s", plain)
			}
			_, socket, _ := strings.Cut(plain, "socket=")
			uri := secureURI(socket, tt.params)
			useTLS(t, uri)
			peers.Each(t, func(t *testing.T, tree peers.Tree) {
				if out := peers.Run(t, tree, "nbdinfo", "--json", uri); !strings.Contains(out, `"TLS": true`) {
					t.Errorf("nbdinfo says %s", out)
				}
				image := filepath.Join(cred.dir, "copy.img")
				peers.Run(t, tree, "nbdcopy", uri, image)
				got, err := os.ReadFile(image)
				if err != nil || !bytes.Contains(got, []byte("through TLS through TLS")) {
					t.Errorf("the copy has not what was written: %v", err)
				}
				peers.Run(t, tree, "nbdcopy", image, uri)
			}, "nbdinfo", "nbdcopy")
			peers.Each(t, func(t *testing.T, tree peers.Tree) {
				image := filepath.Join(cred.dir, "qemu.img")
				opts := "driver=nbd,server.type=unix,server.path=" + socket + ",tls-creds=tls0"
				if name == "certificates" {
					opts += ",tls-hostname=localhost"
				}
				peers.Run(t, tree, "qemu-img", "convert", "--object", tt.object, "--image-opts", opts, "-O", "raw", image)
				got, err := os.ReadFile(image)
				if err != nil || len(got) != 4<<20 || !bytes.Contains(got, []byte("through TLS through TLS")) {
					t.Errorf("the copy has not what was written: %d bytes, %v", len(got), err)
				}
			}, "qemu-img")
		})
	}
}
