package handle

import (
	"math"
	"syscall"

	"github.com/gonbd/gonbd/internal/wire"
)

// Limits of a request, in bytes (nbd_pread(3), nbd_get_block_size(3)).
const (
	maxRequest     = 64 << 20 // of a read or write
	defaultPayload = 32 << 20 // of a write, where the server says nothing
	minPayload     = 1 << 20
)

// badCommandFlags says whether flags may not be given to a call that knows
// the permitted ones.
func (h *Handle) badCommandFlags(flags, permitted uint32) bool {
	return flags > math.MaxUint16 || flags&^permitted != 0 && h.strict&strictFlags != 0
}

// kind is what the checks must know of a command.
type kind struct {
	typ   wire.Command
	offer wire.TransmissionFlags // the flag by which servers offer it; 0: they all do
	what  string                 // its name in messages
	write bool                   // it changes the export
}

var (
	kindRead        = kind{typ: wire.CmdRead}
	kindWrite       = kind{typ: wire.CmdWrite, what: "write", write: true}
	kindFlush       = kind{typ: wire.CmdFlush, offer: wire.FlagSendFlush, what: "flush"}
	kindTrim        = kind{typ: wire.CmdTrim, offer: wire.FlagSendTrim, what: "trim", write: true}
	kindCache       = kind{typ: wire.CmdCache, offer: wire.FlagSendCache, what: "cache"}
	kindZero        = kind{typ: wire.CmdWriteZeroes, offer: wire.FlagSendWriteZeroes, what: "zero", write: true}
	kindBlockStatus = kind{typ: wire.CmdBlockStatus}
)

// offered are the command flags that servers offer by flags of their own.
var offered = []struct {
	flag  wire.CommandFlags
	offer wire.TransmissionFlags
	name  string
}{
	{wire.CmdFlagFUA, wire.FlagSendFUA, "FUA"},
	{wire.CmdFlagDF, wire.FlagSendDF, "DF"},
	{wire.CmdFlagFastZero, wire.FlagSendFastZero, "fast zero"},
}

// check says whether a command may be sent, as strict as the caller wants it
// (nbd_set_strict_mode(3)).
func (h *Handle) check(k *kind, count, offset uint64, flags uint32) error {
	if h.eng.Disconnecting() {
		return fault(syscall.EINVAL, "no command can follow NBD_CMD_DISC")
	}
	e, _ := h.eng.Export()
	if h.strict&strictCommands != 0 {
		if err := checkOffer(k, e.Flags, wire.CommandFlags(flags)); err != nil {
			return err
		}
	}
	if k.typ == wire.CmdFlush {
		return nil
	}
	if count == 0 && h.strict&strictZeroSize != 0 {
		return fault(syscall.EINVAL, "count cannot be 0")
	}
	if h.strict&strictBounds != 0 && (offset > e.Size || count > e.Size-offset) {
		errno := syscall.EINVAL
		if k.write {
			errno = syscall.ENOSPC
		}
		return fault(errno, "request out of bounds: %d bytes at offset %d of an export of %d", count, offset, e.Size)
	}
	if min := uint64(e.BlockSize.Minimum); h.strict&strictAlign != 0 && min > 1 {
		// What is beyond the last full block can only be reached so.
		tail := offset+count == e.Size
		if offset%min != 0 || count%min != 0 && !tail {
			return fault(syscall.EINVAL, "request is unaligned: %d bytes at offset %d, the server's minimum block size is %d", count, offset, min)
		}
	}
	data := k.typ == wire.CmdRead || k.typ == wire.CmdWrite
	switch {
	case k.typ == wire.CmdWrite && h.strict&strictPayload != 0 && count > h.maxPayload():
		return fault(syscall.ERANGE, "request too large: maximum payload size is %d", h.maxPayload())
	case data && count > maxRequest:
		return fault(syscall.ERANGE, "request too large: maximum request size is %d", maxRequest)
	case !data && count > math.MaxUint32 && !h.eng.Extended():
		return fault(syscall.ERANGE, "request too large: maximum request size is %d without extended headers", uint32(math.MaxUint32))
	}
	return nil
}

// checkOffer says whether the server offers the command and its flags.
func checkOffer(k *kind, has wire.TransmissionFlags, flags wire.CommandFlags) error {
	switch {
	case k.typ == wire.CmdWrite && has&wire.FlagReadOnly != 0:
		return fault(syscall.EPERM, "server does not support %s operations", k.what)
	case k.offer != 0 && has&k.offer == 0, k.write && has&wire.FlagReadOnly != 0:
		return fault(syscall.EINVAL, "server does not support %s operations", k.what)
	}
	for _, o := range offered {
		if flags&o.flag != 0 && has&o.offer == 0 {
			return fault(syscall.EINVAL, "server does not support the %s flag", o.name)
		}
	}
	return nil
}

