package engine

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/gonbd/gonbd/internal/nbderr"
	"github.com/gonbd/gonbd/internal/wire"
)

// reply makes a reply to an option.
func reply(o wire.Option, t wire.Rep, data []byte) []byte {
	return wire.AppendOptionReply(nil, o, t, data)
}

// TestBadHandshake gives lies until the transmission phase. The error must say
// what was expected and what was seen.
func TestBadHandshake(t *testing.T) {
	long := strings.Repeat("x", wire.MaxString+1)
	newstyle := wire.AppendHandshakeFlags(wire.AppendGreeting(nil, wire.OptionMagic), wire.FlagFixedNewstyle|wire.FlagNoZeroes)
	unfixed := wire.AppendHandshakeFlags(wire.AppendGreeting(nil, wire.OptionMagic), wire.FlagNoZeroes)
	export := reply(wire.OptGo, wire.RepInfo, wire.AppendInfoExport(nil, 1<<20, wire.FlagHasFlags))
	many := func(n int, b []byte) []byte { return slices.Repeat(b, n) }
	var contexts []byte
	for i := range uint32(maxContexts + 1) {
		contexts = append(contexts, reply(wire.OptSetMetaContext, wire.RepMetaContext, wire.AppendMetaContext(nil, i, "x:y"))...)
	}
	tests := []struct {
		name   string
		config func(cfg *Config)
		bytes  []byte
		want   []string
	}{
		{"web server", nil, []byte("HTTP/1.1 400 Bad Request"), []string{"not an NBD server", "0x4e42444d41474943", "0x485454502f312e31"}},
		{"unknown style", nil, wire.AppendGreeting(nil, 1), []string{"0x49484156454f5054", "0x420281861253", "saw 0x1"}},
		{"negative size, oldstyle", nil, wire.AppendOldstyle(wire.AppendGreeting(nil, wire.OldstyleMagic), 1<<63, 0, 0),
			[]string{"9223372036854775808", "9223372036854775807"}},
		{"negative size, newstyle", nil, wire.AppendExportNameReply(unfixed, math.MaxUint64, 0, true), []string{"18446744073709551615"}},
		{"negative size", nil, append(newstyle, reply(wire.OptGo, wire.RepInfo, wire.AppendInfoExport(nil, 1<<63, 0))...), []string{"9223372036854775808"}},
		{"wrong reply magic", nil, append(newstyle, make([]byte, 20)...), []string{"option reply", "0x3e889045565a9", "saw 0x0"}},
		{"reply to another option", nil, append(newstyle, reply(wire.OptList, wire.RepAck, nil)...),
			[]string{"a reply to NBD_OPT_GO", "one to NBD_OPT_LIST"}},
		{"reply without end", nil, append(newstyle, 0, 3, 0xe8, 0x89, 4, 0x55, 0x65, 0xa9, 0, 0, 0, 7, 0x80, 0, 0, 1, 0xff, 0xff, 0xff, 0xff),
			[]string{"NBD_REP_ERR_UNSUP to NBD_OPT_GO", "4294967295 bytes", "65536"}},
		{"data in an acknowledgement", nil, append(newstyle, reply(wire.OptGo, wire.RepAck, []byte("abc"))...), []string{"NBD_REP_ACK to NBD_OPT_GO", "3 bytes"}},
		{"no answer to the question", nil, append(newstyle, reply(wire.OptGo, wire.RepServer, wire.AppendServer(nil, "a", ""))...),
			[]string{"NBD_REP_SERVER is no answer to NBD_OPT_GO"}},
		{"unknown reply", nil, append(newstyle, reply(wire.OptGo, 99, nil)...), []string{"reply type 0x63 is no answer"}},
		{"no export", nil, append(newstyle, reply(wire.OptGo, wire.RepAck, nil)...), []string{"accepted NBD_OPT_GO without NBD_INFO_EXPORT"}},
		{"info without a type", nil, append(newstyle, reply(wire.OptGo, wire.RepInfo, []byte{0})...), []string{"NBD_REP_INFO", "needs 2 bytes, has 1"}},
		{"short export", nil, append(newstyle, reply(wire.OptGo, wire.RepInfo, make([]byte, 11))...), []string{"NBD_INFO_EXPORT", "10 bytes", "is 9"}},
		{"short block size", nil, append(newstyle, reply(wire.OptGo, wire.RepInfo, []byte{0, 3, 0})...), []string{"NBD_INFO_BLOCK_SIZE", "12 bytes", "is 1"}},
		{"long name", nil, append(newstyle, reply(wire.OptGo, wire.RepInfo, wire.AppendInfoString(nil, wire.InfoName, long))...),
			[]string{"NBD_INFO_NAME", "4097 bytes", "4096"}},
		{"long description", nil, append(newstyle, reply(wire.OptGo, wire.RepInfo, wire.AppendInfoString(nil, wire.InfoDescription, long))...),
			[]string{"NBD_INFO_DESCRIPTION", "4097 bytes", "4096"}},
		{"flood of information", nil, join(newstyle, many(maxInfos+1, export)), []string{"more than 256 replies to NBD_OPT_GO"}},
		{"flood of contexts", func(cfg *Config) { cfg.StructuredReplies, cfg.MetaContexts = true, []string{"x:y"} },
			join(newstyle, reply(wire.OptStructuredReply, wire.RepAck, nil), contexts), []string{"more than 4096 replies to NBD_OPT_SET_META_CONTEXT"}},
		{"two contexts of one ID", func(cfg *Config) { cfg.StructuredReplies, cfg.MetaContexts = true, []string{"x:y"} },
			join(newstyle, reply(wire.OptStructuredReply, wire.RepAck, nil),
				reply(wire.OptSetMetaContext, wire.RepMetaContext, wire.AppendMetaContext(nil, 7, "x:y")),
				reply(wire.OptSetMetaContext, wire.RepMetaContext, wire.AppendMetaContext(nil, 7, "x:z"))), []string{"the ID 7", `"x:y" and "x:z"`}},
		{"context cut off", func(cfg *Config) { cfg.StructuredReplies, cfg.MetaContexts = true, []string{"x:y"} },
			join(newstyle, reply(wire.OptStructuredReply, wire.RepAck, nil), reply(wire.OptSetMetaContext, wire.RepMetaContext, []byte{1})),
			[]string{"NBD_REP_META_CONTEXT", "needs 4 bytes, has 1"}},
		{"reply before its command", nil, join(newstyle, export, reply(wire.OptGo, wire.RepAck, nil), simpleReply(&Command{}, 0, nil)),
			[]string{"cookie 0x0", "no command"}},
		{"bytes in option mode", func(cfg *Config) { cfg.OptionMode = true }, append(newstyle, "hello"...), []string{"5 bytes", "no option was under way"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := Config{ClientFlags: wire.FlagCFixedNewstyle | wire.FlagCNoZeroes}
			if tt.config != nil {
				tt.config(&cfg)
			}
			c := New(cfg)
			c.Connected()
			events := feed(c, tt.bytes)
			if n := len(events); c.State() != StateDead || n == 0 || events[n-1].Kind != EventEnd {
				t.Fatalf("the connection is %v, the events %s", c.State(), describeAll(events))
			}
			wantError(t, c.Err(), nbderr.Protocol, tt.want...)
		})
	}
}

