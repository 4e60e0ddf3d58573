//go:build unix

package nbddump

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gonbd/gonbd/internal/cli"
	"github.com/gonbd/gonbd/internal/peers"
	"github.com/gonbd/gonbd/nbdserver"
)

// TestMain is the tool, or a server, if the arguments say so: the tests start their
// own program again to have these as processes.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "serve":
			serveActivated(os.Args[2])
		case "nbddump":
			os.Args = os.Args[1:]
			cli.Main("nbddump", Run)
		}
	}
	os.Exit(m.Run())
}

// serveActivated serves a disk that hangs on the listening socket that is file
// 3, until the process is killed. It writes its process id to a file, and when
// it hangs makes another with ".busy" behind the name.
func serveActivated(pidFile string) {
	l, err := net.FileListener(os.NewFile(3, "listener"))
	if err != nil {
		panic(err)
	}
	// Renamed, so that nobody sees half of it.
	if err := os.WriteFile(pidFile+".new", []byte(strconv.Itoa(os.Getpid())), 0o666); err != nil {
		panic(err)
	}
	if err := os.Rename(pidFile+".new", pidFile); err != nil {
		panic(err)
	}
	s := &nbdserver.Server{Exports: []*nbdserver.Export{{Backend: &hanging{mark: pidFile + ".busy"}}}}
	panic(s.Serve(context.Background(), l))
}

// hanging never answers a read behind its first half.
type hanging struct {
	mark string
	once sync.Once
}

func (h *hanging) Size() int64 { return 16 << 20 }

func (h *hanging) ReadAt(p []byte, off int64) (int, error) {
	if off < h.Size()/2 {
		for i := range p {
			p[i] = byte(i >> 4)
		}
		return len(p), nil
	}
	h.once.Do(func() {
		if err := os.WriteFile(h.mark, nil, 0o666); err != nil {
			panic(err)
		}
	})
	select {}
}

// child is the command of a server, and the file of its process id.
func child(t *testing.T) (command []string, pidFile string) {
	t.Helper()
	pidFile = filepath.Join(t.TempDir(), "pid")
	return []string{"[", os.Args[0], "serve", pidFile, "]"}, pidFile
}

// pidOf is what a server has written into its file.
func pidOf(t *testing.T, pidFile string) int {
	t.Helper()
	b, err := os.ReadFile(pidFile)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(string(b))
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// awaitBusy waits until a server hangs.
func awaitBusy(t *testing.T, pidFile string) {
	t.Helper()
	await(t, "the server is asked", func() bool { _, err := os.Stat(pidFile + ".busy"); return err == nil })
}

// checkEnded waits until a server has ended.
func checkEnded(t *testing.T, pidFile string) {
	t.Helper()
	pid := pidOf(t, pidFile)
	await(t, "the server ends", func() bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) })
}

// await waits until a condition holds that can only be asked for.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	late := time.After(30 * time.Second)
	for !holds() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("waited too long until %s", what)
		}
	}
}

// Signals end the tool while its server is at work, and the server with it.
func TestSignals(t *testing.T) {
	for _, args := range [][]string{{"nbddump"}} {
		for sig, code := range map[syscall.Signal]int{syscall.SIGINT: cli.ExitInterrupted, syscall.SIGTERM: cli.ExitTerminated} {
			server, pidFile := child(t)
			cmd := exec.Command(os.Args[0], append(args, server...)...)
			var stderr strings.Builder
			cmd.Stderr = &stderr
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			awaitBusy(t, pidFile)
			if err := cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			cmd.Wait()
			if got := cmd.ProcessState.ExitCode(); got != code || !strings.HasPrefix(stderr.String(), args[0]+": ended by signal") {
				t.Errorf("%v, %v: exit code %d, expected %d\n%s", args, sig, got, code, &stderr)
			}
			checkEnded(t, pidFile)
		}
	}
}

// What there is is shown while the server is slow.
func TestShownAtOnce(t *testing.T) {
	server, pidFile := child(t)
	cmd := exec.Command(os.Args[0], append([]string{"nbddump"}, server...)...)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(stdout)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(line, "00007ffff0: ff ff ") {
			break
		}
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(r); err != nil || len(rest) > 0 {
		t.Errorf("%q: %v", rest, err)
	}
	cmd.Wait()
	checkEnded(t, pidFile)
}

// Whoever reads standard output goes away.
func TestReaderGone(t *testing.T) {
	server, pidFile := child(t)
	cmd := exec.Command(os.Args[0], append([]string{"nbddump"}, server...)...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(stdout, make([]byte, 1000)); err != nil {
		t.Error(err)
	}
	stdout.Close()
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != cli.ExitBrokenPipe || stderr.String() != "" {
		t.Errorf("exit code %d, standard error %q", code, &stderr)
	}
	checkEnded(t, pidFile)
}

// A server that dies ends the tool with an error.
func TestServerDies(t *testing.T) {
	for _, args := range [][]string{nil} {
		server, pidFile := child(t)
		done := make(chan peers.Outcome)
		go func() { done <- runOurs(t, append(args, server...)...) }()
		awaitBusy(t, pidFile)
		if err := syscall.Kill(pidOf(t, pidFile), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		if r := <-done; r.Code != 1 || !strings.Contains(r.Stderr, "connection failed") {
			t.Errorf("%v: exit code %d: %s", args, r.Code, r.Stderr)
		}
	}
}
