package nbdcopy

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"sync"
)

// BlockHash says how to hash what is copied: in blocks, so that many of them
// are hashed at once, and zeroes need not be read. The result is
//
//	H(H(block 0) ‖ H(block 1) ‖ … ‖ size of the disk)
//
// with the size as 64 bits in little-endian order, and a last block that may be
// shorter: what blkhash (https://gitlab.com/nirs/blkhash) and nbdcopy(1)
// define. It is not the hash H of the disk.
type BlockHash struct {
	New       func() hash.Hash // sha256.New, for one
	BlockSize int64            // in bytes
}

// blockHasher computes a BlockHash while the disk comes in pieces, from
// several goroutines. Pieces may come in any order, but a piece of a block
// waits for those before it in that block: they must have been begun.
type blockHasher struct {
	new   func() hash.Hash
	size  int64           // of a block
	total int64           // of the disk, or -1 if that is not known
	zero  func() []byte   // the digest of a block of zeroes
	done  <-chan struct{} // closed when the hash is not wanted any more

	mu      sync.Mutex
	turn    *sync.Cond // a block in pieces has got another, or it has ended
	ended   bool       // nothing more will come
	outer   hash.Hash
	next    int64                // the block whose digest outer takes next
	early   map[int64]sameBlocks // digests that outer cannot take yet, by the first block
	partial map[int64]*partialBlock
}

// sameBlocks are consecutive blocks with one digest.
type sameBlocks struct {
	n      int64
	digest []byte
}

// partialBlock is a block that comes in pieces.
type partialBlock struct {
	h    hash.Hash
	have int64 // bytes
}

// newBlockHasher makes a blockHasher; waiting ends with the context.
func newBlockHasher(ctx context.Context, b *BlockHash, total int64) (*blockHasher, error) {
	if b.BlockSize < 1 {
		return nil, fmt.Errorf("the block size of the hash must be at least 1 byte, is %d", b.BlockSize)
	}
	s := &blockHasher{new: b.New, size: b.BlockSize, total: total, done: ctx.Done(), outer: b.New(), early: map[int64]sameBlocks{}, partial: map[int64]*partialBlock{}}
	s.turn = sync.NewCond(&s.mu)
	s.zero = sync.OnceValue(func() []byte {
		h := s.new()
		writeZeroes(h, s.size)
		return h.Sum(nil)
	})
	context.AfterFunc(ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.ended = true
		s.turn.Broadcast()
	})
	return s, nil
}

// data hashes a piece of the disk.
func (s *blockHasher) data(p []byte, off int64) {
	for len(p) > 0 {
		i, at, n := s.locate(off, int64(len(p)))
		piece := p[:n]
		switch {
		case n == s.size && isZero(piece):
			s.put(i, sameBlocks{1, s.zero()})
		case n == s.size:
			h := s.new()
			h.Write(piece)
			s.put(i, sameBlocks{1, h.Sum(nil)})
		default:
			s.add(i, at, n, func(h hash.Hash) { h.Write(piece) })
		}
		p = p[n:]
		off += n
	}
}

// zeroes hashes a run of zeroes of the disk.
func (s *blockHasher) zeroes(off, n int64) {
	for n > 0 {
		i, at, m := s.locate(off, n)
		if m == s.size {
			m *= n / s.size
			s.put(i, sameBlocks{m / s.size, s.zero()})
		} else {
			s.add(i, at, m, func(h hash.Hash) { writeZeroes(h, m) })
		}
		off += m
		n -= m
	}
}

// locate gives the block at an offset, where in it the offset is, and how many
// of n bytes belong to it.
func (s *blockHasher) locate(off, n int64) (i, at, m int64) {
	i, at = off/s.size, off%s.size
	return i, at, min(n, s.size-at)
}

// add hashes a piece of a block, when it is that piece's turn.
func (s *blockHasher) add(i, at, n int64, write func(hash.Hash)) {
	s.mu.Lock()
	b := s.partial[i]
	if b == nil {
		b = &partialBlock{h: s.new()}
		s.partial[i] = b
	}
	for b.have != at && !s.ended {
		s.turn.Wait()
	}
	ended := s.ended
	s.mu.Unlock()
	if ended {
		return
	}
	write(b.h) // alone: the others wait for have
	s.mu.Lock()
	defer s.mu.Unlock()
	b.have += n
	if b.have == s.size || i*s.size+b.have == s.total {
		delete(s.partial, i)
		s.putLocked(i, sameBlocks{1, b.h.Sum(nil)})
	}
	s.turn.Broadcast()
}

func (s *blockHasher) put(i int64, b sameBlocks) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.putLocked(i, b)
}

// putLocked takes the digest of blocks from i on.
func (s *blockHasher) putLocked(i int64, b sameBlocks) {
	s.early[i] = b
	for {
		b, ok := s.early[s.next]
		if !ok {
			return
		}
		delete(s.early, s.next)
		for range b.n { // which may take years
			select {
			case <-s.done:
				return
			default:
			}
			s.outer.Write(b.digest)
		}
		s.next += b.n
	}
}

// sum gives the hash of the disk, of which all has come.
func (s *blockHasher) sum(total int64) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := total / s.size
	if b := s.partial[last]; b != nil && b.have == total%s.size {
		delete(s.partial, last)
		s.putLocked(last, sameBlocks{1, b.h.Sum(nil)})
	}
	if s.next != (total+s.size-1)/s.size {
		return nil, errors.New("not all of the disk was hashed")
	}
	s.outer.Write(binary.LittleEndian.AppendUint64(nil, uint64(total)))
	return s.outer.Sum(nil), nil
}

func writeZeroes(h hash.Hash, n int64) {
	for ; n > 0; n -= min(n, int64(len(zeroes))) {
		h.Write(zeroes[:min(n, int64(len(zeroes)))])
	}
}
