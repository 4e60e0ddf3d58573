//go:build unix

package main

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"syscall"
)

// activated gives the listening sockets of socket activation, as in
// sd_listen_fds(3), and takes the variables out of the environment. There are
// none if LISTEN_PID is not this process.
func activated() ([]net.Listener, error) {
	pid, fds := os.Getenv("LISTEN_PID"), os.Getenv("LISTEN_FDS")
	if pid != strconv.Itoa(os.Getpid()) || fds == "" {
		return nil, nil
	}
	for _, name := range []string{"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"} {
		os.Unsetenv(name)
	}
	const first, most = 3, 1024
	n, err := strconv.Atoi(fds)
	if err != nil || n < 1 || n > most {
		return nil, fmt.Errorf("socket activation: LISTEN_FDS should be a number from 1 to %d, is %q", most, fds)
	}
	var listeners []net.Listener
	for fd := first; fd < first+n; fd++ {
		syscall.CloseOnExec(fd)
		f := os.NewFile(uintptr(fd), fmt.Sprintf("LISTEN_FD_%d", fd))
		l, err := net.FileListener(f)
		f.Close()
		if err != nil {
			closeAll(listeners)
			return nil, fmt.Errorf("socket activation: file descriptor %d is not a listening socket: %w", fd, err)
		}
		if u, ok := l.(*net.UnixListener); ok {
			u.SetUnlinkOnClose(false) // it belongs to whoever made it
		}
		listeners = append(listeners, l)
	}
	return listeners, nil
}
