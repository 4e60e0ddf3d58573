package libnbd

import (
	"unsafe"

	"github.com/gonbd/gonbd/internal/handle"
)

// LibnbdExtent is an extent of a metadata context.
type LibnbdExtent struct {
	Length uint64 // in bytes
	Flags  uint64 // what the context says of it, such as STATE_HOLE
}

// The callbacks. Those with a parameter error find in it the errno of what
// went wrong so far, or 0; one that wants the command to fail stores an errno
// there and returns -1. They run with the handle locked, and must not call it.
type (
	// ChunkCallback is called for each chunk of a reply to a structured read.
	// The status is READ_DATA, READ_HOLE or READ_ERROR, the offset that in the
	// export in bytes.
	ChunkCallback func(subbuf []byte, offset uint64, status uint, error *int) int

	// CompletionCallback is called when a command has completed. If it
	// returns 1 the command is retired.
	CompletionCallback func(error *int) int

	// DebugCallback is called for each debugging message, with the name of
	// the C function that it is about.
	DebugCallback func(context string, msg string) int

	// ExtentCallback is called for each metadata context, with pairs of a
	// length in bytes and flags.
	ExtentCallback func(metacontext string, offset uint64, entries []uint32, error *int) int

	// Extent64Callback is called for each metadata context.
	Extent64Callback func(metacontext string, offset uint64, entries []LibnbdExtent, error *int) int

	// ListCallback is called for each export that the server lists.
	ListCallback func(name string, description string) int

	// ContextCallback is called for each metadata context that the server
	// lists or selects.
	ContextCallback func(name string) int
)

// These make the handle's interfaces of functions: without allocating, since
// a function fits in an interface. A nil function is none.
type (
	chunkFunc      ChunkCallback
	completionFunc CompletionCallback
	debugFunc      DebugCallback
	extentFunc     ExtentCallback
	extent64Func   Extent64Callback
	listFunc       ListCallback
	contextFunc    ContextCallback
)

func (chunkFunc) Free()      {}
func (completionFunc) Free() {}
func (debugFunc) Free()      {}
func (extentFunc) Free()     {}
func (extent64Func) Free()   {}
func (listFunc) Free()       {}
func (contextFunc) Free()    {}

func (f chunkFunc) Chunk(subbuf []byte, offset uint64, status uint, errno *int) int {
	return f(subbuf, offset, status, errno)
}

func (f completionFunc) Complete(errno *int) int { return f(errno) }

func (f debugFunc) Debug(context, msg string) int { return f(context, msg) }

func (f extentFunc) Extent(context string, offset uint64, entries []uint32, errno *int) int {
	return f(context, offset, entries, errno)
}

func (f extent64Func) Extent64(context string, offset uint64, entries []handle.Entry, errno *int) int {
	return f(context, offset, unsafe.Slice((*LibnbdExtent)(unsafe.Pointer(unsafe.SliceData(entries))), len(entries)), errno)
}

func (f listFunc) List(name, description string) int { return f(name, description) }

func (f contextFunc) Context(name string) int { return f(name) }

func toChunk(f ChunkCallback) handle.Chunk {
	if f == nil {
		return nil
	}
	return chunkFunc(f)
}

func toCompletion(set bool, f CompletionCallback) handle.Completion {
	if !set || f == nil {
		return nil
	}
	return completionFunc(f)
}

func toDebug(f DebugCallback) handle.Debug {
	if f == nil {
		return nil
	}
	return debugFunc(f)
}

func toExtent(f ExtentCallback) handle.Extent {
	if f == nil {
		return nil
	}
	return extentFunc(f)
}

func toExtent64(f Extent64Callback) handle.Extent64 {
	if f == nil {
		return nil
	}
	return extent64Func(f)
}

func toList(f ListCallback) handle.List {
	if f == nil {
		return nil
	}
	return listFunc(f)
}

func toContext(f ContextCallback) handle.Context {
	if f == nil {
		return nil
	}
	return contextFunc(f)
}
