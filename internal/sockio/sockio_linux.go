package sockio

import (
	"io"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Supported says whether the package works on this platform.
const Supported = true

// maxVector is how many slices one system call takes.
const maxVector = 64

// None of the system calls here can wait, so they are made without telling the
// scheduler: with large transfers it would give the processor to another thread
// each time, and copies between servers would be a sixth slower.

// Vector holds what the system calls need, so that none of it is allocated a
// call. The zero value is ready. It must not be copied, nor used by two
// goroutines at once.
type Vector struct {
	iov [maxVector]syscall.Iovec
	msg syscall.Msghdr
}

// Send sends as much of bufs as the socket takes, without SIGPIPE, and gives
// the number of bytes sent; the error is ErrAgain if that is none.
func (v *Vector) Send(fd uintptr, bufs [][]byte) (int, error) {
	n := 0
	for _, b := range bufs {
		if len(b) == 0 {
			continue
		}
		if n == maxVector {
			break
		}
		v.iov[n].Base = unsafe.SliceData(b)
		v.iov[n].SetLen(len(b))
		n++
	}
	if n == 0 {
		return 0, nil
	}
	defer v.forget(n)
	for {
		var r uintptr
		var errno syscall.Errno
		if n == 1 {
			r, _, errno = syscall.RawSyscall6(unix.SYS_SENDTO, fd, uintptr(unsafe.Pointer(v.iov[0].Base)), uintptr(v.iov[0].Len),
				syscall.MSG_NOSIGNAL|syscall.MSG_DONTWAIT, 0, 0)
		} else {
			v.msg = syscall.Msghdr{Iov: &v.iov[0]}
			v.msg.Iovlen = iovlen(n)
			r, _, errno = syscall.RawSyscall(unix.SYS_SENDMSG, fd, uintptr(unsafe.Pointer(&v.msg)), syscall.MSG_NOSIGNAL|syscall.MSG_DONTWAIT)
		}
		switch errno {
		case 0:
			return int(r), nil
		case syscall.EINTR:
		case syscall.EAGAIN:
			return 0, ErrAgain
		default:
			return 0, errno
		}
	}
}

// Recv receives into a and then into b, either of which may be empty, and
// gives the number of bytes received; the error is ErrAgain if there is
// nothing yet, and io.EOF at the end.
func (v *Vector) Recv(fd uintptr, a, b []byte) (int, error) {
	n := 0
	for _, p := range [2][]byte{a, b} {
		if len(p) > 0 {
			v.iov[n].Base = unsafe.SliceData(p)
			v.iov[n].SetLen(len(p))
			n++
		}
	}
	if n == 0 {
		return 0, nil
	}
	defer v.forget(n)
	for {
		var r uintptr
		var errno syscall.Errno
		if n == 1 {
			r, _, errno = syscall.RawSyscall6(unix.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(v.iov[0].Base)), uintptr(v.iov[0].Len),
				syscall.MSG_DONTWAIT, 0, 0)
		} else {
			v.msg = syscall.Msghdr{Iov: &v.iov[0]}
			v.msg.Iovlen = iovlen(n)
			r, _, errno = syscall.RawSyscall(unix.SYS_RECVMSG, fd, uintptr(unsafe.Pointer(&v.msg)), syscall.MSG_DONTWAIT)
		}
		switch errno {
		case 0:
			if r == 0 {
				return 0, io.EOF
			}
			return int(r), nil
		case syscall.EINTR:
		case syscall.EAGAIN:
			return 0, ErrAgain
		default:
			return 0, errno
		}
	}
}

// CloseWrite tells the peer that nothing more will be sent.
func CloseWrite(fd uintptr) error { return unix.Shutdown(int(fd), unix.SHUT_WR) }

// forget drops the pointers to the caller's memory.
func (v *Vector) forget(n int) {
	clear(v.iov[:n])
	v.msg = syscall.Msghdr{}
}
