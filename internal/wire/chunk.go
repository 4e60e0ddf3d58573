package wire

import "fmt"

// Sizes in bytes of the fixed parts of chunk payloads.
const (
	OffsetDataSize  = 8  // before the data
	OffsetHoleSize  = 12 // all of it
	ErrorSize       = 6  // before the message
	ErrorOffsetSize = 8  // behind the message
)

// AppendOffsetData appends the fixed part of ReplyOffsetData.
func AppendOffsetData(b []byte, offset uint64) []byte { return be.AppendUint64(b, offset) }

// ParseOffsetData parses the fixed part of ReplyOffsetData.
func ParseOffsetData(b []byte) (offset uint64, err error) {
	if err := sized("NBD_REPLY_TYPE_OFFSET_DATA", b, OffsetDataSize); err != nil {
		return 0, err
	}
	return be.Uint64(b), nil
}

// AppendOffsetHole appends the payload of ReplyOffsetHole.
func AppendOffsetHole(b []byte, offset uint64, size uint32) []byte {
	return be.AppendUint32(be.AppendUint64(b, offset), size)
}

// ParseOffsetHole parses the payload of ReplyOffsetHole.
func ParseOffsetHole(b []byte) (offset uint64, size uint32, err error) {
	if err := sized("NBD_REPLY_TYPE_OFFSET_HOLE", b, OffsetHoleSize); err != nil {
		return 0, 0, err
	}
	return be.Uint64(b), be.Uint32(b[8:]), nil
}

// AppendError appends the payload of ReplyError. The message is cut at
// MaxString.
func AppendError(b []byte, errno uint32, message string) []byte {
	message = message[:min(len(message), MaxString)]
	b = be.AppendUint32(b, errno)
	b = be.AppendUint16(b, uint16(len(message)))
	return append(b, message...)
}

// AppendErrorOffset appends the payload of ReplyErrorOffset.
func AppendErrorOffset(b []byte, errno uint32, message string, offset uint64) []byte {
	return be.AppendUint64(AppendError(b, errno, message), offset)
}

// ParseError parses the fields that every error chunk begins with. What
// follows them is in rest.
func ParseError(b []byte) (errno uint32, message string, rest []byte, err error) {
	const name = "error chunk"
	if len(b) < ErrorSize {
		return 0, "", nil, short(name, ErrorSize, len(b))
	}
	errno = be.Uint32(b)
	n := int(be.Uint16(b[4:]))
	b = b[6:]
	if n > MaxString {
		return 0, "", nil, &FormError{name, fmt.Sprintf("the message is %d bytes long, more than the %d that the protocol allows", n, MaxString)}
	}
	if n > len(b) {
		return 0, "", nil, &FormError{name, fmt.Sprintf("the message is said to be %d bytes long, but %d are left", n, len(b))}
	}
	return errno, string(b[:n]), b[n:], nil
}

// ParseErrorOffset parses the payload of ReplyErrorOffset.
func ParseErrorOffset(b []byte) (errno uint32, message string, offset uint64, err error) {
	errno, message, rest, err := ParseError(b)
	if err != nil {
		return 0, "", 0, err
	}
	if err := sized("offset behind an error chunk's message", rest, ErrorOffsetSize); err != nil {
		return 0, "", 0, err
	}
	return errno, message, be.Uint64(rest), nil
}

// Extent is a run of the export that has one status in a metadata context.
type Extent struct {
	Length uint64 // in bytes
	Flags  uint64
}

// AppendBlockStatus appends the payload of ReplyBlockStatus. Lengths and
// flags keep their low 32 bits.
func AppendBlockStatus(b []byte, context uint32, extents []Extent) []byte {
	b = be.AppendUint32(b, context)
	for _, e := range extents {
		b = be.AppendUint32(b, uint32(e.Length))
		b = be.AppendUint32(b, uint32(e.Flags))
	}
	return b
}

// AppendBlockStatusExt appends the payload of ReplyBlockStatusExt.
func AppendBlockStatusExt(b []byte, context uint32, extents []Extent) []byte {
	b = be.AppendUint32(b, context)
	b = be.AppendUint32(b, uint32(len(extents)))
	for _, e := range extents {
		b = be.AppendUint64(b, e.Length)
		b = be.AppendUint64(b, e.Flags)
	}
	return b
}

// CheckBlockStatusLength says whether a chunk of type t may carry a payload
// of length bytes, before it is received.
func CheckBlockStatusLength(t ReplyType, length uint64) error {
	head, each := uint64(4), uint64(8)
	if t == ReplyBlockStatusExt {
		head, each = 8, 16
	}
	switch {
	case length < head+each || (length-head)%each != 0:
		return &FormError{t.String(), fmt.Sprintf("should be %d bytes and a positive multiple of %d, is %d", head, each, length)}
	case (length-head)/each > MaxExtents:
		return &FormError{t.String(), fmt.Sprintf("has %d extents, more than the %d that the protocol allows", (length-head)/each, MaxExtents)}
	}
	return nil
}

// ParseBlockStatus parses the payload of ReplyBlockStatus or
// ReplyBlockStatusExt, as t says. It appends the extents to extents.
func ParseBlockStatus(t ReplyType, b []byte, extents []Extent) (context uint32, _ []Extent, err error) {
	if err := CheckBlockStatusLength(t, uint64(len(b))); err != nil {
		return 0, extents, err
	}
	context = be.Uint32(b)
	if t == ReplyBlockStatus {
		for b = b[4:]; len(b) > 0; b = b[8:] {
			extents = append(extents, Extent{uint64(be.Uint32(b)), uint64(be.Uint32(b[4:]))})
		}
		return context, extents, nil
	}
	n := be.Uint32(b[4:])
	b = b[8:]
	if uint64(n)*16 != uint64(len(b)) {
		return 0, extents, &FormError{t.String(), fmt.Sprintf("says that it has %d extents, but its length is that of %d", n, len(b)/16)}
	}
	for ; len(b) > 0; b = b[16:] {
		extents = append(extents, Extent{be.Uint64(b), be.Uint64(b[8:])})
	}
	return context, extents, nil
}
