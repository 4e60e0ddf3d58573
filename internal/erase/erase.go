package erase

import (
	"context"
	"math"
	"sync"

	"github.com/gonbd/gonbd/nbd"
)

const (
	// requests is how many requests are in flight.
	requests = 4
	// longest is the longest request without extended headers, in bytes: the
	// longest of 32 bits that is a multiple of any minimum block size.
	longest = math.MaxUint32 &^ (64<<10 - 1)
)

// erase erases n bytes from offset off, durably where the server offers that.
func (t *tool) erase(ctx context.Context, off, n int64) error {
	if err := t.eraseRange(ctx, off, n); err != nil {
		return err
	}
	if t.c.CanFlush() {
		return t.c.Flush(ctx)
	}
	return nil
}

// eraseRange sends requests until one fails. Those end at multiples of their
// length, so that only the ends of the range can be parts of blocks.
func (t *tool) eraseRange(ctx context.Context, off, n int64) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	most := int64(longest)
	if t.c.Protocol().ExtendedHeaders {
		most = math.MaxInt64
	}
	var mu sync.Mutex
	next := func() (at, m int64) {
		mu.Lock()
		defer mu.Unlock()
		at, m = off, min(n, most-off%most)
		off += m
		n -= m
		return at, m
	}
	var wg sync.WaitGroup
	for range requests {
		wg.Go(func() {
			for ctx.Err() == nil {
				at, m := next()
				if m == 0 {
					return
				}
				if err := t.request(ctx, at, m); err != nil {
					cancel(err) // the first one counts
				}
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

// request is one request, unless the server takes only shorter ones.
func (t *tool) request(ctx context.Context, off, n int64) error {
	switch {
	case t.fast:
		return t.c.WriteZeroes(ctx, off, n, nbd.FastZero)
	case t.zero:
		return t.c.WriteZeroes(ctx, off, n)
	}
	return t.c.Trim(ctx, off, n)
}

// warnOfRest warns of what discarding leaves alone because the server knows
// whole blocks only.
func (t *tool) warnOfRest(off, n int64) error {
	block := max(1, int64(t.c.BlockSize().Minimum))
	if t.zero || block == 1 {
		return nil
	}
	end := (off + n) / block * block
	begin := (off + block - 1) / block * block
	if rest := n - max(0, end-begin); rest > 0 {
		return t.warn("the server discards whole blocks of %d bytes: %d bytes at the ends of the range are left as they are", block, rest)
	}
	return nil
}
