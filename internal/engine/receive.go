package engine

// BufferSize is how much memory a Conn takes for what it receives, in bytes.
const BufferSize = aheadSize

// Sizes of the look-ahead buffer, in bytes.
const (
	// aheadSize is what it holds: many small replies fetched at once are
	// worth copying.
	aheadSize = 256 << 10
	// handshakeSize is what it holds before the transmission phase.
	handshakeSize = 4 << 10
	// bulkAhead is how much of it is offered while large reads are in
	// flight: the next header and no more, so that payloads are not copied.
	bulkAhead = 64
	// bulkRead is the mean size of reads in flight from which they count as
	// large.
	bulkRead = 16 << 10
)

// receiver is the receiving half of a Conn: the look-ahead buffer, and where
// a payload goes.
type receiver struct {
	buf  []byte
	r, w int // buf[r:w] has been received and not parsed
	need int // bytes that the parser waits for in one piece

	// dst is the rest of a payload that is being received into the caller's
	// memory; while it is not empty nothing is buffered.
	dst []byte
	// skip is how many bytes of the stream are to be thrown away.
	skip uint64
}

func (v *receiver) init() { v.buf = make([]byte, handshakeSize) }

func (v *receiver) buffered() int { return v.w - v.r }

// take gives the next n bytes of the stream in one piece, or nil if they have
// not all come. The slice is valid until the next Filled.
func (v *receiver) take(n int) []byte {
	if v.w-v.r < n {
		v.need = n
		return nil
	}
	b := v.buf[v.r : v.r+n]
	v.r += n
	v.need = 0
	return b
}

// peek is take without moving on.
func (v *receiver) peek(n int) []byte {
	if v.w-v.r < n {
		v.need = n
		return nil
	}
	return v.buf[v.r : v.r+n]
}

// drain moves buffered bytes to dst, or throws them away, and reports whether
// all that was wanted has come.
func (v *receiver) drain() bool {
	if len(v.dst) > 0 {
		n := copy(v.dst, v.buf[v.r:v.w])
		v.r += n
		v.dst = v.dst[n:]
	}
	if v.skip > 0 {
		n := min(v.skip, uint64(v.w-v.r))
		v.r += int(n)
		v.skip -= n
	}
	return len(v.dst) == 0 && v.skip == 0
}

func (v *receiver) stopReceiving() { v.dst, v.skip, v.r, v.w, v.need = nil, 0, 0, 0, 0 }

// room makes room for what is needed behind what is buffered.
func (v *receiver) room() {
	if v.r == v.w {
		v.r, v.w = 0, 0
	}
	if v.r+v.need > len(v.buf) || v.w == len(v.buf) {
		b := v.buf
		if v.need > len(b) {
			b = make([]byte, v.need)
		}
		v.w = copy(b, v.buf[v.r:v.w])
		v.r = 0
		v.buf = b
	}
}

// Want names where the next bytes of the stream belong: first into dst, which
// is the caller's memory or empty, and then into ahead. One readv may fill
// both. Both are empty if nothing is expected. It must be called after Next
// has given nil, and what it returns is valid until the next call of any
// method that changes the Conn.
func (c *Conn) Want() (dst, ahead []byte) {
	if !states[c.state].reads {
		return nil, nil
	}
	c.room()
	ahead = c.buf[c.w:]
	if c.skip > 0 && len(c.dst) == 0 {
		return nil, ahead
	}
	if c.reads > 0 && c.readBytes >= uint64(c.reads)*bulkRead && c.state != StateReplyExtents {
		if n := max(bulkAhead, c.need-c.buffered()); n < len(ahead) {
			ahead = ahead[:n]
		}
	}
	return c.dst, ahead
}

// Filled says that n bytes were received where Want said, in that order.
func (c *Conn) Filled(n int) {
	c.stats.BytesReceived += uint64(n)
	m := min(n, len(c.dst))
	c.dst = c.dst[m:]
	c.w += n - m
}

// Feed copies received bytes to where they belong and gives the number taken,
// which is 0 only if nothing is expected. Next must be called until it gives
// nil before the rest is fed.
func (c *Conn) Feed(p []byte) int {
	dst, ahead := c.Want()
	n := copy(dst, p)
	n += copy(ahead, p[n:])
	c.Filled(n)
	return n
}
