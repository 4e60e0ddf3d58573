package nbdserver

import (
	"math"
	"reflect"
	"slices"
	"testing"

	"github.com/gonbd/gonbd/internal/wire"
)

// extents is a disk of 7 EiB whose extents are a list.
type extents struct {
	Backend
	list []Extent
}

func (e extents) Size() int64 { return 7 << 60 }
func (e extents) Extents(dst []Extent, off, n int64, most int) ([]Extent, error) {
	return append(dst, e.list...), nil
}

func listed(list ...Extent) func([]Extent, int64, int64, int) ([]Extent, error) {
	return extents{list: list}.Extents
}

// status asks for the status of a range, and gives the extents by context ID.
func (c *client) status(flags wire.CommandFlags, off, n uint64, payload []byte) (map[uint32][]wire.Extent, uint32) {
	c.t.Helper()
	length := n
	if payload != nil {
		flags |= wire.CmdFlagPayloadLen
		length = uint64(len(payload))
	}
	chunks, errno, _ := c.do(wire.Request{Type: wire.CmdBlockStatus, Flags: flags, Offset: off, Length: length}, payload)
	if errno != 0 {
		return nil, errno
	}
	got := make(map[uint32][]wire.Extent)
	for _, k := range chunks {
		if want := map[bool]wire.ReplyType{true: wire.ReplyBlockStatusExt, false: wire.ReplyBlockStatus}[c.extended]; k.Type != want {
			c.t.Fatalf("chunk %v, expected %v", k.Type, want)
		}
		id, list, err := wire.ParseBlockStatus(k.Type, k.payload, nil)
		if err != nil || got[id] != nil {
			c.t.Fatalf("context %d: %v", id, err)
		}
		got[id] = list
	}
	return got, 0
}

func TestBlockStatus(t *testing.T) {
	type ex = Extent
	const all = 7 << 60
	for _, tt := range []struct {
		name   string
		list   []Extent
		min    uint32
		flags  wire.CommandFlags
		off, n uint64
		want   []ex // extended
		want32 []ex // structured; nil: the same
		errno  uint32
	}{
		{name: "as it is", list: []Extent{{4096, 0}, {4096, 3}, {100, 2}}, n: 9000, want: []ex{{4096, 0}, {4096, 3}, {100, 2}}},
		{name: "merged", list: []Extent{{1, 3}, {2, 3}, {3, 0}}, n: 9000, want: []ex{{3, 3}, {3, 0}}},
		{name: "more than wanted", list: []Extent{{4096, 0}, {4096, 3}, {4096, 0}}, n: 5000, want: []ex{{4096, 0}, {4096, 3}}},
		{name: "one", list: []Extent{{4096, 0}, {4096, 3}}, flags: wire.CmdFlagReqOne, n: 5000, want: []ex{{4096, 0}}},
		{name: "one, no longer than asked", list: []Extent{{4096, 0}}, flags: wire.CmdFlagReqOne, n: 100, want: []ex{{100, 0}}},
		{name: "all", list: []Extent{{all, 3}}, n: 1 << 31, want: []ex{{all, 3}}, want32: []ex{{0xffff0000, 3}}},
		{name: "long one later", list: []Extent{{4096, 0}, {1 << 40, 3}, {1, 0}}, n: 1 << 31, want: []ex{{4096, 0}, {1 << 40, 3}}, want32: []ex{{4096, 0}, {0xffff0000, 3}}},
		{name: "beyond the end", list: []Extent{{math.MaxInt64, 1}}, off: all - 10, n: 10, want: []ex{{10, 1}}},
		{name: "blocks", list: []Extent{{700, 3}, {100, 1}, {224 + 512, 0}, {512, 2}}, min: 512, n: 4096, want: []ex{{512, 3}, {1024, 0}, {512, 2}}},
		{name: "flags in common", list: []Extent{{100, 1}, {412, 3}, {1, 2}}, min: 512, n: 4096, want: []ex{{512, 1}}},
		{name: "less than a block", list: []Extent{{100, 3}}, min: 512, n: 4096, want: []ex{{512, 0}}},
		{name: "none", n: 4096, errno: wire.EIO},
		{name: "empty extent", list: []Extent{{0, 0}}, n: 4096, errno: wire.EIO},
		{name: "negative extent", list: []Extent{{4096, 0}, {-1, 0}}, n: 8192, errno: wire.EIO},
		{name: "flags too wide", list: []Extent{{4096, 1 << 32}}, n: 4096, errno: wire.EIO},
		{name: "empty range", list: []Extent{{4096, 0}}, n: 0, errno: wire.EINVAL},
		{name: "range beyond the end", list: []Extent{{4096, 0}}, off: all, n: 1, errno: wire.EINVAL},
		{name: "with FUA", list: []Extent{{4096, 0}}, flags: wire.CmdFlagDF, n: 1, errno: wire.EINVAL},
	} {
		for _, m := range []mode{structured, extended} {
			t.Run(tt.name+"/"+m.String(), func(t *testing.T) {
				e := &Export{Backend: extents{Backend: NewMemory(0), list: tt.list}, BlockSize: BlockSize{Minimum: tt.min}}
				c, _, _ := open(t, &Server{Exports: []*Export{e}}, m, "", baseAllocation)
				want := tt.want
				if m == structured && tt.want32 != nil {
					want = tt.want32
				}
				got, errno := c.status(tt.flags, tt.off, tt.n, nil)
				var list []Extent
				for _, e := range got[1] {
					list = append(list, Extent{int64(e.Length), e.Flags})
				}
				if errno != tt.errno || !slices.Equal(list, want) {
					t.Errorf("extents %v, error %s; expected %v, %s", list, wire.ErrorName(errno), want, wire.ErrorName(tt.errno))
				}
			})
		}
	}
}

