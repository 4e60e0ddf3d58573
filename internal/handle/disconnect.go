package handle

import (
	"syscall"

	"github.com/gonbd/gonbd/internal/engine"
	"github.com/gonbd/gonbd/internal/wire"
)

// abandonPending is LIBNBD_SHUTDOWN_ABANDON_PENDING.
const abandonPending = 0x10000

func (h *Handle) aioDisconnect(flags uint32) error {
	if h.eng.Disconnecting() {
		return fault(syscall.EINVAL, "no command can follow NBD_CMD_DISC")
	}
	if err := h.eng.Disconnect(); err != nil {
		return err
	}
	if !h.full {
		h.send()
	}
	return nil
}

// shutdown says goodbye and waits until the server has hung up.
func (h *Handle) shutdown(flags uint32) error {
	if flags&abandonPending != 0 {
		h.eng.DropUnsent()
	}
	switch {
	case h.eng.Class() == engine.Negotiating:
		if err := h.startOption(h.newOption(wire.OptAbort)); err != nil {
			return err
		}
	case !h.eng.Disconnecting():
		if err := h.aioDisconnect(0); err != nil {
			return err
		}
	}
	for h.eng.Class() < engine.Closed {
		if err := h.await(nil); err != nil {
			return err
		}
	}
	return h.broken()
}
