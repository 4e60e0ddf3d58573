package nbdserver

import "io"

// Backend is what an export reads from: a disk of Size bytes.
//
// All methods of a Backend, and of the optional interfaces below, are called
// from many goroutines at once, with offsets and lengths within Size. Buffers
// belong to the server again when the method returns.
//
// An error reaches the client as an NBD error number: that of a
// [syscall.Errno] in its chain if the protocol has one, EIO otherwise. Its
// text reaches clients with structured or extended replies, so it should hold
// nothing secret; file names in errors of package os are left out.
//
// A Backend whose operations should end when the client has gone can be made
// for each connection by [Server.Resolve], with the context given there.
type Backend interface {
	// ReadAt reads as io.ReaderAt does: fewer bytes than asked for is an
	// error. It must set every byte that it counts as read.
	io.ReaderAt

	// Size is the size of the disk in bytes. It is asked for once a
	// connection, and the answer holds as long as that lasts.
	Size() int64
}

// A Backend that implements [io.WriterAt] can be written, unless it also
// implements ReadOnlyReporter and says that it is read-only.
type ReadOnlyReporter interface {
	// ReadOnly reports whether writes would fail.
	ReadOnly() bool
}

// Syncer is implemented by Backends that can flush (NBD_CMD_FLUSH), and
// thereby honour NBD_CMD_FLAG_FUA.
type Syncer interface {
	// Sync makes everything durable that was written before it was called.
	Sync() error
}

// FUAWriter is implemented by Syncers that have a cheaper way to a durable
// write than WriteAt and Sync (NBD_CMD_WRITE with NBD_CMD_FLAG_FUA).
type FUAWriter interface {
	// WriteAtFUA is WriteAt that returns when the data is durable.
	WriteAtFUA(p []byte, off int64) (n int, err error)
}

// Trimmer is implemented by Backends that can discard data (NBD_CMD_TRIM).
type Trimmer interface {
	// Trim says that the n bytes at off are no longer needed. It is a hint:
	// errors.ErrUnsupported counts as success.
	Trim(off, n int64) error
}

// ZeroFlags modify WriteZeroes.
type ZeroFlags uint8

const (
	// NoHole asks that the range stay allocated (NBD_CMD_FLAG_NO_HOLE).
	NoHole ZeroFlags = 1 << iota
	// FastZero asks for errors.ErrUnsupported at once, and nothing changed,
	// where zeroing is not faster than writing zeroes
	// (NBD_CMD_FLAG_FAST_ZERO).
	FastZero
)

// Zeroer is implemented by Backends that have a faster way to zeroes than
// writing them (NBD_CMD_WRITE_ZEROES). The server writes zeroes itself for
// those that don't.
type Zeroer interface {
	// WriteZeroes makes the n bytes at off read as zeroes. If it returns
	// errors.ErrUnsupported without FastZero, the server writes the zeroes.
	WriteZeroes(off, n int64, flags ZeroFlags) error
}

// Cacher is implemented by Backends that can fetch data ahead of its use
// (NBD_CMD_CACHE).
type Cacher interface {
	// Cache says that the n bytes at off will be read soon. It is a hint:
	// errors.ErrUnsupported counts as success.
	Cache(off, n int64) error
}

// Extent is a run of the disk that has one status in a metadata context.
type Extent struct {
	Length int64 // in bytes, more than 0
	Flags  uint64
}

// Status flags of the metadata context base:allocation.
const (
	StateHole = 1 << 0 // not allocated
	StateZero = 1 << 1 // reads as zeroes
)

// Extenter is implemented by Backends that know where they are sparse
// (NBD_CMD_BLOCK_STATUS with base:allocation). Of those that don't, the whole
// disk counts as data.
type Extenter interface {
	// Extents appends to dst the status, StateHole and StateZero or 0, of
	// consecutive runs that begin at off. It may stop early once it has
	// appended one extent, should stop after most of them, and the last may
	// reach beyond off+n.
	Extents(dst []Extent, off, n int64, most int) ([]Extent, error)
}

// Immediate is implemented by Backends in memory: none of their operations
// waits for anything. The server then spares itself the change of goroutine
// on small requests.
type Immediate interface {
	// Immediate reports whether that is so.
	Immediate() bool
}
