package erase

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/gonbd/gonbd/internal/cli"
	"github.com/gonbd/gonbd/internal/source"
	"github.com/gonbd/gonbd/nbd"
)

// checkRange says by its error whether n bytes from offset off are sparse, or
// read as zeroes.
func (t *tool) checkRange(ctx context.Context, off, n int64) error {
	find, already := t.findAllocated, "sparse"
	if t.zero {
		find, already = t.findData, "zero"
	}
	at, found, err := find(ctx, off, n)
	switch {
	case err != nil:
		return err
	case found:
		if !t.quiet {
			err = t.print("image has data at offset %d\n", at)
		}
		if err == nil {
			err = &cli.ExitError{Code: cli.ExitFailure}
		}
		return err
	case t.verbose:
		return t.print("image is already %s\n", already)
	}
	return nil
}

// findAllocated finds the first byte that is not in a hole, by the extents.
func (t *tool) findAllocated(ctx context.Context, off, n int64) (at int64, found bool, err error) {
	for e, err := range t.c.Extents(ctx, off, n, nbd.ContextBaseAllocation) {
		if err != nil {
			return 0, false, err
		}
		if !e.Hole() {
			return e.Offset, true, nil
		}
	}
	return 0, false, nil
}

var zeroes [4 << 10]byte

// findData finds the first byte that is not zero: by the extents where they
// promise zeroes, and by reading where they don't.
func (t *tool) findData(ctx context.Context, off, n int64) (at int64, found bool, err error) {
	for p, err := range source.Read(ctx, t.c, off, n, source.Options{Warn: func(err error) {
		if !t.quiet {
			fmt.Fprintf(t.stdio.Err, "%s: warning: %v\n", t.name, err)
		}
	}}) {
		if err != nil {
			return 0, false, err
		}
		at := p.Offset
		for b := p.Data; len(b) > 0; {
			m := min(len(b), len(zeroes))
			if !bytes.Equal(b[:m], zeroes[:m]) {
				return at + int64(slices.IndexFunc(b[:m], func(c byte) bool { return c != 0 })), true, nil
			}
			at += int64(m)
			b = b[m:]
		}
	}
	return 0, false, nil
}
