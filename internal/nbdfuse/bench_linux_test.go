//go:build !386 && !arm && !mips && !mipsle

package nbdfuse

import (
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gonbd/gonbd/internal/peers"
)

// BenchmarkMount is our mount and that of the C tool, in turns, on nbdkit's
// memory. It reports the speed of ours, and the median of the ratios of each
// turn: above 1, ours is faster.
//
//	go test -run TestNone -bench Mount ./internal/nbdfuse
func BenchmarkMount(b *testing.B) {
	peers.Forky.Need(b, "nbdfuse")
	peers.Bookworm.Need(b, "nbdkit")
	const size, turns, turn = 256 << 20, 5, 300 * time.Millisecond
	server := []string{peers.NbdkitUnix(b, peers.Bookworm, "memory", "256M").URI("")}
	ours, c := mountOurs(b, nil, server), mountC(b, nil, server)
	work(b, ours, job{write: true, length: 1 << 20, size: size}, turn) // no page is new later
	for _, j := range []job{
		{name: "sequential-read-1M", length: 1 << 20},
		{name: "sequential-read-128K", length: 128 << 10},
		{name: "sequential-write-1M", write: true, length: 1 << 20},
		{name: "sequential-write-64K", write: true, length: 64 << 10},
		{name: "random-read-4K", random: true, length: 4 << 10, jobs: 1},
		{name: "random-read-4K-by-4", random: true, length: 4 << 10, jobs: 4},
		{name: "random-write-4K", random: true, write: true, length: 4 << 10, jobs: 1},
		{name: "random-write-4K-by-4", random: true, write: true, length: 4 << 10, jobs: 4},
	} {
		b.Run(j.name, func(b *testing.B) {
			j.size = size
			var ratios []float64
			var speed float64
			for b.Loop() {
				for range turns {
					x, y := work(b, ours, j, turn), work(b, c, j, turn)
					ratios = append(ratios, x/y)
					speed = max(speed, x)
				}
			}
			slices.Sort(ratios)
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(speed/1e6, "MB/s")
			b.ReportMetric(ratios[len(ratios)/2], "ours/C")
		})
	}
}

// job is what is read or written.
type job struct {
	name          string
	write, random bool
	length, size  int64
	jobs          int
}

// work does a job for a while, past what is cached, and gives its speed in
// bytes a second.
func work(b *testing.B, m *tool, j job, d time.Duration) float64 {
	b.Helper()
	flags := os.O_RDWR
	if j.random && !j.write {
		flags |= syscall.O_DIRECT
	}
	var total int64
	var mu sync.Mutex
	var wg sync.WaitGroup
	start := time.Now()
	for range max(1, j.jobs) {
		fd := m.open(flags)
		wg.Go(func() {
			defer syscall.Close(fd)
			buf, err := unix.Mmap(-1, 0, int(j.length), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
			if err != nil {
				b.Error(err)
				return
			}
			defer unix.Munmap(buf)
			n, off := int64(0), int64(0)
			for ; time.Since(start) < d; n += j.length {
				if off += j.length; j.random {
					off = rand.Int64N(j.size/j.length) * j.length
				} else if off >= j.size {
					off = 0
					unix.Fadvise(fd, 0, 0, unix.FADV_DONTNEED)
				}
				if j.write {
					_, err = syscall.Pwrite(fd, buf, off)
				} else {
					_, err = syscall.Pread(fd, buf, off)
				}
				if err != nil {
					b.Errorf("%s: %v", strings.TrimSpace(j.name), err)
					return
				}
			}
			mu.Lock()
			total += n
			mu.Unlock()
		})
	}
	wg.Wait()
	return float64(total) / time.Since(start).Seconds()
}
