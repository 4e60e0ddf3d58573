//go:build unix

package tooltest

import (
	"context"
	"errors"
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

// Main is for TestMain. If the program's first argument is the name of a tool
// it is that tool; if it is "serve" it is a server of the backend, which must
// call hang where it is to hang. Otherwise it runs the tests.
func (tools Tools) Main(m *testing.M, backend func(hang func()) nbdserver.Backend) {
	if len(os.Args) > 1 {
		if os.Args[1] == "serve" {
			serve(os.Args[2], backend)
		}
		if run, ok := tools[os.Args[1]]; ok {
			os.Args = os.Args[1:]
			cli.Main(os.Args[0], run)
		}
	}
	os.Exit(m.Run())
}

// serve serves on the listening socket that is file 3, until the process is
// killed. It writes its process id to a file, and when it hangs makes another
// with ".busy" behind the name.
func serve(pidFile string, backend func(hang func()) nbdserver.Backend) {
	fail := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	l, err := net.FileListener(os.NewFile(3, "listener"))
	fail(err)
	// Renamed, so that nobody sees half of it.
	fail(os.WriteFile(pidFile+".new", []byte(strconv.Itoa(os.Getpid())), 0o666))
	fail(os.Rename(pidFile+".new", pidFile))
	var once sync.Once
	hang := func() {
		once.Do(func() { fail(os.WriteFile(pidFile+".busy", nil, 0o666)) })
		select {}
	}
	s := &nbdserver.Server{Exports: []*nbdserver.Export{{Backend: backend(hang)}}}
	fail(s.Serve(context.Background(), l))
}

// Server is a server that a tool starts.
type Server struct {
	// Command is what the tool is given: "[", the command, and "]".
	Command []string

	t       *testing.T
	pidFile string
}

// NewServer makes the command of a server.
func NewServer(t *testing.T) *Server {
	t.Helper()
	pidFile := filepath.Join(t.TempDir(), "pid")
	return &Server{[]string{"[", os.Args[0], "serve", pidFile, "]"}, t, pidFile}
}

// Pid is the process id of the server, which must have been started.
func (s *Server) Pid() int {
	s.t.Helper()
	b, err := os.ReadFile(s.pidFile)
	if err != nil {
		s.t.Fatal(err)
	}
	pid, err := strconv.Atoi(string(b))
	if err != nil {
		s.t.Fatal(err)
	}
	return pid
}

// AwaitBusy waits until the server hangs.
func (s *Server) AwaitBusy() {
	s.t.Helper()
	s.await("the server is asked", func() bool { _, err := os.Stat(s.pidFile + ".busy"); return err == nil })
}

// CheckEnded waits until the server has ended.
func (s *Server) CheckEnded() {
	s.t.Helper()
	pid := s.Pid()
	s.await("the server ends", func() bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) })
}

// await waits until a condition holds that can only be asked for.
func (s *Server) await(what string, holds func() bool) {
	s.t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	late := time.After(30 * time.Second)
	for !holds() {
		select {
		case <-tick.C:
		case <-late:
			s.t.Fatalf("waited too long until %s", what)
		}
	}
}

// Signals has signals end each of some command lines of tools while the
// server is at work, and the server with it.
func Signals(t *testing.T, lines ...[]string) {
	for _, args := range lines {
		for sig, code := range map[syscall.Signal]int{syscall.SIGINT: cli.ExitInterrupted, syscall.SIGTERM: cli.ExitTerminated} {
			server := NewServer(t)
			cmd := exec.Command(os.Args[0], append(args, server.Command...)...)
			var stderr strings.Builder
			cmd.Stderr = &stderr
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			server.AwaitBusy()
			if err := cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			cmd.Wait()
			if got := cmd.ProcessState.ExitCode(); got != code || !strings.HasPrefix(stderr.String(), args[0]+": ended by signal") {
				t.Errorf("%v, %v: exit code %d, expected %d\n%s", args, sig, got, code, &stderr)
			}
			server.CheckEnded()
		}
	}
}

// ServerDies kills the server while each of some command lines is at work,
// which must end with an error.
func (tools Tools) ServerDies(t *testing.T, lines ...[]string) {
	for _, args := range lines {
		server := NewServer(t)
		done := make(chan peers.Outcome)
		go func() { done <- tools.Run(t, "", append(args, server.Command...)...) }()
		server.AwaitBusy()
		if err := syscall.Kill(server.Pid(), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		if r := <-done; r.Code != cli.ExitFailure || !strings.Contains(r.Stderr, "connection failed") {
			t.Errorf("%v: exit code %d: %s", args, r.Code, r.Stderr)
		}
	}
}
