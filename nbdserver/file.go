package nbdserver

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync/atomic"
)

// File is a disk that is a regular file or a block device. Where the
// platform and the file system can, trimmed and zeroed ranges become holes,
// and Extents finds them.
type File struct {
	file     *os.File
	size     int64
	readOnly bool
	device   bool

	// What has turned out not to work is not tried again.
	noPunch, noZeroRange, noSeekHole, noFUA atomic.Bool
}

// deviceAlign is what zeroed ranges of block devices are multiples of: the
// sectors of all there are.
const deviceAlign = 4096

// OpenFile opens the file or block device at path, as os.OpenFile does; flag
// is os.O_RDONLY or os.O_RDWR, and further flags of package os. The caller
// closes it, when no server uses it any more.
func OpenFile(path string, flag int) (*File, error) {
	f, err := os.OpenFile(path, flag, 0o666)
	if err != nil {
		return nil, err
	}
	d, err := NewFile(f, flag&(os.O_WRONLY|os.O_RDWR) == os.O_RDONLY)
	if err != nil {
		f.Close()
		return nil, err
	}
	return d, nil
}

// NewFile makes a disk of an open file or block device. It moves the file's
// offset.
func NewFile(f *os.File, readOnly bool) (*File, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	mode := info.Mode()
	d := &File{file: f, size: info.Size(), readOnly: readOnly, device: mode&fs.ModeDevice != 0}
	switch {
	case mode.IsRegular():
		return d, nil
	case !d.device || mode&fs.ModeCharDevice != 0:
		return nil, fmt.Errorf("nbdserver: %s is neither a regular file nor a block device (its mode is %v)", f.Name(), mode)
	}
	if d.size, err = f.Seek(0, io.SeekEnd); err != nil {
		return nil, fmt.Errorf("nbdserver: size of the block device: %w", err)
	}
	return d, nil
}

// Size implements Backend. It is the size that the file had when the File was
// made.
func (d *File) Size() int64 { return d.size }

// ReadAt implements io.ReaderAt.
func (d *File) ReadAt(p []byte, off int64) (int, error) { return d.file.ReadAt(p, off) }

// WriteAt implements io.WriterAt.
func (d *File) WriteAt(p []byte, off int64) (int, error) { return d.file.WriteAt(p, off) }

// Sync implements Syncer.
func (d *File) Sync() error { return d.file.Sync() }

// Close closes the file.
func (d *File) Close() error { return d.file.Close() }

// ReadOnly implements ReadOnlyReporter.
func (d *File) ReadOnly() bool { return d.readOnly }

// WriteAtFUA implements FUAWriter.
func (d *File) WriteAtFUA(p []byte, off int64) (int, error) {
	if !d.noFUA.Load() {
		n, err := d.writeDurably(p, off)
		if !errors.Is(err, errors.ErrUnsupported) {
			return n, err
		}
		d.noFUA.Store(true)
	}
	n, err := d.WriteAt(p, off)
	if err != nil {
		return n, err
	}
	return n, d.Sync()
}

// Trim implements Trimmer: the range becomes a hole, if it can.
func (d *File) Trim(off, n int64) error {
	if d.noPunch.Load() {
		return errors.ErrUnsupported
	}
	return d.remember(&d.noPunch, d.discard(off, n))
}

// WriteZeroes implements Zeroer.
func (d *File) WriteZeroes(off, n int64, flags ZeroFlags) error {
	err := errors.ErrUnsupported
	if d.device && (off|n)&(deviceAlign-1) != 0 {
		return err
	}
	if flags&NoHole == 0 && !d.noPunch.Load() {
		err = d.remember(&d.noPunch, d.punch(off, n))
	}
	// A device may take as long for it as for writing.
	if errors.Is(err, errors.ErrUnsupported) && !d.noZeroRange.Load() && !(d.device && flags&FastZero != 0) {
		err = d.remember(&d.noZeroRange, d.zeroRange(off, n))
	}
	return err
}

// Cache implements Cacher.
func (d *File) Cache(off, n int64) error { return d.willNeed(off, n) }

// remember notes in no that an operation is not supported.
func (d *File) remember(no *atomic.Bool, err error) error {
	if errors.Is(err, errors.ErrUnsupported) {
		no.Store(true)
	}
	return err
}

// Extents implements Extenter. Where holes can't be found, all is data.
func (d *File) Extents(dst []Extent, off, n int64, most int) ([]Extent, error) {
	for end := off + n; off < end && most > 0; most-- {
		data, hole := off, d.size
		if !d.noSeekHole.Load() {
			var err error
			if data, hole, err = d.seekHole(off); errors.Is(err, errors.ErrUnsupported) {
				d.noSeekHole.Store(true)
				data, hole = off, d.size
			} else if err != nil {
				return dst, err
			}
		}
		if data > off {
			data = min(data, d.size)
			dst = append(dst, Extent{data - off, StateHole | StateZero})
			off = data
			continue
		}
		hole = min(hole, d.size)
		if hole <= off {
			return dst, fmt.Errorf("nbdserver: the file has become shorter than its %d bytes", d.size)
		}
		dst = append(dst, Extent{hole - off, 0})
		off = hole
	}
	return dst, nil
}
