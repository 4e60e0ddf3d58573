package nbdserver

import (
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"syscall"

	"github.com/gonbd/gonbd/internal/nbderr"
	"github.com/gonbd/gonbd/internal/wire"
)

// execute does what the request asks for and makes its reply.
func (c *conn) execute(r *request) {
	defer func() {
		if p := recover(); p != nil {
			c.log.Error("panic in a request", "command", r.Type, "offset", r.Offset, "length", r.length,
				"panic", p, "stack", string(debug.Stack()))
			c.replyError(r, wire.EIO, "the server's backend failed")
		}
	}()
	if r.refusal != 0 {
		c.log.Debug("request refused", "command", r.Type, "flags", r.Flags, "offset", r.Offset, "length", r.Length, "why", r.text)
		c.replyError(r, r.refusal, r.text)
		return
	}
	d, off, n := c.disk, int64(r.Offset), int64(r.length)
	var err error
	switch {
	case r.Type == wire.CmdRead && n > 0:
		c.executeRead(r)
		return
	case r.Type == wire.CmdBlockStatus:
		c.executeBlockStatus(r)
		return
	case r.Type == wire.CmdFlush:
		err = d.syncer.Sync()
	case n == 0:
	case r.Type == wire.CmdWrite:
		err = c.write(r, off)
	case r.Type == wire.CmdTrim:
		err = c.change(r, ignoreUnsupported(d.trimmer.Trim(off, n)))
	case r.Type == wire.CmdWriteZeroes:
		err = c.change(r, c.writeZeroes(r, off, n))
	case r.Type == wire.CmdCache:
		err = ignoreUnsupported(d.cacher.Cache(off, n))
	}
	if err != nil {
		c.fail(r, err)
		return
	}
	c.replyDone(r)
}

// fail answers a request with an error of the backend.
func (c *conn) fail(r *request, err error) {
	errno := nbderr.ToWire(err)
	if errno == wire.ENOTSUP && r.Flags&wire.CmdFlagFastZero == 0 {
		errno = wire.EIO // the protocol keeps ENOTSUP for fast zeroing
	}
	c.log.Warn("request failed", "command", r.Type, "offset", r.Offset, "length", r.length, "err", err)
	c.replyError(r, errno, clientText(err))
}

func ignoreUnsupported(err error) error {
	if errors.Is(err, errors.ErrUnsupported) {
		return nil
	}
	return err
}

// change completes a command that has changed the disk, or failed to: it
// makes it durable if the client wants that.
func (c *conn) change(r *request, err error) error {
	if err != nil || r.Flags&wire.CmdFlagFUA == 0 {
		return err
	}
	return c.disk.syncer.Sync()
}

func (c *conn) write(r *request, off int64) error {
	data := r.data.bytes[:r.length]
	if r.Flags&wire.CmdFlagFUA != 0 && c.disk.fuaWriter != nil {
		n, err := c.disk.fuaWriter.WriteAtFUA(data, off)
		return written(n, len(data), err)
	}
	n, err := c.disk.writer.WriteAt(data, off)
	return c.change(r, written(n, len(data), err))
}

// written judges the result of a WriteAt.
func written(n, want int, err error) error {
	if err == nil && n < want {
		return io.ErrShortWrite
	}
	return err
}

var zeroes [256 << 10]byte

// writeZeroes zeroes a range, by writing if need be.
func (c *conn) writeZeroes(r *request, off, n int64) error {
	var flags ZeroFlags
	if r.Flags&wire.CmdFlagNoHole != 0 {
		flags |= NoHole
	}
	fast := r.Flags&wire.CmdFlagFastZero != 0
	if fast {
		flags |= FastZero
	}
	err := errors.ErrUnsupported
	if c.disk.zeroer != nil {
		err = c.disk.zeroer.WriteZeroes(off, n, flags)
	}
	if err == nil || fast || !errors.Is(err, errors.ErrUnsupported) {
		if fast && errors.Is(err, errors.ErrUnsupported) {
			err = syscall.ENOTSUP // its text is clearer
		}
		return err
	}
	if n > maxEmulatedZeroes {
		return &nbderr.Error{Errno: syscall.EOVERFLOW, Msg: "too many zeroes to write them at once"}
	}
	for n > 0 && c.ctx.Err() == nil {
		p := zeroes[:min(n, int64(len(zeroes)))]
		k, err := c.disk.writer.WriteAt(p, off)
		if err := written(k, len(p), err); err != nil {
			return err
		}
		off, n = off+int64(len(p)), n-int64(len(p))
	}
	return c.ctx.Err()
}

