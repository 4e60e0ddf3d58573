//go:build linux

package handle

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gonbd/gonbd/internal/engine"
	"github.com/gonbd/gonbd/internal/peers"
)

// serveTCP starts a server on a free port of this machine.
func serveTCP(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	s := memory(1 << 20)
	go func() { defer close(done); s.Serve(ctx, l) }()
	t.Cleanup(func() { cancel(); <-done })
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

// closedPort gives a port of this machine on which nobody listens.
func closedPort(t *testing.T) string {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	must(t, err)
	t.Cleanup(func() { unix.Close(fd) })
	// Bound, and so nobody else's, but not listening.
	must(t, unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	a, err := unix.Getsockname(fd)
	must(t, err)
	return strconv.Itoa(a.(*unix.SockaddrInet4).Port)
}

func TestConnectTCP(t *testing.T) {
	port := serveTCP(t)
	h := create(t)
	// A failure leaves the handle as it was created.
	wantErr(t, h.ConnectTcp("127.0.0.1", closedPort(t)), syscall.ECONNREFUSED, "nbd_connect_tcp: connect to 127.0.0.1:", "Connection refused")
	if on, _ := h.AioIsCreated(); !on {
		t.Fatalf("the state is %v", h.public.class())
	}
	wantErr(t, h.ConnectTcp("127.0.0.1", "70000"), syscall.EINVAL, "port")
	if err := h.ConnectTcp("no-such-host.invalid", "nbd"); err == nil || !strings.Contains(err.Error(), "no-such-host.invalid") {
		t.Errorf("an unknown host: %v", err)
	}
	must(t, h.AioConnectTcp("127.0.0.1", closedPort(t)))
	if _, err := h.Poll(-1); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("polling for a refused connect: %v", err)
	}
	if on, _ := h.AioIsCreated(); !on {
		t.Fatalf("the state is %v", h.public.class())
	}
	must(t, h.SetTcpOption(unix.TCP_KEEPIDLE, 77))
	must(t, h.ConnectTcp("127.0.0.1", port))
	fd, err := h.AioGetFd()
	must(t, err)
	for opt, want := range map[[2]int]int{{unix.IPPROTO_TCP, unix.TCP_NODELAY}: 1, {unix.SOL_SOCKET, unix.SO_KEEPALIVE}: 1, {unix.IPPROTO_TCP, unix.TCP_KEEPIDLE}: 77} {
		if got, err := unix.GetsockoptInt(fd, opt[0], opt[1]); got != want || err != nil {
			t.Errorf("socket option %v is %d, %v", opt, got, err)
		}
	}
	uri, err := h.GetUri()
	if want := "nbd://127.0.0.1:" + port + "/"; uri != want || err != nil {
		t.Errorf("the URI is %q, %v; want %q", uri, err, want)
	}
	h = create(t)
	must(t, h.ConnectTcp("localhost", port))
}

func TestConnectUnix(t *testing.T) {
	h := create(t)
	missing := filepath.Join(t.TempDir(), "s")
	if len(missing) > maxUnixPath {
		missing = "/nonexistent/s"
	}
	wantErr(t, h.ConnectUnix(strings.Repeat("x", 200)), syscall.ENAMETOOLONG)
	wantErr(t, h.ConnectUnix(""), syscall.EINVAL)
	wantErr(t, h.ConnectUnix(missing), syscall.ENOENT, "nbd_connect_unix: connect to "+missing, "No such file or directory")
	if on, _ := h.AioIsDead(); !on {
		t.Errorf("the state is %v", h.public.class())
	}
	path := serve(t, memory(1<<20))
	h = create(t)
	must(t, h.SetExportName("a b/é"))
	wantErr(t, h.ConnectUnix(path), syscall.ENOENT, "NBD_REP_ERR_UNKNOWN")
	h = create(t)
	must(t, h.ConnectUri("nbd+unix:///?socket="+path))
	uri, err := h.GetUri()
	if want := "nbd+unix:///?socket=" + path; uri != want || err != nil {
		t.Errorf("the URI is %q, %v; want %q", uri, err, want)
	}
	// A raw address.
	h = create(t)
	must(t, h.started(h.AioConnect(unixAddress(path))))
	if _, err := h.GetUri(); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("a URI for a raw address: %v", err)
	}
}

// started waits for the handshake, if it has begun.
func (h *Handle) started(err error) error {
	if err != nil {
		return err
	}
	return h.handshake()
}

