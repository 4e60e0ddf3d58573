package nbdserver

import (
	"math/bits"
	"sync"
)

// buffer is memory for the data of a request, of a size that is a power of
// two, from a pool of such.
type buffer struct {
	bytes []byte
	pool  *sync.Pool // nil: too large to keep
}

const (
	minBufferBits = 12
	maxBufferBits = 25
)

var bufferPools [maxBufferBits - minBufferBits + 1]sync.Pool

// newBuffer gives a buffer of at least n bytes, whose content is undefined.
func newBuffer(n int) *buffer {
	class := max(bits.Len(uint(max(n, 1)-1)), minBufferBits) - minBufferBits
	if class >= len(bufferPools) {
		return &buffer{bytes: make([]byte, n)}
	}
	pool := &bufferPools[class]
	if b, ok := pool.Get().(*buffer); ok {
		return b
	}
	return &buffer{make([]byte, 1<<(class+minBufferBits)), pool}
}

func (b *buffer) free() {
	if b.pool != nil {
		b.pool.Put(b)
	}
}
