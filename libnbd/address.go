package libnbd

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"syscall"

	"github.com/gonbd/gonbd/internal/handle"
)

// sockaddr makes a raw socket address of the text that AioConnect takes: an IP
// address and a port ("127.0.0.1:10809", "[::1]:10809"), the path of a Unix
// domain socket ("/run/nbd.sock", "unix:nbd.sock"), or "vsock:CID:PORT".
func sockaddr(s string) ([]byte, error) {
	path, isPath := strings.CutPrefix(s, "unix:")
	if isPath = isPath || strings.HasPrefix(s, "/"); isPath {
		// The kernel would take the path to end there.
		if strings.IndexByte(path, 0) > 0 {
			return nil, badAddress("the path %q contains a NUL byte", path)
		}
		return handle.UnixAddress(path)
	}
	if v, ok := strings.CutPrefix(s, "vsock:"); ok {
		cid, port, _ := strings.Cut(v, ":")
		c, err1 := strconv.ParseUint(cid, 10, 32)
		p, err2 := strconv.ParseUint(port, 10, 32)
		if err1 == nil && err2 == nil {
			return handle.VsockAddress(uint32(c), uint32(p)), nil
		}
	} else if ap, err := netip.ParseAddrPort(s); err == nil {
		return handle.TCPAddress(ap), nil
	}
	return nil, badAddress("the address %q: expected an IP address and port, the path of a socket after \"unix:\", or \"vsock:CID:PORT\"", s)
}

func badAddress(format string, args ...any) error {
	const call = "nbd_aio_connect"
	return &handle.Error{Call: call, Errno: syscall.EINVAL,
		Msg: call + ": " + fmt.Sprintf(format, args...) + ": " + handle.Strerror(syscall.EINVAL)}
}
