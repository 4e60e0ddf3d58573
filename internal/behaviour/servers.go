package behaviour

import (
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gonbd/gonbd/internal/peers"
	"github.com/gonbd/gonbd/nbdserver"
)

// servers start what a line "server NAME ARGS" asks for, and give the
// variables that say where it is. The programs are the newest, whatever
// machine the faces run on, so that all faces talk to the same.
var servers = map[string]func(t *testing.T, args []string) map[string]string{
	"nbdkit": func(t *testing.T, args []string) map[string]string {
		return onUnix(peers.NbdkitUnix(t, peers.Forky, args...))
	},
	"nbdkit-tcp": func(t *testing.T, args []string) map[string]string {
		s := peers.NbdkitTCP(t, peers.Forky, args...)
		_, port, err := net.SplitHostPort(s.Addr)
		if err != nil {
			t.Fatal(err)
		}
		return map[string]string{"PORT": port}
	},
	"qemu-nbd": func(t *testing.T, args []string) map[string]string {
		return onUnix(peers.QemuNBD(t, peers.Forky, args...))
	},
	"gonbd": func(t *testing.T, args []string) map[string]string {
		return map[string]string{"SOCKET": gonbd(t, args)}
	},
}

func onUnix(s *peers.Server) map[string]string {
	return map[string]string{"SOCKET": s.Socket, "URI": s.URI("")}
}

// gonbd serves a sparse disk in memory of 1 MiB, with words that change it:
// "rotational", "readonly", "no-df", "no-extended", and "size=BYTES".
func gonbd(t *testing.T, args []string) string {
	size := int64(1 << 20)
	export := &nbdserver.Export{MultiConn: true}
	server := &nbdserver.Server{Logger: slog.New(slog.DiscardHandler)}
	for _, a := range args {
		key, value, _ := strings.Cut(a, "=")
		switch key {
		case "rotational":
			export.Rotational = true
		case "readonly":
			export.ReadOnly = true
		case "sparse":
			export.SparseReads = true
		case "no-df":
			server.Disable.DF = true
		case "no-extended":
			server.Disable.ExtendedHeaders = true
		case "size":
			n, err := parseSize(value)
			if err != nil {
				t.Fatalf("server gonbd: %v", err)
			}
			size = n
		default:
			t.Fatal(fmt.Errorf("server gonbd has no option %s", a))
		}
	}
	export.Backend = nbdserver.NewMemory(size)
	server.Exports = []*nbdserver.Export{export}
	socket := filepath.Join(peers.Scratch(t), "sock")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- server.Serve(t.Context(), listener) }()
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		<-done
	})
	return socket
}
