//go:build unix

package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gonbd/gonbd/internal/nbderr"
	"github.com/gonbd/gonbd/internal/peers"
	"golang.org/x/sys/unix"
)

func TestCommand(t *testing.T) {
	argv, opt, _ := child("echo")
	s, err := Command(soon(t), argv, opt)
	if err != nil {
		t.Fatal(err)
	}
	echoes(t, s)
	if s.Pid() <= 1 || s.Pid() == os.Getpid() {
		t.Errorf("process ID is %d", s.Pid())
	}
	if pgid, err := unix.Getpgid(s.Pid()); err != nil || pgid != unix.Getpgrp() {
		t.Errorf("the child's process group is %d, %v; want ours, %d", pgid, err, unix.Getpgrp())
	}
	if err := s.ExitError(); err != nil {
		t.Errorf("exit error of a running child: %v", err)
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := s.Wait(soon(t)); err != nil {
		t.Errorf("a child that saw the end of its input: %v", err)
	}
	if _, err := s.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("read after Close: %v, want net.ErrClosed", err)
	}
	if _, err := s.Dial(soon(t)); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("second connection: %v, want ErrUnsupported", err)
	}
}

func TestCommandChildSees(t *testing.T) {
	hostile := []string{"a b", "$(touch x)", "", "-c", "'\"\\"}
	argv, opt, _ := child("report", hostile...)
	s, err := Command(soon(t), argv, opt)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	got := readLine(t, s)
	for _, want := range []string{fmt.Sprintf("pid=%d ", s.Pid()), fmt.Sprintf("args=%q fds=%v nonblocking=[]", hostile, inheritable())} {
		if !strings.Contains(got, want) {
			t.Errorf("the child sees %s, want %s", got, want)
		}
	}
}

func TestCommandArguments(t *testing.T) {
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain")
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	broken := filepath.Join(dir, "broken")
	if err := os.WriteFile(broken, []byte("#!/nowhere/interpreter\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		argv  []string
		kind  nbderr.Kind
		errno syscall.Errno
		want  string
	}{
		{nil, nbderr.Local, syscall.EINVAL, "name of the program is missing"},
		{[]string{""}, nbderr.Local, syscall.EINVAL, "name of the program is missing"},
		{[]string{"true", "a\x00b"}, nbderr.Local, syscall.EINVAL, "NUL"},
		{[]string{"no-such-program-here"}, nbderr.Transport, syscall.ENOENT, `"no-such-program-here"`},
		{[]string{"/nowhere/program"}, nbderr.Transport, syscall.ENOENT, "/nowhere/program"},
		{[]string{plain}, nbderr.Transport, syscall.EACCES, "permission denied"},
	} {
		for name, start := range map[string]func(context.Context, []string, Options) (*Subprocess, error){
			"Command": Command, "SocketActivation": SocketActivation,
		} {
			t.Run(fmt.Sprintf("%s%q", name, c.argv), func(t *testing.T) {
				_, err := start(soon(t), c.argv, Options{})
				wantError(t, err, c.kind, false, "start command ", c.want)
				if e, ok := errors.AsType[*nbderr.Error](err); ok && e.Errno != c.errno {
					t.Errorf("errno %v, want %v", e.Errno, c.errno)
				}
			})
		}
	}
	_, err := Command(soon(t), []string{broken}, Options{})
	wantError(t, err, nbderr.Transport, false, "start command ", "no such file")
}

func TestDyingChild(t *testing.T) {
	for _, c := range []struct {
		mode, want string
	}{
		{"die", "exited with status 3; its last words: line 5 | line 6 | "},
		{"killed", "was killed by signal 9 (killed)"},
	} {
		t.Run(c.mode, func(t *testing.T) {
			argv, opt, said := child(c.mode)
			s, err := Command(soon(t), argv, opt)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			_, err = s.Read(make([]byte, 1))
			if !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
				t.Fatalf("read gives %v, want the end", err)
			}
			cause := err
			err = s.Explain(err)
			wantError(t, err, nbderr.Transport, true, "connection failed: ", "; command "+argv[0]+" "+c.want)
			if !errors.Is(err, cause) {
				t.Errorf("error %q doesn't wrap its cause", err)
			}
			wantError(t, s.Wait(soon(t)), nbderr.Transport, false, "command "+argv[0]+" "+c.want)
			if c.mode == "die" {
				wantError(t, err, nbderr.Transport, true, "line 19 | no such \uFFFD[31mdisk")
				if !strings.HasPrefix(said.String(), "line 0\n") || !strings.HasSuffix(said.String(), "\x1b[31mdisk") {
					t.Errorf("passed through was %q, want all of it", said)
				}
			}
			if err := s.Kill(0); err != nil {
				t.Errorf("kill of a child that has ended: %v", err)
			}
		})
	}
}

