package nbdcopy

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"
	"testing/iotest"

	"github.com/gonbd/gonbd/nbdserver"
)

// shapes are the contents of sources.
var shapes = []struct {
	name string
	data []byte
}{
	{"empty", nil},
	{"1 byte", noise(1, 1)},
	{"511 bytes", noise(2, 511)},
	{"unaligned", noise(3, 1<<20+7)},
	{"zero", make([]byte, 512<<10+513)},
	{"islands", islands(512<<10, 8192)},
	{"dense", noise(4, 512<<10)},
	{"runs", runs()},
}

// islands has 4 KiB of data at multiples of step.
func islands(size, step int) []byte {
	b := make([]byte, size)
	for off := 0; off < size; off += step {
		copy(b[off:], noise(uint64(off), 4096))
	}
	return b
}

// runs has zeroes across the ends of requests of 256 KiB, with odd ends.
func runs() []byte {
	b := noise(5, 900<<10+1)
	for _, r := range [][2]int{{200 << 10, 300 << 10}, {512<<10 - 1, 512<<10 + 1}, {600<<10 + 77, 800<<10 + 99}} {
		clear(b[r[0]:r[1]])
	}
	return b
}

var optionRows = []struct {
	name string
	opt  Options
}{
	{"default", Options{}},
	{"no extents", Options{NoExtents: true}},
	{"sparse off", Options{SparseSize: -1}},
	{"sparse 512", Options{SparseSize: 512}},
	{"sparse 64K", Options{SparseSize: 64 << 10}},
	{"allocated", Options{Allocated: true}},
	{"destination is zero", Options{DestinationIsZero: true}},
	{"synchronous", Options{Synchronous: true}},
	{"small requests", Options{RequestSize: 4096}},
	{"one request", Options{Requests: 1}},
	{"small queue", Options{QueueSize: 1, NoExtents: true, SparseSize: -1}},
}

// writeSparse writes what is not zero.
func writeSparse(t *testing.T, w io.WriterAt, data []byte) {
	t.Helper()
	for off := 0; off < len(data); off += 4096 {
		b := data[off:min(off+4096, len(data))]
		if isZero(b) {
			continue
		}
		if _, err := w.WriteAt(b, int64(off)); err != nil {
			t.Fatal(err)
		}
	}
}

var sourceRows = []struct {
	name string
	open func(t *testing.T, data []byte) func() Source
}{
	{"nbd", func(t *testing.T, data []byte) func() Source {
		m := nbdserver.NewMemory(int64(len(data)))
		writeSparse(t, m, data)
		d := serveDisk(t, &nbdserver.Export{Backend: m, MultiConn: true})
		return func() Source { return d }
	}},
	{"file", func(t *testing.T, data []byte) func() Source {
		f, err := os.Create(filepath.Join(t.TempDir(), "source"))
		if err != nil {
			t.Fatal(err)
		}
		writeSparse(t, f, data)
		if err := f.Truncate(int64(len(data))); err != nil {
			t.Fatal(err)
		}
		d, err := File(f)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { d.Close() })
		return func() Source { return d }
	}},
	{"reader", func(_ *testing.T, data []byte) func() Source {
		return func() Source { return Reader(iotest.HalfReader(iotest.DataErrReader(bytes.NewReader(data)))) }
	}},
	{"fake", func(_ *testing.T, data []byte) func() Source {
		return func() Source { return &fake{data: data} }
	}},
}

// rest is how much larger than the source destinations are that have a size
// of their own.
const rest = 100_001

// old is what a destination holds before the copy.
func old(size int, opt Options) []byte {
	if opt.DestinationIsZero {
		return make([]byte, size+rest)
	}
	return bytes.Repeat([]byte{0xaa}, size+rest)
}

