//go:build !linux

package transport

import (
	"fmt"
	"syscall"

	"github.com/gonbd/gonbd/internal/nbderr"
)

// shortenUnixPath says that the path is too long: only Linux has a way around.
func shortenUnixPath(op, path string) (short string, release func(), err error) {
	return "", nil, &nbderr.Error{
		Kind:  nbderr.Local,
		Op:    op,
		Errno: syscall.ENAMETOOLONG,
		Msg: fmt.Sprintf("the path of the socket has %d bytes, a socket address holds at most %d; "+
			"use a shorter path, such as one relative to the working directory", len(path), maxUnixPath),
	}
}
