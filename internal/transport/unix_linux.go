package transport

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// shortenUnixPath gives another path of the socket at path, one that fits in
// a socket address: that of a descriptor of the socket's file. The
// descriptor is open until release is called.
func shortenUnixPath(op, path string) (short string, release func(), err error) {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", nil, failed(op, "", os.NewSyscallError("open", err))
	}
	short = fmt.Sprintf("/proc/self/fd/%d", fd)
	if _, err := os.Lstat(short); err != nil {
		unix.Close(fd)
		return "", nil, failed(op, fmt.Sprintf("the path has %d bytes, a socket address holds %d, and the way around needs /proc", len(path), maxUnixPath), err)
	}
	return short, func() { unix.Close(fd) }, nil
}
