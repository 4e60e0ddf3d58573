//go:build unix

package transport

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"github.com/gonbd/gonbd/internal/nbderr"
)

// Command starts a program with one end of a socket pair as its standard
// input and standard output, and gives the other end as the connection
// (nbd_connect_command(3)). The argv is the program, which is looked for in
// PATH, and its arguments; no shell sees them.
//
// The child inherits no other descriptor than its standard error, and is in
// the process group of the caller. If the context ends before Command
// returns, the child is killed; afterwards the context has no effect.
func Command(ctx context.Context, argv []string, opt Options) (*Subprocess, error) {
	return onSocketPair(ctx, "start command "+programName(argv), argv, opt)
}

func onSocketPair(ctx context.Context, op string, argv []string, opt Options) (*Subprocess, error) {
	path, err := lookupProgram(ctx, op, argv)
	if err != nil {
		return nil, err
	}
	fds, err := socketPair()
	if err != nil {
		return nil, failed(op, "", os.NewSyscallError("socketpair", err))
	}
	ours := os.NewFile(uintptr(fds[0]), "socketpair")
	defer ours.Close()
	theirs := os.NewFile(uintptr(fds[1]), "socketpair")
	defer theirs.Close()

	// This makes a copy of the descriptor, and that one non-blocking.
	conn, err := net.FileConn(ours)
	if err != nil {
		return nil, failed(op, "", cause(err))
	}
	cmd := &exec.Cmd{Path: path, Args: argv, Stdin: theirs, Stdout: theirs}
	s, err := launch(op, cmd, programName(argv), opt)
	if err != nil {
		conn.Close()
		return nil, err
	}
	s.UnixConn = conn.(*net.UnixConn)
	if err := ctx.Err(); err != nil {
		s.abort()
		return nil, failed(op, "", err)
	}
	return s, nil
}

// lookupProgram gives the path of the program argv[0], after it has checked
// that argv can be run at all.
func lookupProgram(ctx context.Context, op string, argv []string) (string, error) {
	if len(argv) == 0 || argv[0] == "" {
		return "", badArgument(op, "expected a program and its arguments, and the name of the program is missing")
	}
	for _, arg := range argv {
		if strings.Contains(arg, "\x00") {
			return "", badArgument(op, "an argument has a NUL byte in it, which no program can be given")
		}
	}
	if err := ctx.Err(); err != nil {
		return "", failed(op, "", err)
	}
	path, err := exec.LookPath(argv[0])
	if err == nil {
		return path, nil
	}
	e := &nbderr.Error{Kind: nbderr.Transport, Op: op, Err: err}
	e.Errno, _ = nbderr.ErrnoOf(err)
	if errors.Is(err, exec.ErrNotFound) {
		e.Errno = syscall.ENOENT
	}
	return "", e
}

// programName is argv[0] for messages.
func programName(argv []string) string {
	if len(argv) == 0 {
		return ""
	}
	return nbderr.Printable(argv[0])
}
