package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/gonbd/gonbd/internal/nbderr"
)

// maxUnixPath is how many bytes of a path fit in a sockaddr_un with the NUL
// byte that ends it.
var maxUnixPath = len(syscall.RawSockaddrUnix{}.Path) - 1

// DialUnix connects to the Unix domain socket at path. On Linux a path that
// begins with a NUL byte is a name in the abstract namespace, and a path in
// the file system may be longer than fits in a socket address.
//
// Where the listener's queue is full DialUnix waits for room in it until the
// context ends, as a blocking connect(2) does.
//
// The connection is a *net.UnixConn.
func DialUnix(ctx context.Context, path string) (net.Conn, error) {
	op := "dial unix " + nbderr.Printable(strings.Replace(path, "\x00", "@", 1))
	if err := checkUnixPath(path); err != nil {
		return nil, badArgument(op, err.Error())
	}
	abstract := path[0] == 0
	if abstract && runtime.GOOS != "linux" {
		return nil, unsupported(op, "only Linux has abstract Unix domain sockets; give the path of a socket")
	}
	address := path
	switch {
	case abstract && len(path) > maxUnixPath+1:
		return nil, badArgument(op, fmt.Sprintf("the abstract name has %d bytes, expected at most %d", len(path)-1, maxUnixPath))
	case !abstract && len(path) > maxUnixPath:
		short, release, err := shortenUnixPath(op, path)
		if err != nil {
			return nil, err
		}
		defer release()
		address = short
	case path[0] == '@':
		// Package net takes a leading @ for the abstract namespace.
		address = "./" + path
		if len(address) > maxUnixPath {
			return nil, badArgument(op, "the path begins with @ and is too long; give its absolute path")
		}
	}
	return dialUnixQueue(ctx, op, address)
}

// dialUnixQueue connects to address, and waits while the listener's queue of
// connections is full: a non-blocking connect can't be polled then, it just
// says EAGAIN.
func dialUnixQueue(ctx context.Context, op, address string) (net.Conn, error) {
	const longest = 50 * time.Millisecond
	full := false
	for pause := time.Millisecond; ; pause = min(2*pause, longest) {
		conn, err := dialContext(ctx, "unix", address)
		if err == nil {
			return conn, nil
		}
		full = full || errors.Is(err, syscall.EAGAIN)
		ended := contextError(ctx)
		switch {
		case full && ended != nil:
			return nil, failed(op, "the server accepts no connection and its queue is full", ended)
		case !errors.Is(err, syscall.EAGAIN):
			return nil, failed(op, "", cause(err))
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

func checkUnixPath(path string) error {
	switch {
	case path == "":
		return errors.New("the path of the socket is empty")
	case path == "\x00":
		return errors.New("the name of the abstract socket is empty")
	case path[0] != 0 && strings.Contains(path, "\x00"):
		return errors.New("the path of the socket has a NUL byte in it")
	}
	return nil
}
