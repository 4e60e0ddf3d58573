package engine

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/gonbd/gonbd/internal/nbderr"
	"github.com/gonbd/gonbd/internal/wire"
)

// inFlight gives a connection with three commands in flight.
func inFlight(t *testing.T) (*Conn, []*Command) {
	c := connect(t, structured)
	cmds := []*Command{{Type: wire.CmdRead, Data: make([]byte, 512), User: 1}, {Type: wire.CmdFlush, User: 2},
		{Type: wire.CmdWrite, Offset: 512, Data: make([]byte, 512), User: 3}}
	submit(t, c, cmds[:2]...)
	if err := c.Submit(cmds[2]); err != nil {
		t.Fatal(err)
	}
	sendSome(c, 30)
	return c, cmds
}

func TestEndWithCommandsInFlight(t *testing.T) {
	tests := []struct {
		name  string
		end   func(c *Conn, cmds []*Command) []Event
		state State
		kind  nbderr.Kind
		want  string
		retry bool
	}{
		{"EOF", func(c *Conn, _ []*Command) []Event { c.EOF(); return nil }, StateClosed, nbderr.Transport, "the server closed the connection before the reply came", true},
		{"EOF after goodbye", func(c *Conn, _ []*Command) []Event { c.Disconnect(); sendAll(c); c.EOF(); return nil }, StateClosed, nbderr.Transport, "was shut down", true},
		{"Close", func(c *Conn, _ []*Command) []Event { c.Close(); return nil }, StateClosed, nbderr.Transport, "was closed before the reply came", true},
		{"EOF in a header", func(c *Conn, cmds []*Command) []Event {
			feed(c, none(structured, cmds[1])[:7])
			c.EOF()
			return nil
		}, StateDead,
			nbderr.Transport, "receiving the header of a reply", true},
		{"EOF in a payload", func(c *Conn, cmds []*Command) []Event {
			feed(c, data(structured, cmds[0], final, 0, make([]byte, 512))[:40])
			c.EOF()
			return nil
		}, StateDead, nbderr.Transport, "receiving the payload of a read", true},
		{"failure", func(c *Conn, _ []*Command) []Event { c.Fail(syscall.ECONNRESET); return nil }, StateDead, nbderr.Transport, syscall.ECONNRESET.Error(), true},
		{"failure without errno", func(c *Conn, _ []*Command) []Event { c.Fail(io.ErrClosedPipe); return nil }, StateDead, nbderr.Transport, "closed pipe", true},
		{"failure with an error of ours", func(c *Conn, _ []*Command) []Event {
			c.Fail(&nbderr.Error{Kind: nbderr.Transport, Errno: syscall.ETIMEDOUT, Msg: "too late"})
			return nil
		}, StateDead, nbderr.Transport, "too late", false},
		{"violation", func(c *Conn, _ []*Command) []Event { return feed(c, make([]byte, 16)) }, StateDead, nbderr.Protocol, "saw 0x0", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, cmds := inFlight(t)
			events := append(tt.end(c, cmds), happened(c)...)
			c.EOF() // these change nothing
			c.Fail(io.EOF)
			c.Close()
			events = append(events, happened(c)...)
			if c.State() != tt.state || len(events) != 4 || events[3].Kind != EventEnd {
				t.Fatalf("the connection is %v, the events are\n%s", c.State(), describeAll(events))
			}
			for i, cmd := range cmds {
				if events[i].Kind != EventDone || events[i].Command != cmd {
					t.Errorf("event %d is %s", i, describe(&events[i]))
				}
				wantError(t, cmd.Err, tt.kind, OpName(cmd.Type), tt.want)
				if e, _ := errors.AsType[*nbderr.Error](cmd.Err); e.Retry != tt.retry {
					t.Errorf("the error %v says retry: %v", cmd.Err, e.Retry)
				}
			}
			if (c.Err() != nil) != (tt.state == StateDead) || (events[3].Err != nil) != (tt.state == StateDead) {
				t.Errorf("the connection ended with %v, the event says %v", c.Err(), events[3].Err)
			}
			if dst, ahead := c.Want(); len(dst)+len(ahead) > 0 || c.Pending() || c.InFlight() != 0 {
				t.Error("the connection wants something")
			}
			err := c.Submit(&Command{Type: wire.CmdFlush})
			wantError(t, err, nbderr.Transport, "flush", "not connected")
			if !errors.Is(err, syscall.ENOTCONN) || c.Err() != nil && !errors.Is(err, c.Err()) {
				t.Errorf("the error %v does not say why the connection ended", err)
			}
		})
	}
}

