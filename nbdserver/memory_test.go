package nbdserver

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"syscall"
	"testing"
)

func TestPageTree(t *testing.T) {
	for _, n := range []int64{0, 1, 2, 256, 257, 65536, 65537, 1 << 30, 1 << 48} {
		tree := newPageTree(n)
		if n > 0 {
			for _, i := range []int64{0, n / 3, n / 2, n - 1} {
				tree.set(i, &zeroPage)
				if tree.get(i) != &zeroPage {
					t.Errorf("%d pages: page %d is not there", n, i)
				}
			}
			if got := tree.next(n/3 + 1); n > 4 && got != n/2 {
				t.Errorf("%d pages: page %d comes next, expected %d", n, got, n/2)
			}
			tree.remove(1, n)
			if want := int64(1); tree.pages != want || tree.next(1) != -1 || tree.get(0) == nil {
				t.Errorf("%d pages: %d left", n, tree.pages)
			}
			tree.remove(0, n)
		}
		if tree.pages != 0 || tree.root != nil || tree.next(0) != -1 {
			t.Errorf("%d pages: not empty", n)
		}
	}
}

// TestPageTreeAgainstMap does the same to a tree and to a map.
func TestPageTreeAgainstMap(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	const n = 1 << 18
	tree, pages := newPageTree(n), map[int64]*page{}
	for range 3000 {
		i := rnd.Int64N(n)
		if rnd.IntN(3) > 0 {
			p := new(page)
			tree.set(i, p)
			pages[i] = p
		} else {
			to := min(n, i+rnd.Int64N(1<<uint(rnd.IntN(18))))
			tree.remove(i, to)
			for k := range pages {
				if i <= k && k < to {
					delete(pages, k)
				}
			}
		}
		i = rnd.Int64N(n)
		next := int64(-1)
		for k := range pages {
			if k >= i && (next < 0 || k < next) {
				next = k
			}
		}
		if tree.get(i) != pages[i] || tree.next(i) != next || tree.pages != int64(len(pages)) {
			t.Fatalf("page %d: next %d, expected %d; %d pages, expected %d", i, tree.next(i), next, tree.pages, len(pages))
		}
	}
}

// exerciseDisk does the same to a disk and to a slice of bytes.
func exerciseDisk(t *testing.T, d interface {
	Backend
	Zeroer
	Trimmer
	Extenter
	WriteAt([]byte, int64) (int, error)
}, steps int) {
	t.Helper()
	rnd := rand.New(rand.NewPCG(3, 4))
	model := make([]byte, d.Size())
	span := func() (int64, int64) {
		off := rnd.Int64N(d.Size())
		n := 1 + rnd.Int64N(1<<uint(rnd.IntN(19)))
		return off, min(n, d.Size()-off)
	}
	for step := range steps {
		off, n := span()
		part := model[off : off+n]
		var err error
		switch rnd.IntN(4) {
		case 0:
			for i := range part {
				part[i] = byte(step) | 1
			}
			_, err = d.WriteAt(part, off)
		case 1:
			clear(part)
			err = d.WriteZeroes(off, n, 0)
		case 2:
			clear(part)
			err = d.WriteZeroes(off, n, NoHole)
		case 3:
			clear(part)
			err = d.Trim(off, n)
		}
		if errors.Is(err, errors.ErrUnsupported) {
			_, err = d.WriteAt(part, off)
		}
		if err != nil {
			t.Fatal(err)
		}
		off, n = span()
		got := bytes.Repeat([]byte{99}, int(n))
		if k, err := d.ReadAt(got, off); k != int(n) || err != nil || !bytes.Equal(got, model[off:off+n]) {
			t.Fatalf("step %d: read of %d bytes at %d: %d, %v", step, n, off, k, err)
		}
		list, err := d.Extents(nil, off, n, 1+rnd.IntN(20))
		if err != nil || len(list) == 0 {
			t.Fatalf("step %d: extents of %d bytes at %d: %v, %v", step, n, off, list, err)
		}
		for _, e := range list {
			if e.Length <= 0 || off+e.Length > d.Size() {
				t.Fatalf("extent of %d bytes at %d", e.Length, off)
			}
			if e.Flags&StateZero != 0 && slices.ContainsFunc(model[off:off+e.Length], func(b byte) bool { return b != 0 }) {
				t.Fatalf("step %d: %d bytes at %d are said to be zero", step, e.Length, off)
			}
			off += e.Length
		}
	}
}

