package capi

import (
	"crypto/tls"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gonbd/gonbd/internal/peers"
	"github.com/gonbd/gonbd/internal/testcerts"
	"github.com/gonbd/gonbd/nbdserver"
)

// TestTLS has an unchanged C program use servers over TLS, with certificates
// and with pre-shared keys, by way of our library.
func TestTLS(t *testing.T) {
	peers.Bookworm.Need(t, "nbdinfo")
	dir := peers.Scratch(t)
	ca := testcerts.New(t, dir)
	cert := ca.Server()
	ca.Client()
	keys := testcerts.WriteKeys(t, dir)
	image := filepath.Join(dir, "disk.img")
	if err := os.WriteFile(image, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	info := func(t *testing.T, socket string, psk bool) {
		t.Helper()
		uri := "nbds+unix:///?socket=" + socket + "&tls-certificates=" + dir
		if psk {
			uri = "nbds+unix://alice@/?socket=" + socket + "&tls-psk-file=" + keys
		}
		out := mustRun(t, ours(t), "nbdinfo", "--json", uri)
		if !strings.Contains(out, `"TLS": true`) || !strings.Contains(out, `"export-size": 1048576`) {
			t.Errorf("nbdinfo says\n%s", out)
		}
	}
	peers.Each(t, func(t *testing.T, tree peers.Tree) {
		info(t, peers.NbdkitUnix(t, tree, "--tls=require", "--tls-psk="+keys, "memory", "1M").Socket, true)
		info(t, peers.NbdkitUnix(t, tree, "--tls=require", "--tls-certificates="+dir, "--tls-verify-peer", "memory", "1M").Socket, false)
		s := peers.NbdkitUnix(t, tree, "memory", "1M")
		out, err := run(t, ours(t), "nbdinfo", "--json", "nbds+unix:///?socket="+s.Socket)
		if err == nil || !strings.Contains(out, "TLS") {
			t.Errorf("a server without TLS: %v\n%s", err, out)
		}
	}, "nbdkit")
	peers.Each(t, func(t *testing.T, tree peers.Tree) {
		for _, object := range []string{"tls-creds-psk,id=tls0,endpoint=server,dir=", "tls-creds-x509,id=tls0,endpoint=server,verify-peer=yes,dir="} {
			s := peers.QemuNBD(t, tree, "--object", object+dir, "--tls-creds", "tls0", "-f", "raw", image)
			info(t, s.Socket, strings.Contains(object, "psk"))
		}
	}, "qemu-nbd")
	peers.Each(t, func(t *testing.T, tree peers.Tree) {
		s := peers.NBDServer(t, tree, "certfile = "+dir+"/server-cert.pem\nkeyfile = "+dir+"/server-key.pem\ncacertfile = "+dir+"/ca-cert.pem\nforce_tls = true\n[disk]\nexportname = "+image+"\n")
		// The server answers NBD_OPT_INFO with the size 0, to every client; it
		// lets nobody get further without TLS.
		out := mustRun(t, ours(t), "nbdinfo", "--size", "nbds+unix:///disk?socket="+s.Socket+"&tls-certificates="+dir)
		if strings.TrimSpace(out) != "1048576" {
			t.Errorf("nbdinfo says %s", out)
		}
	}, "nbd-server")
	t.Run("nbdserver", func(t *testing.T) {
		for _, psk := range []bool{true, false} {
			s := &nbdserver.Server{Exports: []*nbdserver.Export{{Backend: nbdserver.NewMemory(1 << 20)}}, RequireTLS: true}
			if psk {
				s.PSK = func(name string) ([]byte, bool) { return testcerts.Key, name == "alice" }
			} else {
				s.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ca.Pool()}
			}
			info(t, serveAs(t, s), psk)
		}
	})
}
