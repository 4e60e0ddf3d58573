package nbd

import (
	"context"
	"fmt"
	"syscall"
)

// block is the server's minimum block size in bytes, or 1.
func (c *Client) block() int64 { return max(1, int64(c.export.BlockSize.Minimum)) }

// aligned says whether a range may go to the server as it is.
func (c *Client) aligned(off, n int64) bool {
	b := c.block()
	return b == 1 || (off|n)&(b-1) == 0
}

// shareBlocks keeps an aligned write apart from those that read, change and
// write back a block. Where any byte can be written by itself there are none.
// It fails if the context ends first; otherwise unshareBlocks must follow.
func (c *Client) shareBlocks(ctx context.Context, op string) error {
	if c.block() > 1 && c.blocks.rlock(ctx) != nil {
		return canceled(ctx, op)
	}
	return nil
}

func (c *Client) unshareBlocks() {
	if c.block() > 1 {
		c.blocks.runlock()
	}
}

// edge checks that the blocks around a range lie within the export. They do
// not if its size is no multiple of the block size, and the range touches the
// last piece: no request can reach that.
func (c *Client) edge(op string, off, n int64) error {
	if end := roundUp(off+n, c.block()); end > c.export.Size {
		return &Error{Kind: ServerError, Op: op, Errno: syscall.EINVAL, Offset: uint64(off), Length: uint64(n), HasRange: true,
			Msg: fmt.Sprintf("the server's minimum block size of %d bytes keeps the last %d bytes of the export out of reach", c.block(), c.export.Size%c.block())}
	}
	return nil
}

// pieces splits a range into an unaligned head, an aligned middle, and an
// unaligned tail; head and tail lie in one block each.
func (c *Client) pieces(off, n int64) (head, middle, tail int64) {
	b := c.block()
	if r := off % b; r != 0 {
		head = min(n, b-r)
	}
	tail = (n - head) % b
	return head, n - head - tail, tail
}

func (c *Client) readUnaligned(ctx context.Context, p []byte, off int64) (int, error) {
	if err := c.edge("read", off, int64(len(p))); err != nil {
		return 0, err
	}
	head, middle, tail := c.pieces(off, int64(len(p)))
	var buf []byte
	part := func(p []byte, off int64) error {
		if buf == nil {
			buf = make([]byte, c.block())
		}
		start := off / c.block() * c.block()
		if _, err := c.read(ctx, buf, start); err != nil {
			return err
		}
		copy(p, buf[off-start:])
		return nil
	}
	if head > 0 {
		if err := part(p[:head], off); err != nil {
			return 0, err
		}
	}
	if middle > 0 {
		if n, err := c.read(ctx, p[head:head+middle], off+head); err != nil {
			return int(head) + n, err
		}
	}
	if tail > 0 {
		if err := part(p[head+middle:], off+head+middle); err != nil {
			return int(head + middle), err
		}
	}
	return len(p), nil
}

// change reads the block around a short range, changes it, and writes it
// back. The lock is held.
func (c *Client) change(ctx context.Context, off int64, f Flags, edit func(b []byte)) error {
	buf := make([]byte, c.block())
	start := off / c.block() * c.block()
	if _, err := c.read(ctx, buf, start); err != nil {
		return err
	}
	edit(buf[off-start:])
	return c.writeBack(ctx, buf, start, f)
}

// writeBack writes a block that holds bytes of others, too. If the context
// ends first it returns at once, but the gate stays closed until the server
// has answered: the abandoned write would undo what others write to the block
// meanwhile. The lock is held.
func (c *Client) writeBack(ctx context.Context, block []byte, off int64, f Flags) error {
	if ctx.Done() == nil {
		_, err := c.write(ctx, block, off, f)
		return err
	}
	if ctx.Err() != nil {
		return canceled(ctx, "write")
	}
	c.blocks.hold()
	c.calls.Add(1) // Shutdown must wait for it
	done := make(chan error, 1)
	go func() {
		_, err := c.write(context.WithoutCancel(ctx), block, off, f)
		c.blocks.unlock()
		c.exit()
		done <- err
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return canceled(ctx, "write")
	}
}

func (c *Client) writeUnaligned(ctx context.Context, p []byte, off int64, f Flags) (int, error) {
	if err := c.edge("write", off, int64(len(p))); err != nil {
		return 0, err
	}
	if c.blocks.lock(ctx) != nil {
		return 0, canceled(ctx, "write")
	}
	defer c.blocks.unlock()
	head, middle, tail := c.pieces(off, int64(len(p)))
	if head > 0 {
		if err := c.change(ctx, off, f, func(b []byte) { copy(b, p[:head]) }); err != nil {
			return 0, err
		}
	}
	if middle > 0 {
		if n, err := c.write(ctx, p[head:head+middle], off+head, f); err != nil {
			return int(head) + n, err
		}
	}
	if tail > 0 {
		if err := c.change(ctx, off+head+middle, f, func(b []byte) { copy(b, p[head+middle:]) }); err != nil {
			return int(head + middle), err
		}
	}
	return len(p), nil
}

func (c *Client) zeroUnaligned(ctx context.Context, off, n int64, f Flags) error {
	if err := c.edge("write zeroes", off, n); err != nil {
		return err
	}
	if f&FastZero != 0 {
		return misuse("write zeroes", syscall.ENOTSUP, fmt.Sprintf("parts of a block of %d bytes cannot be zeroed faster than written", c.block()))
	}
	if c.blocks.lock(ctx) != nil {
		return canceled(ctx, "write zeroes")
	}
	defer c.blocks.unlock()
	head, middle, tail := c.pieces(off, n)
	if head > 0 {
		if err := c.change(ctx, off, f&FUA, func(b []byte) { clear(b[:head]) }); err != nil {
			return err
		}
	}
	if err := c.zero(ctx, off+head, middle, f); err != nil {
		return err
	}
	if tail > 0 {
		return c.change(ctx, off+head+middle, f&FUA, func(b []byte) { clear(b[:tail]) })
	}
	return nil
}
