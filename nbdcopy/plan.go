package nbdcopy

import (
	"context"
	"fmt"
)

// job is a piece of the source: a run of zeroes, of any length where they need
// not be written, or data that fits into one request.
type job struct {
	off, n int64
	zero   bool
}

// plan gives all of the source in jobs, in order, until emit returns false. It
// runs ahead of the copying, as far as the channel behind emit lets it.
func (c *copier) plan(ctx context.Context, emit func(job) bool) {
	at := int64(0)
	if x, ok := c.src.(Extenter); ok && !c.opt.NoExtents {
		for e, err := range x.Extents(ctx, 0, c.total) {
			if err == nil && (e.Offset != at || e.Length <= 0 || e.Length > c.total-at) {
				err = fmt.Errorf("the extent of %d bytes at offset %d does not follow on offset %d", e.Length, e.Offset, at)
			}
			if err != nil {
				if ctx.Err() == nil {
					c.warn(fmt.Errorf("the source's extents cannot be had from offset %d on, so it is all read: %w", at, err))
				}
				break
			}
			if e.Zero && (c.blank || c.canZero) {
				if !emit(job{e.Offset, e.Length, true}) {
					return
				}
			} else if !c.split(e.Offset, e.Length, e.Zero, emit) {
				return
			}
			at += e.Length
		}
	}
	c.split(at, c.total-at, false, emit)
}

// split gives a run of data, or of zeroes that are to be written as data is, in
// pieces that end at multiples of the request size.
func (c *copier) split(off, n int64, zero bool, emit func(job) bool) bool {
	for n > 0 {
		m := min(n, int64(c.request)-off%int64(c.request))
		if !emit(job{off, m, zero}) {
			return false
		}
		off += m
		n -= m
	}
	return true
}
