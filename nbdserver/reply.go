package nbdserver

import (
	"sync"

	"github.com/gonbd/gonbd/internal/wire"
)

// request is a request from its header to its reply. Requests are reused, and
// keep the memory that goes with them.
type request struct {
	wire.Request
	length uint64   // of the range, in bytes
	ids    []uint32 // metadata contexts asked for; nil: all
	cost   int64    // of room

	refusal uint32 // error number; 0: to be executed
	text    string // why

	data     *buffer  // payload of the request, then of the reply
	heads    []byte   // what the reply has besides
	segments [][]byte // the reply

	extents []Extent
	runs    []wire.Extent
}

var requests = sync.Pool{New: func() any { return new(request) }}

func newRequest(header wire.Request) *request {
	r := requests.Get().(*request)
	r.Request = header
	return r
}

// free gives the request back. Nothing may hold on to it or its reply.
func (r *request) free() {
	const keep = 4096 // more than that is needed too seldom
	r.reset()
	if r.data != nil {
		r.data.free()
	}
	if cap(r.heads) > keep {
		r.heads = nil
	}
	if cap(r.extents) > keep/16 {
		r.extents = nil
	}
	if cap(r.runs) > keep/16 {
		r.runs = nil
	}
	*r = request{heads: r.heads, segments: r.segments, extents: r.extents[:0], runs: r.runs[:0]}
	requests.Put(r)
}

func (r *request) refuse(errno uint32, text string) { r.refusal, r.text = errno, text }

// reset forgets the reply as far as it is made.
func (r *request) reset() {
	clear(r.segments)
	r.heads, r.segments = r.heads[:0], r.segments[:0]
}

// add puts what was appended to heads since from, and data, behind the reply.
func (r *request) add(from int, data []byte) {
	r.segments = append(r.segments, r.heads[from:])
	if len(data) > 0 {
		r.segments = append(r.segments, data)
	}
}

// replyDone answers with success and nothing else.
func (c *conn) replyDone(r *request) {
	from := len(r.heads)
	if c.neg.extended || c.neg.structured && r.Type == wire.CmdRead {
		c.chunk(r, true, wire.ReplyNone, 0)
	} else {
		c.simple(r, 0)
	}
	r.add(from, nil)
}

// replyError answers with an error, in place of whatever was made before.
func (c *conn) replyError(r *request, errno uint32, text string) {
	r.reset()
	if c.neg.extended || c.neg.structured {
		text = text[:min(len(text), wire.MaxString)]
		c.chunk(r, true, wire.ReplyError, wire.ErrorSize+len(text))
		r.heads = wire.AppendError(r.heads, errno, text)
	} else {
		c.simple(r, errno)
	}
	r.add(0, nil)
}

// replyData answers a read with the data.
func (c *conn) replyData(r *request, data []byte) {
	if c.neg.extended || c.neg.structured {
		c.chunkData(r, true, int64(r.Offset), data)
		return
	}
	from := len(r.heads)
	c.simple(r, 0)
	r.add(from, data)
}

// replyPartial answers a read with the data that precedes an error.
func (c *conn) replyPartial(r *request, data []byte, errno uint32, text string) {
	c.chunkData(r, false, int64(r.Offset), data)
	text = text[:min(len(text), wire.MaxString)]
	from := len(r.heads)
	c.chunk(r, true, wire.ReplyErrorOffset, wire.ErrorSize+len(text)+wire.ErrorOffsetSize)
	r.heads = wire.AppendErrorOffset(r.heads, errno, text, r.Offset+uint64(len(data)))
	r.add(from, nil)
}

func (c *conn) chunkData(r *request, last bool, off int64, data []byte) {
	from := len(r.heads)
	c.chunk(r, last, wire.ReplyOffsetData, wire.OffsetDataSize+len(data))
	r.heads = wire.AppendOffsetData(r.heads, uint64(off))
	r.add(from, data)
}

func (c *conn) chunkHole(r *request, last bool, off int64, n uint32) {
	from := len(r.heads)
	c.chunk(r, last, wire.ReplyOffsetHole, wire.OffsetHoleSize)
	r.heads = wire.AppendOffsetHole(r.heads, uint64(off), n)
	r.add(from, nil)
}

// simple appends the header of a simple reply to heads.
func (c *conn) simple(r *request, errno uint32) {
	r.heads = wire.AppendReply(r.heads, &wire.Reply{Magic: wire.SimpleReplyMagic, Error: errno, Cookie: r.Cookie})
}

// chunk appends the header of a structured or extended reply chunk to heads.
func (c *conn) chunk(r *request, last bool, t wire.ReplyType, length int) {
	h := wire.Reply{Magic: wire.StructuredReplyMagic, Type: t, Cookie: r.Cookie, Offset: r.Offset, Length: uint64(length)}
	if c.neg.extended {
		h.Magic = wire.ExtendedReplyMagic
	}
	if last {
		h.Flags = wire.ReplyFlagDone
	}
	r.heads = wire.AppendReply(r.heads, &h)
}