// TestDisconnect says goodbye behind what is queued, and takes the replies
// that still come.
func TestDisconnect(t *testing.T) {
	for _, m := range modes {
		c := connect(t, m)
		cmd := &Command{Type: wire.CmdWrite, Data: pattern(512, 1)}
		if err := c.Submit(cmd); err != nil {
			t.Fatal(err)
		}
		if err := c.Disconnect(); err != nil || !c.Disconnecting() {
			t.Fatal(err)
		}
		b := sendAll(c)
		size := wire.RequestSize
		if m == extended {
			size = wire.ExtendedRequestSize
		}
		r, err := wire.ParseRequest(b[len(b)-size:], m == extended)
		if err != nil || r.Type != wire.CmdDisc || r.Offset != 0 || r.Length != 0 || r.Flags != 0 || !bytes.Contains(b, cmd.Data) {
			t.Errorf("the goodbye is %+v, %v", r, err)
		}
		wantError(t, c.Disconnect(), nbderr.Local, "disconnect")
		wantError(t, c.Submit(&Command{Type: wire.CmdFlush}), nbderr.Local, "flush", "being shut down")
		events := feed(c, ok(m, cmd))
		c.EOF()
		events = append(events, happened(c)...)
		if len(events) != 2 || cmd.Err != nil || events[1].Kind != EventEnd || events[1].Err != nil || c.State() != StateClosed {
			t.Errorf("the events are\n%s", describeAll(events))
		}
	}
	wantError(t, New(DefaultConfig()).Disconnect(), nbderr.Local, "disconnect")
}

// TestResetAfterGoodbye has the server answer the goodbye by resetting the
// connection, which is a polite end all the same; without a goodbye it is not.
func TestResetAfterGoodbye(t *testing.T) {
	for _, said := range []bool{true, false} {
		c := connect(t, extended)
		cmd := &Command{Type: wire.CmdFlush}
		if err := c.Submit(cmd); err != nil {
			t.Fatal(err)
		}
		if said {
			if err := c.Disconnect(); err != nil {
				t.Fatal(err)
			}
		}
		sendAll(c)
		c.Fail(syscall.ECONNRESET)
		happened(c)
		if want := map[bool]State{true: StateClosed, false: StateDead}[said]; c.State() != want || cmd.Err == nil {
			t.Errorf("goodbye %v: the connection is %v, the command's error %v", said, c.State(), cmd.Err)
		}
	}
}