var destinationRows = []struct {
	name string
	// open gives a destination for a copy, and what checks it afterwards.
	open func(t *testing.T, want []byte, opt Options) (Destination, func(r Result))
}{
	{"nbd", func(t *testing.T, want []byte, opt Options) (Destination, func(Result)) {
		size := int64(len(want))
		m := nbdserver.NewMemory(size + rest)
		before := old(len(want), opt)
		writeSparse(t, m, before)
		return serveDisk(t, &nbdserver.Export{Backend: m, MultiConn: true}), func(Result) {
			got := make([]byte, size+rest)
			if _, err := m.ReadAt(got, 0); err != nil {
				t.Fatal(err)
			}
			checkBytes(t, got[:size], want)
			checkBytes(t, got[size:], before[size:])
			if opt.Allocated && m.Allocated() < size {
				t.Errorf("%d bytes are allocated of %d", m.Allocated(), size)
			}
		}
	}},
	{"block size of 4096", func(t *testing.T, want []byte, opt Options) (Destination, func(Result)) {
		// The client reads, changes and writes back.
		size := (int64(len(want)) + rest) / 4096 * 4096
		m := nbdserver.NewMemory(size)
		before := old(len(want), opt)[:size]
		writeSparse(t, m, before)
		return serveDisk(t, &nbdserver.Export{Backend: m, MultiConn: true, BlockSize: nbdserver.BlockSize{Minimum: 4096, MaxPayload: 64 << 10}}), func(Result) {
			got := make([]byte, size)
			if _, err := m.ReadAt(got, 0); err != nil {
				t.Fatal(err)
			}
			checkBytes(t, got[:len(want)], want)
			checkBytes(t, got[len(want):], before[len(want):])
		}
	}},
	{"file", func(t *testing.T, want []byte, opt Options) (Destination, func(Result)) {
		path := filepath.Join(t.TempDir(), "destination")
		if err := os.WriteFile(path, bytes.Repeat([]byte{0xaa}, len(want)+rest), 0o666); err != nil {
			t.Fatal(err)
		}
		d, err := OpenDestination(t.Context(), path, OpenOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return d, func(r Result) {
			checkFile(t, d, path, want)
			checkHoles(t, path, want, r, opt)
		}
	}},
	{"file with old data", func(t *testing.T, want []byte, opt Options) (Destination, func(Result)) {
		f, err := os.Create(filepath.Join(t.TempDir(), "destination"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(old(len(want), opt)); err != nil {
			t.Fatal(err)
		}
		d, err := File(f)
		if err != nil {
			t.Fatal(err)
		}
		return d, func(Result) { checkFile(t, d, f.Name(), want) }
	}},
	{"fake", func(t *testing.T, want []byte, opt Options) (Destination, func(Result)) {
		before := old(len(want), opt)
		d := &fake{data: bytes.Clone(before)}
		return d, func(Result) {
			checkBytes(t, d.data[:len(want)], want)
			checkBytes(t, d.data[len(want):], before[len(want):])
			if opt.RequestSize > 0 && d.longest > opt.RequestSize {
				t.Errorf("a write had %d bytes, more than the request size", d.longest)
			}
			if opt.Synchronous && d.most > 1 {
				t.Errorf("%d writes were in flight at once", d.most)
			}
			if opt.DestinationIsZero && opt.SparseSize == 0 && bytes.Count(want, []byte{0}) == len(want) && len(want) > 0 && d.longest > 0 {
				t.Errorf("zeroes were written to a destination that is zero")
			}
		}
	}},
	{"writer", func(t *testing.T, want []byte, _ Options) (Destination, func(Result)) {
		var buf bytes.Buffer
		return Writer(&buf), func(Result) { checkBytes(t, buf.Bytes(), want) }
	}},
	{"null", func(*testing.T, []byte, Options) (Destination, func(Result)) { return Null(), func(Result) {} }},
}

// TestMatrix copies from everything to everything.
func TestMatrix(t *testing.T) {
	for _, src := range sourceRows {
		for _, dst := range destinationRows {
			t.Run(src.name+" to "+dst.name, func(t *testing.T) {
				t.Parallel()
				for _, shape := range shapes {
					source := src.open(t, shape.data)
					for _, o := range optionRows {
						t.Run(shape.name+"/"+o.name, func(t *testing.T) {
							opt := o.opt
							opt.Warn = func(err error) { t.Errorf("warning: %v", err) }
							d, check := dst.open(t, shape.data, opt)
							r, err := Copy(t.Context(), d, source(), opt)
							if err != nil {
								t.Fatal(err)
							}
							if r.Size != int64(len(shape.data)) || r.Data+r.Zero != r.Size || r.Data < 0 || r.Zero < 0 {
								t.Errorf("the result of copying %d bytes is %+v", len(shape.data), r)
							}
							check(r)
						})
					}
				}
			})
		}
	}
}

func checkBytes(t *testing.T, got, want []byte) {
	t.Helper()
	if bytes.Equal(got, want) {
		return
	}
	if len(got) != len(want) {
		t.Fatalf("%d bytes, expected %d", len(got), len(want))
	}
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("the byte at %d is %#x, expected %#x", i, got[i], want[i])
		}
	}
}

func checkFile(t *testing.T, d Destination, path string, want []byte) {
	t.Helper()
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	checkBytes(t, got, want)
}

// checkHoles checks what a file takes up that was empty.
func checkHoles(t *testing.T, path string, want []byte, r Result, opt Options) {
	t.Helper()
	if !holes(t) {
		return
	}
	size := int64(len(want))
	if opt.Allocated {
		if got := allocatedIn(t, path); got < size {
			t.Errorf("%d bytes are allocated, expected %d", got, size)
		}
		return
	}
	block := opt.SparseSize
	if block == 0 {
		block = DefaultSparseSize
	}
	if block < 0 {
		return
	}
	// Not more than the blocks that have data is written, and no more of
	// the file is there than that.
	var data, pages int64
	for off := 0; off < len(want); off += block {
		if b := want[off:min(off+block, len(want))]; !isZero(b) {
			data += int64(len(b))
		}
	}
	for off := 0; off < len(want); off += max(block, 4096) {
		if b := want[off:min(off+max(block, 4096), len(want))]; !isZero(b) {
			pages += int64(len(b)+4095) / 4096 * 4096
		}
	}
	if r.Data > data {
		t.Errorf("%d bytes were written as data, expected at most %d", r.Data, data)
	}
	if got := dataIn(t, path); got > pages {
		t.Errorf("%d bytes of the file are data, expected at most %d", got, pages)
	}
}
