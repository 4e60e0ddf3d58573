package nbdserver

import (
	"bytes"
	"fmt"
	"math"
	"sync"
	"syscall"

	"github.com/gonbd/gonbd/internal/nbderr"
)

// Memory is a sparse disk in memory: it takes up memory only where it was
// written. Its methods may be called from any goroutine; concurrent writes to
// one place leave one of them, page by page.
type Memory struct {
	size int64

	tree  sync.RWMutex // guards pages' structure and limit
	pages *pageTree
	limit int64 // in pages

	// content guards the bytes of pages, by their numbers. Whoever has tree
	// for writing needs no lock of these.
	content [64]sync.RWMutex
}

// NewMemory makes a disk of size bytes, all zeroes. Any size that is not
// negative works, for memory is taken up only by what is written. It panics
// if size is negative.
func NewMemory(size int64) *Memory {
	if size < 0 {
		panic(fmt.Sprintf("nbdserver: NewMemory(%d): the size is negative", size))
	}
	return &Memory{size: size, pages: newPageTree((size-1)>>pageBits + 1), limit: math.MaxInt64}
}

// SetLimit limits the memory taken up by data to limit bytes, rounded up to
// pages of 32 KiB. Writes that would exceed it fail with ENOSPC; data there
// is already stays.
func (m *Memory) SetLimit(limit int64) {
	m.tree.Lock()
	defer m.tree.Unlock()
	m.limit = limit >> pageBits
	if limit&(pageSize-1) != 0 {
		m.limit++
	}
}

// Size implements Backend.
func (m *Memory) Size() int64 { return m.size }

// Allocated gives the number of bytes that the disk takes up.
func (m *Memory) Allocated() int64 {
	m.tree.RLock()
	defer m.tree.RUnlock()
	return m.pages.pages << pageBits
}

// Immediate implements the interface of that name.
func (m *Memory) Immediate() bool { return true }

// Sync implements Syncer. There is nothing more durable to write to.
func (m *Memory) Sync() error { return nil }

// inside checks that n bytes at off are within the disk.
func (m *Memory) inside(op string, off, n int64) error {
	if off < 0 || n < 0 || off > m.size || n > m.size-off {
		return &nbderr.Error{Kind: nbderr.Local, Op: op, Errno: syscall.EINVAL, Offset: uint64(off), Length: uint64(n), HasRange: true,
			Msg: fmt.Sprintf("is not within the disk's %d bytes", m.size)}
	}
	return nil
}

// inPage splits n bytes at off at the end of the page that off is in.
func inPage(off, n int64) (number int64, start, length int) {
	start = int(off & (pageSize - 1))
	return off >> pageBits, start, int(min(n, int64(pageSize-start)))
}

// ReadAt implements io.ReaderAt.
func (m *Memory) ReadAt(p []byte, off int64) (int, error) {
	if err := m.inside("read", off, int64(len(p))); err != nil {
		return 0, err
	}
	m.tree.RLock()
	defer m.tree.RUnlock()
	for n := 0; n < len(p); {
		i, start, length := inPage(off+int64(n), int64(len(p)-n))
		if pg := m.pages.get(i); pg == nil || pg == &zeroPage {
			clear(p[n : n+length])
		} else {
			l := &m.content[i%int64(len(m.content))]
			l.RLock()
			copy(p[n:n+length], pg[start:])
			l.RUnlock()
		}
		n += length
	}
	return len(p), nil
}

// WriteAt implements io.WriterAt. It fails with ENOSPC beyond the limit of
// SetLimit.
func (m *Memory) WriteAt(p []byte, off int64) (int, error) {
	if err := m.inside("write", off, int64(len(p))); err != nil {
		return 0, err
	}
	for n := 0; n < len(p); {
		n += m.overwrite(p[n:], off+int64(n))
		if n == len(p) {
			break
		}
		// The next page has to be made.
		i, start, length := inPage(off+int64(n), int64(len(p)-n))
		fresh := new(page)
		copy(fresh[start:], p[n:n+length])
		ok, err := m.insert(i, fresh)
		if err != nil {
			return n, err
		}
		if ok {
			n += length
		}
	}
	return len(p), nil
}

// overwrite writes as much of p as has pages already.
func (m *Memory) overwrite(p []byte, off int64) int {
	m.tree.RLock()
	defer m.tree.RUnlock()
	n := 0
	for n < len(p) {
		i, start, length := inPage(off+int64(n), int64(len(p)-n))
		pg := m.pages.get(i)
		if pg == nil || pg == &zeroPage {
			break
		}
		l := &m.content[i%int64(len(m.content))]
		l.Lock()
		copy(pg[start:], p[n:n+length])
		l.Unlock()
		n += length
	}
	return n
}