// TestDropUnsent takes requests back of which nothing was sent.
func TestDropUnsent(t *testing.T) {
	for _, sent := range []int{0, 10, wire.ExtendedRequestSize, wire.ExtendedRequestSize + 100, wire.ExtendedRequestSize + 512} {
		c := connect(t, extended)
		first := &Command{Type: wire.CmdWrite, Data: pattern(512, 1)}
		rest := []*Command{{Type: wire.CmdFlush}, {Type: wire.CmdWrite, Data: pattern(512, 2)}, {Type: wire.CmdFlush}}
		for _, cmd := range append([]*Command{first}, rest...) {
			if err := c.Submit(cmd); err != nil {
				t.Fatal(err)
			}
		}
		all := slices.Concat(c.Outgoing()...)
		c.Sent(sent)
		c.DropUnsent()
		keep := wire.ExtendedRequestSize + 512
		if sent == 0 {
			keep = 0
		}
		if got := slices.Concat(c.Outgoing()...); !bytes.Equal(got, all[sent:keep]) {
			t.Errorf("%d bytes sent: %d bytes are left, want %d", sent, len(got), keep-sent)
		}
		// What follows is sent behind it, and all commands end.
		if err := c.Disconnect(); err != nil {
			t.Fatal(err)
		}
		if got := slices.Concat(c.Outgoing()...); len(got) != keep-sent+wire.ExtendedRequestSize {
			t.Errorf("%d bytes sent: %d bytes with the goodbye", sent, len(got))
		}
		c.EOF()
		if events := happened(c); len(events) != 5 {
			t.Errorf("%d bytes sent: the events are\n%s", sent, describeAll(events))
		}
	}
	c := New(DefaultConfig())
	c.DropUnsent() // nothing
}

// TestCloseEverywhere closes a connection in each state that a handshake goes
// through.
func TestCloseEverywhere(t *testing.T) {
	for _, tt := range handshakes {
		for steps := 0; ; steps++ {
			p, cfg := newPeer(), DefaultConfig()
			if tt.peer != nil {
				tt.peer(p)
			}
			if tt.config != nil {
				tt.config(&cfg)
			}
			r := newRig(t, cfg, p)
			r.receiving = func(int) int { return 1 }
			for range steps {
				r.step()
			}
			ready := r.c.State() == StateReady
			r.c.Close()
			if got := describeAll(happened(r.c)); r.c.State() != StateClosed || got != "end" {
				t.Errorf("%s: the connection is %v, the events %s", tt.name, r.c.State(), got)
			}
			if steps > 1000 {
				t.Errorf("%s: the handshake never ends", tt.name)
			}
			if ready || t.Failed() {
				break
			}
		}
	}
}

// TestEndWithOption ends the connection while an option is under way.
func TestEndWithOption(t *testing.T) {
	for name, end := range map[string]func(c *Conn){
		"EOF":     (*Conn).EOF,
		"Close":   (*Conn).Close,
		"failure": func(c *Conn) { c.Fail(io.ErrUnexpectedEOF) },
		"lie":     func(c *Conn) { fill(c, make([]byte, 20)) },
	} {
		r := negotiating(t, newPeer(), nil)
		o := &Option{Code: wire.OptList}
		if err := r.c.SubmitOption(o); err != nil {
			t.Fatal(err)
		}
		end(r.c)
		var events []string
		for _, ev := range happened(r.c) {
			events = append(events, describe(&ev))
		}
		if len(events) != 2 || !strings.HasPrefix(events[0], "option done NBD_OPT_LIST") || !strings.HasPrefix(events[1], "end") {
			t.Errorf("%s: the events are %q", name, events)
		}
		if o.Err == nil || !strings.HasPrefix(o.Err.Error(), "NBD_OPT_LIST: ") {
			t.Errorf("%s: the error is %v", name, o.Err)
		}
	}
}

// TestSubmitRefused lists what Submit does not take.
func TestSubmitRefused(t *testing.T) {
	c := connect(t, simple)
	wantError(t, c.Submit(&Command{Type: wire.CmdDisc}), nbderr.Local, "disconnect", "use Disconnect")
	wantError(t, c.Submit(&Command{Type: wire.CmdTrim, Length: 1 << 32}), nbderr.Local, "trim", "4294967296")
	cmd := &Command{Type: wire.CmdFlush}
	submit(t, c, cmd)
	wantError(t, c.Submit(cmd), nbderr.Local, "flush", "in flight already")
	feed(c, ok(simple, cmd))
	submit(t, c, cmd)
	c.inFlight = MaxInFlight
	wantError(t, c.Submit(&Command{Type: 99}), nbderr.Local, "command 99", "1048576 commands are in flight")
}
