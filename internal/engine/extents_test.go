package engine

import (
	"fmt"
	"testing"

	"github.com/gonbd/gonbd/internal/nbderr"
	"github.com/gonbd/gonbd/internal/wire"
)

// TestBlockStatus gives block status replies, good ones and bad. The export is
// 1 MiB long, and two contexts are selected.
func TestBlockStatus(t *testing.T) {
	const offset = 4096
	x := func(length, flags uint64) wire.Extent { return wire.Extent{Length: length, Flags: flags} }
	tests := []struct {
		name     string
		flags    wire.CommandFlags
		contexts []uint32
		reply    func(m mode, cmd *Command) []byte
		events   string
		want     []string // in the error; none if nil
	}{
		{name: "both contexts", reply: func(m mode, cmd *Command) []byte {
			return join(status(m, cmd, 0, 2, x(512, 1)), status(m, cmd, final, 1, x(512, 3), x(512, 0)))
		}, events: "extents block status u at 4096, context 2 \"x:y\" [{512 1}]\n" +
			"extents block status u at 4096, context 1 \"base:allocation\" [{512 3} {512 0}]\n"},
		{name: "to the end of the export", reply: func(m mode, cmd *Command) []byte {
			return join(status(m, cmd, 0, 1, x(1<<20-offset, 0)), status(m, cmd, 0, 2, x(1, 0)), none(m, cmd))
		}, events: "extents block status u at 4096, context 1 \"base:allocation\" [{1044480 0}]\n" +
			"extents block status u at 4096, context 2 \"x:y\" [{1 0}]\n"},
		{name: "one extent each", flags: wire.CmdFlagReqOne, reply: func(m mode, cmd *Command) []byte {
			return join(status(m, cmd, 0, 1, x(1024, 0)), status(m, cmd, final, 2, x(1, 0)))
		}, events: "extents block status u at 4096, context 1 \"base:allocation\" [{1024 0}]\n" +
			"extents block status u at 4096, context 2 \"x:y\" [{1 0}]\n"},
		{name: "error behind extents", reply: func(m mode, cmd *Command) []byte {
			return join(status(m, cmd, 0, 1, x(1024, 0)), chunk(m, cmd, final, wire.ReplyError, wire.AppendError(nil, wire.EIO, "no more")))
		}, events: "extents block status u at 4096, context 1 \"base:allocation\" [{1024 0}]\n", want: []string{"no more"}},
		{name: "a context is missing", reply: func(m mode, cmd *Command) []byte { return status(m, cmd, final, 1, x(1024, 0)) },
			events: "extents block status u at 4096, context 1 \"base:allocation\" [{1024 0}]\n",
			want:   []string{"extents of 1 metadata contexts, expected 2"}},
		{name: "nothing", reply: none, want: []string{"extents of 0 metadata contexts, expected 2"}},
		{name: "unknown context", reply: func(m mode, cmd *Command) []byte { return status(m, cmd, final, 77, x(1024, 0)) },
			want: []string{"ID 77", "not selected"}},
		{name: "a context twice", reply: func(m mode, cmd *Command) []byte {
			return join(status(m, cmd, 0, 1, x(1024, 0)), status(m, cmd, final, 1, x(1024, 0)))
		}, events: "extents block status u at 4096, context 1 \"base:allocation\" [{1024 0}]\n", want: []string{`"base:allocation" twice`}},
		{name: "length 0", reply: func(m mode, cmd *Command) []byte { return status(m, cmd, final, 1, x(1, 0), x(0, 0)) },
			want: []string{"extent 1 of metadata context", "length 0"}},
		{name: "beyond the end", reply: func(m mode, cmd *Command) []byte { return status(m, cmd, final, 1, x(512, 0), x(1<<20, 0)) },
			want: []string{"extent 1 of metadata context", "1048576 bytes long from offset 4608", "beyond the end of the export at 1048576"}},
		{name: "two where one was asked for", flags: wire.CmdFlagReqOne,
			reply: func(m mode, cmd *Command) []byte { return status(m, cmd, final, 1, x(1, 0), x(1, 0)) },
			want:  []string{"one extent was asked for", "2"}},
		{name: "one too long", flags: wire.CmdFlagReqOne,
			reply: func(m mode, cmd *Command) []byte { return status(m, cmd, final, 1, x(1025, 0)) },
			want:  []string{"at most 1024 bytes", "1025"}},
	}
	for _, m := range modes[structured:] {
		for _, tt := range tests {
			t.Run(fmt.Sprintf("%v/%s", m, tt.name), func(t *testing.T) {
				c := connect(t, m)
				cmd := &Command{Type: wire.CmdBlockStatus, Flags: tt.flags, Offset: offset, Length: 1024, User: "u"}
				submit(t, c, cmd)
				events := feed(c, tt.reply(m, cmd))
				n := len(events)
				if n == 0 || events[n-1].Kind != EventDone || c.State() != StateReady {
					t.Fatalf("the connection is %v, the events %s: %v", c.State(), describeAll(events), c.Err())
				}
				got := ""
				for _, ev := range events[:n-1] {
					got += describe(&ev) + "\n"
				}
				if got != tt.events {
					t.Errorf("the events are\n%swant\n%s", got, tt.events)
				}
				switch {
				case tt.want == nil && cmd.Err != nil:
					t.Error(cmd.Err)
				case tt.name == "error behind extents":
					wantError(t, cmd.Err, nbderr.Server, tt.want...)
				case tt.want != nil:
					wantError(t, cmd.Err, nbderr.Protocol, tt.want...)
				}
			})
		}
	}
}

