//go:build !linux

package transport

import (
	"context"
	"fmt"
	"net"
)

// DialVsock says that only Linux has AF_VSOCK.
func DialVsock(_ context.Context, cid, port uint32) (net.Conn, error) {
	return nil, unsupported(fmt.Sprintf("dial vsock %d:%d", cid, port), "AF_VSOCK is supported on Linux only")
}
