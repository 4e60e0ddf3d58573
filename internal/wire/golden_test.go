package wire

import (
	digits "encoding/hex"
	"reflect"
	"strings"
	"testing"
)

// unhex makes bytes of hexadecimal digits in groups.
func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := digits.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestGoldenBytes compares messages with bytes that were written by hand from
// the text of the protocol, so that encoder and parser cannot be wrong
// together.
func TestGoldenBytes(t *testing.T) {
	zeroes := strings.Repeat("00", 124)
	tests := []struct {
		name    string
		want    string
		encoded []byte
		parse   func(b []byte) (any, error)
		value   any
	}{
		{"greeting of the oldstyle", "4e42444d41474943 0000420281861253", AppendGreeting(nil, OldstyleMagic),
			func(b []byte) (any, error) { return ParseGreeting(b) }, uint64(0x00420281861253)},
		{"greeting of the newstyle", "4e42444d41474943 49484156454f5054", AppendGreeting(nil, OptionMagic),
			func(b []byte) (any, error) { return ParseGreeting(b) }, uint64(0x49484156454F5054)},
		{"oldstyle handshake", "0000000000100000 0000 0003" + zeroes, AppendOldstyle(nil, 1<<20, 0, FlagHasFlags|FlagReadOnly),
			func(b []byte) (any, error) {
				size, global, flags, err := ParseOldstyle(b)
				return []any{size, global, flags}, err
			}, []any{uint64(1 << 20), HandshakeFlags(0), FlagHasFlags | FlagReadOnly}},
		{"handshake flags", "0003", AppendHandshakeFlags(nil, FlagFixedNewstyle|FlagNoZeroes),
			func(b []byte) (any, error) { return ParseHandshakeFlags(b) }, FlagFixedNewstyle | FlagNoZeroes},
		{"client flags", "00000003", AppendClientFlags(nil, FlagCFixedNewstyle|FlagCNoZeroes),
			func(b []byte) (any, error) { return ParseClientFlags(b) }, FlagCFixedNewstyle | FlagCNoZeroes},
		{"export name reply", "0000000000000200 0041", AppendExportNameReply(nil, 512, FlagHasFlags|FlagSendWriteZeroes, true),
			func(b []byte) (any, error) {
				size, flags, err := ParseExportNameReply(b)
				return []any{size, flags}, err
			}, []any{uint64(512), FlagHasFlags | FlagSendWriteZeroes}},
		{"export name reply with zeroes", "0000000000000200 0041" + zeroes, AppendExportNameReply(nil, 512, FlagHasFlags|FlagSendWriteZeroes, false),
			func(b []byte) (any, error) { return len(b), nil }, 134},
		{"option", "49484156454f5054 00000001 00000003 616263", AppendOption(nil, OptExportName, []byte("abc")),
			func(b []byte) (any, error) { return ParseOptionHeader(b[:16]) }, OptionHeader{OptExportName, 3}},
		{"option reply", "0003e889045565a9 00000003 80000001 00000002 6e6f", AppendOptionReply(nil, OptList, RepErrUnsup, []byte("no")),
			func(b []byte) (any, error) { return ParseOptionReplyHeader(b[:20]) }, OptionReplyHeader{OptList, 1<<31 + 1, 2}},
		{"data of NBD_OPT_GO", "00000002 6864 0002 0003 0001", AppendInfoRequest(nil, InfoRequest{"hd", []Info{InfoBlockSize, InfoName}}),
			func(b []byte) (any, error) { return ParseInfoRequest(b) }, InfoRequest{"hd", []Info{3, 1}}},
		{"data of NBD_OPT_SET_META_CONTEXT", "00000001 61 00000002 00000003 623a63 00000000",
			AppendMetaContextRequest(nil, MetaContextRequest{"a", []string{"b:c", ""}}),
			func(b []byte) (any, error) { return ParseMetaContextRequest(b) }, MetaContextRequest{"a", []string{"b:c", ""}}},
		{"NBD_REP_SERVER", "00000003 666f6f 626172", AppendServer(nil, "foo", "bar"),
			func(b []byte) (any, error) {
				name, description, err := ParseServer(b)
				return []string{name, description}, err
			}, []string{"foo", "bar"}},
		{"NBD_REP_META_CONTEXT", "00000007 62617365", AppendMetaContext(nil, 7, "base"),
			func(b []byte) (any, error) {
				id, name, err := ParseMetaContext(b)
				return []any{id, name}, err
			}, []any{uint32(7), "base"}},
		{"NBD_INFO_EXPORT", "0000 0000000000000200 1001", AppendInfoExport(nil, 512, FlagHasFlags|FlagBlockStatusPayload),
			func(b []byte) (any, error) {
				size, flags, err := ParseInfoExport(b[2:])
				return []any{size, flags}, err
			}, []any{uint64(512), FlagHasFlags | FlagBlockStatusPayload}},
		{"NBD_INFO_DESCRIPTION", "0002 6869", AppendInfoString(nil, InfoDescription, "hi"),
			func(b []byte) (any, error) {
				i, rest, err := ParseInfo(b)
				return []any{i, string(rest)}, err
			}, []any{InfoDescription, "hi"}},
		{"NBD_INFO_BLOCK_SIZE", "0003 00000001 00001000 02000000", AppendInfoBlockSize(nil, BlockSize{1, 4096, 32 << 20}),
			func(b []byte) (any, error) { return ParseInfoBlockSize(b[2:]) }, BlockSize{1, 1 << 12, 1 << 25}},
		{"request", "25609513 0001 0001 0102030405060708 1112131415161718 21222324",
			AppendRequest(nil, &Request{CmdFlagFUA, CmdWrite, 0x0102030405060708, 0x1112131415161718, 0x21222324}, false),
			func(b []byte) (any, error) { return ParseRequest(b, false) },
			Request{CmdFlagFUA, CmdWrite, 0x0102030405060708, 0x1112131415161718, 0x21222324}},
		{"extended request", "21e41c71 0020 0007 0102030405060708 1112131415161718 2122232425262728",
			AppendRequest(nil, &Request{CmdFlagPayloadLen, CmdBlockStatus, 0x0102030405060708, 0x1112131415161718, 0x2122232425262728}, true),
			func(b []byte) (any, error) { return ParseRequest(b, true) },
			Request{CmdFlagPayloadLen, CmdBlockStatus, 0x0102030405060708, 0x1112131415161718, 0x2122232425262728}},
		{"payload of NBD_CMD_BLOCK_STATUS", "0000000100000000 00000002 00000001", AppendBlockStatusPayload(nil, 1<<32, []uint32{2, 1}),
			func(b []byte) (any, error) {
				length, ids, err := ParseBlockStatusPayload(b)
				return []any{length, ids}, err
			}, []any{uint64(1 << 32), []uint32{2, 1}}},
		{"simple reply", "67446698 0000001c 0102030405060708", AppendReply(nil, &Reply{Magic: SimpleReplyMagic, Error: ENOSPC, Cookie: 0x0102030405060708}),
			func(b []byte) (any, error) { return ParseReply(b) }, Reply{Magic: 0x67446698, Error: 28, Cookie: 0x0102030405060708}},
		{"structured reply", "668e33ef 0001 8002 0102030405060708 00000010",
			AppendReply(nil, &Reply{Magic: StructuredReplyMagic, Flags: ReplyFlagDone, Type: ReplyErrorOffset, Cookie: 0x0102030405060708, Length: 16}),
			func(b []byte) (any, error) { return ParseReply(b) },
			Reply{Magic: 0x668e33ef, Flags: 1, Type: 1<<15 + 2, Cookie: 0x0102030405060708, Length: 16}},
		{"extended reply", "6e8a278c 0000 0006 0102030405060708 1112131415161718 0000000000000018",
			AppendReply(nil, &Reply{Magic: ExtendedReplyMagic, Type: ReplyBlockStatusExt, Cookie: 0x0102030405060708, Offset: 0x1112131415161718, Length: 24}),
			func(b []byte) (any, error) { return ParseReply(b) },
			Reply{Magic: 0x6e8a278c, Type: 6, Cookie: 0x0102030405060708, Offset: 0x1112131415161718, Length: 24}},
		{"NBD_REPLY_TYPE_OFFSET_DATA", "1112131415161718", AppendOffsetData(nil, 0x1112131415161718),
			func(b []byte) (any, error) { return ParseOffsetData(b) }, uint64(0x1112131415161718)},
		{"NBD_REPLY_TYPE_OFFSET_HOLE", "1112131415161718 21222324", AppendOffsetHole(nil, 0x1112131415161718, 0x21222324),
			func(b []byte) (any, error) {
				offset, size, err := ParseOffsetHole(b)
				return []any{offset, size}, err
			}, []any{uint64(0x1112131415161718), uint32(0x21222324)}},
		{"NBD_REPLY_TYPE_ERROR", "00000005 0003 626164", AppendError(nil, EIO, "bad"),
			func(b []byte) (any, error) {
				errno, message, rest, err := ParseError(b)
				return []any{errno, message, len(rest)}, err
			}, []any{uint32(5), "bad", 0}},
		{"NBD_REPLY_TYPE_ERROR_OFFSET", "0000005f 0001 78 0000000000000200", AppendErrorOffset(nil, ENOTSUP, "x", 512),
			func(b []byte) (any, error) {
				errno, message, offset, err := ParseErrorOffset(b)
				return []any{errno, message, offset}, err
			}, []any{uint32(95), "x", uint64(512)}},
		{"NBD_REPLY_TYPE_BLOCK_STATUS", "00000009 00000200 00000003 00000400 00000000",
			AppendBlockStatus(nil, 9, []Extent{{512, StateHole | StateZero}, {1024, 0}}),
			func(b []byte) (any, error) {
				context, extents, err := ParseBlockStatus(ReplyBlockStatus, b, nil)
				return []any{context, extents}, err
			}, []any{uint32(9), []Extent{{512, 3}, {1024, 0}}}},
		{"NBD_REPLY_TYPE_BLOCK_STATUS_EXT", "00000009 00000001 0000000100000000 8000000000000001",
			AppendBlockStatusExt(nil, 9, []Extent{{1 << 32, 1<<63 | 1}}),
			func(b []byte) (any, error) {
				context, extents, err := ParseBlockStatus(ReplyBlockStatusExt, b, nil)
				return []any{context, extents}, err
			}, []any{uint32(9), []Extent{{1 << 32, 1<<63 | 1}}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := unhex(t, tt.want)
			if got := digits.EncodeToString(tt.encoded); got != digits.EncodeToString(want) {
				t.Errorf("encoded\n got %s\nwant %x", got, want)
			}
			got, err := tt.parse(want)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, tt.value) {
				t.Errorf("parsed\n got %#v\nwant %#v", got, tt.value)
			}
		})
	}
}

// TestFlagBits pins every flag to the bit that the protocol's text gives it.
func TestFlagBits(t *testing.T) {
	transmission := []TransmissionFlags{FlagHasFlags, FlagReadOnly, FlagSendFlush, FlagSendFUA, FlagRotational, FlagSendTrim, FlagSendWriteZeroes,
		FlagSendDF, FlagCanMultiConn, FlagSendResize, FlagSendCache, FlagSendFastZero, FlagBlockStatusPayload}
	for bit, f := range transmission {
		if f != 1<<bit {
			t.Errorf("transmission flag %d is %#x", bit, f)
		}
	}
	command := []CommandFlags{CmdFlagFUA, CmdFlagNoHole, CmdFlagDF, CmdFlagReqOne, CmdFlagFastZero, CmdFlagPayloadLen}
	for bit, f := range command {
		if f != 1<<bit {
			t.Errorf("command flag %d is %#x", bit, f)
		}
	}
	if StateHole != 1 || StateZero != 2 {
		t.Errorf("the flags of base:allocation are %d and %d", StateHole, StateZero)
	}
}
