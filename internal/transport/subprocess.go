package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"github.com/gonbd/gonbd/internal/nbderr"
)

// How long Close waits for a child, after which it does the next, harsher
// thing.
var (
	eofGrace  = 2 * time.Second  // from the end of the connection to SIGTERM
	termGrace = 10 * time.Second // from SIGTERM to SIGKILL; a server may have much to flush
	killGrace = 5 * time.Second  // from SIGKILL to giving up, if the kernel holds the child
)

var (
	// explainGrace is how long Explain waits for a child to end that has
	// just closed its end of the connection.
	explainGrace = 2 * time.Second
	// drainGrace is how long the standard error of a child that has ended is
	// still read, if other processes hold it open.
	drainGrace = 500 * time.Millisecond
)

// Options are the options of a subprocess. The zero value is good.
type Options struct {
	// Stderr is where the child's standard error goes, and under socket
	// activation its standard output too: os.Stderr if nil. It is written to
	// by one goroutine at a time, until Close returns. Errors of it are
	// ignored. Should it block, so do the child's own messages.
	Stderr io.Writer

	// Env is the child's environment, as that of exec.Cmd: that of this
	// process if nil.
	Env []string

	// SocketName is the name of the socket for SocketActivation, which the
	// child finds in LISTEN_FDNAMES; "unknown" if empty
	// (nbd_set_socket_activation_name(3)).
	SocketName string
}

// A Subprocess is the connection to a child process, and the child itself.
//
// Its methods may be called from several goroutines at once. Close must be
// called: it is what ends the child and reaps it.
type Subprocess struct {
	// UnixConn is the connection. Close closes it; whoever wants to close the
	// connection and keep the child may do so before.
	*net.UnixConn

	program string // the program's name, safe to print
	cmd     *exec.Cmd

	exited  chan struct{} // closed when the child has been reaped
	waitErr error         // what Wait of cmd said; valid once exited is closed

	stderr  *os.File // our end of the child's standard error
	words   *lastWords
	drained chan struct{} // closed when stderr has been read to its end

	lasting bool   // the child does not end by itself when the connection does
	socket  string // path of the listening socket, if the child has one
	dir     string // private folder to remove, if there is one

	closeOnce sync.Once
	closeErr  error
}

// launch starts cmd, whose standard input, output and other descriptors the
// caller has set as needed. The connection is the caller's to add.
func launch(op string, cmd *exec.Cmd, program string, opt Options) (*Subprocess, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, failed(op, "no pipe for standard error", err)
	}
	defer w.Close()
	cmd.Env = opt.Env
	cmd.Stderr = w
	if cmd.Stdout == nil {
		// Never ours: the caller's standard output may be someone's data.
		cmd.Stdout = w
	}
	if err := cmd.Start(); err != nil {
		r.Close()
		errno, _ := nbderr.ErrnoOf(err)
		return nil, &nbderr.Error{
			Kind:  nbderr.Transport,
			Op:    op,
			Errno: errno,
			Retry: isShortage(errno), // a program that can't be run stays so
			Err:   err,
		}
	}
	s := &Subprocess{
		program: program,
		cmd:     cmd,
		exited:  make(chan struct{}),
		stderr:  r,
		words:   new(lastWords),
		drained: make(chan struct{}),
	}
	out := opt.Stderr
	if out == nil {
		out = os.Stderr
	}
	go func() {
		defer close(s.drained)
		s.words.tee(out, r)
	}()
	go func() {
		defer close(s.exited)
		s.waitErr = cmd.Wait()
	}()
	return s, nil
}

// Pid gives the process ID of the child (nbd_get_subprocess_pid(3)).
func (s *Subprocess) Pid() int { return s.cmd.Process.Pid }

// Kill sends a signal to the child, SIGTERM if sig is 0
// (nbd_kill_subprocess(3)). It is no error if the child has ended already.
func (s *Subprocess) Kill(sig syscall.Signal) error {
	op := "kill command " + s.program
	if sig == 0 {
		sig = syscall.SIGTERM
	}
	err := s.cmd.Process.Signal(sig)
	switch {
	case err == nil || errors.Is(err, os.ErrProcessDone):
		return nil
	case errors.Is(err, syscall.EINVAL):
		return badArgument(op, fmt.Sprintf("there is no signal %d", int(sig)))
	}
	return failed(op, fmt.Sprintf("could not send signal %d", int(sig)), err)
}

