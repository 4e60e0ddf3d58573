package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"testing"
)

func TestFinish(t *testing.T) {
	boom := errors.New("boom")
	interrupted, cancel := context.WithCancelCause(t.Context())
	cancel(errSignal{syscall.SIGINT})
	terminated, cancel := context.WithCancelCause(t.Context())
	cancel(errSignal{syscall.SIGTERM})
	canceled, cancel2 := context.WithCancel(t.Context())
	cancel2()
	tests := []struct {
		name   string
		ctx    context.Context
		err    error
		code   int
		stderr string
	}{
		{"success", t.Context(), nil, ExitSuccess, ""},
		{"failure", t.Context(), boom, ExitFailure, "tool: boom\n"},
		{"silent", t.Context(), &ExitError{Code: ExitNo}, ExitNo, ""},
		{"code", t.Context(), &ExitError{Code: 7, Err: boom}, 7, "tool: boom\n"},
		{"wrapped code", t.Context(), fmt.Errorf("more: %w", &ExitError{Code: 7, Err: boom}), 7, "tool: more: boom\n"},
		{"broken pipe", t.Context(), errors.Join(&fs.PathError{Op: "write", Path: "/dev/stdout", Err: syscall.EPIPE}, boom), ExitBrokenPipe, ""},
		{"another file error", t.Context(), &fs.PathError{Op: "write", Path: "f", Err: errors.New("gone")}, ExitFailure, "tool: write f: gone\n"},
		{"usage", t.Context(), Usagef("no %s", "way"), ExitFailure, "tool: no way\nTry 'tool --help' for more information.\n"},
		{"interrupted", interrupted, boom, ExitInterrupted, "tool: ended by signal: interrupt\n"},
		{"terminated", terminated, boom, ExitTerminated, "tool: ended by signal: terminated\n"},
		{"done in spite of a signal", interrupted, nil, ExitSuccess, ""},
		{"canceled otherwise", canceled, boom, ExitFailure, "tool: boom\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var out, stderr bytes.Buffer
			code := Finish(test.ctx, "tool", func(_ context.Context, args []string, _ Stdio) error {
				if len(args) != 1 || args[0] != "arg" {
					t.Errorf("args %q", args)
				}
				return test.err
			}, []string{"arg"}, Stdio{Out: &out, Err: &stderr})
			if code != test.code || stderr.String() != test.stderr || out.Len() != 0 {
				t.Errorf("exit code %d, stderr %q, stdout %q; want %d, %q and nothing", code, &stderr, &out, test.code, test.stderr)
			}
		})
	}
}

func TestExitError(t *testing.T) {
	boom := errors.New("boom")
	if err := error(&ExitError{Code: 2, Err: boom}); !errors.Is(err, boom) || err.Error() != "boom" {
		t.Errorf("%v does not wrap its error", err)
	}
	if got := (&ExitError{Code: 2}).Error(); got != "exit status 2" {
		t.Errorf("an ExitError without an error reads %q", got)
	}
}

func TestVersion(t *testing.T) {
	defer func(v string) { version = v }(version)
	version = ""
	if Version() == "" {
		t.Error("no version at all")
	}
	version = "1.2.3"
	if got := Version(); got != "1.2.3" {
		t.Errorf("Version() = %q, want what the linker set", got)
	}
}
