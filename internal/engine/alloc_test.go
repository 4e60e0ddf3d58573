package engine

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/gonbd/gonbd/internal/wire"
)

// mirror is a server half that answers every read and write at once, and
// allocates nothing.
type mirror struct {
	c     *Conn
	m     mode
	in    [64 << 10]byte
	out   []byte
	block []byte
}

func newMirror(t testing.TB, m mode) *mirror {
	return &mirror{c: connect(t, m), m: m, block: make([]byte, 4096)}
}

// turn takes what the Conn sends, answers it, and gives the answers to it. It
// gives the number of commands that have ended.
func (s *mirror) turn() (done int) {
	n := 0
	for s.c.Pending() {
		start := n
		for _, b := range s.c.Outgoing() {
			n += copy(s.in[n:], b)
		}
		s.c.Sent(n - start)
	}
	size := wire.RequestSize
	if s.m == extended {
		size = wire.ExtendedRequestSize
	}
	s.out = s.out[:0]
	for in := s.in[:n]; len(in) > 0; in = in[size:] {
		s.answer(wire.Command(binary.BigEndian.Uint16(in[6:])), binary.BigEndian.Uint64(in[8:]), binary.BigEndian.Uint64(in[16:]))
		if wire.Command(binary.BigEndian.Uint16(in[6:])) == wire.CmdWrite {
			in = in[len(s.block):]
		}
	}
	for out := s.out; len(out) > 0; {
		out = out[fill(s.c, out):]
		for ev := s.c.Next(); ev != nil; ev = s.c.Next() {
			if ev.Kind == EventDone {
				done++
			}
		}
	}
	return done
}

func (s *mirror) answer(typ wire.Command, cookie, offset uint64) {
	h := wire.Reply{Magic: wire.SimpleReplyMagic, Cookie: cookie}
	if s.m != simple {
		h.Magic, h.Flags = wire.StructuredReplyMagic, final
	}
	if s.m == extended {
		h.Magic, h.Offset = wire.ExtendedReplyMagic, offset
	}
	if typ == wire.CmdRead {
		h.Type, h.Length = wire.ReplyOffsetData, uint64(wire.OffsetDataSize+len(s.block))
	}
	s.out = wire.AppendReply(s.out, &h)
	if typ == wire.CmdRead {
		if s.m != simple {
			s.out = wire.AppendOffsetData(s.out, offset)
		}
		s.out = append(s.out, s.block...)
	}
}

// TestNoAllocations pins what a command costs in the long run.
func TestNoAllocations(t *testing.T) {
	for _, m := range modes {
		for _, typ := range []wire.Command{wire.CmdRead, wire.CmdWrite} {
			t.Run(fmt.Sprintf("%v/%v", m, typ), func(t *testing.T) {
				s := newMirror(t, m)
				cmd := &Command{Type: typ, Data: make([]byte, 4096)}
				one := func() {
					if err := s.c.Submit(cmd); err != nil {
						t.Fatal(err)
					}
					if s.turn() != 1 || cmd.Err != nil {
						t.Fatal(cmd.Err, s.c.Err())
					}
				}
				one()
				if n := testing.AllocsPerRun(200, one); n != 0 {
					t.Errorf("%v allocations", n)
				}
			})
		}
	}
}

// BenchmarkRead4K reads blocks of 4 KiB, at several depths of the queue,
// through the engine alone.
func BenchmarkRead4K(b *testing.B) {
	for _, m := range modes {
		for _, depth := range []int{1, 64} {
			b.Run(fmt.Sprintf("%v/%d", m, depth), func(b *testing.B) {
				s := newMirror(b, m)
				free := make([]*Command, depth)
				for i := range free {
					free[i] = &Command{Type: wire.CmdRead, Offset: uint64(i) * 4096, Data: make([]byte, 4096)}
				}
				b.SetBytes(4096)
				b.ReportAllocs()
				b.ResetTimer()
				for n := 0; n < b.N; {
					for _, cmd := range free[:min(depth, b.N-n)] {
						if err := s.c.Submit(cmd); err != nil {
							b.Fatal(err)
						}
					}
					n += s.turn()
				}
			})
		}
	}
}