// insert makes fresh page i, unless it has been made meanwhile.
func (m *Memory) insert(i int64, fresh *page) (bool, error) {
	m.tree.Lock()
	defer m.tree.Unlock()
	switch m.pages.get(i) {
	case nil:
		if m.pages.pages >= m.limit {
			return false, m.full()
		}
	case &zeroPage: // which counts already
	default:
		return false, nil
	}
	m.pages.set(i, fresh)
	return true, nil
}

func (m *Memory) full() error {
	return &nbderr.Error{Errno: syscall.ENOSPC,
		Msg: fmt.Sprintf("the disk takes up %d bytes already, and may not take more", m.pages.pages<<pageBits)}
}

// Trim implements Trimmer. The range reads as zeroes afterwards, and whole
// pages of it take up no memory.
func (m *Memory) Trim(off, n int64) error { return m.WriteZeroes(off, n, FastZero) }

// maxNoHole is the longest range that is allocated at once with NoHole, for
// the record of each page takes up memory too.
const maxNoHole = 4 << 30

// WriteZeroes implements Zeroer. Whole pages of the range take up no memory
// afterwards, or with NoHole count as if they did.
func (m *Memory) WriteZeroes(off, n int64, flags ZeroFlags) error {
	if err := m.inside("write zeroes", off, n); err != nil || n == 0 {
		return err
	}
	m.tree.Lock()
	defer m.tree.Unlock()
	// The first and the last page may be zeroed in part only; at the end of
	// the disk the last is whole all the same.
	first, last := off>>pageBits, (off+n-1)>>pageBits
	firstWhole, endWhole := first, last+1
	if start := off & (pageSize - 1); start != 0 {
		m.zeroPart(first, int(start), int(min(pageSize, start+n)))
		firstWhole++
	}
	if end := (off + n) & (pageSize - 1); end != 0 && off+n < m.size {
		if firstWhole <= last {
			m.zeroPart(last, 0, int(end))
		}
		endWhole--
	}
	if flags&NoHole == 0 {
		m.pages.remove(firstWhole, endWhole)
		return nil
	}
	if n > maxNoHole {
		return &nbderr.Error{Kind: nbderr.Local, Errno: syscall.ENOSPC, Msg: fmt.Sprintf("%d bytes are too many to allocate at once", n)}
	}
	for i := first; i <= last; i++ {
		switch pg := m.pages.get(i); {
		case pg == nil && m.pages.pages >= m.limit:
			return m.full()
		case pg == nil || firstWhole <= i && i < endWhole:
			m.pages.set(i, &zeroPage)
		}
	}
	return nil
}

// zeroPart zeroes a part of page i, and drops the page if nothing else is in
// it. The caller has tree for writing.
func (m *Memory) zeroPart(i int64, from, to int) {
	pg := m.pages.get(i)
	if pg == nil || pg == &zeroPage {
		return
	}
	clear(pg[from:to])
	if bytes.Equal(pg[:from], zeroPage[:from]) && bytes.Equal(pg[to:], zeroPage[to:]) {
		m.pages.remove(i, i+1)
	}
}

// Cache implements Cacher. There is nothing to do.
func (m *Memory) Cache(off, n int64) error { return nil }

// Extents implements Extenter.
func (m *Memory) Extents(dst []Extent, off, n int64, most int) ([]Extent, error) {
	if err := m.inside("extents", off, n); err != nil {
		return dst, err
	}
	m.tree.RLock()
	defer m.tree.RUnlock()
	status := func(i int64) uint64 {
		switch m.pages.get(i) {
		case nil:
			return StateHole | StateZero
		case &zeroPage:
			return StateZero
		}
		return 0
	}
	for end := off + n; off < end && most > 0; most-- {
		i := off >> pageBits
		flags := status(i)
		if flags&StateHole != 0 {
			if i = m.pages.next(i); i < 0 {
				return append(dst, Extent{m.size - off, flags}), nil
			}
		} else {
			for i++; i < (end-1)>>pageBits+1 && status(i) == flags; i++ {
			}
		}
		next := m.size
		if i <= (m.size-1)>>pageBits {
			next = i << pageBits
		}
		dst = append(dst, Extent{next - off, flags})
		off = next
	}
	return dst, nil
}
