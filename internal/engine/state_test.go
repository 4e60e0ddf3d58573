package engine

import (
	"slices"
	"testing"

	"github.com/gonbd/gonbd/internal/wire"
)

// TestStates looks over the table.
func TestStates(t *testing.T) {
	names := map[string]State{}
	for s := range numStates {
		if s.String() == "" || s.Meaning() == "" || s.Class().String() == "" {
			t.Errorf("state %d is called %q, %q, %q", s, s.String(), s.Meaning(), s.Class())
		}
		if old, ok := names[s.String()]; ok {
			t.Errorf("the states %d and %d are both called %q", old, s, s.String())
		}
		names[s.String()] = s
		next := slices.Clone(states[s].next)
		slices.Sort(next)
		if len(slices.Compact(next)) != len(states[s].next) || slices.Contains(next, s) || slices.Contains(next, StateDead) {
			t.Errorf("%v: its transitions are %v", s, states[s].next)
		}
		if waits := s.Class() != Created && s.Class() != Closed && s.Class() != Dead && s != StateConnect && s != StateTLSHandshake; waits != states[s].reads {
			t.Errorf("%v: reads is %v", s, states[s].reads)
		}
	}
	for _, s := range []State{StateClosed, StateDead} {
		if len(states[s].next) > 0 {
			t.Errorf("%v: it leads to %v", s, states[s].next)
		}
	}
}

// TestOptionStates maps options to states and back.
func TestOptionStates(t *testing.T) {
	for _, s := range options {
		if got := stateOf(codeOf(s)); got != s {
			t.Errorf("%v is the state of %v, whose state is %v", s, codeOf(s), got)
		}
	}
	if got := codeOf(StateReady); got != 0 {
		t.Errorf("%v is the option of the state READY", got)
	}
}

// TestClassWhileSending tells libnbd's callers that there is work to do.
func TestClassWhileSending(t *testing.T) {
	c := connect(t, simple)
	if err := c.Submit(&Command{Type: wire.CmdFlush}); err != nil {
		t.Fatal(err)
	}
	if read, write := c.Direction(); c.State() != StateReady || c.Class() != Processing || !read || !write {
		t.Errorf("with something to send: %v, %v, %v, %v", c.State(), c.Class(), read, write)
	}
	sendAll(c)
	if read, write := c.Direction(); c.Class() != Ready || !read || write {
		t.Errorf("with nothing to send: %v, %v, %v", c.Class(), read, write)
	}
}

// TestStats counts what goes over the connection.
func TestStats(t *testing.T) {
	c := connect(t, structured)
	before := c.Stats()
	cmd := &Command{Type: wire.CmdRead, Data: make([]byte, 512)}
	submit(t, c, cmd)
	feed(c, join(data(structured, cmd, 0, 0, make([]byte, 512)), none(structured, cmd)))
	after := c.Stats()
	got := Stats{after.BytesSent - before.BytesSent, after.ChunksSent - before.ChunksSent,
		after.BytesReceived - before.BytesReceived, after.ChunksReceived - before.ChunksReceived}
	if got != (Stats{28, 1, 20 + 8 + 512 + 20, 2}) {
		t.Errorf("a read counts as %+v", got)
	}
}
