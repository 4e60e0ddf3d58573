package nbd

import (
	"context"
	"fmt"
	"iter"
	"math"
	"syscall"

	"github.com/gonbd/gonbd/internal/engine"
	"github.com/gonbd/gonbd/internal/wire"
)

// Extent is a run of bytes that have one status in a metadata context.
type Extent struct {
	Offset, Length int64  // in bytes
	Flags          uint64 // as the context defines them
}

// Hole says, of an extent of base:allocation, whether it is not allocated.
func (e Extent) Hole() bool { return e.Flags&StateHole != 0 }

// Zero says, of an extent of base:allocation, whether it reads as zeroes.
func (e Extent) Zero() bool { return e.Flags&StateZero != 0 }

// extentReply collects the extents of one context from a reply.
type extentReply struct {
	name    string
	found   bool
	extents []wire.Extent
}

func (x *extentReply) add(ev *engine.Event) {
	if ev.Context.Name == x.name {
		x.found = true
		x.extents = append(x.extents[:0], ev.Extents...)
	}
}

// Extents iterates over the extents of a metadata context, such as
// "base:allocation", that cover n bytes from offset off: in order, without
// gaps, cut at both ends of the range, neighbours with equal flags made one.
// The context must be among those that [Config.MetaContexts] selected.
//
// It asks the server as it goes, as often as that takes, so that the first
// extents come early and a break leaves the rest unasked. An error ends the
// iteration; all extents before it are good. The range may be empty.
//
//	for ext, err := range c.Extents(ctx, 0, c.Size(), nbd.ContextBaseAllocation) {
//		if err != nil {
//			return err
//		}
//		fmt.Println(ext.Offset, ext.Length, ext.Zero())
//	}
func (c *Client) Extents(ctx context.Context, off, n int64, metaContext string) iter.Seq2[Extent, error] {
	return func(yield func(Extent, error) bool) {
		x, err := c.openExtents(off, n, metaContext)
		if err != nil {
			yield(Extent{}, err)
			return
		}
		var last Extent // not yet yielded, as its neighbour may join it
		for at := off; at < off+n; {
			extents, err := x.fetch(ctx, at, off+n-at)
			if err != nil {
				if last.Length > 0 && !yield(last, nil) {
					return
				}
				yield(Extent{}, err)
				return
			}
			for _, e := range extents {
				length := int64(min(e.Length, uint64(off+n-at)))
				if last.Length > 0 && last.Flags == e.Flags {
					last.Length += length
				} else {
					if last.Length > 0 && !yield(last, nil) {
						return
					}
					last = Extent{at, length, e.Flags}
				}
				if at += length; at == off+n {
					break
				}
			}
		}
		if last.Length > 0 {
			yield(last, nil)
		}
	}
}

// extentCursor asks for the extents of one context.
type extentCursor struct {
	c       *Client
	name    string
	filter  bool // there are other contexts, and the server can leave them out
	reply   extentReply
	minimum int64
}

func (c *Client) openExtents(off, n int64, name string) (*extentCursor, error) {
	const op = "block status"
	if err := c.checkRange(op, off, n); err != nil {
		return nil, err
	}
	x := &extentCursor{c: c, name: name, minimum: max(1, int64(c.export.BlockSize.Minimum))}
	x.reply.name = name
	for _, ctx := range c.contexts {
		if ctx.Name != name {
			continue
		}
		x.filter = len(c.contexts) > 1 && c.export.CanBlockStatusPayload() && c.protocol.ExtendedHeaders
		return x, nil
	}
	msg := fmt.Sprintf("the metadata context %q was not selected: ask for it with WithMetaContexts", name)
	for _, asked := range c.cfg.MetaContexts {
		if asked == name {
			msg = fmt.Sprintf("the server does not offer the metadata context %q for this export", name)
		}
	}
	return nil, &Error{Kind: LocalError, Op: op, Errno: syscall.ENOTSUP, Msg: msg}
}

// fetch asks for the extents from off on. What it returns is not empty, and
// may cover less than n bytes, or more.
func (x *extentCursor) fetch(ctx context.Context, off, n int64) ([]wire.Extent, error) {
	if err := x.c.enter("block status"); err != nil {
		return nil, err
	}
	defer x.c.exit()
	skip := off % x.minimum
	start := off - skip
	length := roundUp(n+skip, x.minimum)
	length = min(length, x.c.export.Size-start)
	if !x.c.protocol.ExtendedHeaders {
		length = min(length, math.MaxUint32&^(wire.MaxMinimumBlock-1))
	}
	r := newRequest()
	defer r.free()
	r.cmd.Type, r.cmd.Offset, r.cmd.Length = wire.CmdBlockStatus, uint64(start), uint64(length)
	x.reply.found, r.extents = false, &x.reply
	cn := x.c.pick()
	if x.filter {
		r.cmd.Contexts = cn.contextIDs(x.name)
	}
	if err := x.c.doOn(ctx, cn, r); err != nil {
		return nil, err
	}
	extents := x.reply.extents
	if !x.reply.found {
		return nil, &Error{Kind: ProtocolError, Op: "block status", Errno: syscall.EPROTO, Msg: fmt.Sprintf("the server left the metadata context %q out of its reply", x.name)}
	}
	for skip > 0 {
		cut := min(uint64(skip), extents[0].Length)
		if extents[0].Length -= cut; extents[0].Length == 0 {
			if extents = extents[1:]; len(extents) == 0 {
				return nil, &Error{Kind: ProtocolError, Op: "block status", Errno: syscall.EPROTO, Msg: fmt.Sprintf("the server's extents end before its own minimum block size of %d bytes", x.minimum)}
			}
		}
		skip -= int64(cut)
	}
	return extents, nil
}

// roundUp rounds n up to a multiple of to, or to what an int64 holds.
func roundUp(n, to int64) int64 {
	if n > math.MaxInt64-(to-1) {
		return math.MaxInt64
	}
	return (n + to - 1) / to * to
}
