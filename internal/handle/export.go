package handle

import (
	"syscall"

	"github.com/gonbd/gonbd/internal/engine"
	"github.com/gonbd/gonbd/internal/wire"
)

// export gives what the server told about the export.
func (h *Handle) export() (*engine.Export, error) {
	e, ok := h.eng.Export()
	if !ok {
		return nil, fault(syscall.EINVAL, "the server has not told about the export yet: connect to it, or call nbd_opt_info, first")
	}
	return e, nil
}

func (h *Handle) flag(f wire.TransmissionFlags) (bool, error) {
	e, err := h.export()
	return err == nil && e.Flags&f != 0, err
}

func (h *Handle) isReadOnly() (bool, error)   { return h.flag(wire.FlagReadOnly) }
func (h *Handle) isRotational() (bool, error) { return h.flag(wire.FlagRotational) }
func (h *Handle) canFlush() (bool, error)     { return h.flag(wire.FlagSendFlush) }
func (h *Handle) canFua() (bool, error)       { return h.flag(wire.FlagSendFUA) }
func (h *Handle) canTrim() (bool, error)      { return h.flag(wire.FlagSendTrim) }
func (h *Handle) canZero() (bool, error)      { return h.flag(wire.FlagSendWriteZeroes) }
func (h *Handle) canFastZero() (bool, error)  { return h.flag(wire.FlagSendFastZero) }
func (h *Handle) canDf() (bool, error)        { return h.flag(wire.FlagSendDF) }
func (h *Handle) canMultiConn() (bool, error) { return h.flag(wire.FlagCanMultiConn) }
func (h *Handle) canCache() (bool, error)     { return h.flag(wire.FlagSendCache) }

func (h *Handle) canBlockStatusPayload() (bool, error) {
	return h.flag(wire.FlagBlockStatusPayload)
}

func (h *Handle) canMetaContext(name string) (bool, error) {
	if h.eng.Structured() && len(h.contexts) > 0 && !h.eng.ContextsSelected() {
		return false, fault(syscall.EINVAL, "the server was not asked for metadata contexts, or refused: a successful nbd_opt_set_meta_context, or a connect that includes one, comes first")
	}
	_, ok := h.contextID(name)
	return ok, nil
}

func (h *Handle) getSize() (uint64, error) {
	e, err := h.export()
	if err != nil {
		return 0, err
	}
	return e.Size, nil
}

// Kinds of size, as LIBNBD_SIZE_ has them.
const (
	sizeMinimum = iota
	sizePreferred
	sizeMaximum
	sizePayload
)

func (h *Handle) getBlockSize(which int) (uint64, error) {
	e, err := h.export()
	if err != nil {
		return 0, err
	}
	switch which {
	case sizeMinimum:
		return uint64(e.BlockSize.Minimum), nil
	case sizePreferred:
		return uint64(e.BlockSize.Preferred), nil
	case sizeMaximum:
		return uint64(e.BlockSize.MaxPayload), nil
	case sizePayload:
		return h.maxPayload(), nil
	}
	return 0, badEnum("size_type", which)
}

func (h *Handle) getCanonicalExportName() (string, error) {
	e, err := h.export()
	if err != nil {
		return "", err
	}
	if !e.HasName {
		return "", fault(syscall.ENOTSUP, "the server did not tell a canonical name")
	}
	return e.Name, nil
}

func (h *Handle) getExportDescription() (string, error) {
	e, err := h.export()
	if err != nil {
		return "", err
	}
	if !e.HasDesc {
		return "", fault(syscall.ENOTSUP, "the server did not tell a description")
	}
	return e.Description, nil
}

func (h *Handle) getProtocol() (string, error) { return h.eng.Protocol(), nil }

func (h *Handle) getTlsNegotiated() (bool, error) { return h.eng.TLS(), nil }

func (h *Handle) getExtendedHeadersNegotiated() (bool, error) { return h.eng.Extended(), nil }

func (h *Handle) getStructuredRepliesNegotiated() (bool, error) { return h.eng.Structured(), nil }

func (h *Handle) statsBytesSent() (uint64, error)      { return h.eng.Stats().BytesSent, nil }
func (h *Handle) statsChunksSent() (uint64, error)     { return h.eng.Stats().ChunksSent, nil }
func (h *Handle) statsBytesReceived() (uint64, error)  { return h.eng.Stats().BytesReceived, nil }
func (h *Handle) statsChunksReceived() (uint64, error) { return h.eng.Stats().ChunksReceived, nil }
