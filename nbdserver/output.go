package nbdserver

import (
	"fmt"
	"net"
	"sync"
)

const (
	// flatSize is the size up to which replies are copied together for one
	// write; longer ones are gathered by writev.
	flatSize = 32 << 10
	// holdBack is how much of replies waits for more before it is written,
	// as long as there are requests to go on with.
	holdBack = 64 << 10
)

// output writes replies. Any worker puts them in the queue; one writes for
// all, and what gathers meanwhile leaves together.
type output struct {
	c *conn

	mu      sync.Mutex // guards the rest, but the fields of the writer
	queue   []*request
	size    int  // of the queue in bytes
	writing bool // somebody is

	// Of whoever is writing.
	spare  []*request
	flat   []byte
	vector net.Buffers
}

// put queues a reply. It is written by the next flush, or at once if much is
// waiting.
func (o *output) put(r *request) {
	o.mu.Lock()
	o.queue = append(o.queue, r)
	for _, s := range r.segments {
		o.size += len(s)
	}
	full := o.size >= holdBack
	o.mu.Unlock()
	if full {
		o.flush()
	}
}

// flush sees to it that the queue is written: by the caller, or by whoever is
// writing already.
func (o *output) flush() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.writing {
		return
	}
	o.writing = true
	for len(o.queue) > 0 {
		batch, size := o.queue, o.size
		o.queue, o.size = o.spare, 0
		o.mu.Unlock()
		if err := o.write(batch, size); err != nil {
			o.c.abort(fmt.Errorf("nbdserver: writing replies: %w", err))
		}
		for i, r := range batch {
			cost := r.cost
			r.free()
			o.c.session.room.release(cost)
			batch[i] = nil
		}
		o.mu.Lock()
		o.spare = batch[:0]
	}
	o.writing = false
}

func (o *output) write(batch []*request, size int) error {
	nc := o.c.netConn()
	if size <= flatSize {
		flat := o.flat[:0]
		for _, r := range batch {
			for _, s := range r.segments {
				flat = append(flat, s...)
			}
		}
		o.flat = flat
		_, err := nc.Write(flat)
		return err
	}
	vector := o.vector[:0]
	for _, r := range batch {
		vector = append(vector, r.segments...)
	}
	o.vector = vector
	_, err := o.vector.WriteTo(nc) // which advances o.vector
	o.vector = vector[:0]
	return err
}