// executeRead answers NBD_CMD_READ.
func (c *conn) executeRead(r *request) {
	chunks := c.neg.structured || c.neg.extended
	if chunks && c.disk.export.SparseReads && c.disk.extenter != nil && r.Flags&wire.CmdFlagDF == 0 &&
		(c.disk.immediate || r.length >= minSparseRead) {
		if done, err := c.sparseRead(r); err != nil {
			c.fail(r, err)
			return
		} else if done {
			return
		}
	}
	r.data = newBuffer(int(r.length))
	data := r.data.bytes[:r.length]
	n, err := c.readAt(data, int64(r.Offset))
	switch {
	case err == nil:
		c.replyData(r, data)
	case chunks && n > 0:
		// What could be read is worth having.
		c.log.Warn("request failed", "command", r.Type, "offset", r.Offset, "length", r.length, "read", n, "err", err)
		c.replyPartial(r, data[:n], nbderr.ToWire(err), clientText(err))
	default:
		c.fail(r, err)
	}
}

// readAt fills p, or returns an error.
func (c *conn) readAt(p []byte, off int64) (int, error) {
	n, err := c.disk.backend.ReadAt(p, off)
	switch {
	case n == len(p):
		return n, nil
	case n < 0 || n > len(p):
		return 0, fmt.Errorf("nbdserver: ReadAt of %d bytes returned %d", len(p), n)
	case err == nil || err == io.EOF:
		err = fmt.Errorf("nbdserver: the disk ended after %d of %d bytes", n, len(p))
	}
	return n, err
}

const (
	// minSparseRead is the shortest read for which it is worth asking a
	// backend that is not in memory for its extents.
	minSparseRead = 32 << 10
	// minHole is the shortest hole that is worth a chunk of its own.
	minHole = 512
	// maxReadExtents is the number of extents to ask for in a read.
	maxReadExtents = 64
)

// sparseRead answers a read in chunks, holes among them. It reports false if
// there are none.
func (c *conn) sparseRead(r *request) (bool, error) {
	off, n := int64(r.Offset), int64(r.length)
	extents, err := c.disk.extenter.Extents(r.extents[:0], off, n, maxReadExtents)
	if err != nil {
		return false, err
	}
	r.extents = extents
	// Make of them runs of holes and data, alternating, that cover the range.
	runs := extents[:0]
	left := n
	add := func(length int64, flags uint64) {
		if k := len(runs) - 1; k >= 0 && (runs[k].Flags == flags || flags == StateZero && length < minHole) {
			runs[k].Length += length
			return
		}
		runs = append(runs, Extent{length, flags})
	}
	for _, e := range extents {
		if e.Length <= 0 || left == 0 {
			break
		}
		length := min(e.Length, left)
		left -= length
		flags := e.Flags & StateZero
		if len(runs) == 0 && length < minHole {
			flags = 0
		}
		add(length, flags)
	}
	if left > 0 {
		add(left, 0)
	}
	if len(runs) == 1 && runs[0].Flags == 0 {
		return false, nil
	}
	need := int64(0)
	for _, e := range runs {
		if e.Flags == 0 {
			need += e.Length
		}
	}
	var data []byte
	if need > 0 {
		r.data = newBuffer(int(need))
		data = r.data.bytes[:need]
	}
	for i, e := range runs {
		last := i == len(runs)-1
		if e.Flags == 0 {
			if _, err := c.readAt(data[:e.Length], off); err != nil {
				r.reset()
				return false, err
			}
			c.chunkData(r, last, off, data[:e.Length])
			data = data[e.Length:]
		} else {
			c.chunkHole(r, last, off, uint32(e.Length))
		}
		off += e.Length
	}
	return true, nil
}