func TestExplainLeavesOthers(t *testing.T) {
	argv, opt, _ := child("die")
	s, err := Command(soon(t), argv, opt)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.Wait(soon(t))
	for _, err := range []error{
		nil,
		net.ErrClosed,
		os.ErrDeadlineExceeded,
		context.Canceled,
		&nbderr.Error{Kind: nbderr.Server, Errno: syscall.EIO},
		&nbderr.Error{Kind: nbderr.Local},
	} {
		if got := s.Explain(err); got != err {
			t.Errorf("Explain(%v) = %v, want it unchanged", err, got)
		}
	}
	wantError(t, s.Explain(&nbderr.Error{Kind: nbderr.Protocol, Msg: "bad magic"}), nbderr.Protocol, false, "bad magic; command ", "status 3")
}

func TestExplainRunningChild(t *testing.T) {
	old := explainGrace
	explainGrace = time.Millisecond
	t.Cleanup(func() { explainGrace = old })
	argv, opt, _ := child("echo")
	s, err := Command(soon(t), argv, opt)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	own := &nbderr.Error{Kind: nbderr.Transport, Msg: "gone"}
	if got := s.Explain(own); got != error(own) {
		t.Errorf("a child that said nothing: %v, want the error unchanged", got)
	}
	s.words.add([]byte("disk is slow\n"))
	wantError(t, s.Explain(own), nbderr.Transport, false, "gone; command ", "is still running; its last words: disk is slow")
}

func TestStubbornChild(t *testing.T) {
	quickGraces(t, 10*time.Millisecond, 10*time.Millisecond)
	argv, opt, _ := child("stubborn")
	s, err := Command(soon(t), argv, opt)
	if err != nil {
		t.Fatal(err)
	}
	if got := readLine(t, s); got != "ready" {
		t.Fatalf("read %q", got)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	wantError(t, s.ExitError(), nbderr.Transport, false, "was killed by signal 9")
	if err := unix.Kill(s.Pid(), 0); err != unix.ESRCH {
		t.Errorf("the process is still there: %v", err)
	}
}

// TestOrphan has a grandchild that keeps standard error open and outlives the
// child: the connection works on, and Close doesn't wait for the grandchild.
func TestOrphan(t *testing.T) {
	argv, opt, _ := child("orphan")
	s, err := Command(soon(t), argv, opt)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Wait(soon(t)); err != nil {
		t.Fatal(err)
	}
	echoes(t, s)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestKill(t *testing.T) {
	argv, opt, _ := child("echo")
	s, err := Command(soon(t), argv, opt)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	wantError(t, s.Kill(12345), nbderr.Local, false, "no signal 12345")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Wait(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("wait for a running child: %v, want context.Canceled", err)
	}
	if err := s.Kill(0); err != nil {
		t.Fatal(err)
	}
	wantError(t, s.Wait(soon(t)), nbderr.Transport, false, "was killed by signal 15")
}

func TestCommandCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	argv, opt, _ := child("echo")
	for _, start := range []func(context.Context, []string, Options) (*Subprocess, error){Command, SocketActivation} {
		_, err := start(ctx, argv, opt)
		wantError(t, err, nbderr.Transport, false, "start command ")
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error %v is not context.Canceled", err)
		}
	}
}

