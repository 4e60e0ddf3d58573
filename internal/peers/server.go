package peers

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	// startTimeout is how long a server may take until it listens, or is
	// gone after it was killed.
	startTimeout = 30 * time.Second
	// stopTimeout is how long a server may take to end by itself. One that
	// waits for a client that never hangs up is killed afterwards.
	stopTimeout = 5 * time.Second
	// pollInterval is how often a condition is looked at that can't be
	// waited for: a file that another program writes.
	pollInterval = 2 * time.Millisecond
)

// Server is a running peer. It is stopped with the test, and its log is shown
// if the test failed.
type Server struct {
	Tree   Tree
	Socket string // the path of its Unix socket, or empty
	Addr   string // its TCP address as "127.0.0.1:port", or empty

	t      testing.TB
	prog   string
	dir    string // holds its socket, pid file and log
	pid    int
	group  int           // the process group of it and its children
	exited chan struct{} // closed when its processes are gone
	stop   sync.Once
}

// URI is the NBD URI of one of the server's exports.
func (s *Server) URI(export string) string {
	if s.Socket != "" {
		return "nbd+unix:///" + url.PathEscape(export) + "?socket=" + url.QueryEscape(s.Socket)
	}
	return "nbd://" + s.Addr + "/" + url.PathEscape(export)
}

// Pid is the server's process id.
func (s *Server) Pid() int { return s.pid }

// Log is what the server has written to standard output and error so far.
func (s *Server) Log() string {
	text, err := os.ReadFile(s.logPath())
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// Stop ends the server as an administrator would, and returns when its
// processes are gone. Stopping twice is harmless.
func (s *Server) Stop() {
	s.stop.Do(func() {
		if !s.hasExited() && terminate(s.pid) == nil {
			select {
			case <-s.exited:
			case <-time.After(stopTimeout):
			}
		}
		s.kill()
	})
}

// Kill ends the server as a crash would, and returns when its processes are
// gone.
func (s *Server) Kill() {
	s.stop.Do(s.kill)
}

// kill also takes children that outlived the server.
func (s *Server) kill() {
	// An error says that nothing was left to kill.
	err := killGroup(s.group)
	select {
	case <-s.exited:
	case <-time.After(startTimeout):
		s.t.Errorf("%s: %s with process id %d does not end; killing its group %d: %v", s.Tree, s.prog, s.pid, s.group, err)
	}
}

func (s *Server) hasExited() bool {
	select {
	case <-s.exited:
		return true
	default:
		return false
	}
}

func (s *Server) logPath() string { return s.path("log") }
func (s *Server) pidPath() string { return s.path("pid") }

// path names a file of the server's own.
func (s *Server) path(suffix string) string {
	return filepath.Join(s.dir, s.prog+"."+suffix)
}

// newServer prepares a server with a folder of its own.
func newServer(t testing.TB, tree Tree, prog string) *Server {
	t.Helper()
	tree.Need(t, prog)
	return &Server{t: t, Tree: tree, prog: prog, dir: Scratch(t), exited: make(chan struct{})}
}

// register arranges for the server's end, or fails the test if it didn't start.
func (s *Server) register(t testing.TB, err error) *Server {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v\n%s", s.Tree, err, s.Log())
	}
	t.Cleanup(func() {
		s.Stop()
		if t.Failed() {
			t.Logf("%s: log of %s:\n%s", s.Tree, s.prog, tail(s.Log(), 8<<10))
		}
	})
	return s
}

// listen gives the server a listening TCP socket to be handed over by socket
// activation, which leaves no moment in which its port is free.
func (s *Server) listen() (*os.File, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer l.Close()
	s.Addr = l.Addr().String()
	return l.(*net.TCPListener).File()
}

