package nbderr

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"testing"
)

// TestWireErrno maps the protocol's numbers, written as its text has them,
// to errno and back.
func TestWireErrno(t *testing.T) {
	tests := map[uint32]syscall.Errno{1: syscall.EPERM, 5: syscall.EIO, 12: syscall.ENOMEM, 22: syscall.EINVAL, 28: syscall.ENOSPC,
		75: syscall.EOVERFLOW, 95: syscall.ENOTSUP, 108: syscall.ESHUTDOWN}
	for n, errno := range tests {
		if got := FromWire(n); got != errno {
			t.Errorf("FromWire(%d) = %v, want %v", n, got, errno)
		}
		if got := ToWire(errno); got != n {
			t.Errorf("ToWire(%v) = %d, want %d", errno, got, n)
		}
	}
	if got := FromWire(0); got != 0 {
		t.Errorf("FromWire(0) = %v", got)
	}
	for _, n := range []uint32{2, 74, 1<<32 - 1} {
		if got := FromWire(n); got != syscall.EINVAL {
			t.Errorf("FromWire(%d), which the protocol does not know, = %v, want EINVAL", n, got)
		}
	}
}

func TestToWire(t *testing.T) {
	tests := []struct {
		err  error
		want uint32
	}{
		{nil, 0},
		{syscall.EDQUOT, 28},
		{syscall.EFBIG, 28},
		{syscall.EROFS, 1},
		{syscall.EACCES, 1},
		{syscall.EOPNOTSUPP, 95},
		{syscall.ECONNRESET, 5},
		{syscall.Errno(0), 5},
		{errors.New("anything"), 5},
		{errors.ErrUnsupported, 95},
		{os.ErrPermission, 1},
		{os.ErrInvalid, 22},
		{os.ErrNotExist, 5},
		{fmt.Errorf("more: %w", syscall.ENOSPC), 28},
		{&os.PathError{Op: "read", Path: "f", Err: syscall.EINVAL}, 22},
		{&Error{Kind: Local, Errno: syscall.EOVERFLOW, Err: syscall.EPERM}, 75},
		{&Error{Kind: Local, Err: syscall.EPERM}, 1},
		{errors.Join(errors.New("a"), syscall.ENOMEM), 12},
	}
	for _, tt := range tests {
		if got := ToWire(tt.err); got != tt.want {
			t.Errorf("ToWire(%v) = %d, want %d", tt.err, got, tt.want)
		}
	}
}

func TestErrnoOf(t *testing.T) {
	tests := []struct {
		err  error
		want syscall.Errno
		ok   bool
	}{
		{fs.ErrNotExist, syscall.ENOENT, true},
		{fs.ErrExist, syscall.EEXIST, true},
		{syscall.EACCES, syscall.EACCES, true},
		{errors.New("anything"), 0, false},
		{&Error{Msg: "anything"}, 0, false},
	}
	for _, tt := range tests {
		if got, ok := ErrnoOf(tt.err); got != tt.want || ok != tt.ok {
			t.Errorf("ErrnoOf(%v) = %v, %v, want %v, %v", tt.err, got, ok, tt.want, tt.ok)
		}
	}
}
