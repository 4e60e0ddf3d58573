//go:build !linux

package handle

import (
	"errors"
	"syscall"
)

const (
	supportsVsock = false
	maxUnixPath   = 103
)

var errInProgress = errors.New("the connect is in progress")

// errPlatform is the error of every call that connects: the handle does its
// own I/O on a socket, which it knows how to do on Linux only.
func errPlatform() error {
	return fault(syscall.ENOTSUP, "this platform is not supported by the libnbd interface: use the package nbd, which runs everywhere")
}

func dial([]byte) (int, bool, error) { return -1, false, errPlatform() }

func connectResult(int) error { return errPlatform() }

func (h *Handle) tune(int, []byte) error { return nil }

func closeFD(int) {}

func adopt(int) error { return errPlatform() }

func tcpAddress([]byte, uint32, uint16) []byte { return nil }

func unixAddress(string) []byte { return nil }

func vsockAddress(uint32, uint32) []byte { return nil }

type child struct{}

func startCommand([]string) (*child, int, error) { return nil, -1, errPlatform() }

func startActivated([]string, string) (*child, string, error) { return nil, "", errPlatform() }

func (c *child) close() {}

func (h *Handle) killSubprocess(int) error {
	return fault(syscall.ESRCH, "there is no subprocess")
}

func (h *Handle) getSubprocessPid() (uint64, error) {
	return 0, fault(syscall.ESRCH, "there is no subprocess")
}

type wakeup int

func newWakeup() (wakeup, error) { return -1, errPlatform() }

func (wakeup) signal() {}
func (wakeup) drain()  {}
func (wakeup) close()  {}

type pollArgs struct{}

func (a *pollArgs) pollSocket(int, uint, wakeup, int, int) (uint, bool, error) {
	return 0, false, errPlatform()
}
