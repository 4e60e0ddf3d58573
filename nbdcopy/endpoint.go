package nbdcopy

import (
	"context"
	"iter"
)

// Source is what is copied from. ReadAt is called from several goroutines at
// once, unless the source is Sequential.
type Source interface {
	// Size is the size in bytes, or -1 if only reading to the end will tell.
	Size() int64

	// ReadAt fills p from offset off, as io.ReaderAt does: n < len(p) comes
	// with an error, which is io.EOF at the end. It must not use p after it
	// has returned, unless ctx has ended: then Copy leaves p to it.
	ReadAt(ctx context.Context, p []byte, off int64) (n int, err error)

	Close() error
}

// Destination is what is copied to. WriteAt is called from several
// goroutines at once, on ranges apart from each other, unless the destination
// is Sequential.
type Destination interface {
	// Size is the size in bytes, or -1 if it takes what comes.
	Size() int64

	// WriteAt writes p at offset off, as io.WriterAt does. It must not use p
	// after it has returned, unless ctx has ended: then Copy leaves p to it.
	WriteAt(ctx context.Context, p []byte, off int64) (n int, err error)

	Close() error
}

// Extent is a run of bytes of a source.
type Extent struct {
	Offset, Length int64
	Zero           bool // reads as zeroes
}

// Extenter is a source that knows where it is zero without being read.
type Extenter interface {
	// Extents iterates over extents that cover n bytes from offset off, in
	// order and without gaps. An error ends the iteration.
	Extents(ctx context.Context, off, n int64) iter.Seq2[Extent, error]
}

// ZeroMode says how to zero.
type ZeroMode uint8

// Ways to zero.
const (
	Punch    ZeroMode = iota // make a hole if possible
	Allocate                 // keep or make the range allocated
)

// Zeroer is a destination that can zero a range without being sent the
// zeroes. An error that is errors.ErrUnsupported means that it cannot, at
// least not here: then zeroes are written.
type Zeroer interface {
	Zero(ctx context.Context, off, n int64, mode ZeroMode) error
}

// Resizer is a destination that can be made as large as the source. It is
// called before anything is written; or at the end, if only then the size of
// the source is known.
type Resizer interface {
	// Resizable says whether this one can.
	Resizable() bool
	Resize(ctx context.Context, size int64) error
}

// Flusher is a destination that can be made durable.
type Flusher interface {
	Flush(ctx context.Context) error
}

// Blank is a destination that may know that it reads as zeroes wherever
// nothing has been written, so that zeroes need no writing.
type Blank interface {
	IsBlank() bool
}

// Sequential is an endpoint that has to be read or written in order, from one
// goroutine: a pipe, say.
type Sequential interface {
	IsSequential() bool
}

// Tuned is an endpoint that knows what suits it.
type Tuned interface {
	// MaxRequest is the longest read or write in bytes, or 0 for any.
	MaxRequest() int
	// Parallel is the number of connections that requests are spread over, or
	// 0 for any.
	Parallel() int
	// PreferredBlock is the size in bytes, a power of 2, that ranges had best
	// be multiples of, or 0.
	PreferredBlock() int
}

func isSequential(e any) bool {
	s, ok := e.(Sequential)
	return ok && s.IsSequential()
}

// resizer gives the destination's Resizer, or nil if its size is fixed.
func resizer(d Destination) Resizer {
	if r, ok := d.(Resizer); ok && r.Resizable() {
		return r
	}
	return nil
}

func isBlank(d Destination) bool {
	b, ok := d.(Blank)
	return ok && b.IsBlank()
}

// tuning gives the Tuned of an endpoint, or one that knows nothing.
func tuning(e any) Tuned {
	if t, ok := e.(Tuned); ok {
		return t
	}
	return untuned{}
}

type untuned struct{}

func (untuned) MaxRequest() int     { return 0 }
func (untuned) Parallel() int       { return 0 }
func (untuned) PreferredBlock() int { return 0 }

// canZero says whether the destination can zero by itself. NBD servers say so
// beforehand; others have to be tried.
func canZero(d Destination) bool {
	if n, ok := d.(*NBDDisk); ok {
		return n.c.CanWriteZeroes()
	}
	_, ok := d.(Zeroer)
	return ok
}
