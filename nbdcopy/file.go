package nbdcopy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"sync"
	"sync/atomic"
)

// File makes an endpoint of an open file: a regular file or a block device,
// which are read and written at any place, or a pipe, terminal or socket,
// which is a stream. A regular file that is a destination gets the size of
// the source. Closing the endpoint closes the file.
func File(f *os.File) (*FileDisk, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	d := &FileDisk{f: f, size: info.Size(), regular: info.Mode().IsRegular()}
	switch {
	case d.regular:
	case info.Mode()&fs.ModeDevice != 0 && info.Mode()&fs.ModeCharDevice == 0:
		if d.size, err = f.Seek(0, io.SeekEnd); err != nil {
			return nil, fmt.Errorf("the size of the block device: %w", err)
		}
	case info.IsDir():
		return nil, fmt.Errorf("%s is a folder, not a disk", f.Name())
	default:
		d.size = -1
		d.stream = newStream(f, f)
	}
	return d, nil
}

// FileDisk is a file as Source and Destination.
type FileDisk struct {
	f       *os.File
	size    int64
	regular bool
	blank   atomic.Bool // it was empty when it was opened, and nothing was written since
	stream  *stream     // of what has no size

	// The kernel lets one write to a regular file at a time, and has the
	// others spin for their turn: they had better wait here.
	writing sync.Mutex
}

// Size implements Source and Destination: that of a regular file when it was
// opened, or since it was resized.
func (d *FileDisk) Size() int64 { return d.size }

// IsSequential implements Sequential.
func (d *FileDisk) IsSequential() bool { return d.stream != nil }

// IsBlank implements Blank: a file is that OpenDestination has made or emptied,
// until something is written to it.
func (d *FileDisk) IsBlank() bool { return d.blank.Load() }

// ReadAt implements Source.
func (d *FileDisk) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	if d.stream != nil {
		return d.stream.ReadAt(ctx, p, off)
	}
	return d.f.ReadAt(p, off)
}

// WriteAt implements Destination.
func (d *FileDisk) WriteAt(ctx context.Context, p []byte, off int64) (int, error) {
	if d.stream != nil {
		return d.stream.WriteAt(ctx, p, off)
	}
	if d.blank.Load() {
		d.blank.Store(false)
	}
	if d.regular {
		d.writing.Lock()
		defer d.writing.Unlock()
	}
	return d.f.WriteAt(p, off)
}

// Resizable implements Resizer: regular files are.
func (d *FileDisk) Resizable() bool { return d.regular }

// Resize implements Resizer.
func (d *FileDisk) Resize(_ context.Context, size int64) error {
	if err := d.f.Truncate(size); err != nil {
		return err
	}
	d.size = size
	return nil
}

// Extents implements Extenter, by the holes that the file system knows of.
func (d *FileDisk) Extents(_ context.Context, off, n int64) iter.Seq2[Extent, error] {
	return func(yield func(Extent, error) bool) {
		for end := off + n; off < end; {
			data, err := nextData(d.f, off)
			if errors.Is(err, errors.ErrUnsupported) {
				yield(Extent{Offset: off, Length: end - off}, nil)
				return
			}
			if err != nil {
				yield(Extent{}, err)
				return
			}
			if data >= end {
				// Nothing is what a file has that was cut short, too.
				if info, err := d.f.Stat(); err != nil || d.regular && info.Size() < end {
					yield(Extent{}, errors.Join(err, io.ErrUnexpectedEOF))
					return
				}
			}
			if data > off {
				hole := min(data, end)
				if !yield(Extent{off, hole - off, true}, nil) {
					return
				}
				off = hole
				continue
			}
			hole, err := nextHole(d.f, off)
			if err != nil {
				yield(Extent{}, err)
				return
			}
			hole = min(max(hole, off+1), end)
			if !yield(Extent{off, hole - off, false}, nil) {
				return
			}
			off = hole
		}
	}
}

// Zero implements Zeroer.
func (d *FileDisk) Zero(_ context.Context, off, n int64, mode ZeroMode) error {
	if d.stream != nil {
		return errors.ErrUnsupported
	}
	if d.regular {
		return zeroFile(d.f, off, n, mode)
	}
	// A block device zeroes whole sectors only.
	start, end := (off+sector-1)/sector*sector, (off+n)/sector*sector
	if start >= end {
		return errors.ErrUnsupported
	}
	if err := zeroFile(d.f, start, end-start, mode); err != nil {
		return err
	}
	if _, err := d.f.WriteAt(zeroes[:start-off], off); err != nil {
		return err
	}
	_, err := d.f.WriteAt(zeroes[:off+n-end], end)
	return err
}

// sector is a multiple of the sizes that sectors of block devices have.
const sector = 4096

// Flush implements Flusher.
func (d *FileDisk) Flush(context.Context) error {
	if d.stream != nil {
		return nil
	}
	return d.f.Sync()
}

// Close implements Source and Destination.
func (d *FileDisk) Close() error { return d.f.Close() }
