// Package wire holds the constants of the NBD protocol and the codecs of its
// messages: small functions that append a message to a byte slice or parse
// one from it. There is one file a message family.
//
// The names are those of the protocol document, doc/proto.md of the
// NetworkBlockDevice/nbd repository, without the NBD_ prefix; the extended
// headers are those of its extension-ext-header branch. Integers on the wire
// are big-endian.
//
// The package never does I/O, never allocates by a length that a peer claims,
// and judges only the form of a message. Whether a message fits the
// conversation is for the caller to say.
package wire

import "encoding/binary"

// Magic numbers.
const (
	Magic                = 0x4e42444d41474943 // NBDMAGIC, INIT_PASSWD
	OldstyleMagic        = 0x0000420281861253 // cliserv_magic
	OptionMagic          = 0x49484156454f5054 // IHAVEOPT
	OptionReplyMagic     = 0x0003e889045565a9
	RequestMagic         = 0x25609513
	ExtendedRequestMagic = 0x21e41c71
	SimpleReplyMagic     = 0x67446698
	StructuredReplyMagic = 0x668e33ef
	ExtendedReplyMagic   = 0x6e8a278c
)

// Limits of the protocol, in bytes unless said otherwise.
const (
	// MaxString is the longest string a peer may send: export names,
	// context names, error messages.
	MaxString = 4096
	// DefaultMaxPayload is the payload every server should accept when it
	// advertises no size constraints.
	DefaultMaxPayload = 32 << 20
	// DefaultPreferredBlock is the preferred block size where the server
	// advertises none.
	DefaultPreferredBlock = 4096
	// MaxMinimumBlock is the largest minimum block size a server may advertise.
	MaxMinimumBlock = 64 << 10
	// MaxExtents is the number of extents a server should not exceed in one
	// block status chunk.
	MaxExtents = 1 << 20
	// DefaultPort is the TCP port IANA assigned to NBD.
	DefaultPort = 10809
)

// HandshakeFlags are the 16 bits a newstyle server opens with.
type HandshakeFlags uint16

// Handshake flags.
const (
	FlagFixedNewstyle HandshakeFlags = 1 << 0
	FlagNoZeroes      HandshakeFlags = 1 << 1
)

// ClientFlags are the 32 bits a client answers them with.
type ClientFlags uint32

// Client flags.
const (
	FlagCFixedNewstyle ClientFlags = 1 << 0
	FlagCNoZeroes      ClientFlags = 1 << 1
)

// TransmissionFlags say what an export can do.
type TransmissionFlags uint16

// Transmission flags.
const (
	FlagHasFlags           TransmissionFlags = 1 << 0
	FlagReadOnly           TransmissionFlags = 1 << 1
	FlagSendFlush          TransmissionFlags = 1 << 2
	FlagSendFUA            TransmissionFlags = 1 << 3
	FlagRotational         TransmissionFlags = 1 << 4
	FlagSendTrim           TransmissionFlags = 1 << 5
	FlagSendWriteZeroes    TransmissionFlags = 1 << 6
	FlagSendDF             TransmissionFlags = 1 << 7
	FlagCanMultiConn       TransmissionFlags = 1 << 8
	FlagSendResize         TransmissionFlags = 1 << 9
	FlagSendCache          TransmissionFlags = 1 << 10
	FlagSendFastZero       TransmissionFlags = 1 << 11
	FlagBlockStatusPayload TransmissionFlags = 1 << 12
)

// Status flags of the base:allocation metadata context.
const (
	StateHole = 1 << 0
	StateZero = 1 << 1
)

var be = binary.BigEndian
