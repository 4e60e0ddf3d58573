package engine

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/gonbd/gonbd/internal/nbderr"
	"github.com/gonbd/gonbd/internal/wire"
)

// TestEveryCommand sends every command in every mode, and answers it with
// success and with an error.
func TestEveryCommand(t *testing.T) {
	commands := []Command{
		{Type: wire.CmdRead, Offset: 4096, Data: make([]byte, 512)},
		{Type: wire.CmdWrite, Offset: 4096, Data: pattern(512, 3), Flags: wire.CmdFlagFUA},
		{Type: wire.CmdFlush},
		{Type: wire.CmdTrim, Offset: 512, Length: 1024},
		{Type: wire.CmdCache, Offset: 512, Length: 1024},
		{Type: wire.CmdWriteZeroes, Offset: 512, Length: 1024, Flags: wire.CmdFlagNoHole | wire.CmdFlagFastZero},
		{Type: wire.CmdBlockStatus, Offset: 512, Length: 1024, Flags: wire.CmdFlagReqOne},
	}
	for _, m := range modes {
		for _, cmd := range commands {
			t.Run(fmt.Sprintf("%v/%v", m, cmd.Type), func(t *testing.T) {
				c := connect(t, m)
				if err := c.Submit(&cmd); err != nil {
					t.Fatal(err)
				}
				if c.InFlight() != 1 || c.Class() != Processing {
					t.Errorf("%d in flight, the connection is %v", c.InFlight(), c.Class())
				}
				checkRequest(t, m, &cmd, sendAll(c))

				var reply []byte
				switch {
				case cmd.Type == wire.CmdRead && m == simple:
					reply = simpleReply(&cmd, 0, pattern(512, 9))
				case cmd.Type == wire.CmdRead:
					reply = data(m, &cmd, final, 4096, pattern(512, 9))
				case cmd.Type == wire.CmdBlockStatus && m != simple:
					reply = join(status(m, &cmd, 0, 2, wire.Extent{Length: 1024, Flags: 3}), status(m, &cmd, final, 1, wire.Extent{Length: 512}))
				default:
					reply = ok(m, &cmd)
				}
				events := feed(c, reply)
				if cmd.Type == wire.CmdBlockStatus && m == simple {
					wantError(t, cmd.Err, nbderr.Protocol, "block status of 1024 bytes at offset 512", "simple reply")
				} else if cmd.Err != nil {
					t.Error(cmd.Err)
				}
				if cmd.Type == wire.CmdRead && !bytes.Equal(cmd.Data, pattern(512, 9)) {
					t.Error("the data are wrong")
				}
				if n := len(events); n == 0 || events[n-1].Kind != EventDone || events[n-1].Command != &cmd {
					t.Errorf("the events are %s", describeAll(events))
				}

				// Once more, with an error.
				submit(t, c, &cmd)
				if m == simple {
					reply = simpleReply(&cmd, wire.ENOSPC, nil)
				} else {
					reply = chunk(m, &cmd, final, wire.ReplyError, wire.AppendError(nil, wire.ENOSPC, "full"))
				}
				if events := feed(c, reply); len(events) != 1 || events[0].Kind != EventDone {
					t.Errorf("the events are %s", describeAll(events))
				}
				wantError(t, cmd.Err, nbderr.Server, OpName(cmd.Type))
				if !errors.Is(cmd.Err, syscall.ENOSPC) || m != simple && !strings.Contains(cmd.Err.Error(), "full") {
					t.Errorf("the error is %v", cmd.Err)
				}
				if c.State() != StateReady || c.InFlight() != 0 {
					t.Errorf("the connection is %v with %d in flight", c.State(), c.InFlight())
				}
			})
		}
	}
}

// checkRequest compares what was sent with the command.
func checkRequest(t *testing.T, m mode, cmd *Command, b []byte) {
	t.Helper()
	size, payload := wire.RequestSize, []byte(nil)
	want := wire.Request{Flags: cmd.Flags, Type: cmd.Type, Cookie: cmd.Cookie(), Offset: cmd.Offset, Length: cmd.Length}
	if m == extended {
		size = wire.ExtendedRequestSize
	}
	switch cmd.Type {
	case wire.CmdWrite:
		payload = cmd.Data
		if m == extended {
			want.Flags |= wire.CmdFlagPayloadLen
		}
		fallthrough
	case wire.CmdRead:
		want.Length = uint64(len(cmd.Data))
	}
	got, err := wire.ParseRequest(b[:size], m == extended)
	if err != nil || got != want || !bytes.Equal(b[size:], payload) {
		t.Errorf("sent %+v, %v, and %d bytes, want %+v", got, err, len(b)-size, want)
	}
}

