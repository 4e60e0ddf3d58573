package engine

// segment is a piece of what is to be sent: of the arena of headers, or a
// payload in the caller's memory.
type segment struct {
	start, end int    // of sender.arena, if data is nil
	data       []byte // rest of a payload
	slot       *slot  // whose payload it is
}

// sender is the sending half of a Conn: a queue of segments.
type sender struct {
	arena        []byte // headers and options
	segs         []segment
	head         int    // the first segment not sent
	queued, sent uint64 // positions in the stream
	vec          [][]byte
}

const (
	// maxVector bounds what Outgoing gives, in slices.
	maxVector = 64
	// compactAt is how many bytes of the arena may be spent before it is
	// moved, and compactSegs how many segments.
	compactAt   = 16 << 10
	compactSegs = 256
)

// Pending reports whether anything is to be sent.
func (q *sender) Pending() bool { return q.head < len(q.segs) }

// Unsent gives the number of bytes that are queued.
func (q *sender) Unsent() uint64 { return q.queued - q.sent }

// open gives the arena to append to; shut must follow with the result.
func (q *sender) open() []byte { return q.arena }

// shut queues what was appended to the arena since open.
func (q *sender) shut(b []byte) {
	start, end := len(q.arena), len(b)
	q.arena = b
	q.queued += uint64(end - start)
	if last := len(q.segs) - 1; last >= q.head && q.segs[last].data == nil {
		q.segs[last].end = end
		return
	}
	q.segs = append(q.segs, segment{start: start, end: end})
}

func (q *sender) pushPayload(data []byte, s *slot) {
	if len(data) == 0 {
		return
	}
	q.queued += uint64(len(data))
	q.segs = append(q.segs, segment{data: data, slot: s})
}

// Outgoing gives what is to be sent next, as a vector for writev, or nil if
// there is nothing. It is valid until the next call of a method that changes
// the Conn.
func (q *sender) Outgoing() [][]byte {
	if !q.Pending() {
		return nil
	}
	q.vec = q.vec[:0]
	for i := q.head; i < len(q.segs) && len(q.vec) < maxVector; i++ {
		if s := &q.segs[i]; s.data != nil {
			q.vec = append(q.vec, s.data)
		} else {
			q.vec = append(q.vec, q.arena[s.start:s.end])
		}
	}
	return q.vec
}

// Sent says that the first n bytes of Outgoing were sent.
func (c *Conn) Sent(n int) {
	c.stats.BytesSent += uint64(n)
	c.sender.advance(n)
}

func (q *sender) advance(n int) {
	q.sent += uint64(n)
	for n > 0 {
		s := &q.segs[q.head]
		if s.data != nil {
			m := min(n, len(s.data))
			n -= m
			if s.data = s.data[m:]; len(s.data) > 0 {
				break
			}
			*s = segment{}
		} else {
			m := min(n, s.end-s.start)
			n -= m
			if s.start += m; s.start < s.end {
				break
			}
		}
		q.head++
	}
	if q.head == len(q.segs) {
		q.head, q.segs, q.arena = 0, q.segs[:0], q.arena[:0]
		return
	}
	q.compact()
}

// compact moves what is queued to the front, so that a queue which is never
// empty does not grow. It waits until half is spent: then what it moves is
// never more than what was sent.
func (q *sender) compact() {
	if q.head >= compactSegs && q.head >= len(q.segs)/2 {
		n := copy(q.segs, q.segs[q.head:])
		clear(q.segs[n:])
		q.segs, q.head = q.segs[:n], 0
	}
	first := len(q.arena)
	for _, s := range q.segs[q.head:] {
		if s.data == nil {
			first = s.start
			break
		}
	}
	if first < compactAt || first < len(q.arena)/2 {
		return
	}
	q.arena = q.arena[:copy(q.arena, q.arena[first:])]
	for i := q.head; i < len(q.segs); i++ {
		if s := &q.segs[i]; s.data == nil {
			s.start -= first
			s.end -= first
		}
	}
}

func (q *sender) dropOutgoing() {
	clear(q.segs)
	q.segs, q.head, q.arena = q.segs[:0], 0, q.arena[:0]
	q.queued = q.sent
}

// detach copies what is unsent of the slot's payload, so that the memory it
// lies in can be given back.
func (q *sender) detach(s *slot) {
	if s.end <= q.sent {
		return
	}
	for i := q.head; i < len(q.segs); i++ {
		if seg := &q.segs[i]; seg.slot == s && seg.data != nil {
			seg.data = append([]byte(nil), seg.data...)
			seg.slot = nil
			return
		}
	}
}