// TestBadList floods the client with exports, and with long ones.
func TestBadList(t *testing.T) {
	tests := map[string]struct {
		bytes []byte
		want  string
	}{
		"flood":            {slices.Repeat(reply(wire.OptList, wire.RepServer, wire.AppendServer(nil, "a", "")), maxReplies+1), "more than 100000 replies"},
		"long name":        {reply(wire.OptList, wire.RepServer, wire.AppendServer(nil, strings.Repeat("x", 4097), "")), "4097 bytes"},
		"name cut off":     {reply(wire.OptList, wire.RepServer, []byte{0, 0, 0, 2, 'a'}), "said to be 2 bytes long, but 1"},
		"long description": {reply(wire.OptList, wire.RepServer, wire.AppendServer(nil, "", strings.Repeat("x", 4097))), "4097 bytes"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := negotiating(t, newPeer(), nothingAutomatic)
			o := &Option{Code: wire.OptList}
			if err := r.c.SubmitOption(o); err != nil {
				t.Fatal(err)
			}
			feed(r.c, tt.bytes)
			wantError(t, o.Err, nbderr.Protocol, "NBD_OPT_LIST", tt.want)
		})
	}
}

// TestBadReply gives replies that break the protocol. The command is a read of
// 4096 bytes at 8192, or another.
func TestBadReply(t *testing.T) {
	some := modes[structured:]
	raw := func(m mode, cmd *Command, typ wire.ReplyType, length uint64) []byte {
		b := chunk(m, cmd, 0, typ, nil)
		return append(b[:len(b)-4], byte(length>>24), byte(length>>16), byte(length>>8), byte(length))
	}
	bytes := make([]byte, 4096)
	status32 := func(cmd *Command, m mode, typ wire.ReplyType) []byte {
		return chunk(m, cmd, final, typ, make([]byte, 12))
	}
	tests := []struct {
		name  string
		modes []mode
		cmd   Command // a read by default
		reply func(m mode, cmd *Command) []byte
		want  []string
	}{
		{name: "wrong magic", modes: modes, reply: func(mode, *Command) []byte { return []byte("junk") },
			want: []string{"0x67446698", "0x668e33ef", "0x6e8a278c", "saw 0x6a756e6b"}},
		{name: "unknown cookie", modes: modes, reply: func(m mode, cmd *Command) []byte {
			return ok(m, &Command{cookie: cmd.cookie + 1<<slotBits, Offset: 8192})
		},
			want: []string{"cookie 0x", "no command in flight"}},
		{name: "unknown slot", modes: modes, reply: func(m mode, cmd *Command) []byte { return ok(m, &Command{cookie: cmd.cookie + 5, Offset: 8192}) },
			want: []string{"cookie 0x", "no command in flight"}},
		{name: "cookie 0", modes: modes, reply: func(m mode, cmd *Command) []byte { return ok(m, &Command{}) },
			want: []string{"cookie 0x0", "no command in flight"}},
		{name: "a reply too many", modes: modes, cmd: Command{Type: wire.CmdFlush},
			reply: func(m mode, cmd *Command) []byte { return join(ok(m, cmd), ok(m, cmd)) }, want: []string{"cookie 0x", "no command in flight"}},
		{name: "structured and not negotiated", modes: []mode{simple}, reply: none, want: []string{"structured replies were not negotiated"}},
		{name: "extended and not negotiated", modes: []mode{simple, structured}, reply: func(m mode, cmd *Command) []byte { return none(extended, cmd) },
			want: []string{"extended headers were not negotiated", "an extended reply"}},
		{name: "simple where extended", modes: []mode{extended}, reply: func(m mode, cmd *Command) []byte { return simpleReply(cmd, 0, nil) },
			want: []string{"extended headers were negotiated", "a simple reply"}},
		{name: "structured where extended", modes: []mode{extended}, reply: func(m mode, cmd *Command) []byte { return none(structured, cmd) },
			want: []string{"extended headers were negotiated", "a structured reply"}},
		{name: "simple to a read", modes: []mode{structured}, reply: func(m mode, cmd *Command) []byte { return simpleReply(cmd, 0, nil) },
			want: []string{"simple reply to a read", "structured replies were negotiated"}},
		{name: "wrong offset", modes: []mode{extended}, reply: func(m mode, cmd *Command) []byte { return none(m, &Command{cookie: cmd.cookie, Offset: 5}) },
			want: []string{"offset 8192, has 5"}},
		{name: "none with a payload", modes: some, reply: func(m mode, cmd *Command) []byte { return raw(m, cmd, wire.ReplyNone, 1) },
			want: []string{"NBD_REPLY_TYPE_NONE should have no payload, has 1 bytes"}},
		{name: "none that is not the last", modes: some, reply: func(m mode, cmd *Command) []byte { return chunk(m, cmd, 0, wire.ReplyNone, nil) },
			want: []string{"NBD_REPLY_TYPE_NONE should be the last chunk"}},
		{name: "unknown type", modes: some, reply: func(m mode, cmd *Command) []byte { return raw(m, cmd, 99, 0) }, want: []string{"to read", "chunk type 99 is not known"}},
		{name: "no data", modes: some, reply: func(m mode, cmd *Command) []byte { return raw(m, cmd, wire.ReplyOffsetData, 8) },
			want: []string{"at least 9 bytes long, is 8"}},
		{name: "too much data", modes: some, reply: func(m mode, cmd *Command) []byte { return raw(m, cmd, wire.ReplyOffsetData, 8+4097) },
			want: []string{"4097 bytes of data", "4096 asked for"}},
		{name: "data without end", modes: some, reply: func(m mode, cmd *Command) []byte { return raw(m, cmd, wire.ReplyOffsetData, math.MaxUint32) },
			want: []string{"4294967287 bytes of data", "4096 asked for"}},
		{name: "data before", modes: some, reply: func(m mode, cmd *Command) []byte { return data(m, cmd, 0, 8191, bytes[:2]) },
			want: []string{"4096 bytes at offset 8192", "2 bytes at offset 8191 lies outside"}},
		{name: "data behind", modes: some, reply: func(m mode, cmd *Command) []byte { return data(m, cmd, 0, 12287, bytes[:2]) },
			want: []string{"2 bytes at offset 12287 lies outside"}},
		{name: "data far behind", modes: some, reply: func(m mode, cmd *Command) []byte { return data(m, cmd, 0, math.MaxUint64, bytes[:2]) },
			want: []string{"lies outside"}},
		{name: "overlapping data", modes: some, reply: func(m mode, cmd *Command) []byte {
			return join(data(m, cmd, 0, 8192, bytes[:512]), data(m, cmd, 0, 8703, bytes[:9]))
		},
			want: []string{"two chunks overlap at 9 bytes from offset 8703"}},
		{name: "data over a hole", modes: some, reply: func(m mode, cmd *Command) []byte {
			return join(hole(m, cmd, 0, 8292, 512), data(m, cmd, 0, 8192, bytes[:101]))
		},
			want: []string{"two chunks overlap at 101 bytes from offset 8192"}},
		{name: "the same data", modes: some, reply: func(m mode, cmd *Command) []byte {
			return join(data(m, cmd, 0, 9000, bytes[:9]), data(m, cmd, 0, 9000, bytes[:9]))
		},
			want: []string{"two chunks overlap"}},
		{name: "short hole", modes: some, reply: func(m mode, cmd *Command) []byte { return raw(m, cmd, wire.ReplyOffsetHole, 11) },
			want: []string{"NBD_REPLY_TYPE_OFFSET_HOLE should be 12 bytes long, is 11"}},
		{name: "empty hole", modes: some, reply: func(m mode, cmd *Command) []byte { return hole(m, cmd, 0, 8192, 0) }, want: []string{"0 bytes at offset 8192 lies outside"}},
		{name: "large hole", modes: some, reply: func(m mode, cmd *Command) []byte { return hole(m, cmd, 0, 8192, math.MaxUint32) },
			want: []string{"4294967295 bytes at offset 8192 lies outside"}},
		{name: "short error", modes: some, reply: func(m mode, cmd *Command) []byte { return raw(m, cmd, wire.ReplyError, 5) },
			want: []string{"between 6 and", "is 5"}},
		{name: "error without end", modes: some, reply: func(m mode, cmd *Command) []byte { return raw(m, cmd, wire.ReplyError, math.MaxUint32) },
			want: []string{"NBD_REPLY_TYPE_ERROR", "is 4294967295"}},
		{name: "message longer than its chunk", modes: some, reply: func(m mode, cmd *Command) []byte {
			return chunk(m, cmd, 0, 1<<15+9, []byte{0, 0, 0, 5, 0, 2, 'a'})
		}, want: []string{"said to be 2 bytes long, but 1 are left"}},
		{name: "message too long", modes: some, reply: func(m mode, cmd *Command) []byte {
			return chunk(m, cmd, 0, wire.ReplyError, append([]byte{0, 0, 0, 5, 0x10, 1}, make([]byte, 4097)...))
		}, want: []string{"4097 bytes long, more than the 4096"}},
		{name: "bytes behind the message", modes: some, reply: func(m mode, cmd *Command) []byte {
			return chunk(m, cmd, 0, wire.ReplyError, append(wire.AppendError(nil, wire.EIO, "x"), 1, 2))
		}, want: []string{"NBD_REPLY_TYPE_ERROR has 2 bytes behind its message"}},
		{name: "error offset cut off", modes: some, reply: func(m mode, cmd *Command) []byte {
			return chunk(m, cmd, 0, wire.ReplyErrorOffset, wire.AppendError(nil, wire.EIO, "x"))
		}, want: []string{"should be 8 bytes long, is 0"}},
		{name: "error before", modes: some, reply: func(m mode, cmd *Command) []byte {
			return chunk(m, cmd, 0, wire.ReplyErrorOffset, wire.AppendErrorOffset(nil, wire.EIO, "x", 8191))
		}, want: []string{"read of 4096 bytes at offset 8192", "the error at offset 8191 lies outside"}},
		{name: "error behind", modes: some, reply: func(m mode, cmd *Command) []byte {
			return chunk(m, cmd, 0, wire.ReplyErrorOffset, wire.AppendErrorOffset(nil, wire.EIO, "x", 12288))
		}, want: []string{"the error at offset 12288 lies outside"}},
		{name: "data to a flush", modes: some, cmd: Command{Type: wire.CmdFlush}, reply: func(m mode, cmd *Command) []byte { return data(m, cmd, 0, 0, bytes[:1]) },
			want: []string{"to flush", "NBD_REPLY_TYPE_OFFSET_DATA is no answer"}},
		{name: "hole to a trim", modes: some, cmd: Command{Type: wire.CmdTrim, Length: 512}, reply: func(m mode, cmd *Command) []byte { return hole(m, cmd, 0, 0, 1) },
			want: []string{"to trim", "NBD_REPLY_TYPE_OFFSET_HOLE is no answer"}},
		{name: "data to nothing", modes: some, cmd: Command{Type: wire.CmdRead, Data: []byte{}}, reply: func(m mode, cmd *Command) []byte { return data(m, cmd, 0, 0, bytes[:1]) },
			want: []string{"1 bytes of data, more than the 0"}},
		{name: "extents to a read", modes: some, reply: func(m mode, cmd *Command) []byte { return status(m, cmd, 0, 1, wire.Extent{Length: 1}) },
			want: []string{"to read", "is no answer"}},
		{name: "extents of the wrong width", modes: []mode{structured}, cmd: Command{Type: wire.CmdBlockStatus, Length: 512},
			reply: func(m mode, cmd *Command) []byte { return status32(cmd, m, wire.ReplyBlockStatusExt) },
			want:  []string{"NBD_REPLY_TYPE_BLOCK_STATUS_EXT came although extended headers were not negotiated"}},
		{name: "extents of the narrow width", modes: []mode{extended}, cmd: Command{Type: wire.CmdBlockStatus, Length: 512},
			reply: func(m mode, cmd *Command) []byte { return status32(cmd, m, wire.ReplyBlockStatus) },
			want:  []string{"NBD_REPLY_TYPE_BLOCK_STATUS came although extended headers were negotiated"}},
		{name: "no extents", modes: some, cmd: Command{Type: wire.CmdBlockStatus, Length: 512}, reply: func(m mode, cmd *Command) []byte { return status(m, cmd, 0, 1) },
			want: []string{"a positive multiple of"}},
		{name: "extents without end", modes: []mode{structured}, cmd: Command{Type: wire.CmdBlockStatus, Length: 512},
			reply: func(m mode, cmd *Command) []byte { return raw(m, cmd, wire.ReplyBlockStatus, 4+8<<21) }, want: []string{"2097152 extents, more than the 1048576"}},
		{name: "wrong number of extents", modes: []mode{extended}, cmd: Command{Type: wire.CmdBlockStatus, Length: 512}, reply: func(m mode, cmd *Command) []byte {
			b := status(m, cmd, 0, 1, wire.Extent{Length: 1})
			b[wire.ExtendedReplySize+7] = 9
			return b
		}, want: []string{"says that it has 9 extents", "that of 1"}},
		{name: "flood of chunks", modes: []mode{structured}, cmd: Command{Type: wire.CmdFlush}, reply: func(m mode, cmd *Command) []byte {
			return slices.Repeat(chunk(m, cmd, 0, wire.ReplyError, wire.AppendError(nil, 5, "")), maxChunks+1)
		}, want: []string{"to flush", "more than 262144 chunks"}},
	}
	for _, tt := range tests {
		for _, m := range tt.modes {
			t.Run(fmt.Sprintf("%s/%v", tt.name, m), func(t *testing.T) {
				c := connect(t, m)
				cmd := tt.cmd
				if cmd.Type == wire.CmdRead && cmd.Data == nil {
					cmd.Offset, cmd.Data = 8192, make([]byte, 4096)
				}
				submit(t, c, &cmd)
				events := feed(c, tt.reply(m, &cmd))
				n := len(events)
				if c.State() != StateDead || n != 2 || events[0].Command != &cmd || events[1].Kind != EventEnd {
					t.Fatalf("the connection is %v, the events %s", c.State(), describeAll(events))
				}
				wantError(t, c.Err(), nbderr.Protocol, tt.want...)
				if tt.name != "a reply too many" && cmd.Err == nil {
					t.Error("the command has no error")
				}
			})
		}
	}
}

