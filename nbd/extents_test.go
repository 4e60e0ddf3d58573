package nbd

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/gonbd/gonbd/internal/script"
	"github.com/gonbd/gonbd/internal/wire"
	"github.com/gonbd/gonbd/nbdserver"
)

// extentsOf collects extents, and the error that ended them.
func extentsOf(t *testing.T, c *Client, off, n int64, name string) ([]Extent, error) {
	t.Helper()
	var list []Extent
	for e, err := range c.Extents(limited(t), off, n, name) {
		if err != nil {
			return list, err
		}
		list = append(list, e)
	}
	return list, nil
}

// runs makes an Extents function of runs of one length whose flags are their
// number by div, and which answers at most a few at a time.
func runs(length int64, div uint64, atOnce int) func([]nbdserver.Extent, int64, int64, int) ([]nbdserver.Extent, error) {
	return func(dst []nbdserver.Extent, off, n int64, most int) ([]nbdserver.Extent, error) {
		for i := 0; i < atOnce && i < most && n > 0; i++ {
			k := length - off%length
			dst = append(dst, nbdserver.Extent{Length: k, Flags: uint64(off/length) / div})
			off += k
			n -= k
		}
		return dst, nil
	}
}

func TestExtents(t *testing.T) {
	const size = 64 << 10
	export := func() *nbdserver.Export {
		return &nbdserver.Export{Backend: newDisk(size), MetaContexts: []nbdserver.MetaContext{
			{Name: "x:runs", Extents: runs(1000, 1, 3)},
			{Name: "x:pairs", Extents: runs(1000, 2, 1)},
			{Name: "x:same", Extents: runs(1000, 1000, 2)},
			{Name: "x:bad", Extents: func(dst []nbdserver.Extent, off, n int64, most int) ([]nbdserver.Extent, error) {
				if off >= 5000 {
					return nil, syscall.EIO
				}
				return runs(1000, 2, 1)(dst, off, n, most)
			}},
		}}
	}
	modes := []struct {
		name string
		opts []Option
		off  nbdserver.Features
	}{
		{"payload filter", nil, nbdserver.Features{}},
		{"no payload filter", nil, nbdserver.Features{BlockStatusPayload: true}},
		{"structured", []Option{WithoutExtendedHeaders()}, nbdserver.Features{}},
	}
	for _, mode := range modes {
		t.Run(mode.name, func(t *testing.T) {
			s := server(export())
			s.Disable = mode.off
			c := open(t, s, append(mode.opts, WithMetaContexts("x:runs", "x:pairs"), WithMetaContexts("x:same"))...)
			for _, tt := range []struct {
				off, n int64
				name   string
				want   []Extent
			}{
				{0, 0, "x:runs", nil},
				{size, 0, "x:runs", nil},
				{0, 1000, "x:runs", []Extent{{0, 1000, 0}}},
				{500, 1, "x:runs", []Extent{{500, 1, 0}}},
				{500, 4600, "x:runs", []Extent{{500, 500, 0}, {1000, 1000, 1}, {2000, 1000, 2}, {3000, 1000, 3}, {4000, 1000, 4}, {5000, 100, 5}}},
				{500, 4600, "x:pairs", []Extent{{500, 1500, 0}, {2000, 2000, 1}, {4000, 1100, 2}}},
				{1, size - 2, "x:same", []Extent{{1, size - 2, 0}}},
				{size - 1, 1, "x:same", []Extent{{size - 1, 1, 0}}},
			} {
				got, err := extentsOf(t, c, tt.off, tt.n, tt.name)
				if err != nil || !slices.Equal(got, tt.want) {
					t.Errorf("%s of %d bytes at %d: %v, %v, expected %v", tt.name, tt.n, tt.off, got, err, tt.want)
				}
			}
		})
	}
	t.Run("one context", func(t *testing.T) {
		c := open(t, server(export()), WithMetaContexts("x:pairs"))
		if got, err := extentsOf(t, c, 0, size, "x:pairs"); err != nil || len(got) != 33 || got[32] != (Extent{64000, 1536, 32}) {
			t.Errorf("%v, %v", got, err)
		}
	})
	t.Run("error in the middle", func(t *testing.T) {
		c := open(t, server(export()), WithMetaContexts("x:bad"))
		got, err := extentsOf(t, c, 0, size, "x:bad")
		want := []Extent{{0, 2000, 0}, {2000, 2000, 1}, {4000, 1000, 2}}
		if !slices.Equal(got, want) || !errors.Is(err, syscall.EIO) {
			t.Errorf("%v, %v, expected %v and EIO", got, err, want)
		}
		if got, err := extentsOf(t, c, 0, 1000, "x:bad"); err != nil || len(got) != 1 {
			t.Errorf("afterwards: %v, %v", got, err)
		}
	})
	t.Run("break", func(t *testing.T) {
		c := open(t, server(export()), WithMetaContexts("x:runs"))
		for n := range 10 {
			seen := 0
			for _, err := range c.Extents(limited(t), 0, size, "x:runs") {
				if err != nil {
					t.Fatal(err)
				}
				if seen++; seen > n {
					break
				}
			}
			if seen != n+1 {
				t.Errorf("%d extents before the break", seen)
			}
		}
	})
	t.Run("break at the error", func(t *testing.T) {
		c := open(t, server(export()), WithMetaContexts("x:bad"))
		seen := 0
		for range c.Extents(limited(t), 0, size, "x:bad") {
			if seen++; seen == 3 { // the last before the error
				break
			}
		}
	})
	t.Run("iterated twice", func(t *testing.T) {
		c := open(t, server(export()), WithMetaContexts("x:pairs"))
		seq := c.Extents(limited(t), 0, 5000, "x:pairs")
		for range 2 {
			n := 0
			for range seq {
				n++
			}
			if n != 3 {
				t.Errorf("%d extents", n)
			}
		}
	})
	t.Run("not selected", func(t *testing.T) {
		c := open(t, server(export()), WithMetaContexts("x:runs", "x:none"))
		for name, want := range map[string]string{
			"x:pairs":         "was not selected",
			"base:allocation": "was not selected",
			"x:none":          "the server does not offer",
		} {
			_, err := extentsOf(t, c, 0, 1, name)
			if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), name) || !errors.Is(err, syscall.ENOTSUP) {
				t.Errorf("%s: %v", name, err)
			}
		}
		for _, r := range [][2]int64{{-1, 1}, {0, -1}, {1, size}, {size + 1, 0}} {
			if _, err := extentsOf(t, c, r[0], r[1], "x:runs"); !errors.Is(err, syscall.EINVAL) {
				t.Errorf("range %v: %v", r, err)
			}
		}
	})
	t.Run("without structured replies", func(t *testing.T) {
		c := open(t, server(export()), WithMetaContexts("x:runs"), WithoutStructuredReplies())
		if _, err := extentsOf(t, c, 0, 1, "x:runs"); !errors.Is(err, syscall.ENOTSUP) {
			t.Error(err)
		}
	})
}