// Wait waits until the child has ended or the context has, and gives
// ExitError in the first case and the context's error in the second.
func (s *Subprocess) Wait(ctx context.Context) error {
	select {
	case <-s.exited:
		return s.ExitError()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// ExitError is nil while the child runs and when it exited with status 0;
// else it is an error that tells how the child ended, and its last words on
// standard error. It doesn't matter whose signal ended the child: one that
// Close sent counts too.
func (s *Subprocess) ExitError() error {
	if !s.hasExited() || s.waitErr == nil {
		return nil
	}
	return &nbderr.Error{Kind: nbderr.Transport, Msg: s.account()}
}

// Explain adds to err, an error of the connection, what became of the child:
// "…; command nbdkit exited with status 1; its last words: …". An error that
// has other reasons is given back as it is. The result wraps err and has an
// *nbderr.Error in its chain.
//
// The end of a connection may be seen before the end of the child that caused
// it, so Explain may wait for that for two seconds.
func (s *Subprocess) Explain(err error) error {
	if !ofConnection(err) {
		return err
	}
	if _, ok := errors.AsType[*nbderr.Error](err); !ok {
		err = failed("command "+s.program, "", cause(err))
	}
	s.exitsWithin(explainGrace)
	if account := s.account(); account != "" {
		return fmt.Errorf("%w; %s", err, account)
	}
	return err
}

// Dial makes another connection to the server that SocketActivation started.
// It is the caller's to close. Whether the server serves several clients at
// once is up to the server.
func (s *Subprocess) Dial(ctx context.Context) (net.Conn, error) {
	if s.socket == "" {
		return nil, unsupported("connect again to command "+s.program,
			"a command that serves its standard input has only one connection; use socket activation instead")
	}
	conn, err := DialUnix(ctx, s.socket)
	if err != nil {
		return nil, s.Explain(err)
	}
	return conn, nil
}

// Close closes the connection and sees to the end of the child. A command on
// a socket pair gets time to end by itself, since it sees the end of its
// input; a server started by socket activation is sent SIGTERM. One that
// stays is killed in the end. The child is always reaped, and the private
// folder is removed.
//
// Close may be called again, and gives the same result.
func (s *Subprocess) Close() error {
	s.closeOnce.Do(func() { s.closeErr = s.shutDown() })
	return s.closeErr
}

func (s *Subprocess) shutDown() error {
	var errs []error
	if s.UnixConn != nil {
		if err := s.UnixConn.Close(); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	ended := !s.lasting && s.exitsWithin(eofGrace)
	if !ended {
		s.cmd.Process.Signal(syscall.SIGTERM)
		ended = s.exitsWithin(termGrace)
	}
	if !ended {
		s.cmd.Process.Kill()
		if !s.exitsWithin(killGrace) {
			errs = append(errs, failed("close command "+s.program,
				fmt.Sprintf("process %d is still there %v after SIGKILL", s.Pid(), killGrace), syscall.EBUSY))
		}
	}
	s.drainsWithin(drainGrace)
	s.stderr.Close()
	s.drainsWithin(drainGrace)
	if s.dir != "" {
		errs = append(errs, os.RemoveAll(s.dir))
	}
	return errors.Join(errs...)
}

// abort undoes a launch of which nothing came. The child has no work that is
// worth waiting for.
func (s *Subprocess) abort() {
	s.cmd.Process.Kill()
	s.Close()
}

func (s *Subprocess) hasExited() bool {
	select {
	case <-s.exited:
		return true
	default:
		return false
	}
}

func (s *Subprocess) exitsWithin(d time.Duration) bool { return closesWithin(s.exited, d) }

func (s *Subprocess) drainsWithin(d time.Duration) bool { return closesWithin(s.drained, d) }

func closesWithin(ch <-chan struct{}, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ch:
		return true
	case <-timer.C:
		return false
	}
}

// account tells in words how the child ended and what it said last. It is
// empty if the child runs and has said nothing.
func (s *Subprocess) account() string {
	var fate string
	switch {
	case !s.hasExited():
		fate = "is still running"
	case s.cmd.ProcessState == nil:
		fate = fmt.Sprintf("has ended, but its status is lost: %v", s.waitErr)
	default:
		fate = describe(s.cmd.ProcessState)
	}
	if s.hasExited() {
		s.drainsWithin(drainGrace)
	}
	words := s.words.String()
	switch {
	case words != "":
		return fmt.Sprintf("command %s %s; its last words: %s", s.program, fate, words)
	case s.hasExited():
		return fmt.Sprintf("command %s %s", s.program, fate)
	}
	return ""
}

func describe(state *os.ProcessState) string {
	if ws, ok := state.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return fmt.Sprintf("was killed by signal %d (%v)", int(ws.Signal()), ws.Signal())
	}
	return fmt.Sprintf("exited with status %d", state.ExitCode())
}

// isShortage reports whether a process could not be made for lack of
// something that may be had later.
func isShortage(errno syscall.Errno) bool {
	switch errno {
	case syscall.EAGAIN, syscall.ENOMEM, syscall.EMFILE, syscall.ENFILE, syscall.ETXTBSY:
		return true
	}
	return false
}

// ofConnection reports whether err may come of the child's end, and not of
// the caller's own doing or of the server's answer.
func ofConnection(err error) bool {
	switch {
	case err == nil,
		errors.Is(err, context.Canceled),
		errors.Is(err, context.DeadlineExceeded),
		errors.Is(err, os.ErrDeadlineExceeded),
		errors.Is(err, net.ErrClosed):
		return false
	}
	e, ok := errors.AsType[*nbderr.Error](err)
	return !ok || e.Kind == nbderr.Transport || e.Kind == nbderr.Protocol
}
