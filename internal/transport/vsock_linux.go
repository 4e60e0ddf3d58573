package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// DialVsock connects to port of the machine with the context ID cid over
// AF_VSOCK: 2 is the host as seen from a virtual machine, 1 this machine
// itself (vsock(7), nbd_connect_vsock(3)).
func DialVsock(ctx context.Context, cid, port uint32) (net.Conn, error) {
	remote := vsockAddr{cid, port}
	op := "dial vsock " + remote.String()
	switch {
	case cid == unix.VMADDR_CID_ANY:
		return nil, badArgument(op, "this context ID means any machine: expected that of one machine, such as 2 for the host")
	case port == unix.VMADDR_PORT_ANY:
		return nil, badArgument(op, "this port means any port: expected the one that the server listens on, such as 10809")
	}
	if err := ctx.Err(); err != nil {
		return nil, failed(op, "", err)
	}
	fd, err := unix.Socket(unix.AF_VSOCK, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, failed(op, vsockHint(err), os.NewSyscallError("socket", err))
	}
	file, err := connectFD(ctx, fd, &unix.SockaddrVM{CID: cid, Port: port}, "vsock")
	if err != nil {
		return nil, failed(op, vsockHint(err), err)
	}
	c := &fileConn{file: file, remote: remote}
	c.local = vsockLocal(file)
	return c, nil
}

// connectFD connects the non-blocking socket fd, which it closes if it fails,
// and gives it as a file that is known to the runtime's poller.
func connectFD(ctx context.Context, fd int, to unix.Sockaddr, name string) (*os.File, error) {
	err := unix.Connect(fd, to)
	if err != nil && err != unix.EINPROGRESS {
		unix.Close(fd)
		return nil, os.NewSyscallError("connect", err)
	}
	file := os.NewFile(uintptr(fd), name)
	if err == nil {
		return file, nil
	}
	stop := context.AfterFunc(ctx, func() {
		// A deadline long ago ends the wait below.
		file.SetWriteDeadline(time.Unix(1, 0))
	})
	err = waitConnected(file)
	if !stop() {
		err = ctx.Err()
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

// waitConnected waits for the end of a connect that is under way.
func waitConnected(file *os.File) error {
	raw, err := file.SyscallConn()
	if err != nil {
		return err
	}
	var result error
	err = raw.Write(func(fd uintptr) bool {
		errno, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ERROR)
		switch {
		case err != nil:
			result = os.NewSyscallError("getsockopt", err)
			return true
		case errno != 0:
			result = os.NewSyscallError("connect", syscall.Errno(errno))
			return true
		}
		// No error yet is also what a socket says that is still connecting.
		_, err = unix.Getpeername(int(fd))
		if err == unix.ENOTCONN {
			return false
		}
		result = os.NewSyscallError("getpeername", err)
		return true
	})
	if err != nil {
		return err
	}
	return result
}

// vsockHint says in words what an errno means for AF_VSOCK, or nothing.
func vsockHint(err error) string {
	switch {
	case errors.Is(err, unix.EAFNOSUPPORT):
		return "this kernel has no AF_VSOCK (its module vsock is not loaded)"
	case errors.Is(err, unix.ENODEV):
		return "this machine has no vsock device that leads to this context ID"
	case errors.Is(err, unix.ECONNRESET):
		return "nothing listens on this port"
	}
	return ""
}

func vsockLocal(file *os.File) net.Addr {
	var local vsockAddr
	raw, err := file.SyscallConn()
	if err != nil {
		return local
	}
	raw.Control(func(fd uintptr) {
		if sa, err := unix.Getsockname(int(fd)); err == nil {
			if vm, ok := sa.(*unix.SockaddrVM); ok {
				local = vsockAddr{vm.CID, vm.Port}
			}
		}
	})
	return local
}

// vsockAddr is the address of one end.
type vsockAddr struct{ cid, port uint32 }

func (a vsockAddr) Network() string { return "vsock" }
func (a vsockAddr) String() string  { return fmt.Sprintf("%d:%d", a.cid, a.port) }

// fileConn is a net.Conn over a connected socket of a family that package net
// doesn't know.
type fileConn struct {
	file          *os.File
	local, remote net.Addr
}

var _ syscall.Conn = (*fileConn)(nil)

func (c *fileConn) Read(p []byte) (int, error) {
	n, err := c.file.Read(p)
	return n, c.netError("read", err)
}

func (c *fileConn) Write(p []byte) (int, error) {
	n, err := c.file.Write(p)
	return n, c.netError("write", err)
}

func (c *fileConn) Close() error                  { return c.netError("close", c.file.Close()) }
func (c *fileConn) LocalAddr() net.Addr           { return c.local }
func (c *fileConn) RemoteAddr() net.Addr          { return c.remote }
func (c *fileConn) SetDeadline(t time.Time) error { return c.netError("set", c.file.SetDeadline(t)) }
func (c *fileConn) SetReadDeadline(t time.Time) error {
	return c.netError("set", c.file.SetReadDeadline(t))
}
func (c *fileConn) SetWriteDeadline(t time.Time) error {
	return c.netError("set", c.file.SetWriteDeadline(t))
}

// SyscallConn implements syscall.Conn.
func (c *fileConn) SyscallConn() (syscall.RawConn, error) { return c.file.SyscallConn() }

// netError turns an error of package os into what package net would say:
// io.EOF stays bare, and a closed connection is net.ErrClosed.
func (c *fileConn) netError(op string, err error) error {
	pe, ok := err.(*os.PathError)
	if !ok {
		return err
	}
	under := pe.Err
	if under == os.ErrClosed {
		under = net.ErrClosed
	}
	return &net.OpError{Op: op, Net: c.remote.Network(), Source: c.local, Addr: c.remote, Err: under}
}
