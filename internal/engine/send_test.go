package engine

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/gonbd/gonbd/internal/wire"
)

// TestSendQueue sends random commands in random pieces. What goes out must be
// what was queued, one after the other.
func TestSendQueue(t *testing.T) {
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 1))
		m := modes[r.IntN(len(modes))]
		c := connect(t, m)
		var want, got []byte
		for range 500 {
			if r.IntN(2) == 0 {
				cmd := &Command{Type: wire.CmdFlush}
				if r.IntN(2) == 0 {
					cmd = &Command{Type: wire.CmdWrite, Data: pattern(r.IntN(3)*r.IntN(200), byte(r.Uint32())), Offset: uint64(r.IntN(1000))}
				}
				if err := c.Submit(cmd); err != nil {
					t.Fatal(err)
				}
				req := wire.Request{Type: cmd.Type, Cookie: cmd.Cookie(), Offset: cmd.Offset, Length: uint64(len(cmd.Data))}
				if cmd.Type == wire.CmdWrite && m == extended {
					req.Flags = wire.CmdFlagPayloadLen
				}
				want = append(wire.AppendRequest(want, &req, m == extended), cmd.Data...)
			} else if c.Pending() {
				got = append(got, sendSome(c, 1+r.IntN(300))...)
			}
			if c.Unsent() != uint64(len(want)-len(got)) || c.Pending() != (len(want) > len(got)) {
				t.Fatalf("seed %d: %d bytes are unsent, want %d", seed, c.Unsent(), len(want)-len(got))
			}
		}
		got = append(got, sendAll(c)...)
		if !bytes.Equal(got, want) {
			t.Fatalf("seed %d: what was sent is not what was queued", seed)
		}
		if c.Outgoing() != nil {
			t.Errorf("an empty queue gives something")
		}
	}
}

// TestQueueDoesNotGrow keeps the queue from ever being empty.
func TestQueueDoesNotGrow(t *testing.T) {
	for name, write := range map[string]bool{"headers": false, "payloads": true} {
		t.Run(name, func(t *testing.T) {
			c := connect(t, simple)
			cmd := func() *Command {
				if write {
					return &Command{Type: wire.CmdWrite, Data: make([]byte, 100)}
				}
				return &Command{Type: wire.CmdFlush}
			}
			if err := c.Submit(cmd()); err != nil {
				t.Fatal(err)
			}
			size := int(c.Unsent())
			for range 20_000 {
				next := cmd()
				if err := c.Submit(next); err != nil {
					t.Fatal(err)
				}
				// All but the last bytes of what was queued last.
				for left := size; left > 0; {
					left -= len(sendSome(c, left))
				}
				if !c.Pending() {
					t.Fatal("the queue is empty")
				}
			}
			if got := cap(c.arena); got > 8*compactAt {
				t.Errorf("the arena has grown to %d bytes", got)
			}
			if got := cap(c.segs); got > 8*compactSegs {
				t.Errorf("the queue has grown to %d segments", got)
			}
		})
	}
}

// TestManyPieces queues more than one vector holds.
func TestManyPieces(t *testing.T) {
	c := connect(t, simple)
	for range 3 * maxVector {
		if err := c.Submit(&Command{Type: wire.CmdWrite, Data: make([]byte, 1)}); err != nil {
			t.Fatal(err)
		}
	}
	if got := len(c.Outgoing()); got != maxVector {
		t.Errorf("%d pieces at once", got)
	}
	if got := len(sendAll(c)); got != 3*maxVector*(wire.RequestSize+1) {
		t.Errorf("%d bytes were sent", got)
	}
}
