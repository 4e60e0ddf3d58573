package nbdcopy

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// crew is the workers of a parallel copy, each with one request at a time and
// a buffer of its own.
//
// A few requests in flight copy as fast from a server nearby as many, with
// less memory and less work for the processor's caches; over a long line only
// many fill it. So a crew begins small, and grows as long as that pays.
type crew struct {
	c    *copier
	jobs <-chan job
	fail context.CancelCauseFunc
	wg   sync.WaitGroup

	requests atomic.Int64 // that have been copied, zeroes apart
	bytes    atomic.Int64 // of them

	mu      sync.Mutex
	size    int
	workers []worker
}

type worker struct {
	running bool
	buf     []byte
}

const (
	// firstWorkers is the size of a crew when it begins.
	firstWorkers = 16

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
	return &crew{c: c, jobs: jobs, fail: fail, workers: make([]worker, c.workers)}
}

// resize makes the crew larger at once, or smaller as workers finish. It must
// not be called when all of them may have ended.
func (w *crew) resize(ctx context.Context, size int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.size = size
	for i := range size {
		if !w.workers[i].running {
			w.workers[i].running = true
			w.wg.Go(func() { w.work(ctx, i) })
		}
	}
}

// stays says whether a worker is still wanted.
func (w *crew) stays(i int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if i >= w.size {
		w.workers[i].running = false
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
		if err := w.do(ctx, &w.workers[i].buf, j); err != nil {
			w.fail(err)
			return
		}
	}
}

func (w *crew) do(ctx context.Context, buf *[]byte, j job) error {
	if j.zero {
		return w.c.copyZeroes(ctx, j.off, j.n)
	}
	if *buf == nil {
		*buf = make([]byte, w.c.request)
	}
	if err := w.c.copy(ctx, (*buf)[:j.n], j.off); err != nil {
		return err
	}
	w.requests.Add(1)
	w.bytes.Add(j.n)
	return nil
}

// adapt finds the size that the crew works best with, until there is no more
// to hand out.
func (w *crew) adapt(ctx context.Context, planned <-chan struct{}) {
	most := len(w.workers)
	size := min(firstWorkers, most)
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
