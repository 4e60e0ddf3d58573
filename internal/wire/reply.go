package wire

import "fmt"

// ReplyFlags are the flags of a structured or extended reply chunk.
type ReplyFlags uint16

// ReplyFlagDone marks the last chunk of a reply.
const ReplyFlagDone ReplyFlags = 1 << 0

// ReplyType is the type of a structured or extended reply chunk.
type ReplyType uint16

// Chunk types ("Structured reply types").
const (
	ReplyNone           ReplyType = 0
	ReplyOffsetData     ReplyType = 1
	ReplyOffsetHole     ReplyType = 2
	ReplyBlockStatus    ReplyType = 5
	ReplyBlockStatusExt ReplyType = 6

	replyErr ReplyType = 1 << 15 // set in every error

	ReplyError       ReplyType = replyErr + 1
	ReplyErrorOffset ReplyType = replyErr + 2
)

// IsError reports whether the chunk is an error chunk, known or not.
func (t ReplyType) IsError() bool { return t&replyErr != 0 }

// String names the chunk type as the protocol document does.
func (t ReplyType) String() string {
	switch t {
	case ReplyNone:
		return "NBD_REPLY_TYPE_NONE"
	case ReplyOffsetData:
		return "NBD_REPLY_TYPE_OFFSET_DATA"
	case ReplyOffsetHole:
		return "NBD_REPLY_TYPE_OFFSET_HOLE"
	case ReplyBlockStatus:
		return "NBD_REPLY_TYPE_BLOCK_STATUS"
	case ReplyBlockStatusExt:
		return "NBD_REPLY_TYPE_BLOCK_STATUS_EXT"
	case ReplyError:
		return "NBD_REPLY_TYPE_ERROR"
	case ReplyErrorOffset:
		return "NBD_REPLY_TYPE_ERROR_OFFSET"
	}
	return fmt.Sprintf("chunk type %d", uint16(t))
}

// Reply is the header of a reply, of any of the three kinds.
type Reply struct {
	Magic  uint32 // SimpleReplyMagic, StructuredReplyMagic or ExtendedReplyMagic
	Flags  ReplyFlags
	Type   ReplyType
	Error  uint32 // of a simple reply
	Cookie uint64
	Offset uint64 // of an extended reply: the request's
	Length uint64 // of the payload in bytes; 0 in a simple reply
}

// Sizes in bytes of a reply header.
const (
	SimpleReplySize     = 16
	StructuredReplySize = 20
	ExtendedReplySize   = 32
)

// ReplySize gives the size in bytes of a reply header that starts with magic,
// or 0 if no reply does.
func ReplySize(magic uint32) int {
	switch magic {
	case SimpleReplyMagic:
		return SimpleReplySize
	case StructuredReplyMagic:
		return StructuredReplySize
	case ExtendedReplyMagic:
		return ExtendedReplySize
	}
	return 0
}

// AppendReply appends a reply header of the kind that r.Magic says.
func AppendReply(b []byte, r *Reply) []byte {
	b = be.AppendUint32(b, r.Magic)
	if r.Magic == SimpleReplyMagic {
		b = be.AppendUint32(b, r.Error)
		return be.AppendUint64(b, r.Cookie)
	}
	b = be.AppendUint16(b, uint16(r.Flags))
	b = be.AppendUint16(b, uint16(r.Type))
	b = be.AppendUint64(b, r.Cookie)
	if r.Magic == ExtendedReplyMagic {
		b = be.AppendUint64(b, r.Offset)
		return be.AppendUint64(b, r.Length)
	}
	return be.AppendUint32(b, uint32(r.Length))
}

// ParseReply parses a reply header, of the kind that its magic says.
func ParseReply(b []byte) (r Reply, err error) {
	if len(b) < 4 {
		return r, short("reply", 4, len(b))
	}
	r.Magic = be.Uint32(b)
	size := ReplySize(r.Magic)
	if size == 0 {
		return r, &FormError{"reply", "expected the magic " + hex(SimpleReplyMagic) + " (simple), " + hex(StructuredReplyMagic) +
			" (structured) or " + hex(ExtendedReplyMagic) + " (extended), saw " + hex(uint64(r.Magic))}
	}
	if err := sized("reply", b, size); err != nil {
		return r, err
	}
	if r.Magic == SimpleReplyMagic {
		r.Error, r.Cookie = be.Uint32(b[4:]), be.Uint64(b[8:])
		return r, nil
	}
	r.Flags, r.Type, r.Cookie = ReplyFlags(be.Uint16(b[4:])), ReplyType(be.Uint16(b[6:])), be.Uint64(b[8:])
	if r.Magic == ExtendedReplyMagic {
		r.Offset, r.Length = be.Uint64(b[16:]), be.Uint64(b[24:])
	} else {
		r.Length = uint64(be.Uint32(b[16:]))
	}
	return r, nil
}
