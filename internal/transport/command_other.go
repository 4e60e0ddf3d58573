//go:build !unix

package transport

import (
	"context"
	"runtime"
)

// Command says that this platform has no socket pairs.
func Command(ctx context.Context, argv []string, opt Options) (*Subprocess, error) {
	return onSocketPair(ctx, "start command", argv, opt)
}

// SocketActivation says that this platform has no socket activation.
func SocketActivation(context.Context, []string, Options) (*Subprocess, error) {
	return nil, unsupported("start command by socket activation", "socket activation is not supported on "+runtime.GOOS)
}

func onSocketPair(_ context.Context, op string, _ []string, _ Options) (*Subprocess, error) {
	return nil, unsupported(op, "connecting to a subprocess is not supported on "+runtime.GOOS)
}
