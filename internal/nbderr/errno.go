package nbderr

import (
	"errors"
	"io/fs"
	"syscall"

	"github.com/gonbd/gonbd/internal/wire"
)

// FromWire gives the errno for an NBD error number. The protocol asks that an
// unknown number count as EINVAL ("Error values").
func FromWire(n uint32) syscall.Errno {
	switch n {
	case 0:
		return 0
	case wire.EPERM:
		return syscall.EPERM
	case wire.EIO:
		return syscall.EIO
	case wire.ENOMEM:
		return syscall.ENOMEM
	case wire.EINVAL:
		return syscall.EINVAL
	case wire.ENOSPC:
		return syscall.ENOSPC
	case wire.EOVERFLOW:
		return syscall.EOVERFLOW
	case wire.ENOTSUP:
		return syscall.ENOTSUP
	case wire.ESHUTDOWN:
		return syscall.ESHUTDOWN
	}
	return syscall.EINVAL
}

// ToWire gives the NBD error number that a server answers err with: what the
// protocol names as itself, EDQUOT and EFBIG as ENOSPC, EROFS and EACCES as
// EPERM, and everything else as EIO. It is 0 only for a nil error.
func ToWire(err error) uint32 {
	if err == nil {
		return 0
	}
	errno, ok := ErrnoOf(err)
	if !ok {
		return wire.EIO
	}
	switch errno {
	case syscall.EPERM, syscall.EROFS, syscall.EACCES:
		return wire.EPERM
	case syscall.ENOMEM:
		return wire.ENOMEM
	case syscall.EINVAL:
		return wire.EINVAL
	case syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG:
		return wire.ENOSPC
	case syscall.EOVERFLOW:
		return wire.EOVERFLOW
	case syscall.ESHUTDOWN:
		return wire.ESHUTDOWN
	}
	// One number on some platforms, two on others: no two cases of a switch.
	if errno == syscall.ENOTSUP || errno == syscall.EOPNOTSUPP {
		return wire.ENOTSUP
	}
	return wire.EIO
}

// ErrnoOf finds the errno in err's chain: an *Error's, a syscall.Errno, or the
// one that a standard error of package fs or errors stands for.
func ErrnoOf(err error) (syscall.Errno, bool) {
	if e, ok := errors.AsType[*Error](err); ok && e.Errno != 0 {
		return e.Errno, true
	}
	if n, ok := errors.AsType[syscall.Errno](err); ok {
		return n, true
	}
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		return syscall.ENOTSUP, true
	case errors.Is(err, fs.ErrPermission):
		return syscall.EPERM, true
	case errors.Is(err, fs.ErrInvalid):
		return syscall.EINVAL, true
	case errors.Is(err, fs.ErrNotExist):
		return syscall.ENOENT, true
	case errors.Is(err, fs.ErrExist):
		return syscall.EEXIST, true
	}
	return 0, false
}