func TestMemory(t *testing.T) {
	for _, size := range []int64{1, 511, pageSize, pageSize + 1, 1<<20 + 17} {
		exerciseDisk(t, NewMemory(size), 1000)
	}
}

func TestMemorySparse(t *testing.T) {
	m := NewMemory(math.MaxInt64)
	last := int64(math.MaxInt64 - 3)
	for _, off := range []int64{0, 1 << 62, last} {
		if n, err := m.WriteAt([]byte("abc"), off); n != 3 || err != nil {
			t.Fatal(n, err)
		}
	}
	list, err := m.Extents(nil, 0, math.MaxInt64, 100)
	want := []Extent{{pageSize, 0}, {1<<62 - pageSize, 3}, {pageSize, 0}, {1<<62 - 2*pageSize, 3}, {pageSize - 1, 0}}
	if err != nil || !slices.Equal(list, want) {
		t.Errorf("extents %v, %v; expected %v", list, err, want)
	}
	if got := m.Allocated(); got != 3*pageSize {
		t.Errorf("%d bytes taken up", got)
	}
	if err := m.Trim(1, math.MaxInt64-1); err != nil || m.Allocated() != pageSize {
		t.Errorf("trim leaves %d bytes, %v", m.Allocated(), err)
	}
	if err := m.WriteZeroes(0, 1, 0); err != nil || m.Allocated() != 0 {
		t.Errorf("a page of zeroes stays: %d bytes, %v", m.Allocated(), err)
	}
	if err := m.WriteZeroes(0, math.MaxInt64, NoHole); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("8 EiB without holes: %v", err)
	}
	if err := m.WriteZeroes(100, 2*pageSize, NoHole); err != nil || m.Allocated() != 3*pageSize {
		t.Errorf("NoHole: %d bytes, %v", m.Allocated(), err)
	}
	if list, _ := m.Extents(nil, 0, 4*pageSize, 2); !slices.Equal(list, []Extent{{3 * pageSize, StateZero}, {math.MaxInt64 - 3*pageSize, 3}}) {
		t.Errorf("extents after NoHole: %v", list)
	}
}

func TestMemoryLimit(t *testing.T) {
	m := NewMemory(1 << 40)
	m.SetLimit(2*pageSize - 1) // rounded up
	if n, err := m.WriteAt(make([]byte, 3*pageSize), 0); n != 2*pageSize || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("wrote %d, %v", n, err)
	}
	if _, err := m.WriteAt([]byte("again"), 5); err != nil {
		t.Error(err)
	}
	if err := m.WriteZeroes(5*pageSize, 1, NoHole); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("NoHole: %v", err)
	}
	m.Trim(0, pageSize)
	if err := m.WriteZeroes(5*pageSize, 1, NoHole); err != nil {
		t.Error(err)
	}
	if _, err := m.WriteAt([]byte("x"), 5*pageSize); err != nil {
		t.Errorf("write to an allocated page: %v", err)
	}
}

func TestMemoryRange(t *testing.T) {
	m := NewMemory(100)
	for _, r := range [][2]int64{{-1, 1}, {100, 1}, {99, 2}, {math.MaxInt64, 1}} {
		_, rerr := m.ReadAt(make([]byte, r[1]), r[0])
		_, werr := m.WriteAt(make([]byte, r[1]), r[0])
		_, eerr := m.Extents(nil, r[0], r[1], 1)
		for _, err := range []error{rerr, werr, eerr, m.Trim(r[0], r[1]), m.WriteZeroes(r[0], r[1], 0)} {
			if !errors.Is(err, syscall.EINVAL) {
				t.Errorf("%d bytes at %d: %v", r[1], r[0], err)
			}
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("NewMemory takes a negative size")
		}
	}()
	NewMemory(-1)
}

func TestMemoryConcurrently(t *testing.T) {
	m := NewMemory(8 * pageSize)
	var all sync.WaitGroup
	for g := range 4 {
		all.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(g), 1))
			p := make([]byte, 3*pageSize)
			for range 300 {
				off, n := rnd.Int64N(5*pageSize), rnd.Int64N(3*pageSize)
				switch rnd.IntN(4) {
				case 0:
					m.ReadAt(p[:n], off)
				case 1:
					m.WriteAt(p[:n], off)
				case 2:
					m.WriteZeroes(off, n, ZeroFlags(rnd.IntN(2)))
				case 3:
					m.Extents(nil, off, n, 10)
				}
			}
		})
	}
	all.Wait()
}
