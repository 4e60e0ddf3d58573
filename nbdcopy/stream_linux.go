package nbdcopy

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// widen makes a pipe hold at least size bytes, if it is one and may.
func widen(f syscall.Conn, size int) {
	c, err := f.SyscallConn()
	if err != nil {
		return
	}
	c.Control(func(fd uintptr) {
		// What is no pipe has no size.
		if now, err := unix.FcntlInt(fd, unix.F_GETPIPE_SZ, 0); err == nil && now < size {
			unix.FcntlInt(fd, unix.F_SETPIPE_SZ, size)
		}
	})
}
