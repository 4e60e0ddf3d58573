package nbdsh

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"go.starlark.net/starlark"

	"github.com/gonbd/gonbd/internal/cli"
	"github.com/gonbd/gonbd/internal/dialect"
	"github.com/gonbd/gonbd/internal/nbdmodule"
)

// Run is the tool nbdsh.
func Run(ctx context.Context, args []string, stdio cli.Stdio) error {
	o, err := parseOptions(args)
	if err != nil {
		return err
	}
	text := o.listing
	switch {
	case o.help:
		text = usage
	case o.version:
		if text, err = versionText(); err != nil {
			return err
		}
	}
	if text != "" {
		_, err = io.WriteString(stdio.Out, text)
		return err
	}
	sh := newShell(o, stdio)
	err = sh.run(ctx)
	// Not deferred: behind a panic in a callback its handle is locked.
	sh.nbd.Close()
	return err
}

func versionText() (string, error) {
	m := nbdmodule.New(io.Discard)
	defer m.Close()
	lib, err := m.NewNBD().Handle().GetVersion()
	return fmt.Sprintf("nbdsh %s\nlibnbd %s\n", cli.Version(), lib), err
}

// shell is one run of the tool.
type shell struct {
	*options
	stdio cli.Stdio
	in    *dialect.Interpreter
	nbd   *nbdmodule.Module
	h     *nbdmodule.NBD // nil if there is none
}

func newShell(o *options, stdio cli.Stdio) *shell {
	sh := &shell{options: o, stdio: stdio, in: dialect.New(stdio.Out), nbd: nbdmodule.New(stdio.Err)}
	sh.nbd.Verbose = o.verbose
	sh.in.Define("nbd", sh.nbd.Module)
	sh.in.Define("help", starlark.NewBuiltin("help", sh.help))
	words := make([]starlark.Value, 0, len(o.argv)+1)
	for _, a := range o.argv {
		words = append(words, starlark.String(a))
	}
	if len(words) == 0 {
		words = append(words, starlark.String(""))
	}
	argv := starlark.NewList(words)
	sh.in.Define("argv", argv)
	sh.in.Define("sys", dialect.NewModule("sys", starlark.StringDict{
		"argv":    argv,
		"exit":    sh.in.Lookup("exit"),
		"version": starlark.String("nbdsh " + cli.Version()),
	}))
	return sh
}

// run does what the command line says.
func (sh *shell) run(ctx context.Context) error {
	defer context.AfterFunc(ctx, sh.interrupt)()
	if !sh.noHandle {
		sh.h = sh.nbd.NewNBD()
		if err := sh.h.Handle().SetHandleName("nbdsh"); err != nil {
			return err
		}
		sh.in.Define("h", sh.h)
	}
	for _, s := range sh.steps {
		if err := sh.step(ctx, s); err != nil {
			return sh.end(err)
		}
	}
	switch {
	case sh.command:
		return nil
	case len(sh.argv) > 0 && sh.argv[0] != "-":
		source, err := os.ReadFile(sh.argv[0])
		if err != nil {
			return fmt.Errorf("cannot read the script: %w", err)
		}
		return sh.end(sh.exec(sh.argv[0], string(source)))
	case len(sh.argv) == 0 && cli.IsTerminal(sh.stdio.In):
		return sh.end(sh.prompt(ctx))
	}
	return sh.end(sh.execInput(ctx))
}

// interrupt ends what runs, from another goroutine.
func (sh *shell) interrupt() {
	sh.in.Interrupt()
	sh.nbd.Interrupt()
}

// resume makes up for an interrupt that has done its work.
func (sh *shell) resume() {
	sh.in.Resume()
	sh.nbd.Resume()
}

func (sh *shell) step(ctx context.Context, s step) error {
	switch s.kind {
	case stepURI:
		return failed(commandLine, sh.h.Handle().ConnectUri(s.arg))
	case stepOptMode:
		return failed(commandLine, sh.h.Handle().SetOptMode(true))
	case stepBaseAllocation:
		return failed(commandLine, sh.h.Handle().AddMetaContext("base:allocation"))
	}
	if s.arg == "-" {
		return sh.execInput(ctx)
	}
	return sh.exec(commandLine, s.arg)
}

// execInput runs what is on standard input.
func (sh *shell) execInput(ctx context.Context) error {
	type input struct {
		text []byte
		err  error
	}
	read := make(chan input, 1)
	go func() {
		text, err := io.ReadAll(sh.stdio.In)
		read <- input{text, err}
	}()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case r := <-read:
		if r.err != nil {
			return fmt.Errorf("cannot read standard input: %w", r.err)
		}
		return sh.exec("standard input", string(r.text))
	}
}

// commandLine is the name of programs that have none.
const commandLine = "command line"

// exec runs a program. The name is for messages.
func (sh *shell) exec(name, source string) error {
	return failed(name, sh.in.Exec(name, source))
}

// end makes the outcome of the tool of that of its programs.
func (sh *shell) end(err error) error {
	e, ok := errors.AsType[*dialect.Exit](err)
	if !ok {
		return err
	}
	if e.Message != "" {
		fmt.Fprintln(sh.stdio.Err, e.Message)
	}
	if e.Code == 0 {
		return nil
	}
	return &cli.ExitError{Code: e.Code}
}

// programError is the error of a program.
type programError struct {
	program string
	err     error
}

func (e *programError) Error() string {
	if e.program == commandLine { // in these words, as the C tool says it
		return "command line script failed: " + describe(e.err)
	}
	return e.program + " failed: " + describe(e.err)
}

func (e *programError) Unwrap() error { return e.err }

func failed(program string, err error) error {
	if err == nil {
		return nil
	}
	return &programError{program, err}
}

// describe says what went wrong, and where, unless that is the only line.
func describe(err error) string {
	e, ok := errors.AsType[*starlark.EvalError](err)
	if !ok {
		return dialect.Message(err)
	}
	depth := 0
	for _, frame := range e.CallStack {
		if frame.Pos.Line > 0 { // a builtin has none
			depth++
		}
	}
	if depth == 1 && e.CallStack[0].Pos.Line == 1 {
		return dialect.Message(err)
	}
	return dialect.Backtrace(err)
}

// help prints what there is to read about a value.
func (sh *shell) help(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var v starlark.Value = sh.nbd.Module
	if err := starlark.UnpackPositionalArgs(b.Name(), args, kwargs, 0, &v); err != nil {
		return nil, err
	}
	text := sh.nbd.Help(v)
	if text == "" {
		text = fmt.Sprintf("There is no help about a value of type %s. Try help(nbd) or help(h.pread).\n", v.Type())
	}
	_, err := io.WriteString(sh.stdio.Out, text)
	return starlark.None, err
}
