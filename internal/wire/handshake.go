package wire

// Sizes in bytes of the pieces of the handshake.
const (
	GreetingSize           = 16 // the two magics every server opens with
	OldstyleSize           = 8 + 4 + 124
	HandshakeFlagsSize     = 2
	ClientFlagsSize        = 4
	ExportNameReplySize    = 8 + 2
	ExportNameReplyPadding = 124
)

// AppendGreeting appends what every server opens with: the magic, then that
// of the style.
func AppendGreeting(b []byte, style uint64) []byte {
	b = be.AppendUint64(b, Magic)
	return be.AppendUint64(b, style)
}

// ParseGreeting gives the style of the server: OldstyleMagic or OptionMagic.
func ParseGreeting(b []byte) (style uint64, err error) {
	if err := sized("greeting", b, GreetingSize); err != nil {
		return 0, err
	}
	if m := be.Uint64(b); m != Magic {
		return 0, &FormError{"greeting", "is not an NBD server: expected the magic " + hex(Magic) + " (NBDMAGIC), saw " + hex(m)}
	}
	style = be.Uint64(b[8:])
	if style != OldstyleMagic && style != OptionMagic {
		return 0, &FormError{"greeting", "expected the magic of the newstyle handshake " + hex(OptionMagic) +
			" or of the oldstyle one " + hex(OldstyleMagic) + ", saw " + hex(style)}
	}
	return style, nil
}

// AppendOldstyle appends the rest of an oldstyle handshake.
func AppendOldstyle(b []byte, size uint64, global HandshakeFlags, flags TransmissionFlags) []byte {
	b = be.AppendUint64(b, size)
	b = be.AppendUint16(b, uint16(global))
	b = be.AppendUint16(b, uint16(flags))
	return append(b, make([]byte, 124)...)
}

// ParseOldstyle parses the rest of an oldstyle handshake.
func ParseOldstyle(b []byte) (size uint64, global HandshakeFlags, flags TransmissionFlags, err error) {
	if err := sized("oldstyle handshake", b, OldstyleSize); err != nil {
		return 0, 0, 0, err
	}
	return be.Uint64(b), HandshakeFlags(be.Uint16(b[8:])), TransmissionFlags(be.Uint16(b[10:])), nil
}

// AppendHandshakeFlags appends a newstyle server's handshake flags.
func AppendHandshakeFlags(b []byte, f HandshakeFlags) []byte {
	return be.AppendUint16(b, uint16(f))
}

// ParseHandshakeFlags parses a newstyle server's handshake flags.
func ParseHandshakeFlags(b []byte) (HandshakeFlags, error) {
	if err := sized("handshake flags", b, HandshakeFlagsSize); err != nil {
		return 0, err
	}
	return HandshakeFlags(be.Uint16(b)), nil
}

// AppendClientFlags appends a client's answer to the handshake flags.
func AppendClientFlags(b []byte, f ClientFlags) []byte {
	return be.AppendUint32(b, uint32(f))
}

// ParseClientFlags parses a client's answer to the handshake flags.
func ParseClientFlags(b []byte) (ClientFlags, error) {
	if err := sized("client flags", b, ClientFlagsSize); err != nil {
		return 0, err
	}
	return ClientFlags(be.Uint32(b)), nil
}

// AppendExportNameReply appends the answer to OptExportName.
func AppendExportNameReply(b []byte, size uint64, flags TransmissionFlags, noZeroes bool) []byte {
	b = be.AppendUint64(b, size)
	b = be.AppendUint16(b, uint16(flags))
	if !noZeroes {
		b = append(b, make([]byte, ExportNameReplyPadding)...)
	}
	return b
}

// ParseExportNameReply parses the answer to OptExportName, without padding.
func ParseExportNameReply(b []byte) (size uint64, flags TransmissionFlags, err error) {
	if err := sized("reply to NBD_OPT_EXPORT_NAME", b, ExportNameReplySize); err != nil {
		return 0, 0, err
	}
	return be.Uint64(b), TransmissionFlags(be.Uint16(b[8:])), nil
}
