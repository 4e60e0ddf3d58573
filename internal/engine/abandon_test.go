package engine

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/gonbd/gonbd/internal/wire"
)

// TestAbandonRead abandons a read behind every byte of its reply. Nothing may
// be written into its memory from then on, nothing told of it, and the
// connection goes on.
func TestAbandonRead(t *testing.T) {
	for _, m := range modes {
		t.Run(m.String(), func(t *testing.T) {
			for cut := 0; ; cut++ {
				c := connect(t, m)
				cmd := &Command{Type: wire.CmdRead, Offset: 512, Data: make([]byte, 300), Chunks: true}
				next := &Command{Type: wire.CmdRead, Data: make([]byte, 512)}
				submit(t, c, cmd, next)
				var reply, after []byte
				if m == simple {
					reply, after = simpleReply(cmd, 0, pattern(300, 1)), simpleReply(next, 0, pattern(512, 2))
				} else {
					reply = join(data(m, cmd, 0, 512, pattern(100, 1)), hole(m, cmd, 0, 612, 100),
						chunk(m, cmd, 0, wire.ReplyErrorOffset, wire.AppendErrorOffset(nil, wire.EIO, "x", 512)),
						data(m, cmd, 0, 712, pattern(100, 1)), none(m, cmd))
					after = data(m, next, final, 0, pattern(512, 2))
				}
				if cut == len(reply) {
					break
				}
				feed(c, reply[:cut])
				if !c.Abandon(cmd) {
					t.Fatalf("behind %d bytes: it was not in flight", cut)
				}
				if c.Abandon(cmd) {
					t.Fatalf("behind %d bytes: it could be abandoned twice", cut)
				}
				if c.InFlight() != 2 {
					t.Errorf("behind %d bytes: %d in flight", cut, c.InFlight())
				}
				for i := range cmd.Data {
					cmd.Data[i] = 0xee
				}
				events := feed(c, join(reply[cut:], after))
				if !bytes.Equal(cmd.Data, bytes.Repeat([]byte{0xee}, 300)) {
					t.Fatalf("behind %d bytes: the memory given back was written to", cut)
				}
				if len(events) != 1 || events[0].Command != next || next.Err != nil || !bytes.Equal(next.Data, pattern(512, 2)) {
					t.Fatalf("behind %d bytes: the events are %s, %v", cut, describeAll(events), c.Err())
				}
				if c.InFlight() != 0 || c.State() != StateReady {
					t.Fatalf("behind %d bytes: the connection is %v", cut, c.State())
				}
			}
		})
	}
}

// TestAbandonBetweenFilledAndNext abandons what has been received and not
// been parsed.
func TestAbandonBetweenFilledAndNext(t *testing.T) {
	c := connect(t, structured)
	cmd := &Command{Type: wire.CmdRead, Data: make([]byte, 64)}
	for cut := range wire.StructuredReplySize + wire.OffsetDataSize + 64 {
		submit(t, c, cmd)
		reply := data(structured, cmd, final, 0, pattern(64, 1))
		fill(c, reply[:cut])
		c.Abandon(cmd)
		events := happened(c)
		events = append(events, feed(c, reply[cut:])...)
		if len(events) != 0 || c.State() != StateReady {
			t.Fatalf("behind %d bytes: the connection is %v, the events %s", cut, c.State(), describeAll(events))
		}
	}
}

// TestAbandonWrite abandons a write behind every byte sent of it. The rest
// must be sent as it was, although the memory has been given back.
func TestAbandonWrite(t *testing.T) {
	for _, m := range modes {
		t.Run(m.String(), func(t *testing.T) {
			for cut := 0; ; cut++ {
				c := connect(t, m)
				before := &Command{Type: wire.CmdFlush}
				cmd := &Command{Type: wire.CmdWrite, Offset: 512, Data: pattern(100, 1)}
				for _, cmd := range []*Command{before, cmd} {
					if err := c.Submit(cmd); err != nil {
						t.Fatal(err)
					}
				}
				total := int(c.Unsent())
				if cut > total {
					break
				}
				var sent []byte
				for len(sent) < cut {
					sent = append(sent, sendSome(c, cut-len(sent))...)
				}
				if !c.Abandon(cmd) {
					t.Fatal("it was not in flight")
				}
				clear(cmd.Data)
				sent = append(sent, sendAll(c)...)
				if !bytes.Equal(sent[total-100:], pattern(100, 1)) {
					t.Fatalf("behind %d bytes: what was sent is wrong", cut)
				}
				events := feed(c, join(ok(m, before), ok(m, cmd)))
				if len(events) != 1 || events[0].Command != before || c.State() != StateReady {
					t.Fatalf("behind %d bytes: the events are %s", cut, describeAll(events))
				}
			}
		})
	}
}

// TestEarlyReplyToWrite refuses a write before all of it was sent. The caller
// has the memory back, and the server gets the rest.
func TestEarlyReplyToWrite(t *testing.T) {
	for _, m := range modes {
		for _, cut := range []int{1, 27, 33, 60, 131} {
			t.Run(fmt.Sprintf("%v/%d", m, cut), func(t *testing.T) {
				c := connect(t, m)
				cmd := &Command{Type: wire.CmdWrite, Data: pattern(100, 1)}
				if err := c.Submit(cmd); err != nil {
					t.Fatal(err)
				}
				total := int(c.Unsent())
				sent := sendSome(c, cut)
				for len(sent) < cut && c.Pending() {
					sent = append(sent, sendSome(c, cut-len(sent))...)
				}
				reply := simpleReply(cmd, wire.ENOSPC, nil)
				if m != simple {
					reply = chunk(m, cmd, final, wire.ReplyError, wire.AppendError(nil, wire.ENOSPC, "full"))
				}
				if events := feed(c, reply); len(events) != 1 || events[0].Kind != EventDone || cmd.Err == nil {
					t.Fatalf("the events are %s: %v", describeAll(events), c.Err())
				}
				clear(cmd.Data)
				sent = append(sent, sendAll(c)...)
				if len(sent) != total || !bytes.Equal(sent[total-100:], pattern(100, 1)) {
					t.Error("what was sent is wrong")
				}
			})
		}
	}
}

// TestAbandonAtTheEnd abandons commands that have failed, and not been told.
func TestAbandonAtTheEnd(t *testing.T) {
	c := connect(t, simple)
	a, b, d := &Command{Type: wire.CmdFlush, User: "a"}, &Command{Type: wire.CmdFlush, User: "b"}, &Command{Type: wire.CmdFlush, User: "d"}
	submit(t, c, a, b, d)
	c.Abandon(d)
	c.Fail(errors.New("broken"))
	if !c.Abandon(a) || c.Abandon(a) || c.Abandon(d) {
		t.Error("of the three commands a can be abandoned, once")
	}
	events := happened(c)
	if len(events) != 2 || events[0].Command != b || events[1].Kind != EventEnd {
		t.Errorf("the events are\n%s", describeAll(events))
	}
	if c.Abandon(b) || c.InFlight() != 0 {
		t.Error("something is left")
	}
}