// TestReplyBeforeRequest answers what is still in the queue.
func TestReplyBeforeRequest(t *testing.T) {
	c := connect(t, simple)
	cmd := &Command{Type: wire.CmdFlush}
	if err := c.Submit(cmd); err != nil {
		t.Fatal(err)
	}
	feed(c, ok(simple, cmd))
	wantError(t, c.Err(), nbderr.Protocol, "before the request was sent")
}

// TestScatteredChunks sends every second byte of a read, and never all.
func TestScatteredChunks(t *testing.T) {
	c := connect(t, structured)
	cmd := &Command{Type: wire.CmdRead, Data: make([]byte, 2*maxSpans+4)}
	submit(t, c, cmd)
	for i := range maxSpans {
		feed(c, hole(structured, cmd, 0, uint64(2*i+1), 1))
	}
	if c.State() != StateReady {
		t.Fatal(c.Err())
	}
	feed(c, hole(structured, cmd, 0, 2*maxSpans+1, 1))
	wantError(t, c.Err(), nbderr.Protocol, "scattered more than 65536 chunks")
}

// TestClaimsCostNothing claims the longest messages that are allowed, and
// sends nothing of them.
func TestClaimsCostNothing(t *testing.T) {
	head := func(m mode, cmd *Command, typ wire.ReplyType, length uint64) []byte {
		h := wire.Reply{Magic: wire.StructuredReplyMagic, Type: typ, Cookie: cmd.Cookie(), Length: length}
		if m == extended {
			h.Magic, h.Offset = wire.ExtendedReplyMagic, cmd.Offset
		}
		return wire.AppendReply(nil, &h)
	}
	tests := []struct {
		name string
		m    mode
		cmd  Command
		typ  wire.ReplyType
		n    uint64
		body []byte
	}{
		{"extents", structured, Command{Type: wire.CmdBlockStatus, Length: 512}, wire.ReplyBlockStatus, 4 + 8*wire.MaxExtents, make([]byte, 100)},
		{"wide extents", extended, Command{Type: wire.CmdBlockStatus, Length: 512}, wire.ReplyBlockStatusExt, 8 + 16*wire.MaxExtents,
			[]byte{0, 0, 0, 1, 0, 0x10, 0, 0, 1, 2, 3}},
		{"extents beyond all bounds", extended, Command{Type: wire.CmdBlockStatus, Length: 512}, wire.ReplyBlockStatusExt, 1 << 62, nil},
		{"error", structured, Command{Type: wire.CmdFlush}, wire.ReplyError, maxErrorChunk, nil},
		{"error beyond all bounds", extended, Command{Type: wire.CmdFlush}, wire.ReplyError, 1 << 62, nil},
		{"data beyond all bounds", extended, Command{Type: wire.CmdRead, Data: make([]byte, 512)}, wire.ReplyOffsetData, math.MaxUint64, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := connect(t, tt.m)
			submit(t, c, &tt.cmd)
			b := append(head(tt.m, &tt.cmd, tt.typ, tt.n), tt.body...)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			fill(c, b)
			for c.Next() != nil {
			}
			c.Want()
			runtime.ReadMemStats(&after)
			if got := after.TotalAlloc - before.TotalAlloc; got > 32<<10 {
				t.Errorf("%d bytes were allocated for a claim", got)
			}
		})
	}
}
