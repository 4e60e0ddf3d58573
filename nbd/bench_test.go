package nbd

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// The benchmarks talk over a Unix socket to a server in another process, so
// that CPU time and allocations are the client's.

func BenchmarkRead(b *testing.B)  { benchmark(b, (*Client).ReadAt) }
func BenchmarkWrite(b *testing.B) { benchmark(b, (*Client).WriteAt) }

func benchmark(b *testing.B, do func(*Client, []byte, int64) (int, error)) {
	for _, bm := range []struct{ size, depth int }{{4 << 10, 1}, {4 << 10, 16}, {4 << 10, 64}, {256 << 10, 1}, {256 << 10, 16}} {
		b.Run(fmt.Sprintf("%dKiB/depth=%d", bm.size>>10, bm.depth), func(b *testing.B) {
			c := outside(b)
			region := 64 << 20 / bm.size
			latencies := make([]time.Duration, b.N)
			var next atomic.Int64
			var wg sync.WaitGroup
			work := func() {
				p := make([]byte, bm.size)
				for {
					i := int(next.Add(1)) - 1
					if i >= b.N {
						return
					}
					begin := time.Now()
					if _, err := do(c, p, int64(i%region)*int64(bm.size)); err != nil {
						b.Error(err)
						return
					}
					latencies[i] = time.Since(begin)
				}
			}
			for i := range region { // so that the disk is there
				if _, err := c.WriteAt(make([]byte, bm.size), int64(i)*int64(bm.size)); err != nil {
					b.Fatal(err)
				}
			}
			b.SetBytes(int64(bm.size))
			b.ReportAllocs()
			b.ResetTimer()
			for range bm.depth {
				wg.Go(work)
			}
			wg.Wait()
			b.StopTimer()
			slices.Sort(latencies)
			b.ReportMetric(float64(latencies[len(latencies)/2].Nanoseconds())/1e3, "µs-p50")
			b.ReportMetric(float64(latencies[len(latencies)*99/100].Nanoseconds())/1e3, "µs-p99")
		})
	}
}
