package nbdcopy

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Defaults of Options.
const (
	DefaultRequestSize = 512 << 10
	DefaultRequests    = 64
	DefaultQueueSize   = 16 << 20
	MaxDefaultQueue    = 48 << 20
	DefaultSparseSize  = 4096
)

// Options say how to copy. The zero value is good.
type Options struct {
	// RequestSize is the longest read or write in bytes; 0 means
	// DefaultRequestSize. Endpoints that take less get less.
	RequestSize int

	// Requests is how many requests may be in flight for each connection; 0
	// means DefaultRequests. Fewer are, where more would not be faster.
	// Between two NBD servers, the connections of the one that has fewer
	// count.
	Requests int

	// QueueSize is how many bytes of data they may have, for each connection;
	// 0 means DefaultQueueSize, and MaxDefaultQueue for all of them. One
	// request always goes.
	QueueSize int64

	// SparseSize is the size in bytes of the blocks that are looked at for
	// zeroes, a power of 2. 0 means DefaultSparseSize, or the destination's
	// preferred block size if that is larger; a negative number means not to
	// look.
	SparseSize int

	// Allocated makes all of the destination allocated, zeroes too.
	Allocated bool

	// DestinationIsZero promises that the destination reads as zeroes, so
	// that zeroes need no writing.
	DestinationIsZero bool

	// NoExtents reads all of the source instead of asking it where it is
	// zero.
	NoExtents bool

	// Flush makes the copy durable before Copy returns.
	Flush bool

	// BlockHash, if not nil, hashes what is copied.
	BlockHash *BlockHash

	// Synchronous copies one request after the other, in order.
	Synchronous bool

	// Progress, if not nil, is called now and then, and at the end, with the
	// number of bytes that are copied and that there are, or -1 while that is
	// not known. It is called from one goroutine at a time.
	Progress func(done, total int64)

	// Warn, if not nil, is told of errors that do not keep the copy from
	// being right.
	Warn func(error)
}

// Result says what a copy did.
type Result struct {
	Size int64 // of the source, in bytes
	Data int64 // bytes that were written as data
	Zero int64 // bytes that were zeroes, and were zeroed, skipped, or written

	BlockHash []byte // as Options.BlockHash asks for
}

// copier is a copy under way.
type copier struct {
	src      Source
	dst      Destination
	opt      Options
	request  int   // size of a request, in bytes
	workers  int   // requests that may be in flight
	inFlight int64 // and their bytes; one request always goes
	sparse   int64 // 0: don't look for zeroes
	total    int64
	blank    bool         // zeroes need no writing
	canZero  bool         // the destination can zero, as far as is known
	hash     *blockHasher // or nil

	data, zero atomic.Int64
}

// Copy copies all of src to dst. It does not close them.
//
// If the context ends, Copy returns soon, with its cause; the destination is
// left with a part of the copy. As after any failure, a server may still do
// writes that were in flight: close the destination before using it otherwise.
func Copy(ctx context.Context, dst Destination, src Source, opt Options) (Result, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	c, err := newCopier(ctx, dst, src, opt)
	if err != nil {
		return Result{}, err
	}
	stop := c.report()
	switch {
	case isSequential(src):
		err = c.fromStream(ctx, cancel)
	case isSequential(dst):
		err = c.toStream(ctx, cancel)
	default:
		err = c.parallel(ctx, cancel)
	}
	if err == nil && opt.Flush {
		if f, ok := dst.(Flusher); ok {
			if err = f.Flush(ctx); err != nil {
				err = fmt.Errorf("flushing the destination: %w", err)
			}
		}
	}
	r := Result{Size: c.total, Data: c.data.Load(), Zero: c.zero.Load()}
	if err == nil && r.Data+r.Zero != r.Size {
		err = fmt.Errorf("%d of %d bytes were copied", r.Data+r.Zero, r.Size)
	}
	if err == nil && c.hash != nil {
		r.BlockHash, err = c.hash.sum(c.total)
	}
	stop(err == nil)
	return r, err
}

