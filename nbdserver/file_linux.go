package nbdserver

import (
	"errors"
	"fmt"
	"io"
	"math"
	"unsafe"

	"golang.org/x/sys/unix"
)

// control calls f with the file descriptor, again if a signal interrupts it.
func (d *File) control(f func(fd int) error) error {
	raw, err := d.file.SyscallConn()
	if err != nil {
		return err
	}
	var result error
	if err := raw.Control(func(fd uintptr) {
		for {
			if result = f(int(fd)); result != unix.EINTR {
				return
			}
		}
	}); err != nil {
		return err
	}
	return result
}

func (d *File) fallocate(mode uint32, off, n int64) error {
	return d.control(func(fd int) error { return unix.Fallocate(fd, mode, off, n) })
}

// punch makes the range a hole. On block devices it zeroes it, and unmaps it
// if the device can.
func (d *File) punch(off, n int64) error {
	return d.fallocate(unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, off, n)
}

// zeroRange zeroes the range and keeps it allocated.
func (d *File) zeroRange(off, n int64) error {
	return d.fallocate(unix.FALLOC_FL_ZERO_RANGE|unix.FALLOC_FL_KEEP_SIZE, off, n)
}

// discard makes the range a hole. On block devices only the whole sectors of
// it are discarded, and may read as anything.
func (d *File) discard(off, n int64) error {
	if !d.device {
		return d.punch(off, n)
	}
	const sector = 512
	from, to := (off+sector-1)&^(sector-1), (off+n)&^(sector-1)
	if from >= to {
		return nil
	}
	span := [2]uint64{uint64(from), uint64(to - from)}
	return d.control(func(fd int) error {
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.BLKDISCARD, uintptr(unsafe.Pointer(&span)))
		if errno != 0 {
			return errno
		}
		return nil
	})
}

// writeDurably is pwrite with O_DSYNC for this one write.
func (d *File) writeDurably(p []byte, off int64) (n int, err error) {
	err = d.control(func(fd int) error {
		for n < len(p) {
			k, err := unix.Pwritev2(fd, [][]byte{p[n:]}, off+int64(n), unix.RWF_DSYNC)
			if err != nil {
				if err == unix.ENOSYS {
					return errors.ErrUnsupported
				}
				return err
			}
			if k == 0 {
				return io.ErrShortWrite
			}
			n += k
		}
		return nil
	})
	return n, err
}

func (d *File) willNeed(off, n int64) error {
	return d.control(func(fd int) error { return unix.Fadvise(fd, off, n, unix.FADV_WILLNEED) })
}

// seekHole gives the next data from off on, and if that is at off, the next
// hole.
func (d *File) seekHole(off int64) (data, hole int64, err error) {
	err = d.control(func(fd int) (err error) {
		if data, err = unix.Seek(fd, off, unix.SEEK_DATA); err == unix.ENXIO {
			data, hole = math.MaxInt64, math.MaxInt64 // nothing but a hole
			return nil
		}
		if err == nil && data == off {
			hole, err = unix.Seek(fd, off, unix.SEEK_HOLE)
		}
		if err == unix.EINVAL {
			return fmt.Errorf("finding holes: %w", errors.ErrUnsupported)
		}
		return err
	})
	return data, hole, err
}