// TestReadChunks gives the pieces of a read of 4096 bytes at 8192 in all ways
// that the protocol permits.
func TestReadChunks(t *testing.T) {
	const offset, size = 8192, 4096
	want := pattern(size, 5)
	clear(want[1024:2048])
	part := func(m mode, cmd *Command, flags wire.ReplyFlags, from, to int) []byte {
		return data(m, cmd, flags, uint64(offset+from), want[from:to])
	}
	tests := []struct {
		name  string
		reply func(m mode, cmd *Command) []byte
		// The events before the end, and how the command ends.
		events []EventKind
		want   string
	}{
		{"one", func(m mode, cmd *Command) []byte { return part(m, cmd, final, 0, size) }, []EventKind{EventData}, ""},
		{"one and none", func(m mode, cmd *Command) []byte { return join(part(m, cmd, 0, 0, size), none(m, cmd)) }, []EventKind{EventData}, ""},
		{"in order", func(m mode, cmd *Command) []byte {
			return join(part(m, cmd, 0, 0, 1024), hole(m, cmd, 0, offset+1024, 1024), part(m, cmd, final, 2048, size))
		}, []EventKind{EventData, EventHole, EventData}, ""},
		{"out of order", func(m mode, cmd *Command) []byte {
			return join(part(m, cmd, 0, 2048, size), part(m, cmd, 0, 0, 1024), hole(m, cmd, final, offset+1024, 1024))
		}, []EventKind{EventData, EventData, EventHole}, ""},
		{"unknown flags", func(m mode, cmd *Command) []byte { return part(m, cmd, final|0xfff0, 0, size) }, []EventKind{EventData}, ""},
		{"bytewise", func(m mode, cmd *Command) []byte {
			var b []byte
			for i := size - 1; i >= 0; i-- {
				b = append(b, part(m, cmd, 0, i, i+1)...)
			}
			return append(b, none(m, cmd)...)
		}, slices.Repeat([]EventKind{EventData}, size), ""},
		{"error at once", func(m mode, cmd *Command) []byte {
			return chunk(m, cmd, final, wire.ReplyError, wire.AppendError(nil, wire.EIO, "sick\ndisk"))
		}, nil, "sick disk"},
		{"error that is not the last", func(m mode, cmd *Command) []byte {
			return join(part(m, cmd, 0, 0, 1024), chunk(m, cmd, 0, wire.ReplyError, wire.AppendError(nil, wire.EIO, "first")),
				part(m, cmd, 0, 2048, size), chunk(m, cmd, 0, wire.ReplyError, wire.AppendError(nil, wire.EPERM, "second")), none(m, cmd))
		}, []EventKind{EventData, EventData}, "first"},
		{"error at an offset", func(m mode, cmd *Command) []byte {
			return join(part(m, cmd, 0, 0, 1024), chunk(m, cmd, 0, wire.ReplyErrorOffset, wire.AppendErrorOffset(nil, wire.EIO, "here", offset+512)), none(m, cmd))
		}, []EventKind{EventData, EventError}, fmt.Sprintf("at offset %d", offset+512)},
		{"error at an offset is the last", func(m mode, cmd *Command) []byte {
			return chunk(m, cmd, final, wire.ReplyErrorOffset, wire.AppendErrorOffset(nil, wire.EIO, "here", offset+size-1))
		}, []EventKind{EventError}, fmt.Sprintf("at offset %d", offset+size-1)},
		{"unknown kind of error", func(m mode, cmd *Command) []byte {
			return chunk(m, cmd, final, 1<<15+99, append(wire.AppendError(nil, wire.ENOMEM, "new"), make([]byte, 100)...))
		}, nil, "new"},
		{"unknown error number", func(m mode, cmd *Command) []byte {
			return chunk(m, cmd, final, wire.ReplyError, wire.AppendError(nil, 9999, ""))
		}, nil, syscall.EINVAL.Error()},
		{"error without an error", func(m mode, cmd *Command) []byte {
			return chunk(m, cmd, final, wire.ReplyError, wire.AppendError(nil, 0, ""))
		}, nil, "error chunk without an error"},
		{"nothing", none, nil, "without the 4096 bytes at offset 8192"},
		{"not all", func(m mode, cmd *Command) []byte {
			return join(part(m, cmd, 0, 0, 1024), part(m, cmd, final, 2048, size))
		}, []EventKind{EventData, EventData}, "without the 1024 bytes at offset 9216"},
	}
	for _, m := range modes[structured:] {
		for _, tt := range tests {
			for _, chunks := range []bool{false, true} {
				t.Run(fmt.Sprintf("%v/%s/%v", m, tt.name, chunks), func(t *testing.T) {
					c := connect(t, m)
					cmd := &Command{Type: wire.CmdRead, Offset: offset, Data: bytes.Repeat([]byte{0xee}, size), Chunks: chunks}
					submit(t, c, cmd)
					events := feed(c, tt.reply(m, cmd))
					n := len(events)
					if n == 0 || events[n-1].Kind != EventDone {
						t.Fatalf("the events are %s: %v", describeAll(events), c.Err())
					}
					checkChunkEvents(t, events[:n-1], tt.events, chunks, want, offset)
					switch {
					case tt.want == "" && (cmd.Err != nil || !bytes.Equal(cmd.Data, want)):
						t.Errorf("error %v, or the data are wrong", cmd.Err)
					case tt.want != "" && (cmd.Err == nil || !strings.Contains(cmd.Err.Error(), tt.want)):
						t.Errorf("the error is %v, want one with %q", cmd.Err, tt.want)
					}
					if c.State() != StateReady {
						t.Errorf("the connection is %v: %v", c.State(), c.Err())
					}
				})
			}
		}
	}
}

