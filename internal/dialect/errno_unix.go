//go:build unix

package dialect

import (
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// ErrnoName gives the name of an errno, such as "EINVAL", or "".
func ErrnoName(errno syscall.Errno) string {
	s := unix.ErrnoName(errno)
	if !strings.HasPrefix(s, "E") {
		return ""
	}
	return s
}
