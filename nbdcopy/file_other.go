//go:build !linux

package nbdcopy

import (
	"errors"
	"os"
)

func nextData(*os.File, int64) (int64, error) { return 0, errors.ErrUnsupported }

func nextHole(*os.File, int64) (int64, error) { return 0, errors.ErrUnsupported }

func zeroFile(*os.File, int64, int64, ZeroMode) error { return errors.ErrUnsupported }
