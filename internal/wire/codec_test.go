package wire

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
)

// A codec is a message for the tests: how to make one with random contents,
// and how to parse it and encode again what came out.
type codec struct {
	name    string
	random  func(r *rand.Rand) []byte
	recode  func(b []byte) ([]byte, error)
	padded  bool               // it ends in bytes that the parser ignores
	cut     func(cut int) bool // which of its beginnings are messages too; nil: none
	longest int                // the longest message there is; 0: no matter
}

func randomString(r *rand.Rand) string {
	b := make([]byte, r.IntN(40))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return string(b)
}

func randomExtents(r *rand.Rand) []Extent {
	e := make([]Extent, 1+r.IntN(5))
	for i := range e {
		e[i] = Extent{r.Uint64(), r.Uint64()}
	}
	return e
}

// from makes a cut function: beginnings of at least n bytes are messages.
func from(n int) func(int) bool { return func(cut int) bool { return cut >= n } }

// steps makes a cut function: first bytes and a multiple of each.
func steps(first, each int) func(int) bool {
	return func(cut int) bool { return cut >= first && (cut-first)%each == 0 }
}

func recodeBlockStatus(t ReplyType, b []byte) ([]byte, error) {
	context, extents, err := ParseBlockStatus(t, b, nil)
	if err != nil {
		return nil, err
	}
	if t == ReplyBlockStatusExt {
		return AppendBlockStatusExt(nil, context, extents), nil
	}
	return AppendBlockStatus(nil, context, extents), nil
}

func recodeReply(b []byte) ([]byte, error) {
	r, err := ParseReply(b)
	if err != nil {
		return nil, err
	}
	return AppendReply(nil, &r), nil
}

func recodeRequest(extended bool) func(b []byte) ([]byte, error) {
	return func(b []byte) ([]byte, error) {
		r, err := ParseRequest(b, extended)
		if err != nil {
			return nil, err
		}
		return AppendRequest(nil, &r, extended), nil
	}
}

func randomReply(magic uint32) func(r *rand.Rand) []byte {
	return func(r *rand.Rand) []byte {
		return AppendReply(nil, &Reply{Magic: magic, Flags: ReplyFlags(r.Uint32()), Type: ReplyType(r.Uint32()), Error: r.Uint32(),
			Cookie: r.Uint64(), Offset: r.Uint64(), Length: r.Uint64()})
	}
}

func randomRequest(extended bool) func(r *rand.Rand) []byte {
	return func(r *rand.Rand) []byte {
		return AppendRequest(nil, &Request{CommandFlags(r.Uint32()), Command(r.Uint32()), r.Uint64(), r.Uint64(), r.Uint64()}, extended)
	}
}

