//go:build dragonfly || freebsd || linux || netbsd || openbsd

package transport

import "golang.org/x/sys/unix"

// socketPair and streamSocket give sockets that are closed on exec from the
// very beginning: where this is part of a C library, other threads may fork
// without asking the Go runtime.

func socketPair() ([2]int, error) {
	return unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
}

func streamSocket() (int, error) {
	return unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
}
