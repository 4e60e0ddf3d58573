package wire

import "fmt"

// Command is the type of a request in the transmission phase.
type Command uint16

// Commands ("Request types").
const (
	CmdRead        Command = 0
	CmdWrite       Command = 1
	CmdDisc        Command = 2
	CmdFlush       Command = 3
	CmdTrim        Command = 4
	CmdCache       Command = 5
	CmdWriteZeroes Command = 6
	CmdBlockStatus Command = 7
)

var commandNames = [...]string{
	CmdRead:        "NBD_CMD_READ",
	CmdWrite:       "NBD_CMD_WRITE",
	CmdDisc:        "NBD_CMD_DISC",
	CmdFlush:       "NBD_CMD_FLUSH",
	CmdTrim:        "NBD_CMD_TRIM",
	CmdCache:       "NBD_CMD_CACHE",
	CmdWriteZeroes: "NBD_CMD_WRITE_ZEROES",
	CmdBlockStatus: "NBD_CMD_BLOCK_STATUS",
}

// String names the command as the protocol document does.
func (c Command) String() string {
	if int(c) < len(commandNames) {
		return commandNames[c]
	}
	return fmt.Sprintf("command %d", uint16(c))
}

// CommandFlags modify a command.
type CommandFlags uint16

// Command flags.
const (
	CmdFlagFUA        CommandFlags = 1 << 0
	CmdFlagNoHole     CommandFlags = 1 << 1
	CmdFlagDF         CommandFlags = 1 << 2
	CmdFlagReqOne     CommandFlags = 1 << 3
	CmdFlagFastZero   CommandFlags = 1 << 4
	CmdFlagPayloadLen CommandFlags = 1 << 5
)

// Request is the header of a request. Extended headers carry 64 bits of
// Length, compact ones 32.
type Request struct {
	Flags  CommandFlags
	Type   Command
	Cookie uint64
	Offset uint64
	Length uint64
}

// Sizes in bytes of a request header.
const (
	RequestSize         = 28
	ExtendedRequestSize = 32
)

// AppendRequest appends a request header, extended or compact. A compact one
// keeps the low 32 bits of the length: the caller sees to it that they are
// all.
func AppendRequest(b []byte, r *Request, extended bool) []byte {
	magic := uint32(RequestMagic)
	if extended {
		magic = ExtendedRequestMagic
	}
	b = be.AppendUint32(b, magic)
	b = be.AppendUint16(b, uint16(r.Flags))
	b = be.AppendUint16(b, uint16(r.Type))
	b = be.AppendUint64(b, r.Cookie)
	b = be.AppendUint64(b, r.Offset)
	if extended {
		return be.AppendUint64(b, r.Length)
	}
	return be.AppendUint32(b, uint32(r.Length))
}

// ParseRequest parses a request header, extended or compact.
func ParseRequest(b []byte, extended bool) (Request, error) {
	magic, size := uint32(RequestMagic), RequestSize
	if extended {
		magic, size = ExtendedRequestMagic, ExtendedRequestSize
	}
	if err := sized("request", b, size); err != nil {
		return Request{}, err
	}
	if m := be.Uint32(b); m != magic {
		return Request{}, &FormError{"request", "expected the magic " + hex(uint64(magic)) + ", saw " + hex(uint64(m))}
	}
	r := Request{
		Flags:  CommandFlags(be.Uint16(b[4:])),
		Type:   Command(be.Uint16(b[6:])),
		Cookie: be.Uint64(b[8:]),
		Offset: be.Uint64(b[16:]),
	}
	if extended {
		r.Length = be.Uint64(b[24:])
	} else {
		r.Length = uint64(be.Uint32(b[24:]))
	}
	return r, nil
}

// AppendBlockStatusPayload appends the payload of CmdBlockStatus with
// CmdFlagPayloadLen: the range's length and the IDs of the contexts wanted.
func AppendBlockStatusPayload(b []byte, length uint64, ids []uint32) []byte {
	b = be.AppendUint64(b, length)
	for _, id := range ids {
		b = be.AppendUint32(b, id)
	}
	return b
}

// ParseBlockStatusPayload parses the payload of CmdBlockStatus.
func ParseBlockStatusPayload(b []byte) (length uint64, ids []uint32, err error) {
	const message = "payload of NBD_CMD_BLOCK_STATUS"
	if len(b) < 8 {
		return 0, nil, short(message, 8, len(b))
	}
	if len(b)%4 != 0 {
		return 0, nil, &FormError{message, fmt.Sprintf("should be 8 bytes and a multiple of 4, is %d", len(b))}
	}
	length = be.Uint64(b)
	for b = b[8:]; len(b) > 0; b = b[4:] {
		ids = append(ids, be.Uint32(b))
	}
	return length, ids, nil
}