func codecs() []codec {
	return []codec{
		{name: "greeting oldstyle",
			random: func(*rand.Rand) []byte { return AppendGreeting(nil, OldstyleMagic) },
			recode: func(b []byte) ([]byte, error) {
				style, err := ParseGreeting(b)
				return AppendGreeting(nil, style), err
			}},
		{name: "greeting newstyle",
			random: func(*rand.Rand) []byte { return AppendGreeting(nil, OptionMagic) },
			recode: func(b []byte) ([]byte, error) {
				style, err := ParseGreeting(b)
				return AppendGreeting(nil, style), err
			}},
		{name: "oldstyle", padded: true,
			random: func(r *rand.Rand) []byte {
				return AppendOldstyle(nil, r.Uint64(), HandshakeFlags(r.Uint32()), TransmissionFlags(r.Uint32()))
			},
			recode: func(b []byte) ([]byte, error) {
				size, global, flags, err := ParseOldstyle(b)
				return AppendOldstyle(nil, size, global, flags), err
			}},
		{name: "handshake flags",
			random: func(r *rand.Rand) []byte { return AppendHandshakeFlags(nil, HandshakeFlags(r.Uint32())) },
			recode: func(b []byte) ([]byte, error) {
				f, err := ParseHandshakeFlags(b)
				return AppendHandshakeFlags(nil, f), err
			}},
		{name: "client flags",
			random: func(r *rand.Rand) []byte { return AppendClientFlags(nil, ClientFlags(r.Uint32())) },
			recode: func(b []byte) ([]byte, error) {
				f, err := ParseClientFlags(b)
				return AppendClientFlags(nil, f), err
			}},
		{name: "export name reply",
			random: func(r *rand.Rand) []byte {
				return AppendExportNameReply(nil, r.Uint64(), TransmissionFlags(r.Uint32()), true)
			},
			recode: func(b []byte) ([]byte, error) {
				size, flags, err := ParseExportNameReply(b)
				return AppendExportNameReply(nil, size, flags, true), err
			}},
		{name: "option header",
			random: func(r *rand.Rand) []byte {
				return AppendOptionHeader(nil, OptionHeader{Option(r.Uint32()), r.Uint32()})
			},
			recode: func(b []byte) ([]byte, error) {
				h, err := ParseOptionHeader(b)
				return AppendOptionHeader(nil, h), err
			}},
		{name: "info request",
			random: func(r *rand.Rand) []byte {
				infos := make([]Info, r.IntN(5))
				for i := range infos {
					infos[i] = Info(r.Uint32())
				}
				return AppendInfoRequest(nil, InfoRequest{randomString(r), infos})
			},
			recode: func(b []byte) ([]byte, error) {
				q, err := ParseInfoRequest(b)
				return AppendInfoRequest(nil, q), err
			}},
		{name: "meta context request",
			random: func(r *rand.Rand) []byte {
				q := MetaContextRequest{Name: randomString(r)}
				for range r.IntN(5) {
					q.Queries = append(q.Queries, randomString(r))
				}
				return AppendMetaContextRequest(nil, q)
			},
			recode: func(b []byte) ([]byte, error) {
				q, err := ParseMetaContextRequest(b)
				return AppendMetaContextRequest(nil, q), err
			}},
		{name: "option reply header",
			random: func(r *rand.Rand) []byte {
				return AppendOptionReply(nil, Option(r.Uint32()), Rep(r.Uint32()), nil)
			},
			recode: func(b []byte) ([]byte, error) {
				h, err := ParseOptionReplyHeader(b)
				if err != nil || h.Length != 0 {
					return b, err
				}
				return AppendOptionReply(nil, h.Option, h.Type, nil), nil
			}},
		{name: "server",
			random: func(r *rand.Rand) []byte { return AppendServer(nil, "name", randomString(r)) },
			cut:    from(4 + len("name")),
			recode: func(b []byte) ([]byte, error) {
				name, description, err := ParseServer(b)
				return AppendServer(nil, name, description), err
			}},
		{name: "meta context",
			random: func(r *rand.Rand) []byte { return AppendMetaContext(nil, r.Uint32(), randomString(r)) },
			cut:    from(4), longest: 4 + MaxString,
			recode: func(b []byte) ([]byte, error) {
				id, name, err := ParseMetaContext(b)
				return AppendMetaContext(nil, id, name), err
			}},
		{name: "info",
			random: func(r *rand.Rand) []byte { return AppendInfoString(nil, Info(r.Uint32()), randomString(r)) },
			cut:    from(2),
			recode: func(b []byte) ([]byte, error) {
				i, rest, err := ParseInfo(b)
				return AppendInfoString(nil, i, string(rest)), err
			}},
		{name: "info export",
			random: func(r *rand.Rand) []byte {
				return AppendInfoExport(nil, r.Uint64(), TransmissionFlags(r.Uint32()))[2:]
			},
			recode: func(b []byte) ([]byte, error) {
				size, flags, err := ParseInfoExport(b)
				return AppendInfoExport(nil, size, flags)[2:], err
			}},
		{name: "info string",
			random: func(r *rand.Rand) []byte { return []byte(randomString(r)) },
			cut:    from(0), longest: MaxString,
			recode: func(b []byte) ([]byte, error) {
				s, err := ParseInfoString(InfoName, b)
				return AppendInfoString(nil, InfoName, s)[2:], err
			}},
		{name: "info block size",
			random: func(r *rand.Rand) []byte {
				return AppendInfoBlockSize(nil, BlockSize{r.Uint32(), r.Uint32(), r.Uint32()})[2:]
			},
			recode: func(b []byte) ([]byte, error) {
				s, err := ParseInfoBlockSize(b)
				return AppendInfoBlockSize(nil, s)[2:], err
			}},
		{name: "simple reply", random: randomReply(SimpleReplyMagic), recode: recodeReply},
		{name: "structured reply", random: randomReply(StructuredReplyMagic), recode: recodeReply},
		{name: "extended reply", random: randomReply(ExtendedReplyMagic), recode: recodeReply},
		{name: "offset data",
			random: func(r *rand.Rand) []byte { return AppendOffsetData(nil, r.Uint64()) },
			recode: func(b []byte) ([]byte, error) {
				offset, err := ParseOffsetData(b)
				return AppendOffsetData(nil, offset), err
			}},
		{name: "offset hole",
			random: func(r *rand.Rand) []byte { return AppendOffsetHole(nil, r.Uint64(), r.Uint32()) },
			recode: func(b []byte) ([]byte, error) {
				offset, size, err := ParseOffsetHole(b)
				return AppendOffsetHole(nil, offset, size), err
			}},
		{name: "error",
			random: func(r *rand.Rand) []byte { return AppendError(nil, r.Uint32(), randomString(r)) },
			recode: func(b []byte) ([]byte, error) {
				errno, message, rest, err := ParseError(b)
				return append(AppendError(nil, errno, message), rest...), err
			}},
		{name: "error offset",
			random: func(r *rand.Rand) []byte { return AppendErrorOffset(nil, r.Uint32(), randomString(r), r.Uint64()) },
			recode: func(b []byte) ([]byte, error) {
				errno, message, offset, err := ParseErrorOffset(b)
				return AppendErrorOffset(nil, errno, message, offset), err
			}},
		{name: "block status",
			random: func(r *rand.Rand) []byte { return AppendBlockStatus(nil, r.Uint32(), randomExtents(r)) },
			cut:    steps(4+8, 8), longest: 4 + 8*MaxExtents,
			recode: func(b []byte) ([]byte, error) { return recodeBlockStatus(ReplyBlockStatus, b) }},
		{name: "block status ext",
			random: func(r *rand.Rand) []byte { return AppendBlockStatusExt(nil, r.Uint32(), randomExtents(r)) },
			recode: func(b []byte) ([]byte, error) { return recodeBlockStatus(ReplyBlockStatusExt, b) }},
		{name: "request", random: randomRequest(false), recode: recodeRequest(false)},
		{name: "extended request", random: randomRequest(true), recode: recodeRequest(true)},
		{name: "block status payload",
			random: func(r *rand.Rand) []byte {
				ids := make([]uint32, r.IntN(5))
				for i := range ids {
					ids[i] = r.Uint32()
				}
				return AppendBlockStatusPayload(nil, r.Uint64(), ids)
			},
			cut: steps(8, 4),
			recode: func(b []byte) ([]byte, error) {
				length, ids, err := ParseBlockStatusPayload(b)
				return AppendBlockStatusPayload(nil, length, ids), err
			}},
	}
}

