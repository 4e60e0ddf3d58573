package nbdcopy

import (
	"context"
	"fmt"
	"io"
	"syscall"
)

// Reader makes a source of a stream, which is read to its end. Closing it
// closes r, if r is an io.Closer. A pipe is made to hold 1 MiB, if it may.
//
// A read that has begun cannot be interrupted: if the context ends, it goes
// on in the background until r returns.
func Reader(r io.Reader) Source { return newStream(r, nil) }

// Writer makes a destination of a stream. Closing it closes w, if w is an
// io.Closer. A pipe is made to hold 1 MiB, if it may.
func Writer(w io.Writer) Destination { return newStream(nil, w) }

type stream struct {
	r  io.Reader
	w  io.Writer
	at int64
}

// pipeSize is how much a pipe should hold, in bytes: as much as it may without
// privileges, by default. In the usual 64 KiB a long read or write is a matter
// of many turns of both sides.
const pipeSize = 1 << 20

func newStream(r io.Reader, w io.Writer) *stream {
	for _, end := range []any{r, w} {
		if f, ok := end.(syscall.Conn); ok {
			widen(f, pipeSize)
		}
	}
	return &stream{r: r, w: w}
}

func (s *stream) Size() int64        { return -1 }
func (s *stream) IsSequential() bool { return true }

func (s *stream) Close() error {
	for _, v := range []any{s.r, s.w} {
		if c, ok := v.(io.Closer); ok {
			return c.Close()
		}
	}
	return nil
}

func (s *stream) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	return s.move(ctx, off, func() (n int, err error) {
		// Not io.ReadFull: its ErrUnexpectedEOF for a short end could not be
		// told from that of a reader which lost its peer.
		for n < len(p) && err == nil {
			var m int
			m, err = s.r.Read(p[n:])
			n += m
		}
		return n, err
	})
}

func (s *stream) WriteAt(ctx context.Context, p []byte, off int64) (int, error) {
	return s.move(ctx, off, func() (int, error) { return s.w.Write(p) })
}

// move reads or writes in a goroutine, and leaves it alone if the context
// ends first.
func (s *stream) move(ctx context.Context, off int64, f func() (int, error)) (int, error) {
	if off != s.at {
		return 0, fmt.Errorf("a stream at offset %d was asked for offset %d", s.at, off)
	}
	type result struct {
		n   int
		err error
	}
	done := make(chan result, 1)
	go func() {
		n, err := f()
		done <- result{n, err}
	}()
	select {
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	case r := <-done:
		s.at += int64(r.n)
		return r.n, r.err
	}
}

// Null is a destination that throws everything away.
func Null() Destination { return null{} }

type null struct{}

func (null) Size() int64 { return -1 }
func (null) WriteAt(_ context.Context, p []byte, _ int64) (int, error) {
	return len(p), nil
}
func (null) Zero(context.Context, int64, int64, ZeroMode) error { return nil }
func (null) Close() error                                       { return nil }
