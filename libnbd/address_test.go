//go:build linux

package libnbd

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gonbd/gonbd/nbdserver"
)

func TestSockaddr(t *testing.T) {
	family := func(n uint16) string { return string(binary.NativeEndian.AppendUint16(nil, n)) }
	number := func(n uint32) string { return string(binary.NativeEndian.AppendUint32(nil, n)) }
	tests := []struct{ addr, want string }{
		{"127.0.0.1:10809", family(unix.AF_INET) + "\x2a\x39\x7f\x00\x00\x01" + strings.Repeat("\x00", 8)},
		{"[::1]:10809", family(unix.AF_INET6) + "\x2a\x39" + strings.Repeat("\x00", 4+15) + "\x01" + strings.Repeat("\x00", 4)},
		{"/run/s", family(unix.AF_UNIX) + "/run/s\x00"},
		{"unix:s", family(unix.AF_UNIX) + "s\x00"},
		{"unix:\x00abstract", family(unix.AF_UNIX) + "\x00abstract"},
		{"vsock:2:10809", family(unix.AF_VSOCK) + "\x00\x00" + number(10809) + number(2) + number(0)},
	}
	for _, tt := range tests {
		if got, err := sockaddr(tt.addr); err != nil || string(got) != tt.want {
			t.Errorf("%q is %x (%v), want %x", tt.addr, got, err, tt.want)
		}
	}
}

func TestSockaddrBad(t *testing.T) {
	tests := []struct {
		addr  string
		errno syscall.Errno
		want  string
	}{
		{"", syscall.EINVAL, "expected an IP address and port"},
		{"localhost:10809", syscall.EINVAL, "expected an IP address and port"},
		{"127.0.0.1", syscall.EINVAL, "expected an IP address and port"},
		{"::1:10809", syscall.EINVAL, "expected an IP address and port"},
		{"127.0.0.1:65536", syscall.EINVAL, "expected an IP address and port"},
		{"vsock:2", syscall.EINVAL, "expected an IP address and port"},
		{"vsock:2:4294967296", syscall.EINVAL, "expected an IP address and port"},
		{"vsock:-1:1", syscall.EINVAL, "expected an IP address and port"},
		{"unix:", syscall.EINVAL, "the path of the socket is empty"},
		{"/run/s\x00t", syscall.EINVAL, "contains a NUL byte"},
		{"unix:s\x00t", syscall.EINVAL, "contains a NUL byte"},
		{"/" + strings.Repeat("x", 200), syscall.ENAMETOOLONG, "201 bytes"},
	}
	h, err := Create()
	must(t, err)
	defer h.Close()
	for _, tt := range tests {
		err := h.AioConnect(tt.addr)
		if e, ok := err.(*LibnbdError); !ok || e.Errno != tt.errno || !strings.HasPrefix(e.Errmsg, "nbd_aio_connect: ") || !strings.Contains(e.Errmsg, tt.want) {
			t.Errorf("%q: the error is %v, want %v and %q in it", tt.addr, err, tt.errno, tt.want)
		}
	}
}

// TestAioConnect connects by each kind of address that there is here.
func TestAioConnect(t *testing.T) {
	path := serve(t)
	tests := []struct{ name, addr string }{
		{"IPv4", listenTCP(t, "127.0.0.1:0")}, {"IPv6", listenTCP(t, "[::1]:0")}, {"path", path}, {"unix", "unix:" + path},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.addr == "" {
				t.Skip("this machine has no such address")
			}
			h, err := Create()
			must(t, err)
			defer h.Close()
			must(t, h.AioConnect(tt.addr))
			for {
				if in, err := h.AioIsReady(); err != nil || in {
					must(t, err)
					break
				}
				_, err := h.Poll(-1)
				must(t, err)
			}
			if size, err := h.GetSize(); err != nil || size == 0 {
				t.Errorf("GetSize gives %d (%v)", size, err)
			}
		})
	}
}

// listenTCP starts a server, and gives its address, or "" if there can be none.
func listenTCP(t *testing.T, addr string) string {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EAFNOSUPPORT) {
		return ""
	}
	must(t, err)
	s := &nbdserver.Server{Exports: []*nbdserver.Export{{Backend: nbdserver.NewMemory(1 << 20)}}}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); s.Serve(ctx, l) }()
	t.Cleanup(func() { cancel(); <-done })
	return l.Addr().String()
}
