package handle

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gonbd/gonbd/internal/nbderr"
	"github.com/gonbd/gonbd/internal/transport"
)

const supportsVsock = true

// endGrace is how long a subprocess may take to end once it was asked to; a
// server may have much to flush.
const endGrace = 10 * time.Second

// Spawn starts a program with the given descriptors as its first ones, and no
// others that are closed on exec. The C library replaces it, to give the
// program the signal mask of the thread that called.
var Spawn = func(path string, argv, env []string, files []uintptr) (pid int, err error) {
	return syscall.ForkExec(path, argv, &syscall.ProcAttr{Files: files, Env: env})
}

// child is a subprocess that serves the connection. The caller may reap it, as
// programs do that wait for all of their children, and the kernel give its
// number to another process, which is to have no signal from here.
type child struct {
	pid    int
	pidfd  int    // -1 before Linux 5.3, or if there is none to be had
	reaped bool   // before there could be a pidfd
	dir    string // a private folder to remove, if there is one
}

func newChild(pid int, dir string) *child {
	pidfd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		pidfd = -1
	}
	// EINVAL says that a thread has the number by now.
	return &child{pid: pid, pidfd: pidfd, reaped: err == unix.ESRCH || err == unix.EINVAL, dir: dir}
}

// startCommand starts a command that serves NBD on its standard input and
// output, and gives our end of the socket pair.
func startCommand(argv []string) (*child, int, error) {
	path, err := lookPath(argv)
	if err != nil {
		return nil, -1, err
	}
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, -1, fault(err.(syscall.Errno), "socketpair")
	}
	defer unix.Close(fds[1])
	theirs := uintptr(fds[1])
	pid, err := Spawn(path, argv, Environ(), []uintptr{theirs, theirs, 2})
	if err == nil {
		err = unix.SetNonblock(fds[0], true)
	}
	if err != nil {
		unix.Close(fds[0])
		return nil, -1, cannotStart(argv, err)
	}
	return newChild(pid, ""), fds[0], nil
}

// startActivated starts a server that inherits a listening socket, and gives
// the path of it.
func startActivated(argv []string, name string) (*child, string, error) {
	path, err := lookPath(argv)
	if err != nil {
		return nil, "", err
	}
	a, err := transport.PrepareActivation(path, argv, transport.Options{SocketName: name, Env: Environ()})
	if err != nil {
		return nil, "", err
	}
	defer a.Listener.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		os.RemoveAll(a.Dir)
		return nil, "", cannotStart(argv, err)
	}
	defer null.Close()
	// What the server prints is not the caller's own output.
	files := []uintptr{null.Fd(), 2, 2, a.Listener.Fd()}
	pid, err := Spawn(a.Path, a.Args, a.Env, files)
	if err != nil {
		os.RemoveAll(a.Dir)
		return nil, "", cannotStart(argv, err)
	}
	return newChild(pid, a.Dir), a.Socket, nil
}

func lookPath(argv []string) (string, error) {
	if len(argv) == 0 || argv[0] == "" {
		return "", fault(syscall.EINVAL, "the command's name is missing in argv")
	}
	name := argv[0]
	if strings.Contains(name, "/") {
		path, err := exec.LookPath(name)
		if err != nil {
			return "", cannotStart(argv, err)
		}
		return path, nil
	}
	// exec.LookPath would search the PATH that os.Getenv knows.
	for _, dir := range filepath.SplitList(Getenv("PATH")) {
		if path, err := exec.LookPath(cmp.Or(dir, ".") + "/" + name); err == nil {
			return path, nil
		}
	}
	return "", cannotStart(argv, fmt.Errorf("not found in $PATH: %w", syscall.ENOENT))
}

func cannotStart(argv []string, err error) error {
	errno, ok := nbderr.ErrnoOf(err)
	if !ok {
		errno = syscall.ENOENT
	}
	return &nbderr.Error{Kind: nbderr.Transport, Op: "start command " + nbderr.Printable(argv[0]), Errno: errno, Err: err}
}

// signal sends the subprocess a signal.
func (c *child) signal(sig syscall.Signal) error {
	if c.reaped {
		return syscall.ESRCH
	}
	if c.pidfd >= 0 {
		if err := unix.PidfdSendSignal(c.pidfd, sig, nil, 0); err != syscall.ENOSYS {
			return err
		}
	}
	return syscall.Kill(c.pid, sig)
}

// reap waits for the end of the subprocess. An error says that the caller has
// reaped it already, or ignores SIGCHLD.
func (c *child) reap() error {
	if c.reaped {
		return syscall.ECHILD
	}
	if c.pidfd >= 0 {
		// Before Linux 5.4 it does not know P_PIDFD.
		if err := unix.Waitid(unix.P_PIDFD, c.pidfd, nil, unix.WEXITED, nil); err != syscall.EINVAL {
			return err
		}
	}
	_, err := syscall.Wait4(c.pid, nil, 0, nil)
	return err
}

// close asks the subprocess to end, and waits until it has.
func (c *child) close() {
	c.signal(syscall.SIGTERM)
	if c.pidfd >= 0 {
		fds := []unix.PollFd{{Fd: int32(c.pidfd), Events: unix.POLLIN}}
		deadline := time.Now().Add(endGrace)
		for {
			n, err := unix.Poll(fds, int(max(0, time.Until(deadline).Milliseconds())))
			if err == syscall.EINTR {
				continue
			}
			if n == 0 {
				c.signal(syscall.SIGKILL)
			}
			break
		}
	}
	for c.reap() == syscall.EINTR {
	}
	if c.pidfd >= 0 {
		unix.Close(c.pidfd)
	}
	if c.dir != "" {
		os.RemoveAll(c.dir)
	}
}

func (h *Handle) killSubprocess(signum int) error {
	if h.conn.child == nil {
		return fault(syscall.ESRCH, "there is no subprocess")
	}
	if signum < 0 {
		return fault(syscall.EINVAL, "invalid signal number: %d", signum)
	}
	if signum == 0 {
		signum = int(syscall.SIGTERM)
	}
	if err := h.conn.child.signal(syscall.Signal(signum)); err != nil {
		return fault(err.(syscall.Errno), "kill %d with signal %d", h.conn.child.pid, signum)
	}
	return nil
}

func (h *Handle) getSubprocessPid() (uint64, error) {
	if h.conn.child == nil {
		return 0, fault(syscall.ESRCH, "there is no subprocess")
	}
	return uint64(h.conn.child.pid), nil
}
