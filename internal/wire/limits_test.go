package wire

import (
	"runtime"
	"strings"
	"testing"
)

// TestLies gives parsers messages that claim what is not so. The error must
// say what was expected and what was seen.
func TestLies(t *testing.T) {
	long := strings.Repeat("x", MaxString+1)
	tests := []struct {
		name  string
		parse func() error
		want  string
	}{
		{"wrong first magic", func() error { _, err := ParseGreeting([]byte("HTTP/1.1 400 Bad")); return err },
			"greeting: is not an NBD server: expected the magic 0x4e42444d41474943 (NBDMAGIC), saw 0x485454502f312e31"},
		{"wrong second magic", func() error { _, err := ParseGreeting(AppendGreeting(nil, 7)); return err },
			"greeting: expected the magic of the newstyle handshake 0x49484156454f5054 or of the oldstyle one 0x420281861253, saw 0x7"},
		{"wrong option magic", func() error { _, err := ParseOptionHeader(make([]byte, OptionHeaderSize)); return err },
			"option header: expected the magic 0x49484156454f5054, saw 0x0"},
		{"wrong option reply magic", func() error { _, err := ParseOptionReplyHeader(make([]byte, OptionReplyHeaderSize)); return err },
			"option reply: expected the magic 0x3e889045565a9, saw 0x0"},
		{"wrong reply magic", func() error { _, err := ParseReply([]byte{0x96, 0x74, 0x46, 0x68}); return err },
			"reply: expected the magic 0x67446698 (simple), 0x668e33ef (structured) or 0x6e8a278c (extended), saw 0x96744668"},
		{"wrong request magic", func() error { _, err := ParseRequest(AppendRequest(nil, &Request{}, true), false); return err },
			"request: should be 28 bytes long, is 32"},
		{"historic request magic", func() error {
			_, err := ParseRequest(append([]byte{0x12, 0x56, 0x09, 0x53}, make([]byte, 24)...), false)
			return err
		},
			"request: expected the magic 0x25609513, saw 0x12560953"},
		{"export name too long", func() error { _, _, err := ParseServer(AppendServer(nil, long, "")); return err },
			"NBD_REP_SERVER: the export name is 4097 bytes long, more than the 4096 that the protocol allows"},
		{"description too long", func() error { _, _, err := ParseServer(AppendServer(nil, "", long)); return err },
			"NBD_REP_SERVER: the description is 4097 bytes long, more than the 4096 that the protocol allows"},
		{"name longer than its message", func() error { _, _, err := ParseServer([]byte{0, 0, 0, 5, 'a'}); return err },
			"NBD_REP_SERVER: the export name is said to be 5 bytes long, but 1 are left"},
		{"context name too long", func() error { _, _, err := ParseMetaContext(AppendMetaContext(nil, 1, long)); return err },
			"NBD_REP_META_CONTEXT: the context name is 4097 bytes long, more than the 4096 that the protocol allows"},
		{"info string too long", func() error { _, err := ParseInfoString(InfoDescription, []byte(long)); return err },
			"NBD_INFO_DESCRIPTION: the string is 4097 bytes long, more than the 4096 that the protocol allows"},
		{"more queries than bytes", func() error {
			_, err := ParseMetaContextRequest([]byte{0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0})
			return err
		}, "data of NBD_OPT_LIST_META_CONTEXT or NBD_OPT_SET_META_CONTEXT: is said to have 4294967295 queries, but only 4 bytes are left"},
		{"bytes behind the queries", func() error {
			_, err := ParseMetaContextRequest(append(AppendMetaContextRequest(nil, MetaContextRequest{"e", []string{"q"}}), 1, 2))
			return err
		}, "data of NBD_OPT_LIST_META_CONTEXT or NBD_OPT_SET_META_CONTEXT: has 2 bytes after the last query"},
		{"fewer infos than said", func() error { _, err := ParseInfoRequest([]byte{0, 0, 0, 0, 0, 2, 0, 1}); return err },
			"data of NBD_OPT_INFO or NBD_OPT_GO: should have 2 information requests in 4 bytes, has 2 bytes"},
		{"error message longer than its chunk", func() error { _, _, _, err := ParseError([]byte{0, 0, 0, 5, 0, 3, 'a'}); return err },
			"error chunk: the message is said to be 3 bytes long, but 1 are left"},
		{"error message too long", func() error {
			_, _, _, err := ParseError(append([]byte{0, 0, 0, 5, 0x10, 0x01}, long...))
			return err
		}, "error chunk: the message is 4097 bytes long, more than the 4096 that the protocol allows"},
		{"error offset cut off", func() error {
			_, _, _, err := ParseErrorOffset(AppendError(nil, EIO, "text"))
			return err
		}, "offset behind an error chunk's message: should be 8 bytes long, is 0"},
		{"wrong number of extents", func() error {
			b := AppendBlockStatusExt(nil, 1, []Extent{{1, 0}, {2, 0}})
			b[7] = 3
			_, _, err := ParseBlockStatus(ReplyBlockStatusExt, b, nil)
			return err
		}, "NBD_REPLY_TYPE_BLOCK_STATUS_EXT: says that it has 3 extents, but its length is that of 2"},
		{"no extents", func() error { return CheckBlockStatusLength(ReplyBlockStatus, 4) },
			"NBD_REPLY_TYPE_BLOCK_STATUS: should be 4 bytes and a positive multiple of 8, is 4"},
		{"no wide extents", func() error { return CheckBlockStatusLength(ReplyBlockStatusExt, 8) },
			"NBD_REPLY_TYPE_BLOCK_STATUS_EXT: should be 8 bytes and a positive multiple of 16, is 8"},
		{"too many extents", func() error { return CheckBlockStatusLength(ReplyBlockStatus, 4+8*(MaxExtents+1)) },
			"NBD_REPLY_TYPE_BLOCK_STATUS: has 1048577 extents, more than the 1048576 that the protocol allows"},
		{"extents without end", func() error { return CheckBlockStatusLength(ReplyBlockStatusExt, 1<<64-8) },
			"NBD_REPLY_TYPE_BLOCK_STATUS_EXT: has 1152921504606846975 extents, more than the 1048576 that the protocol allows"},
		{"payload of odd length", func() error { _, _, err := ParseBlockStatusPayload(make([]byte, 10)); return err },
			"payload of NBD_CMD_BLOCK_STATUS: should be 8 bytes and a multiple of 4, is 10"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.parse()
			if err == nil || err.Error() != tt.want {
				t.Errorf("\n got %v\nwant %s", err, tt.want)
			}
		})
	}
}

