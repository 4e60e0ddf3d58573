package nbd

import (
	"github.com/gonbd/gonbd/internal/engine"
	"github.com/gonbd/gonbd/internal/wire"
)

// TransmissionFlags say what an export can do (doc/proto.md, "Transmission
// flags").
type TransmissionFlags = wire.TransmissionFlags

// BlockSize is what a server demands of the sizes of requests, in bytes
// (doc/proto.md, "Size constraints"). All zero means that it said nothing.
type BlockSize = wire.BlockSize

// Export describes an export.
type Export struct {
	Name          string // as it was asked for
	CanonicalName string // the server's name for it; "" if it told none
	Description   string
	Size          int64 // in bytes
	Flags         TransmissionFlags
	BlockSize     BlockSize
	MetaContexts  []string // selected, or in a listing available
}

// ReadOnly says whether the export refuses writes.
func (e *Export) ReadOnly() bool { return e.Flags&wire.FlagReadOnly != 0 }

// Rotational says whether the export behaves like a rotating disk.
func (e *Export) Rotational() bool { return e.Flags&wire.FlagRotational != 0 }

// CanFlush says whether Flush is offered.
func (e *Export) CanFlush() bool { return e.Flags&wire.FlagSendFlush != 0 }

// CanFUA says whether the server knows the flag FUA. Without it, the client
// makes up for it by Flush.
func (e *Export) CanFUA() bool { return e.Flags&wire.FlagSendFUA != 0 }

// CanTrim says whether Trim is offered.
func (e *Export) CanTrim() bool { return e.Flags&wire.FlagSendTrim != 0 }

// CanWriteZeroes says whether the server can write zeroes without being sent
// them.
func (e *Export) CanWriteZeroes() bool { return e.Flags&wire.FlagSendWriteZeroes != 0 }

// CanFastZero says whether the flag FastZero is offered.
func (e *Export) CanFastZero() bool { return e.Flags&wire.FlagSendFastZero != 0 }

// CanDF says whether the server can send a read in one piece.
func (e *Export) CanDF() bool { return e.Flags&wire.FlagSendDF != 0 }

// CanCache says whether Cache is offered.
func (e *Export) CanCache() bool { return e.Flags&wire.FlagSendCache != 0 }

// CanMultiConn says whether several connections may be used at once.
func (e *Export) CanMultiConn() bool { return e.Flags&wire.FlagCanMultiConn != 0 }

// CanBlockStatusPayload says whether block status can be asked for a part of
// the selected metadata contexts.
func (e *Export) CanBlockStatusPayload() bool { return e.Flags&wire.FlagBlockStatusPayload != 0 }

func exportOf(name string, e *engine.Export, contexts []engine.MetaContext) Export {
	x := Export{Name: name, CanonicalName: e.Name, Description: e.Description, Size: int64(e.Size), Flags: e.Flags, BlockSize: e.BlockSize}
	for _, c := range contexts {
		x.MetaContexts = append(x.MetaContexts, c.Name)
	}
	return x
}

// Protocol says what a connection negotiated.
type Protocol struct {
	Handshake         string // "oldstyle", "newstyle" or "newstyle-fixed"
	TLS               bool
	StructuredReplies bool // true with extended headers too
	ExtendedHeaders   bool
}

func protocolOf(e *engine.Conn) Protocol {
	return Protocol{Handshake: e.Protocol(), TLS: e.TLS(), StructuredReplies: e.Structured(), ExtendedHeaders: e.Extended()}
}

// Stats counts what went over the connections of a client, the handshakes
// included.
type Stats struct {
	BytesSent, BytesReceived int64
	// MessagesSent and MessagesReceived count options, requests, and the
	// chunks of replies.
	MessagesSent, MessagesReceived int64
}
