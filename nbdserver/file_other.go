//go:build !linux

package nbdserver

import "errors"

// Elsewhere than on Linux a file is read and written, and no more.

func (d *File) punch(off, n int64) error     { return errors.ErrUnsupported }
func (d *File) zeroRange(off, n int64) error { return errors.ErrUnsupported }
func (d *File) discard(off, n int64) error   { return errors.ErrUnsupported }
func (d *File) willNeed(off, n int64) error  { return errors.ErrUnsupported }

func (d *File) writeDurably(p []byte, off int64) (int, error) { return 0, errors.ErrUnsupported }

func (d *File) seekHole(off int64) (data, hole int64, err error) {
	return 0, 0, errors.ErrUnsupported
}
