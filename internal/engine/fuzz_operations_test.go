package engine

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gonbd/gonbd/internal/wire"
)

// world is a Conn, the model of its server, and what their user knows.
type world struct {
	t         *testing.T
	r         *rig
	rnd       *rand.Rand
	live      []*Command // in flight, and wanted
	accepted  int
	ended     int
	gone      map[*Command][]byte // abandoned, with what their memory held then
	lied      bool                // the server sent garbage
	abandoned int
	over      bool
}

func newWorld(t *testing.T, m mode, seed uint64) *world {
	p, cfg := newPeer(), DefaultConfig()
	p.disk = p.disk[:400<<10]
	cfg.ExtendedHeaders, cfg.StructuredReplies = m == extended, m != simple
	cfg.MetaContexts = []string{"base:allocation", "x:y"}
	w := &world{t: t, r: newRig(t, cfg, p).run(), rnd: rand.New(rand.NewPCG(seed, 2)),
		gone: map[*Command][]byte{}}
	p.chance = rand.New(rand.NewPCG(seed, 3))
	return w
}

// listen takes the events and checks what they say against the model.
func (w *world) listen() {
	c, p := w.r.c, w.r.peer
	for ev := c.Next(); ev != nil; ev = c.Next() {
		if w.over {
			w.t.Fatalf("an event behind the end: %s", describe(ev))
		}
		switch ev.Kind {
		case EventEnd:
			w.over = true
		case EventDone, EventData, EventHole, EventError, EventExtents:
			i := slices.Index(w.live, ev.Command)
			if i < 0 {
				w.t.Fatalf("an event about a command that is not in flight: %s", describe(ev))
			}
			if ev.Kind != EventDone {
				continue
			}
			w.live = slices.Delete(w.live, i, i+1)
			w.ended++
			if c.State() != StateClosed && c.State() != StateDead {
				w.check(ev.Command, p.outcomes[ev.Command.Cookie()])
			}
		}
	}
}

// check compares the end of a command with what the server had decided.
func (w *world) check(cmd *Command, want outcome) {
	if w.lied {
		return
	}
	if (cmd.Err != nil) != (want.errno != 0) {
		w.t.Fatalf("%v ended with %v, the server's error is %d", cmd.Type, cmd.Err, want.errno)
	}
	if cmd.Type == wire.CmdRead && cmd.Err == nil && !bytes.Equal(cmd.Data, want.data) {
		w.t.Fatalf("a read of %d bytes at %d has the wrong data", len(cmd.Data), cmd.Offset)
	}
}

func (w *world) submit(typ wire.Command) {
	c := w.r.c
	size := 1 + w.rnd.IntN(2000)
	if w.rnd.IntN(30) == 0 {
		size = 1 + w.rnd.IntN(300<<10)
	}
	cmd := &Command{Type: typ, Offset: uint64(w.rnd.IntN(len(w.r.peer.disk) - size)), Chunks: w.rnd.IntN(2) == 0}
	switch typ {
	case wire.CmdRead:
		cmd.Data = make([]byte, size)
	case wire.CmdWrite:
		cmd.Data = pattern(size, byte(w.rnd.Uint32()))
	case wire.CmdFlush:
		cmd.Offset = 0
	case wire.CmdBlockStatus:
		cmd.Length = uint64(size)
		if !c.Structured() {
			return
		}
		if c.Extended() && w.rnd.IntN(2) == 0 {
			cmd.Contexts = []uint32{2}
		}
		if w.rnd.IntN(3) == 0 {
			cmd.Flags = wire.CmdFlagReqOne
		}
	default:
		cmd.Length = uint64(size)
	}
	err := c.Submit(cmd)
	if allowed := c.transmitting() && !c.Disconnecting(); (err == nil) != allowed {
		w.t.Fatalf("submitting to a connection which is %v: %v", c.State(), err)
	}
	if err == nil {
		w.accepted++
		w.live = append(w.live, cmd)
	}
}

