package nbd

import (
	"context"
	"errors"
	"math"
	"syscall"

	"github.com/gonbd/gonbd/internal/wire"
)

// Flush makes all writes that have returned before it durable, over whichever
// of the client's connections they went (NBD_CMD_FLUSH). It fails with
// syscall.ENOTSUP if the server does not offer it: see CanFlush.
func (c *Client) Flush(ctx context.Context) error {
	if !c.export.CanFlush() {
		return misuse("flush", syscall.ENOTSUP, "the server does not offer it")
	}
	if err := c.enter("flush"); err != nil {
		return err
	}
	defer c.exit()
	return c.flush(ctx)
}

func (c *Client) flush(ctx context.Context) error {
	// Several connections are used only where a flush on one covers all
	// (NBD_FLAG_CAN_MULTI_CONN).
	r := newRequest()
	defer r.free()
	r.cmd.Type = wire.CmdFlush
	return c.do(ctx, r)
}

// Trim tells the server that n bytes from offset off are not needed any more
// (NBD_CMD_TRIM). What they read as afterwards is unknown. It is a hint:
// parts of a block are left alone. The flag is FUA.
func (c *Client) Trim(ctx context.Context, off, n int64, flags ...Flags) error {
	const op = "trim"
	f := union(flags)
	switch {
	case f&^FUA != 0:
		return misuse(op, syscall.EINVAL, "the only flag of a trim is FUA")
	case !c.export.CanTrim():
		return misuse(op, syscall.ENOTSUP, "the server does not offer it")
	}
	if err := c.checkWrite(op, off, n); err != nil {
		return err
	}
	f, after, err := c.emulateFUA(op, f)
	if err != nil {
		return err
	}
	if err := c.enter(op); err != nil {
		return err
	}
	defer c.exit()
	if block := c.block(); block > 1 {
		end := (off + n) / block * block
		off = roundUp(off, block)
		n = max(0, end-off)
	}
	if err := c.effect(ctx, wire.CmdTrim, off, n, f); err != nil {
		return err
	}
	if after {
		return c.flush(ctx)
	}
	return nil
}

// Cache tells the server that n bytes from offset off will be read soon
// (NBD_CMD_CACHE).
func (c *Client) Cache(ctx context.Context, off, n int64) error {
	const op = "cache"
	if !c.export.CanCache() {
		return misuse(op, syscall.ENOTSUP, "the server does not offer it")
	}
	if err := c.checkRange(op, off, n); err != nil {
		return err
	}
	if err := c.enter(op); err != nil {
		return err
	}
	defer c.exit()
	if block := c.block(); block > 1 {
		end := min(roundUp(off+n, block), c.export.Size/block*block)
		off = off / block * block
		n = max(0, end-off)
	}
	return c.effect(ctx, wire.CmdCache, off, n, 0)
}

// WriteZeroes makes n bytes from offset off read as zeroes, in general
// without sending them (NBD_CMD_WRITE_ZEROES). The flags are FUA, NoHole and
// FastZero. If the server cannot do it (see CanWriteZeroes), zeroes are
// written, unless FastZero is among the flags: then it fails with
// syscall.ENOTSUP and changes nothing.
func (c *Client) WriteZeroes(ctx context.Context, off, n int64, flags ...Flags) error {
	const op = "write zeroes"
	f := union(flags)
	if f&^(FUA|NoHole|FastZero) != 0 {
		return misuse(op, syscall.EINVAL, "the flags of write zeroes are FUA, NoHole and FastZero")
	}
	if f&FastZero != 0 && !(c.export.CanFastZero() && c.export.CanWriteZeroes()) {
		return misuse(op, syscall.ENOTSUP, "the server does not offer fast zeroing")
	}
	if err := c.checkWrite(op, off, n); err != nil {
		return err
	}
	f, after, err := c.emulateFUA(op, f)
	if err != nil {
		return err
	}
	if err := c.enter(op); err != nil {
		return err
	}
	defer c.exit()
	if c.aligned(off, n) {
		if err := c.shareBlocks(ctx, op); err != nil {
			return err
		}
		err = c.zero(ctx, off, n, f)
		c.unshareBlocks()
	} else {
		err = c.zeroUnaligned(ctx, off, n, f)
	}
	if err == nil && after {
		err = c.flush(ctx)
	}
	return err
}

// zeroes is written where a server cannot zero by itself.
var zeroes [256 << 10]byte

// zero zeroes an aligned range.
func (c *Client) zero(ctx context.Context, off, n int64, f Flags) error {
	if c.export.CanWriteZeroes() {
		return c.effect(ctx, wire.CmdWriteZeroes, off, n, f)
	}
	for n > 0 {
		m := min(n, int64(len(zeroes)), c.payload)
		if _, err := c.write(ctx, zeroes[:m], off, f&FUA); err != nil {
			return err
		}
		off += m
		n -= m
	}
	return nil
}

// effect sends a request without a payload, as often as its length demands.
func (c *Client) effect(ctx context.Context, t wire.Command, off, n int64, f Flags) error {
	most := int64(math.MaxInt64)
	if !c.protocol.ExtendedHeaders {
		most = math.MaxUint32 &^ (wire.MaxMinimumBlock - 1)
	}
	for n > 0 {
		m := min(n, most)
		r := newRequest()
		r.cmd.Type, r.cmd.Offset, r.cmd.Length, r.cmd.Flags = t, uint64(off), uint64(m), wire.CommandFlags(f)
		err := c.do(ctx, r)
		r.free()
		if err != nil {
			// A server may refuse what is longer than its maximum payload
			// even where there is no payload ("Size constraints").
			e, ok := errors.AsType[*Error](err)
			if ok && e.Kind == ServerError && (e.Errno == syscall.EOVERFLOW || e.Errno == syscall.EINVAL) && m > c.payload {
				most = c.payload
				continue
			}
			return err
		}
		off += m
		n -= m
	}
	return nil
}

// emulateFUA replaces FUA by a later flush where the server has only that.
func (c *Client) emulateFUA(op string, f Flags) (_ Flags, flushAfter bool, err error) {
	switch {
	case f&FUA == 0 || c.export.CanFUA():
		return f, false, nil
	case c.export.CanFlush():
		return f &^ FUA, true, nil
	}
	return f, false, misuse(op, syscall.ENOTSUP, "the server offers neither FUA nor flush")
}
