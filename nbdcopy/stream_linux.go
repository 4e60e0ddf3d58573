package nbdcopy

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// pipeSize is how much a pipe should hold, in bytes: as much as it may without
// privileges, by default. In the usual 64 KiB a long read or write is a matter
// of many turns of both sides.
const pipeSize = 1 << 20

// widen makes a pipe larger, if it is one and may be larger.
func widen(f syscall.Conn) {
	c, err := f.SyscallConn()
	if err != nil {
		return
	}
	c.Control(func(fd uintptr) {
		// What is no pipe has no size.
		if size, err := unix.FcntlInt(fd, unix.F_GETPIPE_SZ, 0); err == nil && size < pipeSize {
			unix.FcntlInt(fd, unix.F_SETPIPE_SZ, pipeSize)
		}
	})
}
