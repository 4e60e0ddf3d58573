package nbdcopy

import (
	"errors"
	"math"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// nextData gives the offset of the first data from off on, which is off
// itself where there is some, or a very large number if only a hole follows.
func nextData(f *os.File, off int64) (int64, error) {
	n, err := unix.Seek(int(f.Fd()), off, unix.SEEK_DATA)
	switch {
	case err == syscall.ENXIO:
		return math.MaxInt64, nil
	case err == syscall.EINVAL || err == syscall.EOPNOTSUPP || err == syscall.ENOTTY:
		return 0, errors.ErrUnsupported
	}
	return n, err
}

// nextHole gives the offset of the first hole from off on; the end of the
// file counts as one.
func nextHole(f *os.File, off int64) (int64, error) {
	return unix.Seek(int(f.Fd()), off, unix.SEEK_HOLE)
}

// zeroFile zeroes a range of a file or block device. The kernel does the same
// for a device as BLKZEROOUT does, with or without leave to unmap.
func zeroFile(f *os.File, off, n int64, mode ZeroMode) error {
	if mode == Punch {
		err := fallocate(f, unix.FALLOC_FL_PUNCH_HOLE, off, n)
		if !errors.Is(err, errors.ErrUnsupported) {
			return err
		}
	}
	return fallocate(f, unix.FALLOC_FL_ZERO_RANGE, off, n)
}

func fallocate(f *os.File, flags uint32, off, n int64) error {
	for {
		err := unix.Fallocate(int(f.Fd()), flags|unix.FALLOC_FL_KEEP_SIZE, off, n)
		switch err {
		case syscall.EINTR:
			continue
		case syscall.EOPNOTSUPP, syscall.ENOSYS, syscall.ENODEV, syscall.EINVAL:
			// EINVAL: a block device takes whole sectors only.
			return errors.ErrUnsupported
		}
		return err
	}
}
