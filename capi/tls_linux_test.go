package capi

import (
	"strings"
	"testing"

	"github.com/gonbd/gonbd/internal/peers"
	"github.com/gonbd/gonbd/internal/testcerts"
)

// TestTLS has an unchanged C program use real servers over TLS, by way of our
// library.
func TestTLS(t *testing.T) {
	peers.Bookworm.Need(t, "nbdinfo")
	dir := peers.Scratch(t)
	ca := testcerts.New(t, dir)
	ca.Server()
	ca.Client()
	keys := testcerts.WriteKeys(t, dir)
	peers.Each(t, func(t *testing.T, tree peers.Tree) {
		for name, tt := range map[string]struct{ option, user, params string }{
			"psk":          {"--tls-psk=" + keys, "alice@", "&tls-psk-file=" + keys},
			"certificates": {"--tls-certificates=" + dir, "", "&tls-certificates=" + dir},
		} {
			t.Run(name, func(t *testing.T) {
				s := peers.NbdkitUnix(t, tree, "--tls=require", tt.option, "memory", "1M")
				uri := "nbds+unix://" + tt.user + "/?socket=" + s.Socket + tt.params
				out := mustRun(t, ours(t), "nbdinfo", "--json", uri)
				if !strings.Contains(out, `"TLS": true`) || !strings.Contains(out, `"export-size": 1048576`) {
					t.Errorf("nbdinfo says\n%s", out)
				}
			})
		}
		s := peers.NbdkitUnix(t, tree, "memory", "1M")
		out, err := run(t, ours(t), "nbdinfo", "--json", "nbds+unix:///?socket="+s.Socket)
		if err == nil || !strings.Contains(out, "TLS") {
			t.Errorf("a server without TLS: %v\n%s", err, out)
		}
	}, "nbdkit")
}
