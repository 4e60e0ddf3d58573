package engine

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/gonbd/gonbd/internal/wire"
)

// commands makes some of every kind, rounds times, of lengths that unit gives.
func commands(rounds, unit int) []*Command {
	var all []*Command
	for i := range rounds {
		at, u := uint64(i)*8192, uint64(unit)
		all = append(all,
			&Command{Type: wire.CmdRead, Offset: at, Data: make([]byte, 7*unit+i), Chunks: i%2 == 0},
			&Command{Type: wire.CmdWrite, Offset: at + u, Data: pattern(9*unit, byte(i))},
			&Command{Type: wire.CmdRead, Offset: at, Data: make([]byte, 20*unit), Chunks: i%2 == 1},
			&Command{Type: wire.CmdFlush},
			&Command{Type: wire.CmdTrim, Offset: at + 3*u, Length: 2 * u},
			&Command{Type: wire.CmdWriteZeroes, Offset: at + 6*u, Length: 3 * u},
			&Command{Type: wire.CmdCache, Offset: at, Length: 3 * u},
			&Command{Type: wire.CmdBlockStatus, Offset: at, Length: 30 * u},
			&Command{Type: wire.CmdBlockStatus, Offset: at, Length: 30 * u, Flags: wire.CmdFlagReqOne},
		)
	}
	for i, cmd := range all {
		cmd.User = i
	}
	return all
}

// session is a conversation from the greeting to the end: an option or two,
// then many commands, whose replies come by chance, then the goodbye. After
// budget bytes of the server it is cut off.
type session struct {
	*rig
	cmds   []*Command
	done   map[*Command]int
	budget int
}

func newSession(t testing.TB, m mode, seed uint64, optionMode bool, cmds []*Command) *session {
	p, cfg := newPeer(), DefaultConfig()
	p.chance, p.patient = rand.New(rand.NewPCG(seed, 1)), true
	p.names = []string{"one", "two"}
	cfg.ExportName, cfg.OptionMode = "two", optionMode
	cfg.ExtendedHeaders, cfg.StructuredReplies = m == extended, m != simple
	cfg.MetaContexts = []string{"base:allocation", "x:y"}
	s := &session{rig: newRig(t, cfg, p), cmds: cmds, done: map[*Command]int{}, budget: 1 << 30}
	byHand := []*Option{{Code: wire.OptList}, {Code: wire.OptListMetaContext}, {Code: wire.OptSetMetaContext, Queries: []string{"x:y"}},
		{Code: wire.OptInfo}, {Code: wire.OptGo, MetaContexts: true}}
	left := 0
	s.react = func(ev *Event) {
		switch ev.Kind {
		case EventNegotiating, EventOptionDone:
			if len(byHand) > 0 && s.c.State() == StateNegotiating {
				if err := s.c.SubmitOption(byHand[0]); err != nil {
					t.Error(err)
				}
				byHand = byHand[1:]
			}
		case EventDone:
			s.done[ev.Command]++
			if left--; left == 0 && s.c.transmitting() {
				if err := s.c.Disconnect(); err != nil {
					t.Error(err)
				}
			}
		}
		if s.c.State() == StateReady && (ev.Kind == EventReady || ev.Kind == EventOptionDone) {
			for _, cmd := range s.cmds {
				if err := s.c.Submit(cmd); err != nil {
					t.Error(err)
				}
			}
			left = len(s.cmds)
		}
	}
	return s
}

