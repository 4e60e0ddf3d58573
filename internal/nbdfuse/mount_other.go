//go:build !linux

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
	return fmt.Errorf("nbdfuse works on Linux only, and not on %s: %w", runtime.GOOS, errors.ErrUnsupported)
}

func serve(context.Context, *nbd.Client, mountpoint, *options, func() error, io.Writer) error {
	return supported()
}
