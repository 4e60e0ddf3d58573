//go:build unix

package syscall

import "sync/atomic"

// Go raises the limit of open files when a program starts. The library leaves
// its program's as it is: the program may use select(2), which bears no high
// descriptors.
var origRlimitNofile atomic.Pointer[Rlimit]

// Setrlimit sets a limit.
func Setrlimit(resource int, rlim *Rlimit) error {
	return setrlimit(resource, rlim)
}