// TestWideExtents has lengths and flags of 64 bits.
func TestWideExtents(t *testing.T) {
	c := connect(t, extended)
	c.export.Size = 1 << 50
	cmd := &Command{Type: wire.CmdBlockStatus, Length: 1 << 49, Contexts: []uint32{2}}
	submit(t, c, cmd)
	events := feed(c, status(extended, cmd, final, 2, wire.Extent{Length: 1 << 48, Flags: 1 << 63}))
	if len(events) != 2 || events[0].Extents[0] != (wire.Extent{Length: 1 << 48, Flags: 1 << 63}) || cmd.Err != nil {
		t.Errorf("the events are %s: %v", describeAll(events), cmd.Err)
	}
	submit(t, c, cmd)
	feed(c, status(extended, cmd, final, 2, wire.Extent{Length: 1 << 49}, wire.Extent{Length: 1<<64 - 1}))
	wantError(t, cmd.Err, nbderr.Protocol, "18446744073709551615 bytes long")
}

// TestFilteredContexts chooses contexts by the payload of the request.
func TestFilteredContexts(t *testing.T) {
	c := connect(t, extended)
	cmd := &Command{Type: wire.CmdBlockStatus, Offset: 512, Length: 1024, Contexts: []uint32{2}}
	if err := c.Submit(cmd); err != nil {
		t.Fatal(err)
	}
	b := sendAll(c)
	r, err := wire.ParseRequest(b[:wire.ExtendedRequestSize], true)
	if err != nil || r.Flags != wire.CmdFlagPayloadLen || r.Offset != 512 || r.Length != 12 {
		t.Errorf("the request is %+v, %v", r, err)
	}
	if length, ids, err := wire.ParseBlockStatusPayload(b[wire.ExtendedRequestSize:]); err != nil || length != 1024 || len(ids) != 1 || ids[0] != 2 {
		t.Errorf("the payload is %d, %v, %v", length, ids, err)
	}
	if feed(c, status(extended, cmd, final, 2, wire.Extent{Length: 1024})); cmd.Err != nil {
		t.Error(cmd.Err)
	}
	submit(t, c, cmd)
	feed(c, status(extended, cmd, final, 1, wire.Extent{Length: 1024}))
	wantError(t, cmd.Err, nbderr.Protocol, `"base:allocation"`, "did not ask for")

	wantError(t, connect(t, structured).Submit(cmd), nbderr.Local, "choosing contexts", "extended headers")
}

// TestRawFlags leaves the flag of payloads as the caller has it.
func TestRawFlags(t *testing.T) {
	tests := []struct {
		mode mode
		cmd  Command
		want wire.CommandFlags
		size int // of the whole request
	}{
		{extended, Command{Type: wire.CmdWrite, Data: make([]byte, 5)}, wire.CmdFlagPayloadLen, 32 + 5},
		{extended, Command{Type: wire.CmdWrite, Data: make([]byte, 5), RawFlags: true}, 0, 32 + 5},
		{extended, Command{Type: wire.CmdRead, Data: make([]byte, 5), Flags: wire.CmdFlagPayloadLen}, 0, 32},
		{extended, Command{Type: wire.CmdBlockStatus, Length: 5, Contexts: []uint32{1}}, wire.CmdFlagPayloadLen, 32 + 12},
		{extended, Command{Type: wire.CmdBlockStatus, Length: 5, Contexts: []uint32{1}, RawFlags: true}, 0, 32},
		{simple, Command{Type: wire.CmdWrite, Data: make([]byte, 5), Flags: wire.CmdFlagPayloadLen}, 0, 28 + 5},
		{simple, Command{Type: wire.CmdWrite, Data: make([]byte, 5), Flags: wire.CmdFlagPayloadLen, RawFlags: true}, wire.CmdFlagPayloadLen, 28 + 5},
		{structured, Command{Type: wire.CmdBlockStatus, Length: 5, Flags: wire.CmdFlagPayloadLen, RawFlags: true}, wire.CmdFlagPayloadLen, 28},
	}
	for _, tt := range tests {
		c := connect(t, tt.mode)
		if err := c.Submit(&tt.cmd); err != nil {
			t.Fatal(err)
		}
		b := sendAll(c)
		size := wire.RequestSize
		if tt.mode == extended {
			size = wire.ExtendedRequestSize
		}
		r, err := wire.ParseRequest(b[:size], tt.mode == extended)
		if err != nil || r.Flags != tt.want || len(b) != tt.size {
			t.Errorf("%v %v raw %v: flags %#x and %d bytes, want %#x and %d", tt.mode, tt.cmd.Type, tt.cmd.RawFlags, r.Flags, len(b), tt.want, tt.size)
		}
	}
}

// TestManyExtents offers the whole look-ahead for a long list, also while
// large reads are in flight.
func TestManyExtents(t *testing.T) {
	c := connect(t, extended)
	extents := make([]wire.Extent, 20_000)
	for i := range extents {
		extents[i] = wire.Extent{Length: 1, Flags: uint64(i)}
	}
	cmd := &Command{Type: wire.CmdBlockStatus, Length: 1 << 20, Contexts: []uint32{1}}
	submit(t, c, cmd, &Command{Type: wire.CmdRead, Data: make([]byte, 1<<20)})
	reply := status(extended, cmd, final, 1, extents...)
	calls := 0
	for len(reply) > 0 {
		calls++
		reply = reply[fill(c, reply):]
		happened(c)
	}
	if cmd.Err != nil || calls > 10 {
		t.Errorf("%d calls, error %v", calls, cmd.Err)
	}
}
