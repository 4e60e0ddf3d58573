package engine

// DropUnsent takes the requests of which nothing has been sent out of the
// queue (LIBNBD_SHUTDOWN_ABANDON_PENDING of nbd_shutdown(3)). Their commands
// stay in flight, and fail when the connection ends.
func (c *Conn) DropUnsent() {
	if !c.transmitting() {
		return
	}
	keep := c.sent
	for _, s := range c.slots {
		if s.cookie != 0 && s.start < c.sent && s.end > c.sent {
			keep = s.end
		}
	}
	c.sender.truncate(keep)
}

// truncate drops what is queued behind a position in the stream.
func (q *sender) truncate(at uint64) {
	pos := q.sent
	for i := q.head; i < len(q.segs); i++ {
		s := &q.segs[i]
		n := uint64(s.end - s.start)
		if s.data != nil {
			n = uint64(len(s.data))
		}
		if pos+n <= at {
			pos += n
			continue
		}
		last := i
		if s.data == nil && at > pos {
			s.end = s.start + int(at-pos)
			last++
		}
		clear(q.segs[last:])
		q.segs = q.segs[:last]
		break
	}
	q.arena = q.arena[:q.arenaEnd()]
	q.queued = at
	if q.head == len(q.segs) {
		q.head, q.segs, q.arena = 0, q.segs[:0], q.arena[:0]
	}
}

// arenaEnd gives where the last queued piece of the arena ends.
func (q *sender) arenaEnd() int {
	for i := len(q.segs) - 1; i >= q.head; i-- {
		if q.segs[i].data == nil {
			return q.segs[i].end
		}
	}
	return 0
}

// ForgetExport forgets what the server told about an export and the metadata
// contexts selected for it, since another export's name was chosen.
func (c *Conn) ForgetExport() {
	c.export, c.haveExport = Export{}, false
	c.contexts, c.contextsFor, c.selected = nil, "", false
}

// ContextsSelected says whether the server answered the last attempt to
// select metadata contexts with success, if only to say that it has none.
func (c *Conn) ContextsSelected() bool { return c.selected }
