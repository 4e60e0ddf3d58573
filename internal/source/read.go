package source

import (
	"context"
	"fmt"
	"io"
	"iter"
	"sync"

	"github.com/gonbd/gonbd/nbd"
)

const (
	// requestSize is the length of a read in bytes. Reads end at multiples
	// of it, so that they fit the blocks of any server.
	requestSize = 128 << 10
	// requests is how many reads are in flight.
	requests = 16
)

// Piece is a part of an export: data, or a run of zeroes of any length.
type Piece struct {
	Offset, Length int64  // in bytes
	Data           []byte // nil: zeroes. It is good until the next piece is asked for.
}

// Options change how an export is read. All may be left out.
type Options struct {
	// Warn is told why the extents cannot be had, and more is read therefore.
	Warn func(error)
	// Wait is called each time that the next piece has not arrived yet.
	Wait func()
}

// Read gives n bytes from offset off, which must lie within the export: in
// order, without gaps, several reads ahead. What the server's extents say
// reads as zeroes is not read, if the client was dialled with base:allocation.
//
// An error ends the iteration; all pieces before it are good.
func Read(ctx context.Context, c *nbd.Client, off, n int64, opt Options) iter.Seq2[Piece, error] {
	return func(yield func(Piece, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		r := &reader{c: c, opt: opt, queue: make(chan *read, requests), free: make(chan []byte, requests+1)}
		// One buffer more than reads in flight: the piece at hand has one.
		for range cap(r.free) {
			r.free <- nil
		}
		r.wg.Go(func() {
			defer close(r.queue)
			r.planned = r.plan(ctx, off, n)
		})
		defer r.wg.Wait()
		defer cancel()
		for p := range r.queue {
			select {
			case <-p.done:
			default:
				if opt.Wait != nil {
					opt.Wait()
				}
				<-p.done
			}
			if p.err != nil {
				yield(Piece{}, p.err)
				return
			}
			if !yield(p.Piece, nil) {
				return
			}
			if p.Data != nil {
				r.free <- p.Data[:cap(p.Data)]
			}
		}
		if !r.planned {
			yield(Piece{}, context.Cause(ctx))
		}
	}
}

// reader is one call of Read.
type reader struct {
	c     *nbd.Client
	opt   Options
	queue chan *read
	free  chan []byte // buffers; nil: one that is still to be made
	wg    sync.WaitGroup

	planned bool // to the end; before queue is closed, only the planner may look
}

// read is a piece that is under way until done is closed.
type read struct {
	Piece
	err  error
	done chan struct{}
}

// arrived is the done of zeroes.
var arrived = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// plan starts reads in order, and says whether the context let it come to the
// end.
func (r *reader) plan(ctx context.Context, off, n int64) bool {
	end := off + n
	if n > 0 && HasExtents(r.c) {
		for e, err := range r.c.Extents(ctx, off, n, nbd.ContextBaseAllocation) {
			if err != nil {
				if ctx.Err() == nil && r.opt.Warn != nil {
					r.opt.Warn(fmt.Errorf("the export's extents cannot be had from offset %d on, so it is all read: %w", off, err))
				}
				break
			}
			if e.Zero() {
				if !r.send(ctx, &read{Piece: Piece{Offset: e.Offset, Length: e.Length}, done: arrived}) {
					return false
				}
			} else if !r.data(ctx, e.Offset, e.Length) {
				return false
			}
			off = e.Offset + e.Length
		}
	}
	return r.data(ctx, off, end-off)
}

// data starts the reads of a run of data.
func (r *reader) data(ctx context.Context, off, n int64) bool {
	for n > 0 {
		m := min(n, requestSize-off%requestSize)
		var buf []byte
		select {
		case buf = <-r.free:
		case <-ctx.Done():
			return false
		}
		if buf == nil {
			buf = make([]byte, requestSize)
		}
		p := &read{Piece: Piece{off, m, buf[:m]}, done: make(chan struct{})}
		r.wg.Go(func() {
			defer close(p.done)
			// Where the read reaches the end of the export, io.EOF may come with all of it.
			if n, err := r.c.ReadAtContext(ctx, p.Data, p.Offset); err != nil && (err != io.EOF || n < len(p.Data)) {
				p.err = err
			}
		})
		if !r.send(ctx, p) {
			return false
		}
		off += m
		n -= m
	}
	return true
}

func (r *reader) send(ctx context.Context, p *read) bool {
	select {
	case r.queue <- p:
		return true
	case <-ctx.Done():
		return false
	}
}