func newCopier(ctx context.Context, dst Destination, src Source, opt Options) (*copier, error) {
	if opt.RequestSize < 0 || opt.Requests < 0 || opt.QueueSize < 0 {
		return nil, errors.New("sizes and numbers of requests must not be negative")
	}
	if opt.SparseSize > 0 && opt.SparseSize&(opt.SparseSize-1) != 0 {
		return nil, fmt.Errorf("the sparse size %d is not a power of 2", opt.SparseSize)
	}
	c := &copier{src: src, dst: dst, opt: opt, total: src.Size()}
	c.request = opt.RequestSize
	if c.request == 0 {
		c.request = DefaultRequestSize
	}
	s, d := tuning(src), tuning(dst)
	for _, t := range []Tuned{s, d} {
		if most := t.MaxRequest(); most > 0 {
			c.request = min(c.request, most)
		}
	}
	requests, queue := opt.Requests, opt.QueueSize
	if requests == 0 {
		requests = DefaultRequests
	}
	if queue == 0 {
		queue = DefaultQueueSize
	}
	// What is beyond these limits, no connection takes.
	c.workers, c.inFlight = min(requests, 1<<16), max(min(queue, 1<<40), int64(c.request))
	if opt.Synchronous {
		c.workers = 1
	} else {
		n := connections(s, d)
		c.workers *= n
		c.inFlight *= int64(n)
	}
	if opt.QueueSize == 0 {
		c.inFlight = min(c.inFlight, max(MaxDefaultQueue, int64(c.request)))
	}
	if c.total >= 0 {
		if err := c.fit(ctx); err != nil {
			return nil, err
		}
	}
	if opt.BlockHash != nil {
		var err error
		if c.hash, err = newBlockHasher(ctx, opt.BlockHash, c.total); err != nil {
			return nil, err
		}
	}
	c.blank = (opt.DestinationIsZero || isBlank(dst)) && !opt.Allocated && !isSequential(dst)
	c.canZero = canZero(dst)
	switch _, nowhere := dst.(null); {
	case nowhere || !c.blank && !c.canZero: // zeroes are written as data is
	case opt.SparseSize == 0:
		c.sparse = int64(max(DefaultSparseSize, d.PreferredBlock()))
	case opt.SparseSize > 0:
		c.sparse = int64(opt.SparseSize)
	}
	return c, nil
}

// whole is how many requests of full length may be in flight.
func (c *copier) whole() int { return int(min(int64(c.workers), c.inFlight/int64(c.request))) }

// connections is the number of connections that a copy can use: a side that
// does not count them allows any number.
func connections(s, d Tuned) int {
	n, m := s.Parallel(), d.Parallel()
	if n > 0 && m > 0 {
		return min(n, m)
	}
	return max(n, m, 1)
}

// fit makes the destination large enough, or says that it is not.
func (c *copier) fit(ctx context.Context) error {
	if err := c.resize(ctx, c.total); err != nil {
		return err
	}
	if size := c.dst.Size(); size >= 0 && size < c.total {
		return fmt.Errorf("destination size (%d) is smaller than source size (%d)", size, c.total)
	}
	return nil
}

// resize gives the destination a size, if that can be.
func (c *copier) resize(ctx context.Context, size int64) error {
	if r := resizer(c.dst); r != nil {
		if err := r.Resize(ctx, size); err != nil {
			return fmt.Errorf("making the destination %d bytes large: %w", size, err)
		}
	}
	return nil
}

// progressInterval is how often Options.Progress is called.
const progressInterval = 100 * time.Millisecond

// report calls Options.Progress until the function that it returns is called.
func (c *copier) report() (stop func(complete bool)) {
	if c.opt.Progress == nil {
		return func(bool) {}
	}
	quit := make(chan struct{})
	total := c.total // which a copy from a stream sets at its end
	var wg sync.WaitGroup
	wg.Go(func() {
		t := time.NewTicker(progressInterval)
		defer t.Stop()
		last := int64(-1)
		for {
			if done := c.data.Load() + c.zero.Load(); done != last {
				last = done
				c.opt.Progress(done, total)
			}
			select {
			case <-t.C:
			case <-quit:
				return
			}
		}
	})
	return func(complete bool) {
		close(quit)
		wg.Wait()
		if complete {
			c.opt.Progress(c.total, c.total)
		}
	}
}

func (c *copier) warn(err error) {
	if c.opt.Warn != nil {
		c.opt.Warn(err)
	}
}

// planAhead is how many jobs are known before they are begun.
const planAhead = 256

// parallel copies with several workers, in any order.
func (c *copier) parallel(ctx context.Context, cancel context.CancelCauseFunc) error {
	jobs := make(chan job, planAhead)
	planned := make(chan struct{})
	w := newCrew(c, jobs, cancel)
	w.wg.Go(func() {
		defer close(planned)
		defer close(jobs)
		c.plan(ctx, func(j job) bool { return send(ctx, jobs, j) })
	})
	w.wg.Go(func() { w.adapt(ctx, planned) })
	w.wg.Wait()
	return context.Cause(ctx)
}

// send sends on a channel unless the context ends first.
func send[T any](ctx context.Context, ch chan<- T, v T) bool {
	select {
	case ch <- v:
		return true
	case <-ctx.Done():
		return false
	}
}