// lateContext is a context that ends after so many looks at it: while the
// child is being set up.
type lateContext struct {
	context.Context
	looks int
}

func (c *lateContext) Err() error {
	if c.looks--; c.looks < 0 {
		return context.Canceled
	}
	return nil
}

func TestCommandCancelledInSetUp(t *testing.T) {
	argv, opt, _ := child("stubborn")
	_, err := Command(&lateContext{t.Context(), 1}, argv, opt)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v is not context.Canceled", err)
	}
	if pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil); err != unix.ECHILD {
		t.Errorf("wait4 gives process %d, %v; want ECHILD", pid, err)
	}
}

func TestSocketActivation(t *testing.T) {
	quickGraces(t, time.Hour, termGrace) // for a server nobody waits without a signal
	hostile := []string{"a b", "$(touch x)", "", "-c", "'\"\\"}
	for _, name := range []string{"", "disk-1"} {
		t.Run(name, func(t *testing.T) {
			// What another activation has left must not be seen.
			t.Setenv("LISTEN_PID", "1")
			t.Setenv("LISTEN_PIDFDID", "1")
			t.Setenv("LISTEN_FDS", "7")
			t.Setenv("LISTEN_FDNAMES", "other")
			argv, opt, said := child("activated", hostile...)
			opt.SocketName = name
			s, err := SocketActivation(soon(t), argv, opt)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if name == "" {
				name = "unknown"
			}
			fds := inheritable()
			if !slices.Contains(fds, 3) {
				fds = slices.Insert(fds, 0, 3)
			}
			want := fmt.Sprintf("pid=%d LISTEN_PID=%d LISTEN_FDS=1 LISTEN_FDNAMES=%s PIDFDID=\"\" args=%q fds=%v nonblocking=[]",
				s.Pid(), s.Pid(), name, hostile, fds)
			if got := readLine(t, s); got != want {
				t.Errorf("the child sees %s\nwant           %s", got, want)
			}
			echoes(t, s)

			info, err := os.Stat(s.dir)
			if err != nil || info.Mode().Perm() != 0o700 {
				t.Errorf("the folder has mode %v, %v; want 0700", info.Mode(), err)
			}
			more, err := s.Dial(soon(t))
			if err != nil {
				t.Fatal(err)
			}
			defer more.Close()
			readLine(t, more)
			echoes(t, more)

			if err := s.Close(); err != nil {
				t.Error(err)
			}
			wantError(t, s.ExitError(), nbderr.Transport, false, "was killed by signal 15")
			if _, err := os.Stat(s.dir); !os.IsNotExist(err) {
				t.Errorf("the folder is still there: %v", err)
			}
			if got := said.String(); got != "to standard output\n" {
				t.Errorf("standard output was %q on the other side", got)
			}
			_, err = s.Dial(soon(t))
			wantError(t, err, nbderr.Transport, true, "dial unix ", "was killed by signal 15")
		})
	}
}

