//go:build !386 && !arm && !mips && !mipsle

package nbdfuse

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gonbd/gonbd/internal/peers"
	"github.com/gonbd/gonbd/internal/tooltest"
	"github.com/gonbd/gonbd/nbdserver"
)

var tools = tooltest.Tools{"nbdfuse": Run}

func TestMain(m *testing.M) {
	tools.Main(m, func(hang func()) nbdserver.Backend { return &hanging{hang} })
}

// hanging reads as zeroes, but never answers a read behind its first half.
type hanging struct{ hang func() }

func (h *hanging) Size() int64 { return 16 << 20 }

func (h *hanging) ReadAt(p []byte, off int64) (int, error) {
	if off >= h.Size()/2 {
		h.hang()
	}
	clear(p)
	return len(p), nil
}

// needFuse skips the test where nothing can be mounted.
func needFuse(t testing.TB) {
	t.Helper()
	if err := supported(); err != nil || os.Geteuid() != 0 {
		peers.Skip(t, errors.Join(err, errors.New("mounting needs /dev/fuse and root")))
	}
}

// tool is a running nbdfuse, ours or that of C.
type tool struct {
	t      testing.TB
	cmd    *exec.Cmd
	dir    string // to mount on
	file   string // as this process reaches it
	pid    string // the pid file
	stderr bytes.Buffer
	done   chan struct{} // closed when it has ended
}

// mountOurs starts our tool, with options before the mount point and a server
// behind it, and waits until it is ready. Its mount is gone after the test.
func mountOurs(t testing.TB, options, server []string) *tool {
	t.Helper()
	needFuse(t)
	m := newTool(t)
	m.command(options, server)
	m.start()
	return m
}

// command prepares our tool to be started.
func (m *tool) command(options, server []string) {
	m.cmd = exec.Command(os.Args[0], append([]string{"nbdfuse"}, m.args(options, server)...)...)
}

// mountC is mountOurs with the C tool.
func mountC(t testing.TB, options, server []string) *tool {
	t.Helper()
	needFuse(t)
	m := newTool(t)
	m.cmd = peers.Forky.Command(t, os.TempDir(), "nbdfuse", m.args(options, server)...)
	m.start()
	// The mount is in a namespace of its own, which the process leads to.
	m.file = fmt.Sprintf("/proc/%d/root%s", m.cmd.Process.Pid, m.file)
	return m
}

func newTool(t testing.TB) *tool {
	dir := peers.Scratch(t)
	m := &tool{t: t, dir: filepath.Join(dir, "m"), pid: filepath.Join(dir, "pid"), done: make(chan struct{})}
	if err := os.Mkdir(m.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	m.file = filepath.Join(m.dir, "nbd")
	return m
}

func (m *tool) args(options, server []string) []string {
	return append(append(append([]string{"-P", m.pid}, options...), m.dir), server...)
}

// start starts the tool and waits until it is ready.
func (m *tool) start() {
	m.t.Helper()
	m.cmd.Stderr = &m.stderr
	if err := m.cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	go func() {
		m.cmd.Wait()
		close(m.done)
	}()
	m.t.Cleanup(m.stop)
	m.await("the mount is ready", func() bool {
		info, err := os.Stat(m.pid)
		return err == nil && info.Size() > 0 || m.ended()
	})
	if m.ended() {
		m.t.Fatalf("nbdfuse has ended: %s", &m.stderr)
	}
}

func (m *tool) ended() bool {
	select {
	case <-m.done:
		return true
	default:
		return false
	}
}

// stop ends the tool, and checks that nothing is left.
func (m *tool) stop() {
	if !m.ended() {
		m.cmd.Process.Signal(syscall.SIGTERM)
		m.await("the tool ends", m.ended)
	}
	if isMounted(m.t, m.dir) {
		m.t.Errorf("%s is still mounted", m.dir)
		syscall.Unmount(m.dir, syscall.MNT_DETACH)
	}
}

// end waits for the end of the tool, which it should come to by itself, and
// gives its exit code.
func (m *tool) end() int {
	m.t.Helper()
	m.await("the tool ends", m.ended)
	return m.cmd.ProcessState.ExitCode()
}

// await waits until a condition holds that can only be asked for.
func (m *tool) await(what string, holds func() bool) {
	m.t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	late := time.After(time.Minute)
	for !holds() {
		select {
		case <-tick.C:
		case <-late:
			m.t.Fatalf("waited too long until %s", what)
		}
	}
}

// open opens the file of the mount, past Go's poller, which would ask the file
// system too.
func (m *tool) open(flags int) int {
	m.t.Helper()
	fd, err := syscall.Open(m.file, flags|syscall.O_CLOEXEC, 0)
	if err != nil {
		m.t.Fatalf("%s: %v", m.file, err)
	}
	return fd
}

func isMounted(t testing.TB, dir string) bool {
	t.Helper()
	b, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Contains(string(b), " "+dir+" ")
}
