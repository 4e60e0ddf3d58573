package engine

import "github.com/gonbd/gonbd/internal/wire"

// EventKind says what happened.
type EventKind uint8

// Kinds of events. In brackets are the fields of Event that they set.
const (
	// EventStartTLS: the server agreed to TLS [nothing]. The driver shakes
	// hands on the connection and then calls TLSDone; nothing is sent or
	// expected until then.
	EventStartTLS EventKind = iota + 1
	// EventNegotiating: option mode was entered for the first time and
	// SubmitOption may be called [nothing].
	EventNegotiating
	// EventReady: the transmission phase has begun [nothing]. After an OptGo
	// of the driver's own, EventOptionDone without an error says so instead.
	EventReady

	// EventExport: the server lists an export [Option, Name, Description].
	EventExport
	// EventContext: the server lists or selects a metadata context
	// [Option, Name, Context].
	EventContext
	// EventOptionDone: an option has ended [Option].
	EventOptionDone

	// EventData: a part of a read has arrived
	// [Command, Offset, Data: a part of Command.Data].
	EventData
	// EventHole: a part of a read is zero, and was zeroed
	// [Command, Offset, Data].
	EventHole
	// EventError: a read failed at an offset [Command, Offset, Err].
	EventError
	// EventExtents: extents have arrived [Command, Offset, Context, Extents].
	EventExtents
	// EventDone: a command has ended [Command; its Err says how].
	EventDone

	// EventEnd: the connection has ended. It is the last event
	// [Err, nil if it ended politely].
	EventEnd
)

// Event is what Next tells. Its fields, and what they refer to, are valid
// until the next call of Next.
type Event struct {
	Kind        EventKind
	Command     *Command
	Option      *Option
	Offset      uint64 // in the export, in bytes
	Data        []byte
	Context     MetaContext
	Extents     []wire.Extent
	Name        string
	Description string
	Err         error
}
