package engine

import (
	"fmt"
	"syscall"

	"github.com/gonbd/gonbd/internal/nbderr"
	"github.com/gonbd/gonbd/internal/wire"
)

// chunk takes the header of a structured or extended reply chunk.
func (c *Conn) chunk(s *slot, h *wire.Reply) {
	c.reply.header, c.reply.slot = *h, s
	s.chunks++
	switch {
	case s.chunks > maxChunks:
		c.violation(fmt.Errorf("in the reply to %s: the server sent more than %d chunks", OpName(s.typ), maxChunks))
		return
	case h.Magic == wire.ExtendedReplyMagic && h.Offset != s.offset:
		c.violation(fmt.Errorf("the reply to %s should repeat its offset %d, has %d", OpName(s.typ), s.offset, h.Offset))
		return
	}
	if err := c.checkChunk(s, h); err != nil {
		c.violation(err)
		return
	}
	switch {
	case h.Type == wire.ReplyNone:
		c.endChunk()
	case h.Type == wire.ReplyBlockStatus || h.Type == wire.ReplyBlockStatusExt:
		c.reply.left = 0
		c.to(StateReplyExtents)
	default:
		c.to(StateReplyChunk)
	}
}

// checkChunk says what is wrong with a chunk, as far as its header tells.
func (c *Conn) checkChunk(s *slot, h *wire.Reply) error {
	wrong := func(format string, args ...any) error {
		return fmt.Errorf("in the reply to %s: %v %s", OpName(s.typ), h.Type, fmt.Sprintf(format, args...))
	}
	switch h.Type {
	case wire.ReplyNone:
		if h.Length != 0 {
			return wrong("should have no payload, has %d bytes", h.Length)
		}
		if h.Flags&wire.ReplyFlagDone == 0 {
			return wrong("should be the last chunk, and is not")
		}
	case wire.ReplyOffsetData:
		switch {
		case s.typ != wire.CmdRead:
			return wrong("is no answer")
		case h.Length <= wire.OffsetDataSize:
			return wrong("should be at least %d bytes long, is %d", wire.OffsetDataSize+1, h.Length)
		case h.Length-wire.OffsetDataSize > s.length:
			return wrong("has %d bytes of data, more than the %d asked for", h.Length-wire.OffsetDataSize, s.length)
		}
	case wire.ReplyOffsetHole:
		switch {
		case s.typ != wire.CmdRead:
			return wrong("is no answer")
		case h.Length != wire.OffsetHoleSize:
			return wrong("should be %d bytes long, is %d", wire.OffsetHoleSize, h.Length)
		}
	case wire.ReplyBlockStatus, wire.ReplyBlockStatusExt:
		switch {
		case s.typ != wire.CmdBlockStatus:
			return wrong("is no answer")
		case (h.Type == wire.ReplyBlockStatusExt) != c.extended:
			return wrong("came although extended headers were %snegotiated", not(c.extended))
		}
		return wire.CheckBlockStatusLength(h.Type, h.Length)
	default:
		if !h.Type.IsError() {
			return wrong("is not known")
		}
		if h.Length < wire.ErrorSize || h.Length > maxErrorChunk {
			return wrong("should be between %d and %d bytes long, is %d", wire.ErrorSize, maxErrorChunk, h.Length)
		}
	}
	return nil
}

// stepReplyChunk takes the fixed part of a chunk's payload.
func (c *Conn) stepReplyChunk() bool {
	h, s := &c.reply.header, c.reply.slot
	n := int(h.Length)
	if h.Type == wire.ReplyOffsetData {
		n = wire.OffsetDataSize
	}
	b := c.take(n)
	if b == nil {
		return false
	}
	switch h.Type {
	case wire.ReplyOffsetData:
		offset, _ := wire.ParseOffsetData(b)
		if off, ok := c.content(s, offset, h.Length-wire.OffsetDataSize); ok {
			c.receive(s, *h, off, h.Length-wire.OffsetDataSize)
		}
	case wire.ReplyOffsetHole:
		c.hole(s, b)
	default:
		c.errorChunk(s, b)
	}
	return true
}

// content checks that a content chunk lies within the read and on nothing
// that came before, and marks it as received. It gives the offset relative to the read's.
func (c *Conn) content(s *slot, offset, n uint64) (off uint64, ok bool) {
	off = offset - s.offset
	if offset < s.offset || off > s.length || n > s.length-off || n == 0 {
		c.violation(fmt.Errorf("in the reply to a read of %d bytes at offset %d: a chunk of %d bytes at offset %d lies outside of it", s.length, s.offset, n, offset))
		return 0, false
	}
	fresh, room := s.received.add(off, off+n)
	switch {
	case !fresh:
		c.violation(fmt.Errorf("in the reply to a read of %d bytes at offset %d: two chunks overlap at %d bytes from offset %d", s.length, s.offset, n, offset))
	case !room:
		c.violation(fmt.Errorf("in the reply to a read of %d bytes at offset %d: the server scattered more than %d chunks", s.length, s.offset, maxSpans))
	}
	return off, fresh && room
}

// hole takes NBD_REPLY_TYPE_OFFSET_HOLE.
func (c *Conn) hole(s *slot, b []byte) {
	offset, size, _ := wire.ParseOffsetHole(b)
	off, ok := c.content(s, offset, uint64(size))
	if !ok {
		return
	}
	if s.data != nil {
		data := s.data[off : off+uint64(size)]
		clear(data)
		if s.cmd.Chunks {
			c.ev = Event{Kind: EventHole, Command: s.cmd, Offset: offset, Data: data}
		}
	}
	c.endChunk()
}

// errorChunk takes an error chunk, of a known kind or not.
func (c *Conn) errorChunk(s *slot, b []byte) {
	h := c.reply.header
	errno, message, rest, err := wire.ParseError(b)
	if err == nil && h.Type == wire.ReplyError && len(rest) > 0 {
		err = fmt.Errorf("NBD_REPLY_TYPE_ERROR has %d bytes behind its message", len(rest))
	}
	var offset uint64
	if err == nil && h.Type == wire.ReplyErrorOffset {
		_, _, offset, err = wire.ParseErrorOffset(b)
		if err == nil && (offset < s.offset || offset-s.offset >= max(1, s.length)) {
			err = fmt.Errorf("in the reply to %s of %d bytes at offset %d: the error at offset %d lies outside of it", OpName(s.typ), s.length, s.offset, offset)
		}
	}
	if err != nil {
		c.violation(err)
		return
	}
	e := nbderr.Error{Kind: nbderr.Server, Errno: nbderr.FromWire(errno), ServerText: nbderr.Printable(message)}
	if h.Type == wire.ReplyErrorOffset {
		e.Msg = fmt.Sprintf("at offset %d", offset)
	}
	if errno == 0 {
		e.Kind, e.Errno, e.Msg = nbderr.Protocol, syscall.EPROTO, "the server sent an error chunk without an error"
	}
	s.fail(e)
	if h.Type == wire.ReplyErrorOffset && s.cmd != nil && s.cmd.Chunks && s.typ == wire.CmdRead {
		c.ev = Event{Kind: EventError, Command: s.cmd, Offset: offset, Err: s.fault(e)}
	}
	c.endChunk()
}