// maxPayload is how many bytes a write may have (LIBNBD_SIZE_PAYLOAD).
func (h *Handle) maxPayload() uint64 {
	e, _ := h.eng.Export()
	if e.BlockSize.MaxPayload == 0 {
		return defaultPayload
	}
	return min(max(uint64(e.BlockSize.MaxPayload), minPayload), maxRequest)
}

// prepare makes a command that passed the checks.
func (h *Handle) prepare(k *kind, data []byte, count, offset uint64, flags uint32) (*command, error) {
	if err := h.check(k, count, offset, flags); err != nil {
		if k.typ == wire.CmdRead && h.preadInitialize {
			clear(data)
		}
		return nil, err
	}
	c := h.newCommand(k.typ)
	c.Flags, c.Offset, c.Length, c.Data = wire.CommandFlags(flags), offset, count, data
	c.RawFlags = h.strict&strictAutoFlag == 0
	return c, nil
}

func (h *Handle) preparePread(buf []byte, offset uint64, flags uint32) (*command, error) {
	return h.prepare(&kindRead, buf, uint64(len(buf)), offset, flags)
}

func (h *Handle) pread(buf []byte, offset uint64, flags uint32) error {
	c, err := h.preparePread(buf, offset, flags)
	if err != nil {
		return err
	}
	return h.finish(c)
}

func (h *Handle) aioPread(buf []byte, offset uint64, completion Completion, flags uint32) (uint64, error) {
	c, err := h.preparePread(buf, offset, flags)
	if err != nil {
		return 0, err
	}
	return h.issue(c, completion)
}

func (h *Handle) preadStructured(buf []byte, offset uint64, chunk Chunk, flags uint32) error {
	c, err := h.preparePread(buf, offset, flags)
	if err != nil {
		return err
	}
	c.chunk, c.Chunks = chunk, true
	return h.finish(c)
}

func (h *Handle) aioPreadStructured(buf []byte, offset uint64, chunk Chunk, completion Completion, flags uint32) (uint64, error) {
	c, err := h.preparePread(buf, offset, flags)
	if err != nil {
		return 0, err
	}
	c.chunk, c.Chunks = chunk, true
	return h.issue(c, completion)
}

func (h *Handle) pwrite(buf []byte, offset uint64, flags uint32) error {
	c, err := h.prepare(&kindWrite, buf, uint64(len(buf)), offset, flags)
	if err != nil {
		return err
	}
	return h.finish(c)
}

func (h *Handle) aioPwrite(buf []byte, offset uint64, completion Completion, flags uint32) (uint64, error) {
	c, err := h.prepare(&kindWrite, buf, uint64(len(buf)), offset, flags)
	if err != nil {
		return 0, err
	}
	return h.issue(c, completion)
}

// run is a synchronous command without data, start an asynchronous one.
func (h *Handle) run(k *kind, count, offset uint64, flags uint32) error {
	c, err := h.prepare(k, nil, count, offset, flags)
	if err != nil {
		return err
	}
	return h.finish(c)
}

func (h *Handle) start(k *kind, count, offset uint64, completion Completion, flags uint32) (uint64, error) {
	c, err := h.prepare(k, nil, count, offset, flags)
	if err != nil {
		return 0, err
	}
	return h.issue(c, completion)
}

func (h *Handle) flush(flags uint32) error { return h.run(&kindFlush, 0, 0, flags) }

func (h *Handle) aioFlush(completion Completion, flags uint32) (uint64, error) {
	return h.start(&kindFlush, 0, 0, completion, flags)
}

func (h *Handle) trim(count, offset uint64, flags uint32) error {
	return h.run(&kindTrim, count, offset, flags)
}

func (h *Handle) aioTrim(count, offset uint64, completion Completion, flags uint32) (uint64, error) {
	return h.start(&kindTrim, count, offset, completion, flags)
}

func (h *Handle) cache(count, offset uint64, flags uint32) error {
	return h.run(&kindCache, count, offset, flags)
}

func (h *Handle) aioCache(count, offset uint64, completion Completion, flags uint32) (uint64, error) {
	return h.start(&kindCache, count, offset, completion, flags)
}

func (h *Handle) zero(count, offset uint64, flags uint32) error {
	return h.run(&kindZero, count, offset, flags)
}

func (h *Handle) aioZero(count, offset uint64, completion Completion, flags uint32) (uint64, error) {
	return h.start(&kindZero, count, offset, completion, flags)
}