// converse runs the session to its end, and checks what must hold for any.
func (s *session) converse() {
	s.t.Helper()
	receiving := s.receiving
	s.receiving = func(n int) int {
		if receiving != nil {
			n = receiving(n)
		}
		n = min(n, s.budget)
		s.budget -= n
		return n
	}
	s.run()
	s.c.EOF()
	s.run()
	for _, cmd := range s.cmds {
		if n := s.done[cmd]; n != 1 && cmd.Cookie() != 0 || n != 0 && cmd.Cookie() == 0 {
			s.t.Errorf("command %v has ended %d times", cmd.User, n)
		}
	}
	if n := len(s.trace); n == 0 || !strings.HasPrefix(s.trace[n-1], "end") || strings.HasPrefix(strings.Join(s.trace[:n-1], "\n"), "end") {
		s.t.Errorf("the end is missing, or not at the end: %q", s.trace)
	}
	if s.c.Class() != Closed && s.c.Class() != Dead || s.c.Next() != nil || s.c.Pending() {
		s.t.Errorf("after the end the connection is %v", s.c.State())
	}
}

// TestSplits sends and receives the same session in pieces of all kinds. The
// Conn must tell the same.
func TestSplits(t *testing.T) {
	for _, m := range modes {
		for _, optionMode := range []bool{false, true} {
			t.Run(fmt.Sprintf("%v/%v", m, optionMode), func(t *testing.T) {
				whole := newSession(t, m, 7, optionMode, commands(4, 100))
				whole.converse()
				if whole.c.State() != StateClosed {
					t.Fatalf("the connection is %v: %v", whole.c.State(), whole.c.Err())
				}
				if whole.peer.garbage {
					t.Error("the server received garbage")
				}
				want := strings.Join(whole.trace, "\n")
				r := rand.New(rand.NewPCG(1, 2))
				one := func(int) int { return 1 }
				some := func(n int) int { return 1 + r.IntN(n) }
				few := func(n int) int { return 1 + r.IntN(min(n, 40)) }
				for name, how := range map[string][2]func(int) int{
					"one byte received": {nil, one}, "one byte sent": {one, nil}, "one byte each": {one, one},
					"some": {some, some}, "few": {few, few}, "few received": {nil, few}, "some sent": {some, one},
				} {
					s := newSession(t, m, 7, optionMode, commands(4, 100))
					s.sending, s.receiving = how[0], how[1]
					s.converse()
					if got := strings.Join(s.trace, "\n"); got != want {
						t.Errorf("%s: the events are\n%s\nwant\n%s", name, got, want)
					}
				}
			})
		}
	}
}

// TestHandshakeSplits does so with each kind of handshake.
func TestHandshakeSplits(t *testing.T) {
	for _, tt := range handshakes {
		var want string
		for _, pieces := range []func(int) int{nil, func(int) int { return 1 }} {
			p, cfg := newPeer(), DefaultConfig()
			if tt.peer != nil {
				tt.peer(p)
			}
			if tt.config != nil {
				tt.config(&cfg)
			}
			r := newRig(t, cfg, p)
			r.sending, r.receiving = pieces, pieces
			got := strings.Join(r.run().trace, "\n")
			if want == "" {
				want = got
			}
			if got != want || r.c.State() != StateReady {
				t.Errorf("%s: the events are\n%s\nwant\n%s", tt.name, got, want)
			}
		}
	}
}

// TestEOFEverywhere ends the connection behind every byte of a session.
func TestEOFEverywhere(t *testing.T) {
	for _, m := range modes {
		for _, optionMode := range []bool{false, true} {
			whole := newSession(t, m, 3, optionMode, commands(1, 9))
			whole.converse()
			total := 1<<30 - whole.budget
			for cut := range total {
				s := newSession(t, m, 3, optionMode, commands(1, 9))
				s.budget = cut
				s.converse()
				end := s.trace[len(s.trace)-1]
				if s.c.State() == StateDead && !strings.Contains(end, "the server closed the connection") {
					t.Errorf("%v, cut off behind %d bytes: %s", m, cut, end)
				}
				for _, cmd := range s.cmds {
					if cmd.Cookie() != 0 && cmd.Err == nil && s.done[cmd] == 0 {
						t.Errorf("%v, cut off behind %d bytes: command %v has no error", m, cut, cmd.User)
					}
				}
				if t.Failed() {
					return
				}
			}
		}
	}
}
