package nbdcopy

import "sync"

// buffers lends the memory for requests, and never more at once than its limit.
//
// What was given back last is lent first: it is still in the processor's cache.
type buffers struct {
	size int64 // of a buffer, in bytes

	mu    sync.Mutex
	freed sync.Cond
	limit int64 // bytes that requests may have in all
	lent  int64
	free  [][]byte
}

func newBuffers(size int64) *buffers {
	b := &buffers{size: size, limit: size}
	b.freed.L = &b.mu
	return b
}

// allow sets the limit. One request always goes.
func (b *buffers) allow(limit int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.limit = max(limit, b.size)
	b.freed.Broadcast()
}

// take waits until n more bytes, at most the size of a buffer, may be lent.
func (b *buffers) take(n int64) []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.lent+n > b.limit {
		b.freed.Wait()
	}
	b.lent += n
	if last := len(b.free) - 1; last >= 0 {
		buf := b.free[last]
		b.free = b.free[:last]
		return buf[:n]
	}
	return make([]byte, b.size)[:n]
}

// give takes back what take has lent.
func (b *buffers) give(buf []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lent -= int64(len(buf))
	b.free = append(b.free, buf[:b.size])
	// Those who wait may want different sizes.
	b.freed.Broadcast()
}