// checkChunkEvents compares the events of the chunks of a read.
func checkChunkEvents(t *testing.T, events []Event, want []EventKind, chunks bool, body []byte, offset uint64) {
	t.Helper()
	if !chunks {
		want = nil
	}
	var kinds []EventKind
	for _, ev := range events {
		kinds = append(kinds, ev.Kind)
		if ev.Kind != EventError && !bytes.Equal(ev.Data, body[ev.Offset-offset:][:len(ev.Data)]) {
			t.Errorf("the %d bytes at %d are wrong", len(ev.Data), ev.Offset)
		}
		if (ev.Kind == EventError) != (ev.Err != nil) {
			t.Errorf("the event %s has the error %v", describe(&ev), ev.Err)
		}
	}
	if !slices.Equal(kinds, want) {
		t.Errorf("the events are of the kinds %v, want %v", kinds, want)
	}
}

// TestInterleaved mixes the replies to several commands.
func TestInterleaved(t *testing.T) {
	for _, m := range modes[structured:] {
		t.Run(m.String(), func(t *testing.T) {
			c := connect(t, m)
			a := &Command{Type: wire.CmdRead, Offset: 0, Data: make([]byte, 1024)}
			b := &Command{Type: wire.CmdRead, Offset: 512, Data: make([]byte, 1024)}
			w := &Command{Type: wire.CmdWrite, Data: pattern(512, 1)}
			s := &Command{Type: wire.CmdBlockStatus, Length: 512}
			submit(t, c, a, b, w, s)
			x := wire.Extent{Length: 512}
			events := feed(c, join(
				data(m, b, 0, 1024, pattern(512, 4)), data(m, a, 0, 512, pattern(512, 2)), status(m, s, 0, 1, x), none(m, w),
				data(m, b, 0, 512, pattern(512, 3)), status(m, s, final, 2, x), data(m, a, final, 0, pattern(512, 1)), none(m, b)))
			var order []*Command
			for _, ev := range events {
				if ev.Kind == EventDone {
					order = append(order, ev.Command)
				}
			}
			if !slices.Equal(order, []*Command{w, s, a, b}) {
				t.Errorf("the events are\n%s", describeAll(events))
			}
			for _, cmd := range []*Command{a, b, w, s} {
				if cmd.Err != nil {
					t.Error(cmd.Err)
				}
			}
			if !bytes.Equal(a.Data, join(pattern(512, 1), pattern(512, 2))) || !bytes.Equal(b.Data, join(pattern(512, 3), pattern(512, 4))) {
				t.Error("the data are wrong")
			}
		})
	}
}

// TestReorderedSimple answers commands in another order than theirs.
func TestReorderedSimple(t *testing.T) {
	c := connect(t, simple)
	a := &Command{Type: wire.CmdRead, Data: make([]byte, 512), Chunks: true, User: "a"}
	b := &Command{Type: wire.CmdRead, Offset: 512, Data: make([]byte, 100), User: "b"}
	f := &Command{Type: wire.CmdFlush, User: "f"}
	submit(t, c, a, b, f)
	events := feed(c, join(simpleReply(f, 0, nil), simpleReply(b, 0, pattern(100, 1)), simpleReply(a, 0, pattern(512, 2))))
	if len(events) != 4 || events[0].Command != f || events[1].Command != b || events[2].Kind != EventData || events[3].Command != a {
		t.Errorf("the events are\n%s", describeAll(events))
	}
	if !bytes.Equal(a.Data, pattern(512, 2)) || !bytes.Equal(b.Data, pattern(100, 1)) {
		t.Error("the data are wrong")
	}
}

