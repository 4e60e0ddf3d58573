package nbdserver

import (
	"fmt"
	"io"
	"runtime/debug"
	"slices"

	"github.com/gonbd/gonbd/internal/wire"
)

// The transmission phase is the work of workers, goroutines that are all
// alike: each in its turn receives a request, lets the next one receive,
// executes the request and puts its reply into the output. So no request
// waits for another goroutine to wake up, and the number of workers bounds
// what runs at a time. Requests that are sure to be quick are executed by the
// receiving worker before it goes on receiving; their replies leave together
// when there is nothing more to receive.

// inlineRead is the longest read that is executed while receiving: the
// replies of longer ones may have to wait for the client.
const inlineRead = 64 << 10

// inlineRange is the longest range trimmed or zeroed while receiving.
const inlineRange = 64 << 20

// transmit is the transmission phase. It returns when all requests have
// ended.
func (c *conn) transmit() error {
	s := &c.session
	s.started = 1
	c.work()
	s.workers.Wait()
	return s.err
}

// work is the life of a worker.
func (c *conn) work() {
	for {
		r := c.receive()
		if r == nil {
			return
		}
		c.execute(r)
		c.out.put(r)
		c.out.flush()
	}
}

// receive gives the next request that takes its time, or nil when the
// connection ends.
func (c *conn) receive() (r *request) {
	s := &c.session
	s.waiting.Add(1)
	s.receiving.Lock()
	s.waiting.Add(-1)
	defer s.receiving.Unlock()
	defer func() {
		if p := recover(); p != nil {
			s.ended, s.err, r = true, &panicError{p, debug.Stack()}, nil
		}
	}()
	for !s.ended {
		r, err := c.next()
		if err != nil {
			s.ended, s.err = true, err
			break
		}
		if !c.quick(r) {
			if s.waiting.Load() == 0 && s.started < c.srv.maxRequests() {
				s.started++
				s.workers.Go(c.work)
			}
			return r
		}
		c.execute(r)
		c.out.put(r)
	}
	return nil
}

// next receives a request with its payload. A request that is to be refused
// has its refusal set.
func (c *conn) next() (*request, error) {
	size := wire.RequestSize
	if c.neg.extended {
		size = wire.ExtendedRequestSize
	}
	b, err := c.in.message(size)
	if err != nil {
		return nil, err
	}
	header, err := wire.ParseRequest(b, c.neg.extended)
	if err != nil {
		return nil, fmt.Errorf("nbdserver: %w", err)
	}
	if header.Type == wire.CmdDisc {
		return nil, errDisconnect
	}
	r := newRequest(header)
	// A write has a payload even where a client with extended headers leaves
	// the flag out, as qemu 11 sometimes does: there is no write without data.
	payload := uint64(0)
	if header.Type == wire.CmdWrite || c.neg.extended && header.Flags&wire.CmdFlagPayloadLen != 0 {
		payload = header.Length
	}
	if most := max(uint64(c.disk.block.MaxPayload), wire.DefaultMaxPayload); payload > most {
		return nil, fmt.Errorf("nbdserver: the client sent %v with a payload of %d bytes, more than the %d that the server reads", header.Type, payload, most)
	}
	c.judge(r)
	if r.refusal != 0 {
		if err := c.admit(r); err != nil {
			return nil, err
		}
		return r, c.in.discard(payload)
	}
	switch r.Type {
	case wire.CmdRead, wire.CmdWrite:
		r.cost = int64(r.length)
	case wire.CmdBlockStatus:
		r.cost = int64(len(c.neg.contexts)) * maxExtents * 16
	}
	if err := c.admit(r); err != nil || payload == 0 {
		return r, err
	}
	r.data = newBuffer(int(payload))
	data := r.data.bytes[:payload]
	if err := c.in.fill(data); err != nil {
		return nil, err
	}
	if r.Type == wire.CmdBlockStatus {
		c.judgeFilter(r, data)
	}
	return r, nil
}

// admit waits until there is room for the request.
func (c *conn) admit(r *request) error {
	room := &c.session.room
	if room.try(r.cost) {
		return nil
	}
	c.out.flush() // or the room might never come
	if !room.acquire(r.cost) {
		return io.ErrClosedPipe // whoever closed it has said why
	}
	return nil
}

// quick reports whether to execute the request while receiving.
func (c *conn) quick(r *request) bool {
	if r.refusal != 0 {
		return true
	}
	if !c.disk.immediate {
		return false
	}
	switch r.Type {
	case wire.CmdRead:
		return r.length <= inlineRead
	case wire.CmdWrite, wire.CmdFlush:
		return true
	case wire.CmdTrim:
		return r.length <= inlineRange
	case wire.CmdWriteZeroes:
		return r.length <= inlineRange && c.disk.zeroer != nil
	case wire.CmdBlockStatus:
		// Other contexts than base:allocation may be slow all the same.
		return !slices.ContainsFunc(c.neg.contexts, func(m metaContext) bool { return m.context != nil })
	}
	return false
}