// TestLimitsAreAllowed parses the largest that may be.
func TestLimitsAreAllowed(t *testing.T) {
	full := strings.Repeat("x", MaxString)
	if name, description, err := ParseServer(AppendServer(nil, full, full)); err != nil || name != full || description != full {
		t.Errorf("NBD_REP_SERVER with strings of %d bytes: %v", MaxString, err)
	}
	if _, message, _, err := ParseError(AppendError(nil, EIO, full)); err != nil || message != full {
		t.Errorf("an error message of %d bytes: %v", MaxString, err)
	}
	for typ, length := range map[ReplyType]uint64{ReplyBlockStatus: 4 + 8*MaxExtents, ReplyBlockStatusExt: 8 + 16*MaxExtents} {
		if err := CheckBlockStatusLength(typ, length); err != nil {
			t.Errorf("%d extents: %v", MaxExtents, err)
		}
	}
}

// TestErrorMessageIsCut sees to it that a server cannot send a message which
// the protocol forbids.
func TestErrorMessageIsCut(t *testing.T) {
	b := AppendErrorOffset(nil, EIO, strings.Repeat("x", 1<<17), 42)
	_, message, offset, err := ParseErrorOffset(b)
	if err != nil || len(message) != MaxString || offset != 42 {
		t.Errorf("a message of %d bytes, offset %d, error %v", len(message), offset, err)
	}
}

// TestParseAllocatesNoMoreThanItGets gives claims of gigabytes in messages of
// a few bytes.
func TestParseAllocatesNoMoreThanItGets(t *testing.T) {
	queries := []byte{0, 0, 0, 0, 0, 0, 0xff, 0xff}
	queries = append(queries, make([]byte, 100)...)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	ParseMetaContextRequest(queries)
	ParseServer([]byte{0xff, 0xff, 0xff, 0xff})
	ParseBlockStatus(ReplyBlockStatusExt, append([]byte{0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff}, make([]byte, 16)...), nil)
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 64<<10 {
		t.Errorf("%d bytes allocated for claims that nothing stands behind", got)
	}
}

func TestBlockSizeCheck(t *testing.T) {
	tests := []struct {
		size BlockSize
		want string
	}{
		{BlockSize{1, 4096, 32 << 20}, ""},
		{BlockSize{1, 512, 512}, ""},
		{BlockSize{64 << 10, 64 << 10, 1<<32 - 1}, ""},
		{BlockSize{512, 1 << 31, 1<<31 + 5}, ""},
		{BlockSize{0, 4096, 32 << 20}, "NBD_INFO_BLOCK_SIZE: the minimum block size 0 is not a power of 2"},
		{BlockSize{3, 4096, 32 << 20}, "NBD_INFO_BLOCK_SIZE: the minimum block size 3 is not a power of 2"},
		{BlockSize{128 << 10, 128 << 10, 32 << 20}, "NBD_INFO_BLOCK_SIZE: the minimum block size 131072 is more than 65536"},
		{BlockSize{1, 4095, 32 << 20}, "NBD_INFO_BLOCK_SIZE: the preferred block size 4095 is not a power of 2"},
		{BlockSize{1, 256, 32 << 20}, "NBD_INFO_BLOCK_SIZE: the preferred block size 256 is less than 512"},
		{BlockSize{4096, 512, 32 << 20}, "NBD_INFO_BLOCK_SIZE: the preferred block size 512 is less than 4096"},
		{BlockSize{1, 4096, 4095}, "NBD_INFO_BLOCK_SIZE: the maximum payload size 4095 is less than the preferred block size 4096"},
		{BlockSize{}, "NBD_INFO_BLOCK_SIZE: the minimum block size 0 is not a power of 2"},
	}
	for _, tt := range tests {
		got := ""
		if err := tt.size.Check(); err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%+v: %q, want %q", tt.size, got, tt.want)
		}
	}
}
