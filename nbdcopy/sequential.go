package nbdcopy

import (
	"context"
	"fmt"
	"io"
	"sync"
)

// piece is a part of the source in a buffer that goes round.
type piece struct {
	off, n int64
	zero   bool // it has no buffer
	buf    []byte
	ready  chan error // of toStream: that the buffer has been filled
}

// buffers makes as many buffers as there are workers.
func (c *copier) buffers(n int) chan *piece {
	free := make(chan *piece, n)
	for range n {
		free <- &piece{ready: make(chan error, 1)}
	}
	return free
}

// get takes a free buffer, or nil if the context ends first.
func (c *copier) get(ctx context.Context, free <-chan *piece) *piece {
	select {
	case p := <-free:
		if p.buf == nil {
			p.buf = make([]byte, c.request)
		}
		return p
	case <-ctx.Done():
		return nil
	}
}

// fromStream copies a source that is read in order: one goroutine reads,
// others write what it has read.
func (c *copier) fromStream(ctx context.Context, cancel context.CancelCauseFunc) error {
	writers := c.whole()
	if isSequential(c.dst) {
		writers = 1
	}
	free := c.buffers(writers + 1)
	full := make(chan *piece, writers+1)
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for p := range full {
				if c.hash != nil {
					c.hash.data(p.buf[:p.n], p.off)
				}
				if err := c.write(ctx, p.buf[:p.n], p.off); err != nil {
					cancel(err)
					return
				}
				free <- p
			}
		})
	}
	size, err := c.readStream(ctx, free, full)
	close(full)
	if err != nil {
		cancel(err)
	}
	wg.Wait()
	if err := context.Cause(ctx); err != nil {
		return err
	}
	c.total = size
	return c.resize(ctx, size)
}

// readStream reads the source to its end, and gives its size.
func (c *copier) readStream(ctx context.Context, free <-chan *piece, full chan<- *piece) (size int64, err error) {
	room := c.dst.Size()
	if resizer(c.dst) != nil {
		room = -1
	}
	for {
		p := c.get(ctx, free)
		if p == nil {
			return size, context.Cause(ctx)
		}
		n, err := c.src.ReadAt(ctx, p.buf, size)
		if err == nil && n < len(p.buf) {
			err = io.ErrNoProgress
		}
		if err != nil && err != io.EOF {
			return size, fmt.Errorf("reading %d bytes at offset %d of the source: %w", len(p.buf), size, err)
		}
		if room >= 0 && int64(n) > room-size {
			return size, fmt.Errorf("destination size (%d) is smaller than source size (at least %d)", room, size+int64(n))
		}
		p.off, p.n = size, int64(n)
		size += int64(n)
		if !send(ctx, full, p) {
			return size, context.Cause(ctx)
		}
		if err != io.EOF {
			continue
		}
		if c.total >= 0 && size != c.total {
			return size, fmt.Errorf("the source ended after %d bytes, but its size is %d", size, c.total)
		}
		return size, nil
	}
}

// toStream copies to a destination that is written in order: several
// requests read ahead, one goroutine writes what they have read.
func (c *copier) toStream(ctx context.Context, cancel context.CancelCauseFunc) error {
	free := c.buffers(c.whole())
	order := make(chan *piece, c.whole())
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(order)
		c.plan(ctx, func(j job) bool {
			if j.zero {
				return send(ctx, order, &piece{off: j.off, n: j.n, zero: true})
			}
			p := c.get(ctx, free)
			if p == nil {
				return false
			}
			p.off, p.n = j.off, j.n
			wg.Go(func() { p.ready <- c.read(ctx, p.buf[:p.n], p.off) })
			return send(ctx, order, p)
		})
	})
	for p := range order {
		if ctx.Err() != nil {
			continue // until the planner has seen the end
		}
		if err := c.writeInOrder(ctx, p); err != nil {
			cancel(err)
			continue
		}
		if !p.zero {
			free <- p
		}
	}
	wg.Wait()
	return context.Cause(ctx)
}

// writeInOrder writes a piece, once it has been read, to a destination that
// cannot zero.
func (c *copier) writeInOrder(ctx context.Context, p *piece) error {
	if p.zero {
		return c.copyZeroes(ctx, p.off, p.n)
	}
	if err := <-p.ready; err != nil {
		return err
	}
	return c.writeData(ctx, p.buf[:p.n], p.off)
}
