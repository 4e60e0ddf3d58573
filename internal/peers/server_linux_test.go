package peers

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// kinds are all ways to start a server.
var kinds = []struct {
	name, prog string
	start      func(t testing.TB, tree Tree, disk string) *Server
	startBadly func(t testing.TB, tree Tree) *Server
	complaint  string // what the log says then
}{
	{
		"nbdkit-unix", "nbdkit",
		func(t testing.TB, tree Tree, disk string) *Server { return NbdkitUnix(t, tree, "file", disk) },
		func(t testing.TB, tree Tree) *Server { return NbdkitUnix(t, tree, "memory", "size=tiny") },
		"tiny",
	},
	{
		"nbdkit-tcp", "nbdkit",
		func(t testing.TB, tree Tree, disk string) *Server { return NbdkitTCP(t, tree, "file", disk) },
		func(t testing.TB, tree Tree) *Server { return NbdkitTCP(t, tree, "memory", "size=tiny") },
		"tiny",
	},
	{
		"qemu-nbd", "qemu-nbd",
		func(t testing.TB, tree Tree, disk string) *Server { return QemuNBD(t, tree, "-f", "raw", disk) },
		func(t testing.TB, tree Tree) *Server { return QemuNBD(t, tree, "-f", "raw", "missing-disk") },
		"missing-disk",
	},
	{
		"nbd-server", "nbd-server",
		func(t testing.TB, tree Tree, disk string) *Server {
			return NBDServer(t, tree, "[disk]\nexportname = "+disk+"\n")
		},
		func(t testing.TB, tree Tree) *Server { return NBDServer(t, tree, "[disk]\n") },
		"exportname",
	},
}

// eachKind runs f against every kind of server of every tree, all at once.
func eachKind(t *testing.T, f func(t *testing.T, tree Tree, kind int)) {
	for i, kind := range kinds {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			Each(t, func(t *testing.T, tree Tree) { f(t, tree, i) }, kind.prog)
		})
	}
}

func newDisk(t *testing.T) string {
	t.Helper()
	disk := filepath.Join(t.TempDir(), "disk")
	if err := os.WriteFile(disk, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	return disk
}

func TestServers(t *testing.T) {
	eachKind(t, func(t *testing.T, tree Tree, kind int) {
		s := kinds[kind].start(t, tree, newDisk(t))
		// Two at once, and another afterwards.
		first, second := dial(t, s), dial(t, s)
		first.Close()
		second.Close()
		dial(t, s).Close()
		if state := processState(t, s.Pid()); state == "" || state == "Z" {
			t.Errorf("process %d of a running server is in state %q", s.Pid(), state)
		}
		s.Stop()
		s.Stop()
		gone(t, s)
	})
}

// TestKill also kills what the server does for a client that stays.
func TestKill(t *testing.T) {
	eachKind(t, func(t *testing.T, tree Tree, kind int) {
		s := kinds[kind].start(t, tree, newDisk(t))
		conn := dial(t, s)
		s.Kill()
		gone(t, s)
		// The rest of the greeting was on its way already, 10 bytes at most.
		if rest, err := io.ReadAll(conn); len(rest) > 10 {
			t.Errorf("read %d more bytes from a server that was killed, and %v", len(rest), err)
		}
	})
}

func TestServersThatDoNotStart(t *testing.T) {
	eachKind(t, func(t *testing.T, tree Tree, kind int) {
		tb := &recorder{TB: t, outcome: "run"}
		done := make(chan struct{})
		go func() {
			defer close(done)
			kinds[kind].startBadly(tb, tree)
		}()
		<-done
		if tb.outcome != "fail" {
			t.Errorf("the test would %s, want fail", tb.outcome)
		}
		if !strings.Contains(tb.message, kinds[kind].complaint) {
			t.Errorf("failure %q, want the server's words on %q", tb.message, kinds[kind].complaint)
		}
	})
}

func TestURI(t *testing.T) {
	for _, test := range []struct {
		server       *Server
		export, want string
	}{
		{&Server{Addr: "127.0.0.1:10809"}, "", "nbd://127.0.0.1:10809/"},
		{&Server{Addr: "127.0.0.1:10809"}, "a/b c", "nbd://127.0.0.1:10809/a%2Fb%20c"},
		{&Server{Socket: "/tmp/s&k"}, "x", "nbd+unix:///x?socket=%2Ftmp%2Fs%26k"},
	} {
		if got := test.server.URI(test.export); got != test.want {
			t.Errorf("URI(%q) = %s, want %s", test.export, got, test.want)
		}
	}
}

// gone checks that nothing of a stopped server is left.
func gone(t *testing.T, s *Server) {
	t.Helper()
	// A process that ends closes its files a moment before it is a zombie.
	deadline := time.Now().Add(stopTimeout)
	for ended := false; !ended; {
		switch state := processState(t, s.Pid()); {
		case state == "" || state == "Z":
			ended = true
		case time.Now().After(deadline):
			t.Fatalf("process %d of a stopped server is in state %s", s.Pid(), state)
		default:
			runtime.Gosched()
		}
	}
	network, addr := "tcp", s.Addr
	if s.Socket != "" {
		network, addr = "unix", s.Socket
	}
	conn, err := net.Dial(network, addr)
	if err == nil {
		conn.Close()
	}
	if !errors.Is(err, syscall.ECONNREFUSED) && !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("connecting to a stopped server: %v", err)
	}
}

// processState is the letter that Linux shows for a process, or empty where
// there is none. A zombie (Z) has ended, and waits for init to take note.
func processState(t *testing.T, pid int) string {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return ""
	}
	if err != nil {
		t.Fatal(err)
	}
	// pid (name) state …
	_, rest, _ := strings.Cut(string(stat), ") ")
	state, _, _ := strings.Cut(rest, " ")
	return state
}
