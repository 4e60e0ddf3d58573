package engine

import (
	"encoding/binary"
	"fmt"
	"slices"
	"syscall"

	"github.com/gonbd/gonbd/internal/nbderr"
	"github.com/gonbd/gonbd/internal/wire"
)

// stepReplyExtents takes a block status chunk. The extents are kept as they
// arrive, so that memory grows with what came and not with what was claimed.
func (c *Conn) stepReplyExtents() bool {
	p := &c.reply
	ext := p.header.Type == wire.ReplyBlockStatusExt
	head, each := 4, 8
	if ext {
		head, each = 8, 16
	}
	if p.left == 0 {
		b := c.take(head)
		if b == nil {
			return false
		}
		id := binary.BigEndian.Uint32(b)
		p.left = (p.header.Length - uint64(head)) / uint64(each)
		p.extents = p.extents[:0]
		if ext && uint64(binary.BigEndian.Uint32(b[4:])) != p.left {
			c.violation(fmt.Errorf("%v says that it has %d extents, but its length is that of %d", p.header.Type, binary.BigEndian.Uint32(b[4:]), p.left))
			return true
		}
		p.context, p.known = MetaContext{ID: id}, false
		for _, ctx := range c.contexts {
			if ctx.ID == id {
				p.context, p.known = ctx, true
			}
		}
	}
	for p.left > 0 {
		b := c.take(each)
		if b == nil {
			return false
		}
		var e wire.Extent
		if ext {
			e = wire.Extent{Length: binary.BigEndian.Uint64(b), Flags: binary.BigEndian.Uint64(b[8:])}
		} else {
			e = wire.Extent{Length: uint64(binary.BigEndian.Uint32(b)), Flags: uint64(binary.BigEndian.Uint32(b[4:]))}
		}
		p.extents = append(p.extents, e)
		p.left--
	}
	s := p.slot
	if msg := c.checkExtents(s); msg != "" {
		s.fail(nbderr.Error{Kind: nbderr.Protocol, Errno: syscall.EPROTO, Msg: msg})
	} else {
		s.statuses = append(s.statuses, p.context.ID)
		if s.cmd != nil {
			c.ev = Event{Kind: EventExtents, Command: s.cmd, Offset: s.offset, Context: p.context, Extents: p.extents}
		}
	}
	c.endChunk()
	return true
}

// checkExtents says what is wrong with the extents received, or "". The
// stream is in step either way, so only the command fails.
func (c *Conn) checkExtents(s *slot) string {
	p := &c.reply
	switch {
	case !p.known:
		return fmt.Sprintf("the server sent extents for the metadata context ID %d, which it had not selected", p.context.ID)
	case c.filtered(s) && s.cmd != nil && !slices.Contains(s.cmd.Contexts, p.context.ID):
		return fmt.Sprintf("the server sent extents for the metadata context %s, which the request did not ask for", quote(p.context.Name))
	case slices.Contains(s.statuses, p.context.ID):
		return fmt.Sprintf("the server sent extents for the metadata context %s twice", quote(p.context.Name))
	case s.flags&wire.CmdFlagReqOne != 0 && len(p.extents) != 1:
		return fmt.Sprintf("one extent was asked for, the server sent %d", len(p.extents))
	}
	left := uint64(1<<63 - 1)
	if c.export.Size >= s.offset {
		left = c.export.Size - s.offset
	}
	var sum uint64
	for i, e := range p.extents {
		if e.Length == 0 {
			return fmt.Sprintf("extent %d of metadata context %s has length 0", i, quote(p.context.Name))
		}
		if e.Length > left-sum {
			return fmt.Sprintf("extent %d of metadata context %s is %d bytes long from offset %d, beyond the end of the export at %d",
				i, quote(p.context.Name), e.Length, s.offset+sum, c.export.Size)
		}
		sum += e.Length
	}
	if s.flags&wire.CmdFlagReqOne != 0 && sum > s.length {
		return fmt.Sprintf("one extent of at most %d bytes was asked for, the server sent one of %d", s.length, sum)
	}
	return ""
}
