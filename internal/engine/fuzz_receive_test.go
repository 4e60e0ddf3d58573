package engine

import (
	"math/rand/v2"
	"testing"

	"github.com/gonbd/gonbd/internal/wire"
)

// Bits of the first byte of FuzzReceive: what the client wants.
const (
	wantExtended = 1 << iota
	wantStructured
	wantContexts
	wantOptionMode
	wantTLS
	atCommands     // begin in the transmission phase, in the mode that
	atCommandsMode // the next bits say
)

// hostile drives a Conn against the bytes of a server that is no server.
type hostile struct {
	t       *testing.T
	c       *Conn
	cmds    []*Command
	done    map[*Command]int
	left    map[*Command]bool // abandoned
	options int
	events  int
	ended   int
}

func (h *hostile) submit() {
	h.cmds = commands(1, 3)
	for _, cmd := range h.cmds {
		if err := h.c.Submit(cmd); err != nil {
			h.t.Fatal(err)
		}
	}
	h.left[h.cmds[2]] = h.c.Abandon(h.cmds[2])
	sendAll(h.c)
}

// listen takes the events, and reacts to them.
func (h *hostile) listen() {
	for ev := h.c.Next(); ev != nil; ev = h.c.Next() {
		h.events++
		if h.ended > 0 {
			h.t.Errorf("an event behind the end: %s", describe(ev))
		}
		switch ev.Kind {
		case EventStartTLS:
			h.c.TLSDone(nil)
		case EventNegotiating, EventOptionDone:
			codes := []wire.Option{wire.OptList, wire.OptListMetaContext, wire.OptSetMetaContext, wire.OptInfo, wire.OptStructuredReply, wire.OptGo}
			if h.c.State() == StateNegotiating && h.options < 20 {
				o := &Option{Code: codes[h.options%len(codes)]}
				if h.c.Protocol() == "newstyle" {
					o.Code = wire.OptGo
				}
				if err := h.c.SubmitOption(o); err != nil {
					h.t.Error(err)
				}
				h.options++
			}
		case EventDone:
			h.done[ev.Command]++
			if h.left[ev.Command] {
				h.t.Errorf("command %v was abandoned", ev.Command.User)
			}
		case EventEnd:
			h.ended++
		}
		if h.cmds == nil && h.c.State() == StateReady {
			h.submit()
		}
	}
	sendAll(h.c)
}

// FuzzReceive gives a Conn bytes that no server would send, in any pieces: it
// must neither panic nor hang, end every command once, and keep its memory in
// bounds.
func FuzzReceive(f *testing.F) {
	for _, m := range modes {
		for _, optionMode := range []bool{false, true} {
			s := newSession(f, m, 5, optionMode, commands(1, 3))
			s.converse()
			want := byte(wantContexts)
			if m == extended {
				want |= wantExtended
			}
			if m != simple {
				want |= wantStructured
			}
			if optionMode {
				want |= wantOptionMode
			}
			f.Add(want, uint64(1), s.heard)
		}
		cmds := commands(1, 3)
		for i, cmd := range cmds {
			cmd.cookie = uint64(i+1)<<slotBits | uint64(i)
		}
		mode := byte(atCommands | int(m)*atCommandsMode)
		f.Add(mode, uint64(2), join(ok(m, cmds[1]), ok(m, cmds[3]), ok(m, cmds[0])))
		if m != simple {
			f.Add(mode, uint64(3), join(data(m, cmds[0], final, 0, make([]byte, 21)), hole(m, cmds[2], 0, 0, 10)))
			f.Add(mode, uint64(4), join(status(m, cmds[7], 0, 1, wire.Extent{Length: 5}), status(m, cmds[7], final, 2, wire.Extent{Length: 5})))
			f.Add(mode, uint64(5), chunk(m, cmds[4], final, wire.ReplyErrorOffset, wire.AppendErrorOffset(nil, 5, "x", 9)))
			f.Add(mode, uint64(6), chunk(m, cmds[4], 0, wire.ReplyError, wire.AppendError(nil, 5, "x")))
		}
	}
	f.Add(byte(0), uint64(0), wire.AppendOldstyle(wire.AppendGreeting(nil, wire.OldstyleMagic), 1<<20, 0, 1))
	f.Add(byte(0), uint64(0), wire.AppendExportNameReply(wire.AppendHandshakeFlags(wire.AppendGreeting(nil, wire.OptionMagic), 0), 1<<20, 1, false))
	f.Add(byte(wantTLS), uint64(0), join(wire.AppendHandshakeFlags(wire.AppendGreeting(nil, wire.OptionMagic), 3), reply(wire.OptStartTLS, wire.RepAck, nil)))
	f.Fuzz(func(t *testing.T, want byte, seed uint64, stream []byte) {
		h := &hostile{t: t, done: map[*Command]int{}, left: map[*Command]bool{}}
		if want&atCommands != 0 {
			h.c = connect(t, mode(want/atCommandsMode%3))
			h.submit()
		} else {
			cfg := Config{ExtendedHeaders: want&wantExtended != 0, StructuredReplies: want&wantStructured != 0, OptionMode: want&wantOptionMode != 0,
				BlockSize: true, FullInfo: true, ClientFlags: wire.FlagCFixedNewstyle | wire.FlagCNoZeroes}
			if want&wantContexts != 0 {
				cfg.MetaContexts = []string{"base:allocation", "x:y"}
			}
			if want&wantTLS != 0 {
				cfg.TLS = TLSAllow
			}
			h.c = New(cfg)
			h.c.Connected()
		}
		r := rand.New(rand.NewPCG(seed, 0))
		h.listen()
		for rest := stream; len(rest) > 0; {
			n := fill(h.c, rest[:1+r.IntN(len(rest))])
			if n == 0 && h.c.State() != StateClosed && h.c.State() != StateDead {
				t.Fatalf("the connection is %v, and wants nothing", h.c.State())
			} else if n == 0 {
				break
			}
			rest = rest[n:]
			h.listen()
		}
		h.c.EOF()
		h.listen()
		h.c.Close()
		h.listen()
		if h.ended != 1 || h.c.InFlight() != 0 {
			t.Errorf("the connection is %v, %d commands are in flight, %d ends were told", h.c.State(), h.c.InFlight(), h.ended)
		}
		for _, cmd := range h.cmds {
			if n := h.done[cmd]; n != 1 && !h.left[cmd] {
				t.Errorf("command %v has ended %d times", cmd.User, n)
			}
		}
		if most := 2*len(stream) + 100; h.events > most {
			t.Errorf("%d events of %d bytes", h.events, len(stream))
		}
		if len(h.c.buf) > aheadSize || cap(h.c.reply.extents) > len(stream)+64 {
			t.Errorf("a buffer of %d bytes and %d extents for %d bytes", len(h.c.buf), cap(h.c.reply.extents), len(stream))
		}
	})
}
