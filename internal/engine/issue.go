package engine

import (
	"fmt"
	"math"
	"syscall"

	"github.com/gonbd/gonbd/internal/nbderr"
	"github.com/gonbd/gonbd/internal/wire"
)

// A cookie is a sequence number and, in its low bits, the slot: replies find
// their command without a search, and no cookie is used twice.
const slotBits = 20

// MaxInFlight is the number of commands that can be in flight.
const MaxInFlight = 1 << slotBits

// Submit queues a command. If it returns an error the command was not
// accepted and no event will come; otherwise there will be just one
// EventDone. Submit refuses only what cannot be sent: whether the server
// offers the command, and whether the range lies within the export, is for
// the caller to check, or for the server.
func (c *Conn) Submit(cmd *Command) error {
	length := cmd.Length
	if cmd.Type == wire.CmdRead || cmd.Type == wire.CmdWrite {
		length = uint64(len(cmd.Data))
	}
	if err := c.checkSubmit(cmd, length); err != nil {
		return err
	}
	s := c.acquire()
	s.cmd, s.typ, s.flags, s.offset, s.length = cmd, cmd.Type, cmd.Flags, cmd.Offset, length
	if cmd.Type == wire.CmdRead {
		s.data = cmd.Data
		c.reads++
		c.readBytes += length
	}
	cmd.cookie, cmd.slot, cmd.Err = s.cookie, s, nil

	if !cmd.RawFlags {
		s.flags &^= wire.CmdFlagPayloadLen
		if c.extended && (cmd.Type == wire.CmdWrite || cmd.Type == wire.CmdBlockStatus && cmd.Contexts != nil) {
			s.flags |= wire.CmdFlagPayloadLen
		}
	}
	filter := c.filtered(s)
	if cmd.Type == wire.CmdBlockStatus {
		s.expected = len(c.contexts)
		if filter {
			s.expected = len(cmd.Contexts)
			length = 8 + 4*uint64(len(cmd.Contexts))
		}
	}
	s.start = c.queued
	b := wire.AppendRequest(c.open(), &wire.Request{Flags: s.flags, Type: cmd.Type, Cookie: s.cookie, Offset: cmd.Offset, Length: length}, c.extended)
	if filter {
		b = wire.AppendBlockStatusPayload(b, cmd.Length, cmd.Contexts)
	}
	c.shut(b)
	if cmd.Type == wire.CmdWrite {
		c.pushPayload(cmd.Data, s)
	}
	s.end = c.queued
	c.stats.ChunksSent++
	return nil
}

// filtered reports whether the command is a block status with a payload that
// chooses contexts; only extended headers have a place for it.
func (c *Conn) filtered(s *slot) bool {
	return s.typ == wire.CmdBlockStatus && s.flags&wire.CmdFlagPayloadLen != 0 && c.extended
}

func (c *Conn) checkSubmit(cmd *Command, length uint64) error {
	refuse := func(errno syscall.Errno, format string, args ...any) error {
		return &nbderr.Error{Kind: nbderr.Local, Op: OpName(cmd.Type), Errno: errno, Msg: fmt.Sprintf(format, args...)}
	}
	switch {
	case !c.transmitting():
		e := &nbderr.Error{Kind: nbderr.Transport, Op: OpName(cmd.Type), Errno: syscall.ENOTCONN, Err: c.err, Retry: true,
			Msg: "not connected to an export (" + c.state.Meaning() + ")"}
		return e
	case c.disc:
		return refuse(syscall.ENOTCONN, "the connection is being shut down")
	case cmd.slot != nil:
		return refuse(syscall.EINVAL, "the command is in flight already")
	case cmd.Type == wire.CmdDisc:
		return refuse(syscall.EINVAL, "use Disconnect")
	case c.inFlight >= MaxInFlight:
		return refuse(syscall.EAGAIN, "%d commands are in flight already", c.inFlight)
	case length > math.MaxUint32 && !c.extended:
		return refuse(syscall.ERANGE, "the length %d needs extended headers, which the server does not offer", length)
	case cmd.Contexts != nil && !c.extended:
		return refuse(syscall.ENOTSUP, "choosing contexts by command needs extended headers, which the server does not offer")
	}
	return nil
}

// transmitting reports whether the connection is in the transmission phase.
func (c *Conn) transmitting() bool {
	return c.state >= StateReady && c.state <= StateReplyEnd
}

// acquire takes a free slot and gives it a new cookie.
func (c *Conn) acquire() *slot {
	var s *slot
	if n := len(c.free); n > 0 {
		s = c.slots[c.free[n-1]]
		c.free = c.free[:n-1]
	} else {
		s = &slot{index: uint32(len(c.slots))}
		c.slots = append(c.slots, s)
	}
	c.seq++
	s.cookie = c.seq<<slotBits | uint64(s.index)
	c.inFlight++
	return s
}

// release frees a slot.
func (c *Conn) release(s *slot) {
	if s.cmd != nil {
		s.cmd.slot = nil
	}
	if s.typ == wire.CmdRead {
		c.reads--
		c.readBytes -= s.length
	}
	s.cookie, s.cmd, s.data, s.err, s.chunks = 0, nil, nil, nil, 0
	s.received.reset()
	s.statuses = s.statuses[:0]
	c.free = append(c.free, s.index)
	c.inFlight--
}

// find gives the slot of a cookie of the peer's, or nil.
func (c *Conn) find(cookie uint64) *slot {
	i := cookie & (MaxInFlight - 1)
	if i >= uint64(len(c.slots)) || cookie == 0 || c.slots[i].cookie != cookie {
		return nil
	}
	return c.slots[i]
}

// Abandon gives up on a command: no event about it will follow, and its Data
// belongs to the caller again at once. The request stays in the server's
// hands, and whether it has effect is unknown; its reply will be read and
// thrown away. Abandon reports whether the command was in flight.
func (c *Conn) Abandon(cmd *Command) bool {
	for i := c.failedAt; i < len(c.failed); i++ {
		if c.failed[i] == cmd {
			c.failed = append(c.failed[:i], c.failed[i+1:]...)
			return true
		}
	}
	s := cmd.slot
	if s == nil || s.cmd != cmd {
		return false
	}
	if cmd.Type == wire.CmdWrite {
		c.detach(s)
	}
	if c.reply.slot == s {
		c.skip += uint64(len(c.dst))
		c.dst, c.reply.data = nil, nil
	}
	s.cmd, s.data, cmd.slot = nil, nil, nil
	return true
}

// Disconnect queues the polite goodbye, NBD_CMD_DISC, behind what is queued
// already. No command can be submitted after it. The connection is closed
// when the server hangs up.
func (c *Conn) Disconnect() error {
	if !c.transmitting() || c.disc {
		return &nbderr.Error{Kind: nbderr.Local, Op: "disconnect", Errno: syscall.EINVAL, Msg: "not connected to an export (" + c.state.Meaning() + ")"}
	}
	c.disc = true
	c.seq++
	c.shut(wire.AppendRequest(c.open(), &wire.Request{Type: wire.CmdDisc, Cookie: c.seq << slotBits}, c.extended))
	c.stats.ChunksSent++
	return nil
}
