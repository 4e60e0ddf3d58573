package wire

import "fmt"

// Rep is the type of a reply to an option.
type Rep uint32

// Option reply types.
const (
	RepAck         Rep = 1
	RepServer      Rep = 2
	RepInfo        Rep = 3
	RepMetaContext Rep = 4

	repErr Rep = 1 << 31 // set in every error

	RepErrUnsup         Rep = repErr + 1
	RepErrPolicy        Rep = repErr + 2
	RepErrInvalid       Rep = repErr + 3
	RepErrPlatform      Rep = repErr + 4
	RepErrTLSReqd       Rep = repErr + 5
	RepErrUnknown       Rep = repErr + 6
	RepErrShutdown      Rep = repErr + 7
	RepErrBlockSizeReqd Rep = repErr + 8
	RepErrTooBig        Rep = repErr + 9
	RepErrExtHeaderReqd Rep = repErr + 10
)

var (
	repNames    = [...]string{RepAck: "NBD_REP_ACK", RepServer: "NBD_REP_SERVER", RepInfo: "NBD_REP_INFO", RepMetaContext: "NBD_REP_META_CONTEXT"}
	repErrNames = [...]string{
		RepErrUnsup - repErr:         "NBD_REP_ERR_UNSUP",
		RepErrPolicy - repErr:        "NBD_REP_ERR_POLICY",
		RepErrInvalid - repErr:       "NBD_REP_ERR_INVALID",
		RepErrPlatform - repErr:      "NBD_REP_ERR_PLATFORM",
		RepErrTLSReqd - repErr:       "NBD_REP_ERR_TLS_REQD",
		RepErrUnknown - repErr:       "NBD_REP_ERR_UNKNOWN",
		RepErrShutdown - repErr:      "NBD_REP_ERR_SHUTDOWN",
		RepErrBlockSizeReqd - repErr: "NBD_REP_ERR_BLOCK_SIZE_REQD",
		RepErrTooBig - repErr:        "NBD_REP_ERR_TOO_BIG",
		RepErrExtHeaderReqd - repErr: "NBD_REP_ERR_EXT_HEADER_REQD",
	}
)

// IsError reports whether the reply is an error.
func (r Rep) IsError() bool { return r&repErr != 0 }

// String names the reply type as the protocol document does.
func (r Rep) String() string {
	names, n := repNames[:], r
	if r.IsError() {
		names, n = repErrNames[:], r&^repErr
	}
	if n != 0 && int(n) < len(names) {
		return names[n]
	}
	return fmt.Sprintf("reply type %#x", uint32(r))
}

// OptionReplyHeader opens a reply to an option.
type OptionReplyHeader struct {
	Option Option
	Type   Rep
	Length uint32 // of the data that follows, in bytes
}

// OptionReplyHeaderSize is the size of an option reply header in bytes.
const OptionReplyHeaderSize = 20

// AppendOptionReply appends a reply to an option with its data.
func AppendOptionReply(b []byte, o Option, t Rep, data []byte) []byte {
	b = be.AppendUint64(b, OptionReplyMagic)
	b = be.AppendUint32(b, uint32(o))
	b = be.AppendUint32(b, uint32(t))
	b = be.AppendUint32(b, uint32(len(data)))
	return append(b, data...)
}

// ParseOptionReplyHeader parses an option reply header.
func ParseOptionReplyHeader(b []byte) (OptionReplyHeader, error) {
	if err := sized("option reply", b, OptionReplyHeaderSize); err != nil {
		return OptionReplyHeader{}, err
	}
	if m := be.Uint64(b); m != OptionReplyMagic {
		return OptionReplyHeader{}, &FormError{"option reply", "expected the magic " + hex(OptionReplyMagic) + ", saw " + hex(m)}
	}
	return OptionReplyHeader{Option(be.Uint32(b[8:])), Rep(be.Uint32(b[12:])), be.Uint32(b[16:])}, nil
}

// AppendServer appends the data of RepServer.
func AppendServer(b []byte, name, description string) []byte {
	return append(appendString(b, name), description...)
}

// ParseServer parses the data of RepServer.
func ParseServer(b []byte) (name, description string, err error) {
	if name, b, err = takeString("NBD_REP_SERVER", "export name", b); err != nil {
		return "", "", err
	}
	description, err = wholeString("NBD_REP_SERVER", "description", b)
	return name, description, err
}

// AppendMetaContext appends the data of RepMetaContext.
func AppendMetaContext(b []byte, id uint32, name string) []byte {
	return append(be.AppendUint32(b, id), name...)
}

