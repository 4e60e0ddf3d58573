package handle

import (
	"encoding/binary"
	"errors"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// errInProgress says that a connect has not ended yet.
var errInProgress = errors.New("the connect is in progress")

// busyTimeout is how long a connect to a Unix domain socket waits for room in
// the listener's queue, which no poll can wait for.
const busyTimeout = 20 * time.Second

// family gives the address family of a raw address.
func family(raw []byte) int { return int(binary.NativeEndian.Uint16(raw)) }

// dial makes a non-blocking socket and begins to connect it. It reports
// whether the connection is there already.
func dial(raw []byte) (fd int, done bool, err error) {
	if len(raw) < 2 {
		return -1, false, syscall.EINVAL
	}
	fd, err = unix.Socket(family(raw), unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, false, err
	}
	errno := connect(fd, raw)
	if errno == syscall.EAGAIN && family(raw) == unix.AF_UNIX {
		errno = connectBlocking(fd, raw)
	}
	switch errno {
	case 0:
		return fd, true, nil
	case syscall.EINPROGRESS, syscall.EINTR:
		return fd, false, nil
	}
	unix.Close(fd)
	return -1, false, errno
}

func connect(fd int, raw []byte) syscall.Errno {
	_, _, errno := syscall.Syscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&raw[0])), uintptr(len(raw)))
	return errno
}

// connectBlocking connects to a Unix domain socket whose queue is full.
func connectBlocking(fd int, raw []byte) syscall.Errno {
	tv := unix.NsecToTimeval(busyTimeout.Nanoseconds())
	unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &tv)
	unix.SetNonblock(fd, false)
	errno := syscall.EINTR
	for errno == syscall.EINTR {
		errno = connect(fd, raw)
	}
	unix.SetNonblock(fd, true)
	unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &unix.Timeval{})
	return errno
}

// connectResult says how a connect ended.
func connectResult(fd int) error {
	n, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	switch {
	case err != nil:
		return err
	case n != 0:
		return syscall.Errno(n)
	}
	// No error is also what a socket says that is still connecting.
	if _, err := unix.Getpeername(fd); err == unix.ENOTCONN {
		return errInProgress
	}
	return nil
}

// tune sets the options of a new socket.
func (h *Handle) tune(fd int, raw []byte) error {
	if f := family(raw); f != unix.AF_INET && f != unix.AF_INET6 {
		return nil
	}
	// These are for speed and for noticing a dead peer: one that cannot be
	// set is no reason not to connect.
	unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	if h.keepalive {
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
	}
	for _, o := range h.tcpOptions {
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, o.option, o.value); err != nil {
			return err
		}
	}
	return nil
}

func closeFD(fd int) { unix.Close(fd) }

// adopt makes a descriptor that the caller connected fit for use.
func adopt(fd int) error {
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil {
		return err
	}
	if _, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE); err != nil {
		return err
	}
	return unix.SetNonblock(fd, true)
}

// tcpAddress, unixAddress and vsockAddress write a struct sockaddr.
func tcpAddress(ip []byte, zone uint32, port uint16) []byte {
	if len(ip) == 4 {
		b := binary.NativeEndian.AppendUint16(make([]byte, 0, unix.SizeofSockaddrInet4), unix.AF_INET)
		b = binary.BigEndian.AppendUint16(b, port)
		return append(append(b, ip...), make([]byte, 8)...)
	}
	b := binary.NativeEndian.AppendUint16(make([]byte, 0, unix.SizeofSockaddrInet6), unix.AF_INET6)
	b = binary.BigEndian.AppendUint16(b, port)
	b = append(append(b, 0, 0, 0, 0), ip...)
	return binary.NativeEndian.AppendUint32(b, zone)
}

// maxUnixPath is how long the path of a socket may be, in bytes.
const maxUnixPath = unix.SizeofSockaddrUnix - 2 - 1

func unixAddress(path string) []byte {
	b := binary.NativeEndian.AppendUint16(nil, unix.AF_UNIX)
	b = append(b, path...)
	if path != "" && path[0] == 0 {
		return b // a name in the abstract namespace ends with the address
	}
	return append(b, 0)
}

func vsockAddress(cid, port uint32) []byte {
	b := binary.NativeEndian.AppendUint16(make([]byte, 0, unix.SizeofSockaddrVM), unix.AF_VSOCK)
	b = append(b, 0, 0)
	b = binary.NativeEndian.AppendUint32(b, port)
	b = binary.NativeEndian.AppendUint32(b, cid)
	return append(b, make([]byte, 4)...)
}
