package nbd

import (
	"context"
	"io"
	"sync"
	"syscall"

	"github.com/gonbd/gonbd/internal/wire"
)

// ReadAt reads len(p) bytes from offset off, as io.ReaderAt: n < len(p) comes
// with an error, which is io.EOF at the end of the export.
func (c *Client) ReadAt(p []byte, off int64) (n int, err error) {
	return c.ReadAtContext(context.Background(), p, off)
}

// ReadAtContext is ReadAt with a context. If that ends first, p is given back
// at once and nothing is written to it any more.
func (c *Client) ReadAtContext(ctx context.Context, p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, c.checkRange("read", off, int64(len(p)))
	}
	var eof error
	if left := max(0, c.export.Size-off); int64(len(p)) > left {
		p, eof = p[:left], io.EOF
	}
	if len(p) == 0 {
		return 0, eof
	}
	if err := c.enter("read"); err != nil {
		return 0, err
	}
	defer c.exit()
	if !c.aligned(off, int64(len(p))) {
		n, err = c.readUnaligned(ctx, p, off)
	} else {
		n, err = c.read(ctx, p, off)
	}
	if err == nil {
		err = eof
	}
	return n, err
}

// WriteAt writes len(p) bytes at offset off, as io.WriterAt. The export does
// not grow: a write beyond its end fails with syscall.ENOSPC and writes
// nothing.
func (c *Client) WriteAt(p []byte, off int64) (n int, err error) {
	return c.WriteAtContext(context.Background(), p, off)
}

// WriteAtContext is WriteAt with a context and flags: FUA. If the context
// ends first, p is given back at once, and whether it was written is unknown.
func (c *Client) WriteAtContext(ctx context.Context, p []byte, off int64, flags ...Flags) (n int, err error) {
	f := union(flags)
	if f&^FUA != 0 {
		return 0, misuse("write", syscall.EINVAL, "the only flag of a write is FUA")
	}
	if err := c.checkWrite("write", off, int64(len(p))); err != nil {
		return 0, err
	}
	f, after, err := c.emulateFUA("write", f)
	if err != nil {
		return 0, err
	}
	if len(p) == 0 {
		return 0, nil
	}
	if err := c.enter("write"); err != nil {
		return 0, err
	}
	defer c.exit()
	if !c.aligned(off, int64(len(p))) {
		n, err = c.writeUnaligned(ctx, p, off, f)
	} else {
		if err := c.shareBlocks(ctx, "write"); err != nil {
			return 0, err
		}
		n, err = c.write(ctx, p, off, f)
		c.unshareBlocks()
	}
	if err == nil && after {
		err = c.flush(ctx)
	}
	return n, err
}

// read reads an aligned range.
func (c *Client) read(ctx context.Context, p []byte, off int64) (int, error) {
	if int64(len(p)) <= c.payload {
		return c.transfer(ctx, wire.CmdRead, p, off, 0)
	}
	return c.split(ctx, wire.CmdRead, p, off, 0)
}

// write writes an aligned range.
func (c *Client) write(ctx context.Context, p []byte, off int64, f Flags) (int, error) {
	if int64(len(p)) <= c.payload {
		return c.transfer(ctx, wire.CmdWrite, p, off, f)
	}
	return c.split(ctx, wire.CmdWrite, p, off, f)
}

// transfer reads or writes in one request.
func (c *Client) transfer(ctx context.Context, t wire.Command, p []byte, off int64, f Flags) (int, error) {
	r := newRequest()
	r.cmd.Type, r.cmd.Data, r.cmd.Offset, r.cmd.Flags = t, p, uint64(off), wire.CommandFlags(f)
	err := c.do(ctx, r)
	r.free()
	if err != nil {
		return 0, err
	}
	return len(p), nil
}

// splitDepth is how many pieces of one long request are in flight at once.
const splitDepth = 4

// split reads or writes in pieces that the server takes. It gives the length
// of the part at the front that succeeded. When a piece fails it waits for
// those in flight: a write that the server did after this had returned could
// undo a later one.
func (c *Client) split(ctx context.Context, t wire.Command, p []byte, off int64, f Flags) (int, error) {
	var (
		wg     sync.WaitGroup
		mu     sync.Mutex
		next   int
		failed = len(p) // where the first piece that failed begins
		first  error
	)
	for range min(splitDepth, (int64(len(p))+c.payload-1)/c.payload) {
		wg.Go(func() {
			for {
				mu.Lock()
				at := next
				next += int(min(c.payload, int64(len(p)-at)))
				end := next
				stop := first != nil
				mu.Unlock()
				if at >= len(p) || stop {
					return
				}
				if _, err := c.transfer(ctx, t, p[at:end], off+int64(at), f); err != nil {
					mu.Lock()
					if at < failed {
						failed = at
					}
					if first == nil {
						first = err
					}
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	return failed, first
}