// ParseMetaContext parses the data of RepMetaContext.
func ParseMetaContext(b []byte) (id uint32, name string, err error) {
	if len(b) < 4 {
		return 0, "", short("NBD_REP_META_CONTEXT", 4, len(b))
	}
	name, err = wholeString("NBD_REP_META_CONTEXT", "context name", b[4:])
	return be.Uint32(b), name, err
}

// Info is the type of an information about an export.
type Info uint16

// Information types.
const (
	InfoExport      Info = 0
	InfoName        Info = 1
	InfoDescription Info = 2
	InfoBlockSize   Info = 3
)

// String names the information type as the protocol document does.
func (i Info) String() string {
	switch i {
	case InfoExport:
		return "NBD_INFO_EXPORT"
	case InfoName:
		return "NBD_INFO_NAME"
	case InfoDescription:
		return "NBD_INFO_DESCRIPTION"
	case InfoBlockSize:
		return "NBD_INFO_BLOCK_SIZE"
	}
	return fmt.Sprintf("information type %d", uint16(i))
}

// ParseInfo splits the data of RepInfo into the type and what it carries.
func ParseInfo(b []byte) (Info, []byte, error) {
	if len(b) < 2 {
		return 0, nil, short("NBD_REP_INFO", 2, len(b))
	}
	return Info(be.Uint16(b)), b[2:], nil
}

// AppendInfoExport appends the data of RepInfo with InfoExport.
func AppendInfoExport(b []byte, size uint64, flags TransmissionFlags) []byte {
	b = be.AppendUint16(b, uint16(InfoExport))
	b = be.AppendUint64(b, size)
	return be.AppendUint16(b, uint16(flags))
}

// ParseInfoExport parses what InfoExport carries.
func ParseInfoExport(b []byte) (size uint64, flags TransmissionFlags, err error) {
	if err := sized("NBD_INFO_EXPORT", b, 10); err != nil {
		return 0, 0, err
	}
	return be.Uint64(b), TransmissionFlags(be.Uint16(b[8:])), nil
}

// AppendInfoString appends the data of RepInfo with InfoName or
// InfoDescription.
func AppendInfoString(b []byte, i Info, s string) []byte {
	return append(be.AppendUint16(b, uint16(i)), s...)
}

// ParseInfoString parses what InfoName or InfoDescription carries.
func ParseInfoString(i Info, b []byte) (string, error) {
	return wholeString(i.String(), "string", b)
}

// BlockSize is what a server demands of the sizes of requests, in bytes
// ("Size constraints"). All zero means that the server said nothing.
type BlockSize struct {
	Minimum    uint32 // offsets and lengths must be multiples of it
	Preferred  uint32 // offsets and lengths had best be multiples of it
	MaxPayload uint32 // the longest payload of a read or write
}

// AppendInfoBlockSize appends the data of RepInfo with InfoBlockSize.
func AppendInfoBlockSize(b []byte, s BlockSize) []byte {
	b = be.AppendUint16(b, uint16(InfoBlockSize))
	b = be.AppendUint32(b, s.Minimum)
	b = be.AppendUint32(b, s.Preferred)
	return be.AppendUint32(b, s.MaxPayload)
}

// ParseInfoBlockSize parses what InfoBlockSize carries.
func ParseInfoBlockSize(b []byte) (BlockSize, error) {
	if err := sized("NBD_INFO_BLOCK_SIZE", b, 12); err != nil {
		return BlockSize{}, err
	}
	return BlockSize{be.Uint32(b), be.Uint32(b[4:]), be.Uint32(b[8:])}, nil
}

// Check says what is wrong with the constraints, by the rules of the section
// "Size constraints", or returns nil.
func (s BlockSize) Check() error {
	pow2 := func(n uint32) bool { return n != 0 && n&(n-1) == 0 }
	const message = "NBD_INFO_BLOCK_SIZE"
	switch {
	case !pow2(s.Minimum):
		return &FormError{message, fmt.Sprintf("the minimum block size %d is not a power of 2", s.Minimum)}
	case s.Minimum > MaxMinimumBlock:
		return &FormError{message, fmt.Sprintf("the minimum block size %d is more than %d", s.Minimum, MaxMinimumBlock)}
	case !pow2(s.Preferred):
		return &FormError{message, fmt.Sprintf("the preferred block size %d is not a power of 2", s.Preferred)}
	case s.Preferred < max(s.Minimum, 512):
		return &FormError{message, fmt.Sprintf("the preferred block size %d is less than %d", s.Preferred, max(s.Minimum, 512))}
	case s.MaxPayload < s.Preferred:
		return &FormError{message, fmt.Sprintf("the maximum payload size %d is less than the preferred block size %d", s.MaxPayload, s.Preferred)}
	}
	return nil
}
