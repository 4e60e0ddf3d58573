package nbdcopy

import (
	"context"
	"fmt"
	"io"
)

// Reader makes a source of a stream, which is read to its end. Closing it
// closes r, if r is an io.Closer.
//
// A read that has begun cannot be interrupted: if the context ends, it goes
// on in the background, into memory of its own, until r returns.
func Reader(r io.Reader) Source { return &stream{r: r} }

// Writer makes a destination of a stream. Closing it closes w, if w is an
// io.Closer.
func Writer(w io.Writer) Destination { return &stream{w: w} }

type stream struct {
	r   io.Reader
	w   io.Writer
	at  int64
	buf []byte
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

func (s *stream) order(off int64) error {
	if off != s.at {
		return fmt.Errorf("a stream at offset %d was asked for offset %d", s.at, off)
	}
	return nil
}

func (s *stream) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	if err := s.order(off); err != nil {
		return 0, err
	}
	if len(s.buf) < len(p) {
		s.buf = make([]byte, len(p))
	}
	type result struct {
		n   int
		err error
	}
	done := make(chan result, 1)
	go func() {
		var r result
		// Not io.ReadFull: its ErrUnexpectedEOF for a short end could not be
		// told from that of a reader which lost its peer.
		for r.n < len(p) && r.err == nil {
			var n int
			n, r.err = s.r.Read(s.buf[r.n:len(p)])
			r.n += n
		}
		done <- r
	}()
	select {
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	case r := <-done:
		s.at += int64(r.n)
		return copy(p, s.buf[:r.n]), r.err
	}
}

func (s *stream) WriteAt(ctx context.Context, p []byte, off int64) (int, error) {
	if err := s.order(off); err != nil {
		return 0, err
	}
	done := make(chan error, 1)
	n := 0
	if cap(s.buf) < len(p) {
		s.buf = make([]byte, len(p))
	}
	b := s.buf[:copy(s.buf[:len(p)], p)]
	go func() {
		var err error
		n, err = s.w.Write(b)
		done <- err
	}()
	select {
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	case err := <-done:
		s.at += int64(n)
		return n, err
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
