package handle

import (
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// wakeup is a descriptor that one thread waits for and another signals.
type wakeup int

func newWakeup() (wakeup, error) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return -1, fault(err.(syscall.Errno), "eventfd")
	}
	return wakeup(fd), nil
}

func (w wakeup) signal() {
	one := [8]byte{1}
	unix.Write(int(w), one[:])
}

func (w wakeup) drain() {
	var b [8]byte
	unix.Read(int(w), b[:])
}

func (w wakeup) close() { unix.Close(int(w)) }

// Ppoll, if set, stands for ppoll(2), which it must be like but for the signal
// mask. The C library sets it, to sleep with the mask and on the stack of the
// thread that called it.
var Ppoll func(fds *unix.PollFd, n int, timeout *unix.Timespec) (int, syscall.Errno)

// pollArgs is what a sleeping thread passes to the kernel.
type pollArgs struct {
	fds     [3]unix.PollFd
	timeout unix.Timespec
}

// pollSocket waits until the socket is ready for one of the directions, or
// the wakeup was signalled, or extra is readable, or the timeout in
// milliseconds is over. It gives what the socket is ready for, and whether
// extra is.
func (a *pollArgs) pollSocket(fd int, dir uint, w wakeup, extra, timeout int) (ready uint, other bool, err error) {
	var events int16
	if dir&directionRead != 0 {
		events |= unix.POLLIN
	}
	if dir&directionWrite != 0 {
		events |= unix.POLLOUT
	}
	a.fds = [3]unix.PollFd{{Fd: int32(fd), Events: events}, {Fd: int32(w), Events: unix.POLLIN}, {Fd: int32(extra), Events: unix.POLLIN}}
	n := 2
	if extra >= 0 {
		n = 3
	}
	var deadline time.Time
	if timeout > 0 {
		deadline = time.Now().Add(time.Duration(timeout) * time.Millisecond)
	}
	for {
		left := &a.timeout
		switch {
		case timeout == 0:
			a.timeout = unix.Timespec{}
		case timeout > 0:
			a.timeout = unix.NsecToTimespec(max(0, time.Until(deadline).Nanoseconds()))
		default:
			left = nil
		}
		var r int
		var errno syscall.Errno
		if Ppoll != nil {
			r, errno = Ppoll(&a.fds[0], n, left)
		} else {
			var r1 uintptr
			r1, _, errno = syscall.Syscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&a.fds[0])), uintptr(n), uintptr(unsafe.Pointer(left)), 0, 0, 0)
			r = int(r1)
		}
		switch {
		case errno == syscall.EINTR:
			continue
		case errno != 0:
			return 0, false, fault(errno, "poll")
		case r == 0:
			return 0, false, nil
		}
		break
	}
	got := a.fds[0].Revents
	if got&unix.POLLNVAL != 0 {
		return 0, false, fault(syscall.EBADF, "the socket's descriptor was closed by somebody else")
	}
	// The end of a connection, and its errors, are read.
	if got&(unix.POLLIN|unix.POLLHUP|unix.POLLERR) != 0 {
		ready |= directionRead
	}
	if got&(unix.POLLOUT|unix.POLLHUP|unix.POLLERR) != 0 {
		ready |= directionWrite
	}
	return ready, n == 3 && a.fds[2].Revents != 0, nil
}