func TestExtentsOfHugeDisk(t *testing.T) {
	const size = 1 << 60
	d := nbdserver.NewMemory(size)
	d.WriteAt(make([]byte, 1), size/2)
	for _, off := range []int64{0, 5} {
		c := open(t, server(&nbdserver.Export{Backend: d}), WithMetaContexts(ContextBaseAllocation))
		got, err := extentsOf(t, c, off, size-off, ContextBaseAllocation)
		if err != nil || len(got) != 3 {
			t.Fatalf("%v, %v", got, err)
		}
		if !got[0].Hole() || !got[0].Zero() || got[1].Hole() || got[1].Zero() || got[0].Offset != off || got[1].Offset != size/2 || got[2].Offset+got[2].Length != size {
			t.Errorf("%+v", got)
		}
	}
}

// TestExtentsAligned asks by single bytes where the server wants blocks.
func TestExtentsAligned(t *testing.T) {
	const size = 64 << 10
	for _, most := range []int{1, 100} {
		e := &nbdserver.Export{Backend: newDisk(size), BlockSize: nbdserver.BlockSize{Minimum: 4096},
			MetaContexts: []nbdserver.MetaContext{{Name: "x:blocks", Extents: runs(4096, 2, most)}}}
		c := open(t, server(e), WithMetaContexts("x:blocks"))
		for _, tt := range []struct {
			off, n int64
			want   []Extent
		}{
			{1, 1, []Extent{{1, 1, 0}}},
			{4095, 2, []Extent{{4095, 2, 0}}},
			{8191, 2, []Extent{{8191, 1, 0}, {8192, 1, 1}}},
			{10_000, 10_000, []Extent{{10_000, 16384 - 10_000, 1}, {16384, 20_000 - 16384, 2}}},
			{size - 1, 1, []Extent{{size - 1, 1, 7}}},
		} {
			got, err := extentsOf(t, c, tt.off, tt.n, "x:blocks")
			if err != nil || !slices.Equal(got, tt.want) {
				t.Errorf("%d bytes at %d: %v, %v, expected %v", tt.n, tt.off, got, err, tt.want)
			}
		}
	}
}

