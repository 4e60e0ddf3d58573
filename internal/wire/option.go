package wire

import "fmt"

// Option is the number of an option of the newstyle handshake.
type Option uint32

// Options ("Option types").
const (
	OptExportName      Option = 1
	OptAbort           Option = 2
	OptList            Option = 3
	OptPeekExport      Option = 4 // withdrawn
	OptStartTLS        Option = 5
	OptInfo            Option = 6
	OptGo              Option = 7
	OptStructuredReply Option = 8
	OptListMetaContext Option = 9
	OptSetMetaContext  Option = 10
	OptExtendedHeaders Option = 11
)

var optionNames = [...]string{
	OptExportName:      "NBD_OPT_EXPORT_NAME",
	OptAbort:           "NBD_OPT_ABORT",
	OptList:            "NBD_OPT_LIST",
	OptPeekExport:      "NBD_OPT_PEEK_EXPORT",
	OptStartTLS:        "NBD_OPT_STARTTLS",
	OptInfo:            "NBD_OPT_INFO",
	OptGo:              "NBD_OPT_GO",
	OptStructuredReply: "NBD_OPT_STRUCTURED_REPLY",
	OptListMetaContext: "NBD_OPT_LIST_META_CONTEXT",
	OptSetMetaContext:  "NBD_OPT_SET_META_CONTEXT",
	OptExtendedHeaders: "NBD_OPT_EXTENDED_HEADERS",
}

// String names the option as the protocol document does.
func (o Option) String() string {
	if o != 0 && int(o) < len(optionNames) {
		return optionNames[o]
	}
	return fmt.Sprintf("option %d", uint32(o))
}

// OptionHeader opens an option that a client sends.
type OptionHeader struct {
	Option Option
	Length uint32 // of the data that follows, in bytes
}

// OptionHeaderSize is the size of an option header in bytes.
const OptionHeaderSize = 16

// AppendOptionHeader appends an option header.
func AppendOptionHeader(b []byte, h OptionHeader) []byte {
	b = be.AppendUint64(b, OptionMagic)
	b = be.AppendUint32(b, uint32(h.Option))
	return be.AppendUint32(b, h.Length)
}

// ParseOptionHeader parses an option header.
func ParseOptionHeader(b []byte) (OptionHeader, error) {
	if err := sized("option header", b, OptionHeaderSize); err != nil {
		return OptionHeader{}, err
	}
	if m := be.Uint64(b); m != OptionMagic {
		return OptionHeader{}, &FormError{"option header", "expected the magic " + hex(OptionMagic) + ", saw " + hex(m)}
	}
	return OptionHeader{Option(be.Uint32(b[8:])), be.Uint32(b[12:])}, nil
}

// AppendOption appends an option with its data.
func AppendOption(b []byte, o Option, data []byte) []byte {
	b = AppendOptionHeader(b, OptionHeader{o, uint32(len(data))})
	return append(b, data...)
}

// InfoRequest is the data of OptInfo and OptGo.
type InfoRequest struct {
	Name  string
	Infos []Info
}

// AppendInfoRequest appends the data of OptInfo and OptGo.
func AppendInfoRequest(b []byte, r InfoRequest) []byte {
	b = appendString(b, r.Name)
	b = be.AppendUint16(b, uint16(len(r.Infos)))
	for _, i := range r.Infos {
		b = be.AppendUint16(b, uint16(i))
	}
	return b
}

// ParseInfoRequest parses the data of OptInfo and OptGo.
func ParseInfoRequest(b []byte) (InfoRequest, error) {
	const message = "data of NBD_OPT_INFO or NBD_OPT_GO"
	var r InfoRequest
	var err error
	if r.Name, b, err = takeString(message, "export name", b); err != nil {
		return InfoRequest{}, err
	}
	if len(b) < 2 {
		return InfoRequest{}, &FormError{message, "ends before the number of information requests"}
	}
	n := int(be.Uint16(b))
	b = b[2:]
	if len(b) != 2*n {
		return InfoRequest{}, &FormError{message, fmt.Sprintf("should have %d information requests in %d bytes, has %d bytes", n, 2*n, len(b))}
	}
	for ; len(b) > 0; b = b[2:] {
		r.Infos = append(r.Infos, Info(be.Uint16(b)))
	}
	return r, nil
}

// MetaContextRequest is the data of OptListMetaContext and OptSetMetaContext.
type MetaContextRequest struct {
	Name    string // of the export
	Queries []string
}

// AppendMetaContextRequest appends the data of OptListMetaContext and
// OptSetMetaContext.
func AppendMetaContextRequest(b []byte, r MetaContextRequest) []byte {
	b = appendString(b, r.Name)
	b = be.AppendUint32(b, uint32(len(r.Queries)))
	for _, q := range r.Queries {
		b = appendString(b, q)
	}
	return b
}

// ParseMetaContextRequest parses the data of OptListMetaContext and
// OptSetMetaContext.
func ParseMetaContextRequest(b []byte) (MetaContextRequest, error) {
	const message = "data of NBD_OPT_LIST_META_CONTEXT or NBD_OPT_SET_META_CONTEXT"
	var r MetaContextRequest
	var err error
	if r.Name, b, err = takeString(message, "export name", b); err != nil {
		return MetaContextRequest{}, err
	}
	if len(b) < 4 {
		return MetaContextRequest{}, &FormError{message, "ends before the number of queries"}
	}
	n := be.Uint32(b)
	b = b[4:]
	if uint64(n)*4 > uint64(len(b)) {
		return MetaContextRequest{}, &FormError{message, fmt.Sprintf("is said to have %d queries, but only %d bytes are left", n, len(b))}
	}
	for range n {
		var q string
		if q, b, err = takeString(message, "query", b); err != nil {
			return MetaContextRequest{}, err
		}
		r.Queries = append(r.Queries, q)
	}
	if len(b) > 0 {
		return MetaContextRequest{}, &FormError{message, fmt.Sprintf("has %d bytes after the last query", len(b))}
	}
	return r, nil
}