func TestBlockStatusContexts(t *testing.T) {
	e := &Export{Backend: &plain{}, MetaContexts: []MetaContext{
		{"x-test:dirty", false, listed(Extent{1024, 1}, Extent{3072, 0})},
		{"x-test:wide", true, listed(Extent{4096, 1 << 63})},
	}}
	s := &Server{Exports: []*Export{e}}
	c, _, _ := open(t, s, extended, "", baseAllocation, "x-test:dirty", "x-test:wide")
	want := map[uint32][]wire.Extent{1: {{Length: 4096}}, 2: {{Length: 1024, Flags: 1}, {Length: 3072}}, 3: {{Length: 4096, Flags: 1 << 63}}}
	if got, errno := c.status(0, 0, 4096, nil); errno != 0 || !reflect.DeepEqual(got, want) {
		t.Errorf("all contexts: %v, %s", got, wire.ErrorName(errno))
	}
	for _, tt := range []struct {
		name    string
		payload []byte
		ids     []uint32
		errno   uint32
	}{
		{"one", wire.AppendBlockStatusPayload(nil, 4096, []uint32{2}), []uint32{2}, 0},
		{"two", wire.AppendBlockStatusPayload(nil, 4096, []uint32{3, 1}), []uint32{1, 3}, 0},
		{"none", wire.AppendBlockStatusPayload(nil, 4096, nil), nil, wire.EINVAL},
		{"twice", wire.AppendBlockStatusPayload(nil, 4096, []uint32{1, 1}), nil, wire.EINVAL},
		{"unknown", wire.AppendBlockStatusPayload(nil, 4096, []uint32{4}), nil, wire.EINVAL},
		{"zero", wire.AppendBlockStatusPayload(nil, 4096, []uint32{0}), nil, wire.EINVAL},
		{"too many", wire.AppendBlockStatusPayload(nil, 4096, make([]uint32, 10000)), nil, wire.EINVAL},
		{"beyond the end", wire.AppendBlockStatusPayload(nil, 4097, []uint32{1}), nil, wire.EINVAL},
		{"empty range", wire.AppendBlockStatusPayload(nil, 0, []uint32{1}), nil, wire.EINVAL},
		{"malformed", make([]byte, 9), nil, wire.EINVAL},
		{"too short", make([]byte, 4), nil, wire.EINVAL},
	} {
		got, errno := c.status(0, 0, 0, tt.payload)
		some := map[uint32][]wire.Extent{}
		for _, id := range tt.ids {
			some[id] = want[id]
		}
		if errno != tt.errno || errno == 0 && !reflect.DeepEqual(got, some) {
			t.Errorf("%s: %v, %s; expected %v, %s", tt.name, got, wire.ErrorName(errno), some, wire.ErrorName(tt.errno))
		}
	}
	if err := c.disconnect(); err != nil {
		t.Error(err)
	}
	c, _, _ = open(t, s, structured, "", "x-test:dirty")
	if got, _ := c.status(wire.CmdFlagReqOne, 0, 512, nil); !reflect.DeepEqual(got, map[uint32][]wire.Extent{1: {{Length: 512, Flags: 1}}}) {
		t.Errorf("one context: %v", got)
	}
}
