package nbdcopy

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// crew is the workers of a parallel copy, each with one request at a time.
//
// A few requests in flight copy as fast from a server nearby as many, with
// less memory and less work for the processor's caches; over a long line only
// many fill it. So a crew begins small, and grows as long as that pays.
//
// Its size is a number of workers and, for each, a share of the bytes that may
// be in flight: so there are more short requests than long ones.
type crew struct {
	c    *copier
	jobs <-chan job
	fail context.CancelCauseFunc
	wg   sync.WaitGroup

	requests atomic.Int64 // that have been copied, zeroes apart
	bytes    atomic.Int64 // of them

	buffers *buffers

	mu      sync.Mutex
	size    int
	running []bool // of each worker
}

const (
	// firstSize is the size of a crew when it begins.
	firstSize = 16

	// share is how many bytes for each worker are in flight.
	share = 256 << 10

	// A size is judged by the rate of at least so many requests for each
	// worker, and so long a time, looked at so often.
	judgeRequests = 2
	judgeTime     = 20 * time.Millisecond
	judgeTick     = 10 * time.Millisecond

	// gain is by how much twice as many workers must be faster to stay.
	gain = 1.3

	// A size that proved best is questioned again after a time that doubles
	// from the first to the last of these.
	firstRest = time.Second
	lastRest  = 16 * time.Second
)

func newCrew(c *copier, jobs <-chan job, fail context.CancelCauseFunc) *crew {
	return &crew{c: c, jobs: jobs, fail: fail, buffers: newBuffers(int64(c.request))}
}

// resize makes the crew larger at once, or smaller as workers finish. It must
// not be called when all of them may have ended.
func (w *crew) resize(ctx context.Context, size int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.size = size
	w.buffers.allow(min(int64(size)*share, w.c.inFlight))
	for i := range min(size, w.c.workers) {
		if i == len(w.running) {
			w.running = append(w.running, false)
		}
		if !w.running[i] {
			w.running[i] = true
			w.wg.Go(func() { w.work(ctx, i) })
		}
	}
}

// stays says whether a worker is still wanted.
func (w *crew) stays(i int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if i >= w.size {
		w.running[i] = false
		return false
	}
	return true
}

func (w *crew) work(ctx context.Context, i int) {
	for w.stays(i) {
		j, ok := <-w.jobs
		if !ok || ctx.Err() != nil { // files would go on
			return
		}
		if err := w.do(ctx, j); err != nil {
			w.fail(err)
			return
		}
	}
}

func (w *crew) do(ctx context.Context, j job) error {
	if j.zero {
		return w.c.copyZeroes(ctx, j.off, j.n)
	}
	buf := w.buffers.take(j.n)
	defer w.buffers.give(buf)
	if ctx.Err() != nil { // it may have waited long
		return context.Cause(ctx)
	}
	if err := w.c.copy(ctx, buf, j.off); err != nil {
		return err
	}
	w.requests.Add(1)
	w.bytes.Add(j.n)
	return nil
}

// adapt finds the size that the crew works best with, until there is no more
// to hand out.
func (w *crew) adapt(ctx context.Context, planned <-chan struct{}) {
	most := max(w.c.workers, int((w.c.inFlight+share-1)/share))
	size := min(firstSize, most)
	w.resize(ctx, size)
	if size == most {
		return
	}
	t := time.NewTicker(judgeTick)
	defer t.Stop()
	rate := func(size int) (bytesPerSecond float64, ok bool) {
		began, requests, bytes := time.Now(), w.requests.Load(), w.bytes.Load()
		for {
			select {
			case <-t.C:
			case <-planned:
				return 0, false
			case <-ctx.Done():
				return 0, false
			}
			took := time.Since(began)
			if took >= judgeTime && w.requests.Load()-requests >= int64(judgeRequests*size) {
				return float64(w.bytes.Load()-bytes) / took.Seconds(), true
			}
		}
	}
	best, ok := rate(size)
	for rest := firstRest; ok; {
		larger := min(2*size, most)
		w.resize(ctx, larger)
		var now float64
		if now, ok = rate(larger); !ok {
			return
		}
		if now >= gain*best {
			size, best, rest = larger, now, firstRest
			if size < most {
				continue
			}
			return
		}
		w.resize(ctx, size)
		select {
		case <-time.After(rest):
		case <-planned:
			return
		case <-ctx.Done():
			return
		}
		rest = min(2*rest, lastRest)
		best, ok = rate(size)
	}
}