func TestConnectSocket(t *testing.T) {
	h := create(t)
	wantErr(t, h.ConnectSocket(-1), syscall.EBADF, "nbd_connect_socket")
	f, err := os.Open(os.DevNull)
	must(t, err)
	defer f.Close()
	wantErr(t, h.ConnectSocket(int(f.Fd())), syscall.ENOTSOCK)
	if on, _ := h.AioIsCreated(); !on {
		t.Errorf("the state is %v", h.public.class())
	}
	fd, nc := socketPair(t)
	nc.Write([]byte("this is not NBD at all"))
	wantErr(t, h.ConnectSocket(fd), syscall.EPROTO, "nbd_connect_socket")
	if on, _ := h.AioIsDead(); !on {
		t.Errorf("the state is %v", h.public.class())
	}
	fd, nc = socketPair(t)
	nc.Close()
	h = create(t)
	wantErr(t, h.ConnectSocket(fd), syscall.ENOTCONN, "is it an NBD server")
}

func TestSubprocess(t *testing.T) {
	peers.Bookworm.Need(t, "nbdkit")
	for name, connect := range map[string]func(h *Handle) error{
		"command": func(h *Handle) error {
			return h.ConnectCommand([]string{"nbdkit", "-s", "--exit-with-parent", "memory", "1M"})
		},
		"activation": func(h *Handle) error { return h.ConnectSystemdSocketActivation([]string{"nbdkit", "memory", "1M"}) },
	} {
		t.Run(name, func(t *testing.T) {
			h := create(t)
			wantErr(t, h.KillSubprocess(0), syscall.ESRCH)
			must(t, connect(h))
			must(t, h.Pwrite([]byte("hello"), 0, 0))
			pid, err := h.GetSubprocessPid()
			must(t, err)
			must(t, syscall.Kill(int(pid), 0))
			wantErr(t, h.KillSubprocess(-1), syscall.EINVAL, "invalid signal number: -1")
			wantErr(t, h.KillSubprocess(1000), syscall.EINVAL)
			dir := h.conn.child.dir
			// On SIGTERM nbdkit would wait for us.
			must(t, h.KillSubprocess(int(syscall.SIGKILL)))
			for h.public.class() < engine.Closed {
				if _, err := h.Poll(-1); err != nil {
					break
				}
			}
			must(t, h.Close())
			if err := syscall.Kill(int(pid), 0); err != syscall.ESRCH {
				t.Errorf("the subprocess is still there: %v", err)
			}
			if _, err := os.Stat(dir); dir != "" && err == nil {
				t.Errorf("the folder %s is still there", dir)
			}
		})
	}
	h := create(t)
	wantErr(t, h.ConnectCommand(nil), syscall.EINVAL, "missing")
	wantErr(t, h.ConnectCommand([]string{"/nonexistent/program"}), syscall.ENOENT, "/nonexistent/program")
	wantErr(t, h.ConnectSystemdSocketActivation([]string{"/nonexistent/program"}), syscall.ENOENT)
	if on, _ := h.AioIsCreated(); !on {
		t.Errorf("the state is %v", h.public.class())
	}
	if err := h.ConnectCommand([]string{"true"}); err == nil {
		t.Error("true is an NBD server")
	}
}

func TestURIPermissions(t *testing.T) {
	path := serve(t, memory(1<<20))
	uri := "nbd+unix:///?socket=" + path
	h := create(t)
	must(t, h.SetUriAllowTransports(1))
	wantErr(t, h.ConnectUri(uri), syscall.EPERM)
	must(t, h.SetUriAllowTransports(15))
	must(t, h.SetUriAllowTls(tlsRequire))
	wantErr(t, h.ConnectUri(uri), syscall.EPERM)
	must(t, h.SetUriAllowTls(tlsAllow))
	wantErr(t, h.ConnectUri("nbds+unix:///?socket="+path+"&tls-psk-file=/x"), syscall.EPERM)
	wantErr(t, h.ConnectUri("http://localhost/"), syscall.EINVAL)
	wantErr(t, h.ConnectUri("nbds+unix:///?tls-type=anon&socket="+path), syscall.ENOTSUP, "tls-type=anon")
	wantErr(t, h.ConnectUri("nbds+unix:///?tls-type=psk&socket="+path), syscall.EINVAL, "tls-psk-file")
	must(t, h.ConnectUri(uri))
	if on, _ := h.AioIsReady(); !on {
		t.Errorf("the state is %v", h.public.class())
	}
}

// TestFullQueue connects to a listener whose queue is full.
func TestFullQueue(t *testing.T) {
	dir, err := os.MkdirTemp("", "gonbd")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "s")
	l, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	must(t, err)
	defer unix.Close(l)
	must(t, unix.Bind(l, &unix.SockaddrUnix{Name: path}))
	must(t, unix.Listen(l, 0))
	first := create(t)
	must(t, first.AioConnectUnix(path))
	result := make(chan error, 1)
	second := create(t)
	go func() { result <- second.AioConnectUnix(path) }()
	accepted, _, err := unix.Accept(l)
	must(t, err)
	defer unix.Close(accepted)
	within(t, "the second connect", func() { must(t, <-result) })
}
