package nbdcopy_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"iter"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/gonbd/gonbd/nbdcopy"
)

// hashBlocks is what BlockHash says, one block after the other.
func hashBlocks(disk []byte, newHash func() hash.Hash, block int) string {
	outer := newHash()
	for p := disk; len(p) > 0; p = p[min(block, len(p)):] {
		h := newHash()
		h.Write(p[:min(block, len(p))])
		outer.Write(h.Sum(nil))
	}
	outer.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(disk))))
	return fmt.Sprintf("%x", outer.Sum(nil))
}

// patchy is a disk whose extents begin and end anywhere, and say of zeroes at
// times that they are data.
type patchy struct {
	disk    []byte
	extents []nbdcopy.Extent
}

func newPatchy(size int, r *rand.Rand) *patchy {
	d := &patchy{disk: make([]byte, size)}
	for off := 0; off < size; {
		n := min(1+r.IntN(1<<r.IntN(19)), size-off)
		e := nbdcopy.Extent{Offset: int64(off), Length: int64(n)}
		switch r.IntN(3) {
		case 0:
			e.Zero = true
		case 1:
			for i := range n {
				d.disk[off+i] = byte(r.Uint32())
			}
		}
		d.extents = append(d.extents, e)
		off += n
	}
	return d
}

func (d *patchy) Size() int64  { return int64(len(d.disk)) }
func (d *patchy) Close() error { return nil }

func (d *patchy) ReadAt(_ context.Context, p []byte, off int64) (int, error) {
	return copy(p, d.disk[off:]), nil
}

func (d *patchy) Extents(context.Context, int64, int64) iter.Seq2[nbdcopy.Extent, error] {
	return func(yield func(nbdcopy.Extent, error) bool) {
		for _, e := range d.extents {
			if !yield(e, nil) {
				return
			}
		}
	}
}

func TestBlockHash(t *testing.T) {
	const seed = 1
	r := rand.New(rand.NewPCG(seed, seed))
	for _, size := range []int{0, 1, 4096, 65536, 65537, 1 << 20, 3<<20 + 7} {
		src := newPatchy(size, r)
		for _, block := range []int{512, 4096, 65536, 1 << 20, 32 << 20} {
			for _, newHash := range []func() hash.Hash{md5.New, sha256.New} {
				want := hashBlocks(src.disk, newHash, block)
				opt := nbdcopy.Options{BlockHash: &nbdcopy.BlockHash{New: newHash, BlockSize: int64(block)}, RequestSize: 16 << 10}
				check := func(how string, dst nbdcopy.Destination, src nbdcopy.Source, opt nbdcopy.Options) {
					t.Helper()
					result, err := nbdcopy.Copy(t.Context(), dst, src, opt)
					if got := fmt.Sprintf("%x", result.BlockHash); err != nil || got != want {
						t.Errorf("%d bytes in blocks of %d, %s: %s, %v; expected %s", size, block, how, got, err, want)
					}
				}
				check("in parallel", nbdcopy.Null(), src, opt)
				check("from a stream", nbdcopy.Null(), nbdcopy.Reader(bytes.NewReader(src.disk)), opt)
				var out bytes.Buffer
				check("to a stream", nbdcopy.Writer(&out), src, opt)
				check("from stream to stream", nbdcopy.Writer(&out), nbdcopy.Reader(bytes.NewReader(src.disk)), opt)
				opt.NoExtents = true
				check("without extents", nbdcopy.Null(), src, opt)
				opt.Synchronous = true
				check("one by one", nbdcopy.Null(), src, opt)
			}
		}
	}
}

// A block in pieces of which one is never read keeps nobody waiting.
func TestBlockHashFails(t *testing.T) {
	boom := errors.New("boom")
	src := &failsAt{patchy{disk: make([]byte, 1<<20)}, 4096, boom}
	opt := nbdcopy.Options{BlockHash: &nbdcopy.BlockHash{New: sha256.New, BlockSize: 1 << 20}, RequestSize: 4096, NoExtents: true}
	for _, dst := range []nbdcopy.Destination{nbdcopy.Null(), nbdcopy.Writer(new(bytes.Buffer))} {
		result, err := nbdcopy.Copy(t.Context(), dst, src, opt)
		if !errors.Is(err, boom) || result.BlockHash != nil {
			t.Errorf("the hash is %x, and the error %v", result.BlockHash, err)
		}
	}
	opt.BlockHash.BlockSize = 0
	if _, err := nbdcopy.Copy(t.Context(), nbdcopy.Null(), src, opt); err == nil || !strings.Contains(err.Error(), "block size") {
		t.Errorf("blocks without a size: %v", err)
	}
}

type failsAt struct {
	patchy
	off int64
	err error
}

func (d *failsAt) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	if off == d.off {
		return 0, d.err
	}
	return d.patchy.ReadAt(ctx, p, off)
}

// void is a disk of zeroes, and large.
type void struct{ read chan struct{} }

func (*void) Size() int64  { return 1 << 60 }
func (*void) Close() error { return nil }

func (*void) ReadAt(_ context.Context, p []byte, _ int64) (int, error) {
	clear(p)
	return len(p), nil
}

func (d *void) Extents(_ context.Context, off, n int64) iter.Seq2[nbdcopy.Extent, error] {
	return func(yield func(nbdcopy.Extent, error) bool) {
		yield(nbdcopy.Extent{Offset: off, Length: n, Zero: true}, nil)
		close(d.read)
	}
}

// TestBlockHashCancel ends a copy while it hashes a hole that would take years.
func TestBlockHashCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	src := &void{read: make(chan struct{})}
	done := make(chan error, 1)
	go func() {
		_, err := nbdcopy.Copy(ctx, nbdcopy.Null(), src, nbdcopy.Options{BlockHash: &nbdcopy.BlockHash{New: sha256.New, BlockSize: 512}})
		done <- err
	}()
	<-src.read
	cancel()
	select {
	case err := <-done:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("copying: %v, want %v", err, context.Canceled)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the copy goes on after its context has ended")
	}
}
