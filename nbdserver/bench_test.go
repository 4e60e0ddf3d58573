package nbdserver

import (
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/gonbd/gonbd/internal/wire"
)

// stream keeps depth requests like r in flight on a connection, n in all, and
// reads the replies of which each has size bytes.
func stream(t testing.TB, c *client, r wire.Request, payload []byte, size, depth, n int) {
	t.Helper()
	c.nc.SetDeadline(time.Time{})
	request := append(wire.AppendRequest(nil, &r, c.extended), payload...)
	reply := make([]byte, size)
	for sent, received := 0, 0; received < n; received++ {
		for ; sent < n && sent < received+depth; sent++ {
			if _, err := c.nc.Write(request); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := io.ReadFull(c.nc, reply); err != nil {
			t.Fatal(err)
		}
	}
}

// workloads are what is measured: reads and writes, small and large.
var workloads = []struct {
	name  string
	size  int
	depth int
	write bool
}{
	{"read-4k", 4 << 10, 1, false}, {"read-4k", 4 << 10, 16, false}, {"read-256k", 256 << 10, 4, false},
	{"write-4k", 4 << 10, 1, true}, {"write-4k", 4 << 10, 16, true}, {"write-256k", 256 << 10, 4, true},
}

func BenchmarkServer(b *testing.B) {
	for _, kind := range []string{"memory", "file"} {
		for _, w := range workloads {
			b.Run(fmt.Sprintf("%s/%s/depth-%d", kind, w.name, w.depth), func(b *testing.B) {
				var backend Backend
				if kind == "memory" {
					backend = NewMemory(1 << 20)
				} else {
					backend = &benchFile{NewMemory(1 << 20)}
				}
				c, _, _ := open(b, &Server{Exports: []*Export{{Backend: backend}}}, extended, "")
				data := make([]byte, w.size)
				write := c.writeRequest(0, w.size)
				stream(b, c, write, data, wire.ExtendedReplySize, 1, 1)
				b.SetBytes(int64(w.size))
				b.ReportAllocs()
				b.ResetTimer()
				if w.write {
					stream(b, c, write, data, wire.ExtendedReplySize, w.depth, b.N)
				} else {
					stream(b, c, wire.Request{Length: uint64(w.size)}, nil, wire.ExtendedReplySize+wire.OffsetDataSize+w.size, w.depth, b.N)
				}
			})
		}
	}
}

// benchFile is memory that counts as slow, so that workers serve it.
type benchFile struct{ *Memory }

func (*benchFile) Immediate() bool { return false }

// TestNoAllocations pins reads and writes at nothing allocated in the steady
// state, by the server and the test's own client together.
func TestNoAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector makes sync.Pool forget on purpose")
	}
	for _, b := range []Backend{NewMemory(1 << 20), slow{NewMemory(1 << 20)}} {
		for _, size := range []int{4 << 10, 128 << 10} {
			c, _, _ := open(t, &Server{Exports: []*Export{{Backend: b}}}, extended, "")
			c.nc.SetDeadline(time.Time{})
			write := append(wire.AppendRequest(nil, new(c.writeRequest(0, size)), true), make([]byte, size)...)
			read := wire.AppendRequest(nil, &wire.Request{Length: uint64(size)}, true)
			reply := make([]byte, wire.ExtendedReplySize+wire.OffsetDataSize+size)
			once := func() {
				c.nc.Write(write)
				io.ReadFull(c.nc, reply[:wire.ExtendedReplySize])
				c.nc.Write(read)
				io.ReadFull(c.nc, reply)
			}
			for range 100 {
				once()
			}
			if got := testing.AllocsPerRun(1000, once); got > 0 {
				t.Errorf("%T, %d bytes: %v allocations for a write and a read", b, size, got)
			}
		}
	}
}
