// go-fuse does not build for Linux on machines of 32 bits.

//go:build !linux || 386 || arm || mips || mipsle

package nbdfuse

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"

	"github.com/gonbd/gonbd/nbd"
)

func supported() error {
	return fmt.Errorf("nbdfuse works on Linux, on machines of 64 bits, and not on %s/%s: %w", runtime.GOOS, runtime.GOARCH, errors.ErrUnsupported)
}

func serve(context.Context, *nbd.Client, mountpoint, *options, func() error, io.Writer) error {
	return supported()
}