func (w *world) abandon() {
	if len(w.live) == 0 {
		return
	}
	i := w.rnd.IntN(len(w.live))
	cmd := w.live[i]
	if !w.r.c.Abandon(cmd) {
		w.t.Fatalf("%v cannot be abandoned", cmd.Type)
	}
	w.live = slices.Delete(w.live, i, i+1)
	w.abandoned++
	for i := range cmd.Data {
		cmd.Data[i] = byte(w.rnd.Uint32())
	}
	w.gone[cmd] = bytes.Clone(cmd.Data)
}

// send sends at most n bytes, receive receives so many.
func (w *world) send(n int) {
	if w.r.c.Pending() {
		w.r.peer.receive(sendSome(w.r.c, n))
	}
}

func (w *world) receive(n int) {
	p := w.r.peer
	took := fill(w.r.c, p.out[:min(n, len(p.out))])
	p.out = p.out[took:]
}

// operate does what a byte says.
func (w *world) operate(op byte) {
	c, p := w.r.c, w.r.peer
	kinds := []wire.Command{wire.CmdRead, wire.CmdWrite, wire.CmdRead, wire.CmdFlush, wire.CmdTrim, wire.CmdCache, wire.CmdWriteZeroes, wire.CmdBlockStatus}
	switch {
	case op < 96:
		w.submit(kinds[int(op)%len(kinds)])
	case op < 112:
		w.abandon()
	case op < 144:
		w.send(1 + w.rnd.IntN(64))
	case op < 168:
		w.send(1 << 30)
	case op < 192:
		p.emit()
	case op < 216:
		w.receive(1 + w.rnd.IntN(100))
	case op < 246:
		w.receive(1 << 20)
	case op == 246 && c.transmitting() && !c.Disconnecting():
		if err := c.Disconnect(); err != nil {
			w.t.Fatal(err)
		}
	case op == 247:
		w.lied = true
		p.out = append(p.out, pattern(w.rnd.IntN(40), byte(w.rnd.Uint32()))...)
	case op == 248:
		w.listen()
		c.EOF()
	case op == 249:
		c.Fail(bytes.ErrTooLarge)
	case op == 250:
		c.Close()
	}
	// A driver listens before it asks what is wanted; it may abandon and
	// submit before it does.
	if op >= 112 {
		w.listen()
	}
}

// FuzzOperations does any operations in any order, with a server that answers
// as the protocol permits, and compares all that is told with the server's
// own knowledge.
func FuzzOperations(f *testing.F) {
	r := rand.New(rand.NewPCG(1, 2))
	for m := range byte(3) {
		for range 20 {
			ops := make([]byte, 300)
			for i := range ops {
				ops[i] = byte(r.IntN(246))
			}
			f.Add(m, r.Uint64(), ops)
			f.Add(m, r.Uint64(), append(ops[:100:100], byte(246+r.IntN(5)), 0, 100, 150, 220))
		}
	}
	f.Fuzz(func(t *testing.T, m byte, seed uint64, ops []byte) {
		w := newWorld(t, mode(m%3), seed)
		for _, op := range ops[:min(len(ops), 2000)] {
			w.operate(op)
		}
		// Let everything come to its end.
		c, p := w.r.c, w.r.peer
		for !w.over {
			w.listen()
			sent, got := c.Unsent(), c.Stats().BytesReceived
			w.send(1 << 30)
			p.emitAll()
			w.receive(1 << 20)
			w.listen()
			if c.Unsent() == sent && c.Stats().BytesReceived == got {
				if len(w.live) > 0 && !w.lied && c.transmitting() {
					t.Fatalf("%d commands never end", len(w.live))
				}
				c.EOF()
			}
		}
		if !w.lied && p.garbage {
			t.Error("the server received garbage")
		}
		if c.InFlight() != 0 || w.accepted != w.ended+w.abandoned {
			t.Errorf("of %d commands %d have ended and %d were abandoned, %d are in flight", w.accepted, w.ended, w.abandoned, c.InFlight())
		}
		for cmd, want := range w.gone {
			if !bytes.Equal(cmd.Data, want) {
				t.Errorf("the memory of an abandoned %v was written to", cmd.Type)
			}
		}
	})
}
