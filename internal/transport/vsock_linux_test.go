package transport

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/gonbd/gonbd/internal/nbderr"
	"golang.org/x/sys/unix"
)

func TestDialVsockArguments(t *testing.T) {
	_, err := DialVsock(soon(t), unix.VMADDR_CID_ANY, 10809)
	wantError(t, err, nbderr.Local, false, "dial vsock 4294967295:10809", "context ID")
	_, err = DialVsock(soon(t), unix.VMADDR_CID_LOCAL, unix.VMADDR_PORT_ANY)
	wantError(t, err, nbderr.Local, false, "dial vsock 1:4294967295", "port")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = DialVsock(ctx, unix.VMADDR_CID_LOCAL, 10809)
	wantError(t, err, nbderr.Transport, false, "dial vsock 1:10809", "canceled")
}

// TestDialVsockLoopback connects to this machine itself. Where the kernel has
// no loopback for AF_VSOCK a connection would leave the machine, so nothing
// is dialled.
func TestDialVsockLoopback(t *testing.T) {
	fd, err := unix.Socket(unix.AF_VSOCK, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Skip("no AF_VSOCK: ", err)
	}
	defer unix.Close(fd)
	if err := unix.Bind(fd, &unix.SockaddrVM{CID: unix.VMADDR_CID_LOCAL, Port: unix.VMADDR_PORT_ANY}); err != nil {
		t.Skip("no loopback for AF_VSOCK: ", err)
	}
	sa, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	port := sa.(*unix.SockaddrVM).Port
	_, err = DialVsock(soon(t), unix.VMADDR_CID_LOCAL, port)
	wantError(t, err, nbderr.Transport, true, "nothing listens")
	if err := unix.Listen(fd, 1); err != nil {
		t.Fatal(err)
	}
	conn, err := DialVsock(soon(t), unix.VMADDR_CID_LOCAL, port)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	nfd, _, err := unix.Accept4(fd, unix.SOCK_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	peer := os.NewFile(uintptr(nfd), "peer")
	defer peer.Close()
	go io.Copy(peer, peer)
	echoes(t, conn)
}

func TestVsockErrors(t *testing.T) {
	for _, c := range []struct {
		errno syscall.Errno
		retry bool
		want  string
	}{
		{unix.EAFNOSUPPORT, false, "no AF_VSOCK"},
		{unix.ENODEV, false, "no vsock device"},
		{unix.ECONNRESET, true, "nothing listens"},
		{unix.ETIMEDOUT, true, "timed out"},
	} {
		err := os.NewSyscallError("connect", c.errno)
		wantError(t, failed("dial vsock 2:1", vsockHint(err), err), nbderr.Transport, c.retry, c.want, c.errno.Error())
	}
}

// inetSocket is a non-blocking socket for connectFD, which works the same for
// every family.
func inetSocket(t *testing.T) int {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	return fd
}

func inetAddress(port int) unix.Sockaddr {
	return &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}
}

func TestFileConn(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serveEcho(t, l)
	file, err := connectFD(soon(t), inetSocket(t), inetAddress(l.Addr().(*net.TCPAddr).Port), "test")
	if err != nil {
		t.Fatal(err)
	}
	conn := &fileConn{file: file, local: vsockLocal(file), remote: vsockAddr{2, 10809}}
	echoes(t, conn)
	if got := conn.RemoteAddr().Network() + " " + conn.RemoteAddr().String(); got != "vsock 2:10809" {
		t.Errorf("remote address is %q", got)
	}

	if err := conn.SetReadDeadline(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	_, err = conn.Read(make([]byte, 1))
	if ne, ok := err.(net.Error); !ok || !ne.Timeout() || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read after the deadline: %v, want a timeout", err)
	}
	if err := conn.SetReadDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}

	read := make(chan error)
	go func() {
		_, err := conn.Read(make([]byte, 1))
		read <- err
	}()
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	if err := <-read; !errors.Is(err, net.ErrClosed) {
		t.Errorf("read while closing: %v, want net.ErrClosed", err)
	}
	if _, err := conn.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("write after close: %v, want net.ErrClosed", err)
	}
}

func TestFileConnEOF(t *testing.T) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	unix.Close(fds[1])
	conn := &fileConn{file: os.NewFile(uintptr(fds[0]), "test"), remote: vsockAddr{2, 1}}
	defer conn.Close()
	if n, err := conn.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("read at the end: %d, %v; want 0, io.EOF", n, err)
	}
	if _, err := conn.Write([]byte("x")); !errors.Is(err, syscall.EPIPE) {
		t.Errorf("write at the end: %v, want EPIPE", err)
	}
}

func TestConnectFDFails(t *testing.T) {
	before := openFiles(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	if _, err := connectFD(soon(t), inetSocket(t), inetAddress(port), "test"); !errors.Is(err, unix.ECONNREFUSED) {
		t.Errorf("error %v, want ECONNREFUSED", err)
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	none := &unix.SockaddrUnix{Name: filepath.Join(shortDir(t), "none")}
	if _, err := connectFD(soon(t), fd, none, "test"); !errors.Is(err, unix.ENOENT) {
		t.Errorf("error %v, want ENOENT", err)
	}
	if after := openFiles(t); after != before {
		t.Errorf("%d open files, were %d", after, before)
	}
}

// TestConnectFDCancelled ends the context while the connect is under way, to
// a listener whose queue is full: its kernel drops what comes.
func TestConnectFDCancelled(t *testing.T) {
	lfd := inetSocket(t)
	defer unix.Close(lfd)
	if err := unix.Bind(lfd, inetAddress(0)); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(lfd, 0); err != nil {
		t.Fatal(err)
	}
	sa, err := unix.Getsockname(lfd)
	if err != nil {
		t.Fatal(err)
	}
	to := inetAddress(sa.(*unix.SockaddrInet4).Port)
	for range 10 {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		file, err := connectFD(ctx, inetSocket(t), to, "test")
		if err == nil {
			defer file.Close()
			continue
		}
		if err != context.DeadlineExceeded {
			t.Errorf("error %v, want DeadlineExceeded", err)
		}
		return
	}
	t.Error("the queue never was full")
}
