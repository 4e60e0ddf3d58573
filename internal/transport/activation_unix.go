//go:build unix

package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/gonbd/gonbd/internal/nbderr"
)

// activationScript runs the program "$1" with its arguments as the process
// that the shell is, so that LISTEN_PID is the program's own process ID. The
// protocol (sd_listen_fds(3)) asks for that, and only code that runs between
// fork and exec can know it. No argument is ever part of the script.
const activationScript = `LISTEN_PID=$$; export LISTEN_PID; exec "$@"`

// SocketActivation starts a server with a listening Unix domain socket as its
// descriptor 3, as systemd does, and connects to that socket
// (nbd_connect_systemd_socket_activation(3)). The argv is the program, which
// is looked for in PATH, and its arguments; they are never part of a shell's
// script. The program sees the full path as its own name. Its standard input
// is empty, and its standard output goes where its standard error does.
//
// The socket is in a folder that only this user can enter. Dial of the
// Subprocess makes further connections to it.
//
// If the context ends before SocketActivation returns, the child is killed;
// afterwards the context has no effect. It needs sh, by way of which the
// child learns its own process ID; variables of the environment whose names
// are not names to the shell may get lost there.
func SocketActivation(ctx context.Context, argv []string, opt Options) (*Subprocess, error) {
	op := "start command " + programName(argv) + " by socket activation"
	path, err := lookupProgram(ctx, op, argv)
	if err != nil {
		return nil, err
	}
	a, err := PrepareActivation(path, argv, opt)
	if err != nil {
		return nil, err
	}
	opt.Env = a.Env
	cmd := &exec.Cmd{
		Path:       a.Path,
		Args:       a.Args,
		ExtraFiles: []*os.File{a.Listener}, // becomes descriptor 3
	}
	s, err := launch(op, cmd, programName(argv), opt)
	// Only the child may keep the socket: when the child ends connections
	// must be refused, and not wait in a queue that nobody serves.
	a.Listener.Close()
	if err != nil {
		os.RemoveAll(a.Dir)
		return nil, err
	}
	s.dir, s.socket, s.lasting = a.Dir, a.Socket, true
	conn, err := DialUnix(ctx, a.Socket)
	if err != nil {
		err = s.Explain(err)
		s.abort()
		return nil, err
	}
	s.UnixConn = conn.(*net.UnixConn)
	return s, nil
}

// Activation is what it takes to start a server by socket activation: the
// command line and environment, and the listening socket that must become
// descriptor 3 of the child and be closed here.
type Activation struct {
	Path     string
	Args     []string
	Env      []string
	Listener *os.File
	Dir      string // private folder of the socket, to be removed in the end
	Socket   string // path of the socket
}

// PrepareActivation prepares what SocketActivation starts, for whoever starts
// it otherwise. The path is that of the program argv[0]. Of the options Env
// and SocketName count.
func PrepareActivation(path string, argv []string, opt Options) (*Activation, error) {
	op := "start command " + programName(argv) + " by socket activation"
	env, err := activationEnv(opt)
	if err != nil {
		return nil, badArgument(op, err.Error())
	}
	// A path with a slash is neither searched for by the shell nor, being
	// absolute, taken for an option of exec.
	if path, err = filepath.Abs(path); err != nil {
		return nil, failed(op, "", err)
	}
	shell, err := findShell()
	if err != nil {
		return nil, failed(op, "socket activation needs sh", err)
	}
	dir, socket, err := privateSocketPath()
	if err != nil {
		return nil, failed(op, "", err)
	}
	listener, err := listenUnix(socket)
	if err != nil {
		os.RemoveAll(dir)
		return nil, failed(op, "no listening socket "+nbderr.Printable(socket), err)
	}
	return &Activation{
		Path:     shell,
		Args:     append([]string{"sh", "-c", activationScript, "sh", path}, argv[1:]...),
		Env:      env,
		Listener: listener,
		Dir:      dir,
		Socket:   socket,
	}, nil
}

// activationEnv is the environment of the child but for LISTEN_PID, which the
// shell adds. What another activation may have left in it must not be seen.
func activationEnv(opt Options) ([]string, error) {
	name := opt.SocketName
	if name == "" {
		name = "unknown"
	}
	odd := func(r rune) bool { return r <= ' ' || r >= 0x7f || r == ':' }
	if len(name) > 255 || strings.ContainsFunc(name, odd) {
		return nil, fmt.Errorf("the socket activation name %q: expected at most 255 ASCII characters, none of them a colon, a space or a control character", nbderr.Printable(name))
	}
	given := opt.Env
	if given == nil {
		given = os.Environ()
	}
	env := make([]string, 0, len(given)+2)
	for _, v := range given {
		switch key, _, _ := strings.Cut(v, "="); key {
		case "LISTEN_PID", "LISTEN_PIDFDID", "LISTEN_FDS", "LISTEN_FDNAMES":
		default:
			env = append(env, v)
		}
	}
	return append(env, "LISTEN_FDS=1", "LISTEN_FDNAMES="+name), nil
}

// findShell gives the path of a POSIX shell.
func findShell() (string, error) {
	const usual = "/bin/sh"
	if _, err := exec.LookPath(usual); err == nil {
		return usual, nil
	}
	return exec.LookPath("sh")
}

// privateSocketPath makes a folder that only this user can enter and gives
// the path for a socket in it, one short enough for a socket address.
func privateSocketPath() (dir, socket string, err error) {
	for _, parent := range []string{os.TempDir(), "/tmp"} {
		if parent, err = filepath.Abs(parent); err != nil {
			continue
		}
		if dir, err = os.MkdirTemp(parent, "gonbd"); err != nil {
			continue
		}
		socket = filepath.Join(dir, "sock")
		if len(socket) <= maxUnixPath {
			return dir, socket, nil
		}
		os.Remove(dir)
		err = errors.New("the path of the folder for temporary files is too long for a socket; set TMPDIR to a shorter one")
	}
	return "", "", err
}

// listenUnix gives a listening socket as the server expects it: blocking, and
// not known to the runtime's poller.
func listenUnix(path string) (*os.File, error) {
	fd, err := streamSocket()
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	if err := syscall.Bind(fd, &syscall.SockaddrUnix{Name: path}); err != nil {
		syscall.Close(fd)
		return nil, os.NewSyscallError("bind", err)
	}
	if err := syscall.Listen(fd, syscall.SOMAXCONN); err != nil {
		syscall.Close(fd)
		return nil, os.NewSyscallError("listen", err)
	}
	return os.NewFile(uintptr(fd), path), nil
}
