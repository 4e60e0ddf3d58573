//go:build !unix

package dialect

import "syscall"

// ErrnoName gives the name of an errno, such as "EINVAL", or "" where the
// platform has no names for its numbers.
func ErrnoName(syscall.Errno) string { return "" }