// statusReply answers a block status with the extents of the contexts.
func statusReply(extended bool, byID map[uint32][]wire.Extent) script.Step {
	return script.WithRequest(extended, wire.CmdBlockStatus, func(r wire.Request) script.Step {
		var b []byte
		ids := make([]uint32, 0, len(byID))
		for id := range byID {
			ids = append(ids, id)
		}
		slices.Sort(ids)
		for i, id := range ids {
			h := wire.Reply{Magic: wire.StructuredReplyMagic, Cookie: r.Cookie, Type: wire.ReplyBlockStatus}
			if i == len(ids)-1 {
				h.Flags = wire.ReplyFlagDone
			}
			payload := wire.AppendBlockStatus(nil, id, byID[id])
			if extended {
				h.Magic, h.Type, h.Offset = wire.ExtendedReplyMagic, wire.ReplyBlockStatusExt, r.Offset
				payload = wire.AppendBlockStatusExt(nil, id, byID[id])
			}
			h.Length = uint64(len(payload))
			b = append(wire.AppendReply(b, &h), payload...)
		}
		return script.Send(b)
	})
}

// TestExtentsLies has servers whose extents make no sense. The connection
// survives that.
func TestExtentsLies(t *testing.T) {
	const size = 10_000
	whole := []wire.Extent{{Length: size}}
	for name, lie := range map[string]map[uint32][]wire.Extent{
		"length 0":        {1: {{Length: 100}, {Length: 0}}},
		"beyond the end":  {1: {{Length: size + 1}}},
		"unknown context": {1: whole, 7: whole},
		"only another":    {7: whole},
	} {
		t.Run(name, func(t *testing.T) {
			c, wait := scripted(t, "unix", helloContext(size, plainFlags, true, "x:a"), Config{MetaContexts: []string{"x:a"}},
				statusReply(true, lie), statusReply(true, map[uint32][]wire.Extent{1: {{Length: 4000, Flags: 3}}}), statusReply(true, map[uint32][]wire.Extent{1: {{Length: 6000, Flags: 3}}}),
				script.ExpectRequest(true, wire.CmdDisc, nil))
			got, err := extentsOf(t, c, 0, size, "x:a")
			var e *Error
			if len(got) != 0 || !errors.As(err, &e) || e.Kind != ProtocolError {
				t.Errorf("%v, %v", got, err)
			}
			if got, err := extentsOf(t, c, 0, size, "x:a"); err != nil || !slices.Equal(got, []Extent{{0, size, 3}}) {
				t.Errorf("afterwards: %v, %v", got, err)
			}
			c.Close()
			if err := wait(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestExtentsBelowMinimum has a server describe less than a block of its own
// size.
func TestExtentsBelowMinimum(t *testing.T) {
	hello := script.Steps(
		script.Newstyle(wire.FlagFixedNewstyle),
		script.Answer(wire.OptExtendedHeaders, wire.RepAck, nil),
		script.ExpectOption(wire.OptSetMetaContext, nil),
		script.Send(
			wire.AppendOptionReply(nil, wire.OptSetMetaContext, wire.RepMetaContext, wire.AppendMetaContext(nil, 1, "x:a")),
			wire.AppendOptionReply(nil, wire.OptSetMetaContext, wire.RepAck, nil)),
		script.ExpectOption(wire.OptGo, nil),
		script.Send(
			wire.AppendOptionReply(nil, wire.OptGo, wire.RepInfo, wire.AppendInfoExport(nil, 64<<10, plainFlags)),
			wire.AppendOptionReply(nil, wire.OptGo, wire.RepInfo, wire.AppendInfoBlockSize(nil, wire.BlockSize{Minimum: 4096, Preferred: 4096, MaxPayload: 1 << 20})),
			wire.AppendOptionReply(nil, wire.OptGo, wire.RepAck, nil)))
	c, _ := scripted(t, "unix", hello, Config{MetaContexts: []string{"x:a"}},
		statusReply(true, map[uint32][]wire.Extent{1: {{Length: 50}, {Length: 50}}}), script.ExpectEOF())
	if _, err := extentsOf(t, c, 100, 1, "x:a"); err == nil || !strings.Contains(err.Error(), "minimum block size") {
		t.Errorf("%v", err)
	}
}

// TestExtentsFilter has a server with several contexts and payload filtering
// see which it is asked for, on each of its connections.
func TestExtentsFilter(t *testing.T) {
	c, wait := scripted(t, "unix", helloContext(1000, plainFlags|wire.FlagBlockStatusPayload, true, "x:a", "x:b"), Config{MetaContexts: []string{"x:"}},
		script.WithRequest(true, wire.CmdBlockStatus, func(r wire.Request) script.Step {
			return script.ExpectFunc(int(r.Length), func(b []byte) error {
				n, ids, err := wire.ParseBlockStatusPayload(b)
				if err != nil || n != 1000 || !slices.Equal(ids, []uint32{2}) {
					return fmt.Errorf("asked for %d bytes of %v: %v", n, ids, err)
				}
				return nil
			})
		}),
		script.Close())
	if _, err := extentsOf(t, c, 0, 1000, "x:b"); err == nil {
		t.Error("no error although the server hung up")
	}
	if err := wait(); err != nil {
		t.Error(err)
	}
}
