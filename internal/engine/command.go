package engine

import (
	"github.com/gonbd/gonbd/internal/nbderr"
	"github.com/gonbd/gonbd/internal/wire"
)

// Command is a request of the transmission phase. The caller fills it in and
// passes it to Conn.Submit; from then until its EventDone it belongs to the
// Conn. It may be used again after that.
type Command struct {
	Type   wire.Command
	Flags  wire.CommandFlags
	Offset uint64 // in bytes; 0 for a flush

	// Length is the length of the range in bytes. A read or write takes its
	// length from Data instead.
	Length uint64

	// Data is what a read fills and what a write sends. After a read that
	// failed its contents are unspecified.
	Data []byte

	// Contexts restricts a block status command with CmdFlagPayloadLen to
	// these metadata context IDs.
	Contexts []uint32

	// Chunks asks for EventData, EventHole and EventError as the chunks of a
	// reply to a read arrive.
	Chunks bool

	// RawFlags keeps CmdFlagPayloadLen as the caller set it. Without it the
	// flag is set where the protocol demands it and cleared where it
	// forbids it.
	RawFlags bool

	// User is the caller's, and never looked at.
	User any

	// Err is how the command ended: nil, or an *nbderr.Error.
	Err error

	cookie uint64
	slot   *slot
}

// Cookie is the number under which the command went to the server: at least
// 1 and never used twice on a Conn. It is 0 before Submit.
func (cmd *Command) Cookie() uint64 { return cmd.cookie }

// slot is the Conn's own record of a command in flight. It outlives the
// caller's interest: an abandoned command's reply must still be parsed.
type slot struct {
	index  uint32
	cookie uint64   // 0: the slot is free
	cmd    *Command // nil: abandoned
	typ    wire.Command
	flags  wire.CommandFlags
	offset uint64
	length uint64 // of the range, in bytes
	data   []byte // of a read: where it goes; nil once abandoned

	start, end uint64 // where the request lies in the stream sent

	chunks   uint32
	received cover    // of a read: what has come
	statuses []uint32 // of a block status: the contexts answered so far
	expected int      // of a block status: how many contexts should be
	err      error    // the first error
}

// Names of commands in errors.
var opNames = [...]string{
	wire.CmdRead:        "read",
	wire.CmdWrite:       "write",
	wire.CmdDisc:        "disconnect",
	wire.CmdFlush:       "flush",
	wire.CmdTrim:        "trim",
	wire.CmdCache:       "cache",
	wire.CmdWriteZeroes: "write zeroes",
	wire.CmdBlockStatus: "block status",
}

// OpName names a command as errors do: "read", "write zeroes".
func OpName(t wire.Command) string {
	if int(t) < len(opNames) {
		return opNames[t]
	}
	return t.String()
}

// fault makes an error about the slot's command.
func (s *slot) fault(e nbderr.Error) *nbderr.Error {
	e.Op = OpName(s.typ)
	if s.typ != wire.CmdFlush {
		e.Offset, e.Length, e.HasRange = s.offset, s.length, true
	}
	return &e
}

// fail keeps the first error of the command.
func (s *slot) fail(e nbderr.Error) {
	if s.err == nil {
		s.err = s.fault(e)
	}
}
