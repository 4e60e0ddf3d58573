package engine

import (
	"encoding/binary"
	"fmt"
	"syscall"

	"github.com/gonbd/gonbd/internal/nbderr"
	"github.com/gonbd/gonbd/internal/wire"
)

// maxChunks bounds the chunks of one reply: more than twice what a server
// needs that splits the largest read into pieces of 512 bytes.
const maxChunks = 1 << 18

// maxErrorChunk bounds the payload of an error chunk, in bytes: the longest
// message and what unknown kinds may add.
const maxErrorChunk = wire.MaxString + 1024

// replyParser is the record of the reply being received.
type replyParser struct {
	header wire.Reply
	slot   *slot
	offset uint64 // of the data being received
	data   []byte // where it goes, as a whole; nil once abandoned

	context MetaContext
	known   bool   // the context was selected
	left    uint64 // extents to come; 0 before the context ID
	extents []wire.Extent
}

// stepReplyHeader takes the header of a reply of any kind.
func (c *Conn) stepReplyHeader() bool {
	b := c.peek(4)
	if b == nil {
		if c.buffered() > 0 && c.state == StateReady {
			c.to(StateReplyHeader)
		}
		return false
	}
	size := wire.ReplySize(binary.BigEndian.Uint32(b))
	if size == 0 {
		_, err := wire.ParseReply(b)
		c.violation(err)
		return true
	}
	if b = c.take(size); b == nil {
		if c.state == StateReady {
			c.to(StateReplyHeader)
		}
		return false
	}
	c.stats.ChunksReceived++
	h, err := wire.ParseReply(b)
	if err != nil {
		c.violation(err)
		return true
	}
	s := c.find(h.Cookie)
	switch {
	case s == nil:
		c.violation(fmt.Errorf("the server replied to cookie %#x, which no command in flight has", h.Cookie))
	case s.start >= c.sent:
		c.violation(fmt.Errorf("the server replied to cookie %#x before the request was sent", h.Cookie))
	case c.extended != (h.Magic == wire.ExtendedReplyMagic):
		c.violation(fmt.Errorf("extended headers were %snegotiated, but the server sent %s reply", not(c.extended), kindOf(h.Magic)))
	case h.Magic == wire.SimpleReplyMagic:
		c.simpleReply(s, &h)
	case h.Magic == wire.StructuredReplyMagic && !c.structured:
		c.violation(fmt.Errorf("structured replies were not negotiated, but the server sent one"))
	default:
		c.chunk(s, &h)
	}
	return true
}

func not(b bool) string {
	if b {
		return ""
	}
	return "not "
}

func kindOf(magic uint32) string {
	switch magic {
	case wire.SimpleReplyMagic:
		return "a simple"
	case wire.StructuredReplyMagic:
		return "a structured"
	}
	return "an extended"
}

// simpleReply takes the header of a simple reply ("Simple reply message").
func (c *Conn) simpleReply(s *slot, h *wire.Reply) {
	if h.Error != 0 {
		s.fail(nbderr.Error{Kind: nbderr.Server, Errno: nbderr.FromWire(h.Error)})
	}
	switch {
	case s.typ == wire.CmdRead && h.Error == 0 && c.structured:
		// There would be no telling whether a payload follows.
		c.violation(fmt.Errorf("the server sent a simple reply to a read although structured replies were negotiated"))
	case s.typ == wire.CmdRead && h.Error == 0:
		h.Flags = wire.ReplyFlagDone
		s.received.add(0, s.length)
		c.receive(s, *h, 0, s.length)
	case s.typ == wire.CmdBlockStatus && h.Error == 0:
		s.fail(nbderr.Error{Kind: nbderr.Protocol, Errno: syscall.EPROTO, Msg: "the server sent a simple reply, which has no extents"})
		c.done(s)
	default:
		c.done(s)
	}
}

// receive makes the next n bytes of the stream those of the read that start
// at off, relative to its own start.
func (c *Conn) receive(s *slot, h wire.Reply, off, n uint64) {
	c.reply.header, c.reply.slot, c.reply.offset, c.reply.data = h, s, s.offset+off, nil
	if s.data != nil {
		c.reply.data = s.data[off : off+n : off+n]
		c.dst = c.reply.data
	} else {
		c.skip = n
	}
	c.to(StateReplyData)
}

func (c *Conn) stepReplyData() bool {
	if !c.drain() {
		return false
	}
	s := c.reply.slot
	if s.cmd != nil && s.cmd.Chunks {
		c.ev = Event{Kind: EventData, Command: s.cmd, Offset: c.reply.offset, Data: c.reply.data}
	}
	c.endChunk()
	return true
}

// endChunk goes on after a chunk, the last of a reply or not. If the chunk
// has an event of its own, the end of the command is told after it.
func (c *Conn) endChunk() {
	s, last := c.reply.slot, c.reply.header.Flags&wire.ReplyFlagDone != 0
	if last && c.ev.Kind != 0 {
		c.to(StateReplyEnd)
		return
	}
	c.reply.slot, c.reply.data = nil, nil
	if last {
		c.finish(s)
	}
	c.to(StateReady)
}

// finish ends a command whose last chunk has come.
func (c *Conn) finish(s *slot) {
	if s.err == nil {
		switch s.typ {
		case wire.CmdRead:
			if gap, ok := s.received.missing(s.length); ok {
				s.fail(nbderr.Error{Kind: nbderr.Protocol, Errno: syscall.EPROTO,
					Msg: fmt.Sprintf("the server ended its reply without the %d bytes at offset %d", gap.end-gap.start, s.offset+gap.start)})
			}
		case wire.CmdBlockStatus:
			if len(s.statuses) < max(1, s.expected) {
				s.fail(nbderr.Error{Kind: nbderr.Protocol, Errno: syscall.EPROTO,
					Msg: fmt.Sprintf("the server ended its reply with the extents of %d metadata contexts, expected %d", len(s.statuses), max(1, s.expected))})
			}
		}
	}
	c.done(s)
}

// done tells that a command has ended, and frees its slot.
func (c *Conn) done(s *slot) {
	if s.typ == wire.CmdWrite && s.cmd != nil {
		// A server may refuse a write before it has received all of it.
		c.detach(s)
	}
	if cmd := s.cmd; cmd != nil {
		cmd.Err = s.err
		c.ev = Event{Kind: EventDone, Command: cmd}
	}
	c.release(s)
	c.to(StateReady)
}
