package nbdserver

import (
	"fmt"
	"math"
	"slices"

	"github.com/gonbd/gonbd/internal/wire"
)

// maxExtents bounds the extents of one metadata context in a reply. A client
// that wants more asks again.
const maxExtents = 16 << 10

// executeBlockStatus answers NBD_CMD_BLOCK_STATUS: a chunk for each metadata
// context asked for.
func (c *conn) executeBlockStatus(r *request) {
	asked := len(c.neg.contexts)
	if r.ids != nil {
		asked = len(r.ids)
	}
	for _, m := range c.neg.contexts {
		if r.ids != nil && !slices.Contains(r.ids, m.id) {
			continue
		}
		if err := c.status(r, m); err != nil {
			c.fail(r, err)
			return
		}
		asked--
		from := len(r.heads)
		if c.neg.extended {
			c.chunk(r, asked == 0, wire.ReplyBlockStatusExt, 8+16*len(r.runs))
			r.heads = wire.AppendBlockStatusExt(r.heads, m.id, r.runs)
		} else {
			c.chunk(r, asked == 0, wire.ReplyBlockStatus, 4+8*len(r.runs))
			r.heads = wire.AppendBlockStatus(r.heads, m.id, r.runs)
		}
		r.add(from, nil)
	}
}

// status sets r.runs to the extents of one context, in the form that the
// protocol demands: none empty, neighbours different, all but the last within
// the range asked for, none beyond the disk, all in whole blocks.
func (c *conn) status(r *request, m metaContext) error {
	name, wide, query := baseAllocation, false, c.wholeDisk
	if m.context != nil {
		name, wide, query = m.context.Name, m.context.Wide, m.context.Extents
	} else if c.disk.extenter != nil {
		query = c.disk.extenter.Extents
	}
	most := min(maxExtents, int(c.disk.block.MaxPayload/16-1))
	longest := uint64(math.MaxUint64)
	if !c.neg.extended {
		longest = math.MaxUint32 &^ (wire.MaxMinimumBlock - 1)
	}
	if r.Flags&wire.CmdFlagReqOne != 0 {
		most, longest = 1, min(longest, r.length)
	}
	var err error
	if r.extents, err = query(r.extents[:0], int64(r.Offset), int64(r.length), most); err != nil {
		return err
	}

	runs := blockRuns{align: uint64(c.disk.block.Minimum), runs: r.runs[:0]}
	left := c.disk.size - r.Offset
	for _, e := range r.extents {
		if e.Length <= 0 || !wide && e.Flags > math.MaxUint32 || m.context != nil && uint64(e.Length)%runs.align != 0 {
			return fmt.Errorf("nbdserver: metadata context %s: extent of length %d with flags %#x", name, e.Length, e.Flags)
		}
		length := min(uint64(e.Length), left)
		left -= length
		runs.add(length, e.Flags)
		if left == 0 || runs.covered >= r.length {
			break
		}
	}
	r.runs = runs.end(most, longest)
	if len(r.runs) == 0 {
		return fmt.Errorf("nbdserver: metadata context %s: no extents", name)
	}
	return nil
}

// wholeDisk is Extents of a backend that isn't an Extenter.
func (c *conn) wholeDisk(dst []Extent, off, n int64, most int) ([]Extent, error) {
	return append(dst, Extent{Length: int64(c.disk.size) - off}), nil
}

// blockRuns makes runs of whole blocks of extents. A block that several
// extents share has the flags that they have in common: for base:allocation
// that is right, and other contexts keep to the blocks.
type blockRuns struct {
	align   uint64
	runs    []wire.Extent
	covered uint64 // by runs

	part  uint64 // of a block, behind runs
	flags uint64 // of it
}

func (b *blockRuns) add(length, flags uint64) {
	if b.part > 0 {
		head := min(length, b.align-b.part)
		b.part, b.flags, length = b.part+head, b.flags&flags, length-head
		if b.part == b.align {
			b.emit(b.part, b.flags)
			b.part = 0
		}
	}
	whole := length &^ (b.align - 1)
	if whole > 0 {
		b.emit(whole, flags)
	}
	if length > whole {
		b.part, b.flags = length-whole, flags
	}
}

func (b *blockRuns) emit(length, flags uint64) {
	b.covered += length
	if k := len(b.runs) - 1; k >= 0 && b.runs[k].Flags == flags {
		b.runs[k].Length += length
		return
	}
	b.runs = append(b.runs, wire.Extent{Length: length, Flags: flags})
}

// end gives the runs, at most so many, and none longer than longest.
func (b *blockRuns) end(most int, longest uint64) []wire.Extent {
	if len(b.runs) == 0 && b.part > 0 {
		b.emit(b.align, 0) // the status of the rest of the block is unknown
	}
	b.runs = b.runs[:min(len(b.runs), most)]
	for i := range b.runs {
		if b.runs[i].Length > longest {
			b.runs[i].Length = longest
			return b.runs[:i+1]
		}
	}
	return b.runs
}
