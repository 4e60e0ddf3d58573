package nbdserver

import (
	"fmt"
	"slices"

	"github.com/gonbd/gonbd/internal/wire"
)

// maxEmulatedZeroes is the longest NBD_CMD_WRITE_ZEROES that is done by
// writing: what a client with compact headers can ask for.
const maxEmulatedZeroes = 1 << 32

// judge decides whether a request will be executed, from its header alone. It
// sets the request's length, and its refusal if not.
func (c *conn) judge(r *request) {
	f, d := c.flags(), c.disk
	r.length = r.Length
	if c.isStopping() {
		r.refuse(wire.ESHUTDOWN, "the server is shutting down")
		return
	}

	// What the command is and whether the export has it.
	var allowed wire.CommandFlags
	var needs wire.TransmissionFlags
	writes, inRange := false, true
	switch r.Type {
	case wire.CmdRead:
		if f&wire.FlagSendDF != 0 {
			allowed = wire.CmdFlagDF
		}
	case wire.CmdWrite:
		writes = true
		if c.neg.extended {
			allowed = wire.CmdFlagPayloadLen
		}
	case wire.CmdFlush:
		needs, inRange = wire.FlagSendFlush, false
	case wire.CmdTrim:
		needs, writes = wire.FlagSendTrim, true
	case wire.CmdCache:
		needs = wire.FlagSendCache
	case wire.CmdWriteZeroes:
		needs, writes = wire.FlagSendWriteZeroes, true
		allowed = wire.CmdFlagNoHole
		if f&wire.FlagSendFastZero != 0 {
			allowed |= wire.CmdFlagFastZero
		}
	case wire.CmdBlockStatus:
		allowed = wire.CmdFlagReqOne
		if f&wire.FlagBlockStatusPayload != 0 {
			allowed |= wire.CmdFlagPayloadLen
		}
	default:
		r.refuse(wire.EINVAL, fmt.Sprintf("%v is unknown", r.Type))
		return
	}
	if f&wire.FlagSendFUA != 0 {
		allowed |= wire.CmdFlagFUA
	}
	switch extra := r.Flags &^ allowed; {
	case extra != 0:
		r.refuse(wire.EINVAL, fmt.Sprintf("the flags %#x don't go with %v here", uint16(extra), r.Type))
		return
	case writes && d.writer == nil:
		r.refuse(wire.EPERM, "the export is read-only")
		return
	case f&needs != needs:
		r.refuse(wire.EINVAL, fmt.Sprintf("the export doesn't offer %v", r.Type))
		return
	case r.Type == wire.CmdBlockStatus && len(c.neg.contexts) == 0:
		r.refuse(wire.EINVAL, "no metadata context was negotiated for this export")
		return
	case r.Type == wire.CmdBlockStatus && r.Flags&wire.CmdFlagPayloadLen != 0:
		if most := 8 + 4*len(c.neg.contexts); r.Length > uint64(most) {
			r.refuse(wire.EINVAL, fmt.Sprintf("the payload of NBD_CMD_BLOCK_STATUS is %d bytes long, at most %d make sense", r.Length, most))
		}
		return // the range is in the payload
	case !inRange:
		if r.Offset != 0 || r.Length != 0 {
			r.refuse(wire.EINVAL, fmt.Sprintf("offset and length of %v should be 0", r.Type))
		}
		return
	}
	c.judgeRange(r)
}

// judgeRange refuses requests whose range is not one of the export's.
func (c *conn) judgeRange(r *request) {
	d := c.disk
	if r.length > d.size || r.Offset > d.size-r.length {
		errno := uint32(wire.EINVAL)
		if r.Type == wire.CmdWrite || r.Type == wire.CmdWriteZeroes {
			errno = wire.ENOSPC
		}
		r.refuse(errno, fmt.Sprintf("%d bytes at offset %d reach beyond the export's %d", r.length, r.Offset, d.size))
		return
	}
	switch low := uint64(d.block.Minimum - 1); {
	case r.Offset&low != 0 || r.length&low != 0:
		r.refuse(wire.EINVAL, fmt.Sprintf("%d bytes at offset %d are not multiples of the minimum block size %d", r.length, r.Offset, d.block.Minimum))
	case r.length <= uint64(d.block.MaxPayload):
		if r.Type == wire.CmdBlockStatus && r.length == 0 {
			r.refuse(wire.EINVAL, "the range of NBD_CMD_BLOCK_STATUS is empty")
		}
	case r.Type == wire.CmdRead:
		errno := uint32(wire.EOVERFLOW)
		if !c.neg.structured && !c.neg.extended {
			errno = wire.EINVAL
		}
		r.refuse(errno, fmt.Sprintf("%d bytes are more than the maximum payload size %d", r.length, d.block.MaxPayload))
	case r.Type == wire.CmdWrite:
		r.refuse(wire.EINVAL, fmt.Sprintf("%d bytes are more than the maximum payload size %d", r.length, d.block.MaxPayload))
	case r.Type == wire.CmdWriteZeroes && d.zeroer == nil && r.length > maxEmulatedZeroes && r.Flags&wire.CmdFlagFastZero == 0:
		r.refuse(wire.EOVERFLOW, fmt.Sprintf("%d bytes of zeroes are more than this export can write at once", r.length))
	}
}

// judgeFilter takes the payload of NBD_CMD_BLOCK_STATUS: the range, and the
// metadata contexts that the client wants to know about.
func (c *conn) judgeFilter(r *request, payload []byte) {
	length, ids, err := wire.ParseBlockStatusPayload(payload)
	if err != nil {
		r.refuse(wire.EINVAL, err.Error())
		return
	}
	for i, id := range ids {
		if id == 0 || uint64(id) > uint64(len(c.neg.contexts)) {
			r.refuse(wire.EINVAL, fmt.Sprintf("the metadata context %d was not negotiated", id))
			return
		}
		if slices.Contains(ids[:i], id) {
			r.refuse(wire.EINVAL, fmt.Sprintf("the metadata context %d is asked for twice", id))
			return
		}
	}
	if len(ids) == 0 {
		r.refuse(wire.EINVAL, "the payload of NBD_CMD_BLOCK_STATUS names no metadata context")
		return
	}
	r.length, r.ids = length, ids
	c.judgeRange(r)
}
