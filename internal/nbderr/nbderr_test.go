package nbderr

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"syscall"
	"testing"
)

func TestErrorText(t *testing.T) {
	tests := []struct {
		name string
		err  Error
		want string
	}{
		{"server's errno", Error{Kind: Server, Op: "read", Errno: syscall.EIO, Offset: 1024, Length: 512, HasRange: true},
			"read of 512 bytes at offset 1024: server error: " + syscall.EIO.Error()},
		{"server's text", Error{Kind: Server, Op: "NBD_OPT_GO", Errno: syscall.ENOENT, Msg: "no such export", ServerText: "gone"},
			"NBD_OPT_GO: server error: no such export: " + syscall.ENOENT.Error() + ": gone"},
		{"violation", Error{Kind: Protocol, Errno: syscall.EPROTO, Msg: "expected this, saw that"},
			"protocol violation by the server: expected this, saw that"},
		{"cause", Error{Kind: Transport, Op: "dial", Err: io.ErrUnexpectedEOF}, "dial: connection failed: unexpected EOF"},
		{"local", Error{Kind: Local, Op: "flush", Errno: syscall.EINVAL, Msg: "no"}, "flush: no"},
		{"no kind", Error{Op: "read", Msg: "no"}, "read: no"},
		{"no operation", Error{Msg: "no", HasRange: true}, "no"},
		{"other kind", Error{Kind: 9}, "kind 9"},
		{"nothing", Error{}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.err.Error(); got != tt.want {
				t.Errorf("\n got %q\nwant %q", got, tt.want)
			}
		})
	}
}

func TestIs(t *testing.T) {
	tests := []struct {
		name   string
		err    error
		target error
		want   bool
	}{
		{"its errno", &Error{Errno: syscall.EIO}, syscall.EIO, true},
		{"another errno", &Error{Errno: syscall.EIO}, syscall.EPERM, false},
		{"no errno", &Error{}, syscall.Errno(0), false},
		{"wrapped", fmt.Errorf("more: %w", &Error{Errno: syscall.ENOSPC}), syscall.ENOSPC, true},
		{"its cause", &Error{Errno: syscall.EIO, Err: io.EOF}, io.EOF, true},
		{"errno of its cause", &Error{Err: syscall.ECONNRESET}, syscall.ECONNRESET, true},
		{"standard error of its errno", &Error{Errno: syscall.EPERM}, fs.ErrPermission, true},
		{"unsupported", &Error{Errno: syscall.ENOTSUP}, errors.ErrUnsupported, true},
		{"another standard error", &Error{Errno: syscall.EIO}, fs.ErrPermission, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := errors.Is(tt.err, tt.target); got != tt.want {
				t.Errorf("errors.Is(%v, %v) = %v", tt.err, tt.target, got)
			}
		})
	}
}

func TestAsAndUnwrap(t *testing.T) {
	inner := &Error{Kind: Server, Errno: syscall.EIO, Err: io.EOF}
	e, ok := errors.AsType[*Error](fmt.Errorf("more: %w", inner))
	if !ok || e != inner {
		t.Errorf("errors.AsType gives %v, %v", e, ok)
	}
	if got := errors.Unwrap(inner); got != io.EOF {
		t.Errorf("Unwrap gives %v", got)
	}
}