// command prepares the server's program to run with extra as its file 3. Its
// folder of the machine is all of os.TempDir(), so that files of t.TempDir()
// can be served.
func (s *Server) command(extra *os.File, args ...string) (*exec.Cmd, error) {
	argv, err := s.Tree.argv(os.TempDir(), s.prog, args)
	if err != nil {
		return nil, err
	}
	if s.Addr != "" {
		// Socket activation. LISTEN_PID must be the server's own process
		// id, which only a shell that becomes the server knows beforehand.
		argv = append([]string{"sh", "-c", `LISTEN_FDS=1 LISTEN_PID=$$ exec "$0" "$@"`}, argv...)
	}
	log, err := os.Create(s.logPath())
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir = os.TempDir()
	// A file, not a pipe: nothing has to read it, and a child that outlives
	// the server doesn't keep Wait waiting.
	cmd.Stdout, cmd.Stderr = log, log
	if extra != nil {
		cmd.ExtraFiles = []*os.File{extra}
	}
	ownGroup(cmd)
	return cmd, nil
}

// runForeground starts a server that stays in the foreground and writes its
// pid file when it listens: on the socket it was told of in args, or on
// listener where that is not nil.
func (s *Server) runForeground(listener *os.File, args ...string) error {
	cmd, err := s.command(listener, args...)
	if err != nil {
		return err
	}
	defer cmd.Stdout.(*os.File).Close()
	if err := cmd.Start(); err != nil {
		return err
	}
	s.pid, s.group = cmd.Process.Pid, cmd.Process.Pid
	go func() {
		// The exit status tells no more than the log does.
		_ = cmd.Wait()
		close(s.exited)
	}()
	if _, err := s.awaitPidFile(); err != nil {
		s.Kill()
		return err
	}
	return nil
}

// runDaemon starts a server that forks into the background and writes its pid
// file there. It counts as gone when it and its children are, which a pipe
// tells that all of them inherit.
func (s *Server) runDaemon(args ...string) error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer w.Close()
	cmd, err := s.command(w, args...)
	if err != nil {
		r.Close()
		return err
	}
	defer cmd.Stdout.(*os.File).Close()
	if err := cmd.Run(); err != nil {
		r.Close()
		return fmt.Errorf("%s did not start: %w", s.prog, err)
	}
	w.Close() // or the end of file would never come
	go func() {
		defer r.Close()
		// Nothing is ever written: this is the end of file.
		_, _ = r.Read(make([]byte, 1))
		close(s.exited)
	}()
	if s.pid, err = s.awaitPidFile(); err != nil {
		return err
	}
	// Which process leads the group depends on how often the server forked.
	s.group, err = groupOf(s.pid)
	return err
}

// awaitPidFile waits until the server has written its process id.
func (s *Server) awaitPidFile() (int, error) {
	var pid int
	err := s.await("to write its pid file", func() error {
		text, err := os.ReadFile(s.pidPath())
		if err != nil {
			return err
		}
		line, complete := strings.CutSuffix(string(text), "\n")
		if !complete {
			return fmt.Errorf("%s holds %q, not yet a line", s.pidPath(), text)
		}
		pid, err = strconv.Atoi(line)
		return err
	})
	return pid, err
}

// awaitSocket waits until the server accepts connections on its Unix socket.
func (s *Server) awaitSocket() error {
	return s.await("to accept connections", func() error {
		conn, err := net.Dial("unix", s.Socket)
		if err == nil {
			conn.Close()
		}
		return err
	})
}

// await waits until done has no more error, which is the last one seen where
// the server takes too long or exits.
func (s *Server) await(what string, done func() error) error {
	deadline := time.After(startTimeout)
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		err := done()
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-s.exited:
			return fmt.Errorf("%s exited; it was expected %s: %w", s.prog, what, err)
		case <-deadline:
			return fmt.Errorf("%s took longer than %v %s: %w", s.prog, startTimeout, what, err)
		}
	}
}

// tail is the end of a long text.
func tail(text string, n int) string {
	if len(text) <= n {
		return text
	}
	return "…" + text[len(text)-n:]
}
