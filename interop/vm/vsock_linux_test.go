package vm

import (
	"fmt"
	"net"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gonbd/gonbd/nbd"
	"github.com/gonbd/gonbd/nbdserver"
)

// testVsock has a client and a server talk over AF_VSOCK.
func testVsock(t *testing.T) {
	disk := nbdserver.NewMemory(diskSize)
	l := listenVsock(t)
	serve(t, &nbdserver.Server{Exports: []*nbdserver.Export{{Backend: disk, MultiConn: true}}}, l)
	c, err := nbd.Dial(soon(t), fmt.Sprintf("nbd+vsock://%d:%d/", unix.VMADDR_CID_LOCAL, l.port), nbd.WithConnections(4))
	if err != nil {
		t.Fatal(err)
	}
	if c.Connections() != 4 || c.Size() != diskSize {
		t.Errorf("%d connections to %d bytes, want 4 to %d", c.Connections(), c.Size(), diskSize)
	}
	// More than a socket holds, so that both ends wait for each other.
	const offset, length = 12345, 8 << 20
	data := pattern(length, 1)
	if _, err := c.WriteAtContext(soon(t), data, offset, nbd.FUA); err != nil {
		t.Fatal(err)
	}
	equal(t, "what the server has", contents(t, disk, offset, length), data)
	got := make([]byte, length)
	if _, err := c.ReadAtContext(soon(t), got, offset); err != nil {
		t.Fatal(err)
	}
	equal(t, "what the client reads", got, data)
	if err := c.Shutdown(soon(t)); err != nil {
		t.Error(err)
	}
	l.Close()
	if _, err := nbd.Dial(soon(t), fmt.Sprintf("nbd+vsock://%d:%d/", unix.VMADDR_CID_LOCAL, l.port)); err == nil {
		t.Error("a client connects, though nothing listens")
	}
}

// vsockListener is a net.Listener, which package net doesn't have for
// AF_VSOCK.
type vsockListener struct {
	file *os.File
	port uint32
}

func listenVsock(t *testing.T) *vsockListener {
	t.Helper()
	fd, err := unix.Socket(unix.AF_VSOCK, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	l := &vsockListener{file: os.NewFile(uintptr(fd), "vsock")}
	t.Cleanup(func() { l.Close() })
	if err := unix.Bind(fd, &unix.SockaddrVM{CID: unix.VMADDR_CID_ANY, Port: unix.VMADDR_PORT_ANY}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(fd, 16); err != nil {
		t.Fatal(err)
	}
	sa, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	l.port = sa.(*unix.SockaddrVM).Port
	return l
}

func (l *vsockListener) Accept() (net.Conn, error) {
	raw, err := l.file.SyscallConn()
	if err != nil {
		return nil, err
	}
	nfd := -1
	var acceptErr error
	err = raw.Read(func(fd uintptr) bool {
		nfd, _, acceptErr = unix.Accept4(int(fd), unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK)
		return acceptErr != unix.EAGAIN
	})
	if err == nil {
		err = acceptErr
	}
	if err != nil {
		return nil, err
	}
	return vsockConn{os.NewFile(uintptr(nfd), "vsock"), l.Addr()}, nil
}

func (l *vsockListener) Close() error   { return l.file.Close() }
func (l *vsockListener) Addr() net.Addr { return vsockAddr(l.port) }

type vsockConn struct {
	*os.File
	addr net.Addr
}

func (c vsockConn) LocalAddr() net.Addr  { return c.addr }
func (c vsockConn) RemoteAddr() net.Addr { return c.addr }

type vsockAddr uint32

func (vsockAddr) Network() string  { return "vsock" }
func (a vsockAddr) String() string { return fmt.Sprint(uint32(a)) }
