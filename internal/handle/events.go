package handle

import (
	"math"
	"syscall"

	"github.com/gonbd/gonbd/internal/engine"
)

// dispatch acts on all that the engine has to tell. The lock is held, while
// callbacks run too.
func (h *Handle) dispatch() {
	for ev := h.eng.Next(); ev != nil; ev = h.eng.Next() {
		h.progress++
		switch ev.Kind {
		case engine.EventDone:
			h.complete(ev.Command.User.(*command))
		case engine.EventData:
			h.tellChunk(ev, readData)
		case engine.EventHole:
			h.tellChunk(ev, readHole)
		case engine.EventError:
			h.tellChunk(ev, readError)
		case engine.EventExtents:
			h.tellExtents(ev)
		case engine.EventExport:
			if o := h.option; o != nil && o.list != nil {
				o.list.List(ev.Name, ev.Description)
			}
		case engine.EventContext:
			if o := h.option; o != nil && o.context != nil {
				o.context.Context(ev.Name)
			}
		case engine.EventOptionDone:
			h.optionDone(ev.Option)
		case engine.EventStartTLS:
			h.startTLS()
		case engine.EventNegotiating, engine.EventReady:
			h.traceNegotiated(ev.Kind)
		case engine.EventEnd:
			if h.debug.on && ev.Err != nil {
				h.debugf("the connection is dead: %v", ev.Err)
			}
			h.hangUp()
		}
	}
}

// fail keeps the first error of a callback.
func (c *command) fail(errno int) {
	if c.callback != 0 {
		return
	}
	c.callback = syscall.EPROTO
	if errno != 0 {
		c.callback = syscall.Errno(errno)
	}
}

func (h *Handle) tellChunk(ev *engine.Event, status uint) {
	c := ev.Command.User.(*command)
	if c.chunk == nil {
		return
	}
	h.scratch = int(c.callback)
	if status == readError {
		h.scratch = int(errnoOf(ev.Err))
	}
	if c.chunk.Chunk(ev.Data, ev.Offset, status, &h.scratch) == -1 {
		c.fail(h.scratch)
	}
}

// longest is the longest extent that the 32-bit callback is told: it keeps the
// alignment of whatever may be longer.
const longest = 1<<32 - 64<<20

func (h *Handle) tellExtents(ev *engine.Event) {
	c := ev.Command.User.(*command)
	h.scratch = int(c.callback)
	switch {
	case c.extent64 != nil:
		h.entries = h.entries[:0]
		for _, e := range ev.Extents {
			h.entries = append(h.entries, Entry{e.Length, uint64(e.Flags)})
		}
		if c.extent64.Extent64(ev.Context.Name, ev.Offset, h.entries, &h.scratch) == -1 {
			c.fail(h.scratch)
		}
	case c.extent != nil:
		h.entries32 = h.entries32[:0]
		for _, e := range ev.Extents {
			if uint64(e.Flags) > math.MaxUint32 {
				// A status of 64 bits, which this callback cannot be told.
				c.fail(int(syscall.EOVERFLOW))
				h.scratch = int(c.callback)
				break
			}
			if e.Length > math.MaxUint32 {
				h.entries32 = append(h.entries32, longest, uint32(e.Flags))
				break
			}
			h.entries32 = append(h.entries32, uint32(e.Length), uint32(e.Flags))
		}
		if c.extent.Extent(ev.Context.Name, ev.Offset, h.entries32, &h.scratch) == -1 {
			c.fail(h.scratch)
		}
	}
}

// traceNegotiated prints what the handshake came to.
func (h *Handle) traceNegotiated(kind engine.EventKind) {
	if !h.debug.on {
		return
	}
	h.debugf("negotiated: protocol %s, TLS %v, structured replies %v, extended headers %v",
		h.eng.Protocol(), h.eng.TLS(), h.eng.Structured(), h.eng.Extended())
	if kind == engine.EventNegotiating {
		return
	}
	if e, ok := h.eng.Export(); ok {
		h.debugf("export: size %d, flags 0x%x", e.Size, uint16(e.Flags))
		for _, w := range e.Warnings {
			h.debugf("%s", w)
		}
	}
}
