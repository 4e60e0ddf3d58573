// Package cli is what the command line tools have in common: how they start
// and end, their exit codes, options, sizes, colours, strings of JSON, and the
// [ CMD … ] syntax for a server to be started. A tool is a main of a few lines and a function of the type Run,
// which a test calls without a process.
//
// The package knows nothing of any single tool, and never prints but in Main.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
)

// Stdio is what a tool reads from and writes to.
type Stdio struct {
	In  io.Reader
	Out io.Writer
	Err io.Writer
}

// Run is a tool. The args are those behind the program's name. An error is
// printed by Main behind the tool's name, and makes it exit with 1, or with
// what an ExitError says.
type Run func(ctx context.Context, args []string, stdio Stdio) error

// Exit codes.
const (
	ExitSuccess = 0
	ExitFailure = 1
	// ExitNo is nbdinfo's answer no to a question such as --can flush.
	ExitNo = 2
	// ExitInterrupted is 128 and the number of SIGINT, as the shell has it.
	ExitInterrupted = 130
	// ExitBrokenPipe is 128 and the number of SIGPIPE.
	ExitBrokenPipe = 141
	// ExitTerminated is 128 and the number of SIGTERM.
	ExitTerminated = 143
)

// ExitError is an error that says how the tool should exit.
type ExitError struct {
	Code int
	Err  error // nil: nothing is printed
}

func (e *ExitError) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("exit status %d", e.Code)
	}
	return e.Err.Error()
}

// Unwrap gives the error that is printed.
func (e *ExitError) Unwrap() error { return e.Err }

// Usage is an error in how a tool was called. Main adds a hint to --help.
type Usage struct{ Message string }

func (e *Usage) Error() string { return e.Message }

// Usagef makes a Usage.
func Usagef(format string, args ...any) error { return &Usage{fmt.Sprintf(format, args...)} }

// errSignal is the cause of a context that a signal has ended.
type errSignal struct{ sig syscall.Signal }

func (e errSignal) Error() string { return "ended by signal: " + e.sig.String() }

// Main runs a tool and exits. The first SIGINT or SIGTERM ends the tool's
// context, so that it can clean up; a second one ends the process at once.
// Where nobody reads its output any more, the tool gets an error for writing,
// and exits as if SIGPIPE had ended it.
func Main(name string, run Run) {
	ctx, cancel := context.WithCancelCause(context.Background())
	// A signal for writing to a broken pipe would leave servers behind that
	// were started. Were it ignored, those would inherit that.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	prompt := new(interrupts)
	go func() {
		sig := <-signals
		for sig == os.Interrupt && prompt.take() {
			sig = <-signals
		}
		cancel(errSignal{sig.(syscall.Signal)})
		signal.Stop(signals)
	}()
	ctx = context.WithValue(ctx, interruptsKey{}, prompt)
	os.Exit(Finish(ctx, name, run, os.Args[1:], Stdio{os.Stdin, os.Stdout, os.Stderr}))
}

// Finish runs a tool and gives its exit code. What went wrong it writes to
// stdio.Err: Main does this in a process of its own, a test in its.
func Finish(ctx context.Context, name string, run Run, args []string, stdio Stdio) int {
	err := run(ctx, args, stdio)
	if sig, ok := errors.AsType[errSignal](context.Cause(ctx)); ok && err != nil {
		fmt.Fprintf(stdio.Err, "%s: %v\n", name, sig)
		return 128 + int(sig.sig)
	}
	if err == nil {
		return ExitSuccess
	}
	if e, ok := errors.AsType[*fs.PathError](err); ok && errors.Is(e, syscall.EPIPE) {
		return ExitBrokenPipe // whoever read has seen enough
	}
	code := ExitFailure
	if e, ok := errors.AsType[*ExitError](err); ok {
		if code = e.Code; e.Err == nil {
			return code
		}
	}
	fmt.Fprintf(stdio.Err, "%s: %v\n", name, err)
	if _, ok := errors.AsType[*Usage](err); ok {
		fmt.Fprintf(stdio.Err, "Try '%s --help' for more information.\n", name)
	}
	return code
}

// version is set by the linker: -X github.com/gonbd/gonbd/internal/cli.version=….
var version string

// Version is the version of gonbd, as the build knows it.
func Version() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "devel"
}