// TestSocketActivationScript has a shell script as the server, whose own $$
// the kernel and not this package tells.
func TestSocketActivationScript(t *testing.T) {
	dir := t.TempDir()
	script := "#!/bin/sh\n" + `[ "$LISTEN_PID" = "$$" ] && [ "$LISTEN_FDS" = 1 ] && exit 42
echo "LISTEN_PID is $LISTEN_PID in process $$" >&2; exit 1
`
	path := filepath.Join(dir, "-server")
	if err := os.WriteFile(path, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	if err := os.Mkdir("-c", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(path, "-c/server"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"-server", "./-server", "-c/server", path} {
		s, err := SocketActivation(soon(t), []string{name}, Options{Stderr: io.Discard})
		if err != nil {
			// The script may be done before the connection is made.
			wantError(t, err, nbderr.Transport, true, "exited with status 42")
			continue
		}
		wantError(t, s.Wait(soon(t)), nbderr.Transport, false, "command "+name+" exited with status 42")
		s.Close()
	}
}

func TestSocketActivationName(t *testing.T) {
	for _, name := range []string{"a:b", "a b", "a\nb", "\u00e9", strings.Repeat("x", 256)} {
		argv, opt, _ := child("activated")
		opt.SocketName = name
		_, err := SocketActivation(soon(t), argv, opt)
		wantError(t, err, nbderr.Local, false, "socket activation name", "at most 255")
	}
}

// TestSocketActivationDies has a child that never accepts: whoever waits for
// it must be told.
func TestSocketActivationDies(t *testing.T) {
	argv, opt, _ := child("die")
	s, err := SocketActivation(soon(t), argv, opt)
	if err == nil {
		defer s.Close()
		s.SetReadDeadline(time.Now().Add(30 * time.Second))
		_, err = s.Read(make([]byte, 1))
		err = s.Explain(err)
	}
	wantError(t, err, nbderr.Transport, true, "exited with status 3; its last words: ")
}

func TestPrivateSocketPathIsShort(t *testing.T) {
	long := filepath.Join(shortDir(t), strings.Repeat("d", 100))
	if err := os.Mkdir(long, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", long)
	dir, socket, err := privateSocketPath()
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if len(socket) > maxUnixPath || filepath.Dir(socket) != dir {
		t.Errorf("socket %s in folder %s", socket, dir)
	}
	if left, _ := os.ReadDir(long); len(left) != 0 {
		t.Errorf("%v is left", left)
	}
}

func TestLastWords(t *testing.T) {
	long := strings.Repeat("x", mostWordBytes)
	for _, c := range []struct{ name, in, want string }{
		{"nothing", "", ""},
		{"a line", "one\n", "one"},
		{"empty lines", "\n\none\n\ntwo", "one | two"},
		{"many lines", strings.Repeat("a\n", 5) + strings.Repeat("b\n", 16), strings.TrimSuffix(strings.Repeat("b | ", 16), " | ")},
		{"a long text", "first" + long[5:] + "\nlast\n", "last"},
		{"one long line", "first" + long, long},
		{"control characters", "a\x1bb\tc\r\n", "a\uFFFDb c"},
	} {
		t.Run(c.name, func(t *testing.T) {
			whole, pieces := new(lastWords), new(lastWords)
			whole.add([]byte(c.in))
			for i := range len(c.in) {
				pieces.add([]byte{c.in[i]})
			}
			if got := whole.String(); got != c.want {
				t.Errorf("last words are %q, want %q", got, c.want)
			}
			if got := pieces.String(); got != c.want {
				t.Errorf("byte by byte the last words are %q, want %q", got, c.want)
			}
		})
	}
}

func TestTeeSurvivesWriter(t *testing.T) {
	w := new(lastWords)
	w.tee(brokenWriter{}, io.MultiReader(strings.NewReader("one\n"), strings.NewReader("two\n")))
	if got := w.String(); got != "one | two" {
		t.Errorf("last words are %q with a writer that fails", got)
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestRealServers(t *testing.T) {
	image := filepath.Join(t.TempDir(), "disk")
	if err := os.WriteFile(image, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		start func(context.Context, []string, Options) (*Subprocess, error)
		argv  []string
	}{
		{"nbdkit -s", Command, []string{"nbdkit", "-s", "--log=null", "memory", "1M"}},
		{"nbdkit activated", SocketActivation, []string{"nbdkit", "--log=null", "memory", "1M"}},
		{"qemu-nbd activated", SocketActivation, []string{"qemu-nbd", "-t", "-f", "raw", image}},
	} {
		t.Run(c.name, func(t *testing.T) {
			peers.Bookworm.Need(t, c.argv[0])
			said := new(syncText)
			s, err := c.start(soon(t), c.argv, Options{Stderr: said})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			wantNBD(t, s)
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			if err := s.ExitError(); err != nil {
				t.Errorf("%v; it said %q", err, said)
			}
		})
	}
}
