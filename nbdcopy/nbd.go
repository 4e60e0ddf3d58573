package nbdcopy

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sync/atomic"
	"syscall"

	"github.com/gonbd/gonbd/nbd"
)

// NBD makes an endpoint of an NBD client. As a source it knows its extents if
// the client selected the metadata context base:allocation. Closing it shuts
// the client down.
func NBD(c *nbd.Client) *NBDDisk { return &NBDDisk{c: c} }

// NBDDisk is an export of an NBD server as Source and Destination.
type NBDDisk struct {
	c      *nbd.Client
	noFast atomic.Bool // the server does not zero fast
}

// Client gives the NBD client.
func (d *NBDDisk) Client() *nbd.Client { return d.c }

// Size implements Source and Destination.
func (d *NBDDisk) Size() int64 { return d.c.Size() }

// ReadAt implements Source.
func (d *NBDDisk) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	return d.c.ReadAtContext(ctx, p, off)
}

// WriteAt implements Destination.
func (d *NBDDisk) WriteAt(ctx context.Context, p []byte, off int64) (int, error) {
	return d.c.WriteAtContext(ctx, p, off)
}

// Extents implements Extenter. Where the server cannot tell, all is data.
func (d *NBDDisk) Extents(ctx context.Context, off, n int64) iter.Seq2[Extent, error] {
	return func(yield func(Extent, error) bool) {
		if !slices.Contains(d.c.Export().MetaContexts, nbd.ContextBaseAllocation) {
			yield(Extent{Offset: off, Length: n}, nil)
			return
		}
		for e, err := range d.c.Extents(ctx, off, n, nbd.ContextBaseAllocation) {
			if !yield(Extent{e.Offset, e.Length, e.Zero()}, err) {
				return
			}
		}
	}
}

// Zero implements Zeroer: fast if the server can, else in the server's own
// time.
func (d *NBDDisk) Zero(ctx context.Context, off, n int64, mode ZeroMode) error {
	if !d.c.CanWriteZeroes() {
		return errors.ErrUnsupported
	}
	var flags nbd.Flags
	if mode == Allocate {
		flags = nbd.NoHole
	}
	if d.c.CanFastZero() && !d.noFast.Load() && d.aligned(off, n) {
		err := d.c.WriteZeroes(ctx, off, n, flags|nbd.FastZero)
		if !errors.Is(err, syscall.ENOTSUP) {
			return err
		}
		// Ranges differ, but a server that refuses one is seldom worth
		// asking again.
		d.noFast.Store(true)
	}
	return d.c.WriteZeroes(ctx, off, n, flags)
}

// aligned says whether a range consists of whole blocks: parts of one are
// never zeroed fast.
func (d *NBDDisk) aligned(off, n int64) bool {
	block := max(1, int64(d.c.BlockSize().Minimum))
	return off%block == 0 && n%block == 0
}

// Flush implements Flusher.
func (d *NBDDisk) Flush(ctx context.Context) error {
	if !d.c.CanFlush() {
		return nil
	}
	return d.c.Flush(ctx)
}

// MaxRequest implements Tuned.
func (d *NBDDisk) MaxRequest() int { return d.c.MaxPayload() }

// Parallel implements Tuned.
func (d *NBDDisk) Parallel() int { return d.c.Connections() }

// PreferredBlock implements Tuned.
func (d *NBDDisk) PreferredBlock() int { return int(d.c.BlockSize().Preferred) }

// Close closes the client.
func (d *NBDDisk) Close() error { return d.c.Close() }
