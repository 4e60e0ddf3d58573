//go:build !386 && !arm && !mips && !mipsle

package nbdfuse

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/gonbd/gonbd/internal/cli"
	"github.com/gonbd/gonbd/internal/peers"
	"github.com/gonbd/gonbd/internal/tooltest"
)

// Whoever unmounts ends the tool, and the server that it started.
func TestUnmount(t *testing.T) {
	server := tooltest.NewServer(t)
	m := mountOurs(t, []string{"-r"}, server.Command)
	if b, err := os.ReadFile(m.pid); err != nil || string(b) != strconv.Itoa(m.cmd.Process.Pid) {
		t.Errorf("the pid file holds %q: %v", b, err)
	}
	if err := syscall.Unmount(m.dir, 0); err != nil {
		t.Fatal(err)
	}
	if code := m.end(); code != 0 || m.stderr.Len() > 0 {
		t.Errorf("exit code %d: %s", code, &m.stderr)
	}
	server.CheckEnded()
}

// fusermount3 does too.
func TestFusermount(t *testing.T) {
	peers.Bookworm.Need(t, "fusermount3")
	server := tooltest.NewServer(t)
	m := mountOurs(t, nil, server.Command)
	if out, err := exec.Command("fusermount3", "-u", "-z", m.dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if code := m.end(); code != 0 {
		t.Errorf("exit code %d: %s", code, &m.stderr)
	}
	server.CheckEnded()
}

// Signals end the tool and the server, and the mount is gone: whether it is
// idle, a program has the file open, or the server hangs in a read.
func TestSignals(t *testing.T) {
	for sig, code := range map[syscall.Signal]int{syscall.SIGINT: cli.ExitInterrupted, syscall.SIGTERM: cli.ExitTerminated} {
		for _, state := range []string{"idle", "open", "reading"} {
			server := tooltest.NewServer(t)
			m := mountOurs(t, nil, server.Command)
			read := make(chan error, 1)
			switch state {
			case "idle":
				read <- nil
			default:
				fd := m.open(os.O_RDONLY)
				defer syscall.Close(fd)
				if state == "open" {
					read <- nil
					break
				}
				go func() {
					_, err := syscall.Pread(fd, make([]byte, 512), 12<<20)
					if err == nil {
						err = errors.New("it was read")
					} else if err == syscall.EIO || err == syscall.ENOTCONN || err == syscall.ECONNABORTED {
						err = nil
					}
					read <- err
				}()
				server.AwaitBusy()
			}
			if err := m.cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			if got := m.end(); got != code || !strings.Contains(m.stderr.String(), "nbdfuse: ended by signal") ||
				strings.Contains(m.stderr.String(), "in use") == (state == "idle") {
				t.Errorf("%v, %s: exit code %d, expected %d: %s", sig, state, got, code, &m.stderr)
			}
			if err := <-read; err != nil {
				t.Errorf("%v, %s: %v", sig, state, err)
			}
			server.CheckEnded()
			if isMounted(t, m.dir) {
				t.Errorf("%v, %s: it is still mounted", sig, state)
			}
		}
	}
}

// Somebody has detached the mount while a program has the file open, and mounted
// another one there: the signal leaves that alone.
func TestSignalAfterDetach(t *testing.T) {
	m := mountOurs(t, nil, tooltest.NewServer(t).Command)
	fd := m.open(os.O_RDONLY)
	defer syscall.Close(fd)
	if err := syscall.Unmount(m.dir, syscall.MNT_DETACH); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", m.dir, "tmpfs", 0, "size=4k"); err != nil {
		t.Fatal(err)
	}
	if err := m.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := m.end(); code != cli.ExitTerminated {
		t.Errorf("exit code %d: %s", code, &m.stderr)
	}
	if !isMounted(t, m.dir) {
		t.Error("what others have mounted there is gone")
	} else if err := syscall.Unmount(m.dir, 0); err != nil {
		t.Error(err)
	}
}

// The server dies: readers get EIO, and the mount ends when they have gone.
func TestServerDies(t *testing.T) {
	for _, hanging := range []bool{false, true} {
		server := tooltest.NewServer(t)
		m := mountOurs(t, nil, server.Command)
		fd := m.open(os.O_RDONLY)
		read := func() error {
			_, err := syscall.Pread(fd, make([]byte, 512), 12<<20)
			return err
		}
		done := make(chan error, 1)
		if hanging {
			go func() { done <- read() }()
			server.AwaitBusy()
		}
		if err := syscall.Kill(server.Pid(), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		if !hanging {
			done <- read()
		}
		for range 3 {
			if err := <-done; err != syscall.EIO {
				t.Errorf("reading: %v", err)
			}
			done <- read()
		}
		m.await("it is unmounted", func() bool { return !isMounted(t, m.dir) })
		syscall.Close(fd)
		if code := m.end(); code != 1 || !strings.Contains(m.stderr.String(), "nbdfuse: the server is lost, and the mount ends: ") {
			t.Errorf("exit code %d: %s", code, &m.stderr)
		}
	}
}

// The pid file can't be written: nothing stays mounted.
func TestPidfileFails(t *testing.T) {
	needFuse(t)
	m := newTool(t)
	r := tools.Run(t, "", "nbdfuse", "-P", m.dir+"/nothing/pid", m.dir, "nbd://localhost:1")
	if r.Code != 1 || !strings.Contains(r.Stderr, "--pidfile") {
		t.Errorf("exit code %d: %s", r.Code, r.Stderr)
	}
	// One who waits for the file must not find it before the mount.
	r = tools.Run(t, "", "nbdfuse", "-P", m.pid, m.dir, "[", "nbdkit", "memory", "no size", "]")
	if _, err := os.Stat(m.pid); r.Code != 1 || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("exit code %d: %s; the pid file: %v", r.Code, r.Stderr, err)
	}
	r = tools.Run(t, "", "nbdfuse", "-P", "/dev/full", m.dir, "[", "nbdkit", "memory", "1M", "]")
	if r.Code != 1 || !strings.Contains(r.Stderr, "--pidfile") || isMounted(t, m.dir) {
		t.Errorf("exit code %d: %s", r.Code, r.Stderr)
	}
}
