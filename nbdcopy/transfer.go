package nbdcopy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
)

// zeroes is compared with, and written where a destination cannot zero.
var zeroes [DefaultRequestSize]byte

func isZero(b []byte) bool {
	for len(b) > len(zeroes) {
		if !bytes.Equal(b[:len(zeroes)], zeroes[:]) {
			return false
		}
		b = b[len(zeroes):]
	}
	return bytes.Equal(b, zeroes[:len(b)])
}

// copy reads a piece of the source into p, and writes it.
func (c *copier) copy(ctx context.Context, p []byte, off int64) error {
	if err := c.read(ctx, p, off); err != nil {
		return err
	}
	return c.write(ctx, p, off)
}

// copyZeroes copies a run of zeroes of the source.
func (c *copier) copyZeroes(ctx context.Context, off, n int64) error {
	if c.hash != nil {
		c.hash.zeroes(off, n)
	}
	return c.writeZeroes(ctx, off, n)
}

// read fills p.
func (c *copier) read(ctx context.Context, p []byte, off int64) error {
	n, err := c.src.ReadAt(ctx, p, off)
	if err == nil || err == io.EOF {
		if n == len(p) {
			if c.hash != nil {
				c.hash.data(p, off)
			}
			return nil
		}
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("reading %d bytes at offset %d of the source: %w", len(p), off, err)
}

// write writes p, but for the zeroes in it, which are zeroed.
func (c *copier) write(ctx context.Context, p []byte, off int64) error {
	if c.sparse == 0 {
		return c.writeData(ctx, p, off)
	}
	for len(p) > 0 {
		n := c.block(p, off)
		zero := isZero(p[:n])
		for n < len(p) {
			m := c.block(p[n:], off+int64(n))
			if isZero(p[n:n+m]) != zero {
				break
			}
			n += m
		}
		var err error
		if zero {
			err = c.writeZeroes(ctx, off, int64(n))
		} else {
			err = c.writeData(ctx, p[:n], off)
		}
		if err != nil {
			return err
		}
		p = p[n:]
		off += int64(n)
	}
	return nil
}

// block gives the length of the block, or what there is of it, at the front
// of p. Blocks lie at multiples of their size.
func (c *copier) block(p []byte, off int64) int {
	return int(min(int64(len(p)), c.sparse-off%c.sparse))
}

func (c *copier) writeData(ctx context.Context, p []byte, off int64) error {
	if err := c.put(ctx, p, off); err != nil {
		return err
	}
	c.data.Add(int64(len(p)))
	return nil
}

func (c *copier) put(ctx context.Context, p []byte, off int64) error {
	n, err := c.dst.WriteAt(ctx, p, off)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	if err != nil {
		return fmt.Errorf("writing %d bytes at offset %d of the destination: %w", len(p), off, err)
	}
	return nil
}

// writeZeroes makes a range of the destination read as zeroes.
func (c *copier) writeZeroes(ctx context.Context, off, n int64) error {
	if !c.blank {
		return c.putZeroes(ctx, off, n)
	}
	c.zero.Add(n)
	return nil
}

func (c *copier) putZeroes(ctx context.Context, off, n int64) error {
	if z, ok := c.dst.(Zeroer); ok && c.canZero {
		mode := Punch
		if c.opt.Allocated {
			mode = Allocate
		}
		err := z.Zero(ctx, off, n, mode)
		if err == nil {
			c.zero.Add(n)
			return nil
		}
		if !errors.Is(err, errors.ErrUnsupported) {
			return fmt.Errorf("zeroing %d bytes at offset %d of the destination: %w", n, off, err)
		}
	}
	for n > 0 && ctx.Err() == nil {
		m := min(n, int64(len(zeroes)), int64(c.request))
		if err := c.put(ctx, zeroes[:m], off); err != nil {
			return err
		}
		c.zero.Add(m)
		off += m
		n -= m
	}
	return context.Cause(ctx)
}
