package handle

// The callbacks that a caller passes. They are called on the thread of the
// call that found the news, with the handle locked: they must not call the
// same handle. The slices that they get are theirs until they return.
//
// Free says that the callback will not be called again. It is called once,
// also where the call that was given the callback fails (libnbd(3), "Callback
// lifetimes").
//
// Where there is an errno parameter it holds what error was found so far, or
// 0. A callback that fails stores another one there and returns -1.

// Completion is called once a command has ended. If it returns 1 the command
// is retired.
type Completion interface {
	Complete(errno *int) int
	Free()
}

// Chunk is called for each chunk of a reply to a structured read. The status
// is READ_DATA, READ_HOLE or READ_ERROR.
type Chunk interface {
	Chunk(subbuf []byte, offset uint64, status uint, errno *int) int
	Free()
}

// Extent is called with the extents of a metadata context, as pairs of a
// length in bytes and a status.
type Extent interface {
	Extent(context string, offset uint64, entries []uint32, errno *int) int
	Free()
}

// Extent64 is called with the extents of a metadata context.
type Extent64 interface {
	Extent64(context string, offset uint64, entries []Entry, errno *int) int
	Free()
}

// Entry is an extent: its length in bytes, and what the context says of it.
type Entry struct {
	Length, Flags uint64
}

// List is called for each export that the server lists.
type List interface {
	List(name, description string) int
	Free()
}

// Context is called for each metadata context that the server lists or
// selects.
type Context interface {
	Context(name string) int
	Free()
}

// Debug is called for each debugging message, with the call that it comes
// from.
type Debug interface {
	Debug(context, msg string) int
	Free()
}

// Statuses of a chunk.
const (
	readData  = 1
	readHole  = 2
	readError = 3
)
