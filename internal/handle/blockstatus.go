package handle

import (
	"syscall"

	"github.com/gonbd/gonbd/internal/wire"
)

// prepareStatus makes a block status command that passed the checks.
func (h *Handle) prepareStatus(count, offset uint64, flags uint32) (*command, error) {
	if h.strict&strictCommands != 0 && !h.eng.Disconnecting() {
		switch {
		case !h.eng.Structured():
			return nil, fault(syscall.ENOTSUP, "server does not support structured replies")
		case len(h.eng.MetaContexts()) == 0:
			return nil, fault(syscall.ENOTSUP, "no metadata context was negotiated: either none was added with nbd_add_meta_context before connecting, or the server has none of those")
		}
	}
	return h.prepare(&kindBlockStatus, nil, count, offset, flags)
}

func (h *Handle) blockStatus(count, offset uint64, extent Extent, flags uint32) error {
	c, err := h.prepareStatus(count, offset, flags)
	if err != nil {
		return err
	}
	c.extent = extent
	return h.finish(c)
}

func (h *Handle) aioBlockStatus(count, offset uint64, extent Extent, completion Completion, flags uint32) (uint64, error) {
	c, err := h.prepareStatus(count, offset, flags)
	if err != nil {
		return 0, err
	}
	c.extent = extent
	return h.issue(c, completion)
}

func (h *Handle) blockStatus64(count, offset uint64, extent64 Extent64, flags uint32) error {
	c, err := h.prepareStatus(count, offset, flags)
	if err != nil {
		return err
	}
	c.extent64 = extent64
	return h.finish(c)
}

func (h *Handle) aioBlockStatus64(count, offset uint64, extent64 Extent64, completion Completion, flags uint32) (uint64, error) {
	c, err := h.prepareStatus(count, offset, flags)
	if err != nil {
		return 0, err
	}
	c.extent64 = extent64
	return h.issue(c, completion)
}

// prepareFilter makes a block status command for some contexts only.
func (h *Handle) prepareFilter(count, offset uint64, contexts []string, flags uint32) (*command, error) {
	if !h.eng.Disconnecting() {
		e, _ := h.eng.Export()
		switch {
		case !h.eng.Extended():
			return nil, fault(syscall.ENOTSUP, "server does not support extended headers")
		case h.strict&strictCommands != 0 && e.Flags&wire.FlagBlockStatusPayload == 0:
			return nil, fault(syscall.ENOTSUP, "server does not support the block status payload")
		}
	}
	c, err := h.prepareStatus(count, offset, flags)
	if err != nil {
		return nil, err
	}
	for _, name := range contexts {
		id, ok := h.contextID(name)
		if !ok {
			h.recycle(c)
			return nil, fault(syscall.EINVAL, "the metadata context %s was not negotiated", name)
		}
		c.ids = append(c.ids, id)
	}
	if c.ids == nil {
		c.ids = []uint32{}
	}
	// Not nil, even if empty: the server is to judge that.
	c.Contexts = c.ids
	return c, nil
}

// contextID gives the number of a negotiated metadata context.
func (h *Handle) contextID(name string) (uint32, bool) {
	for _, c := range h.eng.MetaContexts() {
		if c.Name == name {
			return c.ID, true
		}
	}
	return 0, false
}

func (h *Handle) blockStatusFilter(count, offset uint64, contexts []string, extent64 Extent64, flags uint32) error {
	c, err := h.prepareFilter(count, offset, contexts, flags)
	if err != nil {
		return err
	}
	c.extent64 = extent64
	return h.finish(c)
}

func (h *Handle) aioBlockStatusFilter(count, offset uint64, contexts []string, extent64 Extent64, completion Completion, flags uint32) (uint64, error) {
	c, err := h.prepareFilter(count, offset, contexts, flags)
	if err != nil {
		return 0, err
	}
	c.extent64 = extent64
	return h.issue(c, completion)
}