// TestRoundTrip parses messages of random contents and encodes what came out.
func TestRoundTrip(t *testing.T) {
	for _, c := range codecs() {
		t.Run(c.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			for range 500 {
				b := c.random(r)
				got, err := c.recode(b)
				if err != nil {
					t.Fatalf("%x: %v", b, err)
				}
				if !bytes.Equal(got, b) {
					t.Fatalf("parsed and encoded again:\n got %x\nwant %x", got, b)
				}
			}
		})
	}
}

// TestEveryPrefix cuts messages short at every byte, and makes them one byte
// too long.
func TestEveryPrefix(t *testing.T) {
	for _, c := range codecs() {
		t.Run(c.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(3, 4))
			for range 50 {
				b := c.random(r)
				for cut := range len(b) {
					_, err := c.recode(b[:cut:cut])
					if valid := c.cut != nil && c.cut(cut); (err == nil) != valid {
						t.Fatalf("the first %d bytes of %x: error %v", cut, b, err)
					}
					checkFormError(t, err)
				}
			}
		})
	}
}

// TestTooLong appends bytes to messages of a fixed length.
func TestTooLong(t *testing.T) {
	for _, c := range codecs() {
		if c.cut != nil || c.name == "error" {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			b := append(c.random(rand.New(rand.NewPCG(5, 6))), 0)
			_, err := c.recode(b)
			if err == nil {
				t.Fatalf("%x: no error", b)
			}
			checkFormError(t, err)
		})
	}
}

// checkFormError sees to it that errors say which message was wrong, and how.
func checkFormError(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	e, ok := errors.AsType[*FormError](err)
	if !ok || e.Message == "" || e.Problem == "" || !strings.HasPrefix(e.Error(), e.Message+": ") {
		t.Fatalf("the error %#v is no proper FormError", err)
	}
}

// FuzzParse gives the same bytes to every parser. What a parser accepts must
// encode to the same bytes again.
func FuzzParse(f *testing.F) {
	r := rand.New(rand.NewPCG(7, 8))
	for _, c := range codecs() {
		for range 3 {
			f.Add(c.random(r))
		}
	}
	all := codecs()
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, c := range all {
			got, err := c.recode(b)
			checkFormError(t, err)
			if err != nil || c.padded {
				continue
			}
			if !bytes.Equal(got, b) {
				t.Errorf("%s: parsed and encoded again:\n got %x\nwant %x", c.name, got, b)
			}
			if c.longest > 0 && len(b) > c.longest {
				t.Errorf("%s: %d bytes were accepted", c.name, len(b))
			}
		}
	})
}