// TestSimpleReplyWhereStructured is allowed to all but reads.
func TestSimpleReplyWhereStructured(t *testing.T) {
	c := connect(t, structured)
	f := &Command{Type: wire.CmdFlush}
	submit(t, c, f)
	if feed(c, simpleReply(f, 0, nil)); f.Err != nil || c.State() != StateReady {
		t.Errorf("a flush: %v, %v", f.Err, c.Err())
	}
	r := &Command{Type: wire.CmdRead, Data: make([]byte, 512)}
	submit(t, c, r)
	if feed(c, simpleReply(r, wire.EINVAL, nil)); !errors.Is(r.Err, syscall.EINVAL) || c.State() != StateReady {
		t.Errorf("a read with an error: %v, %v", r.Err, c.Err())
	}
}

// TestZeroLength sends commands about nothing, whose effect the protocol
// leaves open, and which must not do harm.
func TestZeroLength(t *testing.T) {
	for _, m := range modes {
		for _, body := range [][]byte{nil, {}} {
			c := connect(t, m)
			r := &Command{Type: wire.CmdRead, Offset: 5, Data: body, Chunks: true}
			w := &Command{Type: wire.CmdWrite, Offset: 5, Data: body}
			submit(t, c, r, w)
			feed(c, join(ok(m, w), ok(m, r)))
			if r.Err != nil || w.Err != nil || c.State() != StateReady || c.InFlight() != 0 {
				t.Errorf("%v: %v, %v, %v", m, r.Err, w.Err, c.State())
			}
		}
	}
}

// TestLargePayloads reads and writes more than the look-ahead buffer holds.
func TestLargePayloads(t *testing.T) {
	const size = aheadSize + 12345
	for _, m := range modes {
		t.Run(m.String(), func(t *testing.T) {
			c := connect(t, m)
			want := pattern(size, 1)
			r := &Command{Type: wire.CmdRead, Data: make([]byte, size)}
			w := &Command{Type: wire.CmdWrite, Data: want}
			for _, cmd := range []*Command{w, r} {
				if err := c.Submit(cmd); err != nil {
					t.Fatal(err)
				}
			}
			if sent := sendAll(c); !bytes.Contains(sent, want) {
				t.Error("the payload was not sent")
			}
			reply := simpleReply(r, 0, want)
			if m != simple {
				reply = data(m, r, final, 0, want)
			}
			feed(c, join(ok(m, w), reply))
			if w.Err != nil || r.Err != nil || !bytes.Equal(r.Data, want) {
				t.Errorf("%v, %v, or the data are wrong", w.Err, r.Err)
			}
		})
	}
}

// TestPayloadsAreNotCopied looks whether the bytes go straight into the
// caller's memory, and out of it.
func TestPayloadsAreNotCopied(t *testing.T) {
	c := connect(t, simple)
	r := &Command{Type: wire.CmdRead, Data: make([]byte, 1<<20)}
	submit(t, c, r)
	_, ahead := c.Want()
	if len(ahead) != bulkAhead {
		t.Errorf("%d bytes of look-ahead are offered before a large read", len(ahead))
	}
	feed(c, simpleReply(r, 0, nil))
	dst, ahead := c.Want()
	if len(dst) != len(r.Data) || &dst[0] != &r.Data[0] || len(ahead) != bulkAhead {
		t.Errorf("the payload of a read belongs into %d bytes, and %d ahead", len(dst), len(ahead))
	}
	w := &Command{Type: wire.CmdWrite, Data: make([]byte, 1<<20)}
	if err := c.Submit(w); err != nil {
		t.Fatal(err)
	}
	if out := c.Outgoing(); len(out) != 2 || &out[1][0] != &w.Data[0] {
		t.Errorf("the payload of a write is sent as %d pieces", len(out))
	}
}

// TestSmallReadsAhead offers all the look-ahead where many small replies may
// come at once.
func TestSmallReadsAhead(t *testing.T) {
	c := connect(t, simple)
	submit(t, c, &Command{Type: wire.CmdRead, Data: make([]byte, 512)})
	if _, ahead := c.Want(); len(ahead) != aheadSize {
		t.Errorf("%d bytes of look-ahead are offered", len(ahead))
	}
}

func TestLongLengths(t *testing.T) {
	const size = 5 << 30
	c := connect(t, extended)
	z := &Command{Type: wire.CmdWriteZeroes, Offset: 1 << 40, Length: size}
	if err := c.Submit(z); err != nil {
		t.Fatal(err)
	}
	checkRequest(t, extended, z, sendAll(c))
	if feed(c, none(extended, z)); z.Err != nil {
		t.Error(z.Err)
	}
	c = connect(t, structured)
	wantError(t, c.Submit(z), nbderr.Local, "write zeroes", "5368709120", "extended headers")
}
