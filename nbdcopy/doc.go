// Package nbdcopy copies disks: between NBD servers, files, block devices and
// streams, in any combination, in parallel and sparse.
//
// [Copy] copies from a [Source] to a [Destination]. Both are small interfaces;
// what else an endpoint can do it says by implementing more of them:
// [Extenter], [Zeroer], [Resizer], [Flusher], [Blank], [Sequential], [Tuned].
// [NBD], [File], [Reader], [Writer] and [Null] make endpoints of what is open
// already; [OpenSource] and [OpenDestination] open what a name or a command
// stands for.
//
// # What is copied
//
// All of the source, and nothing but: a destination that is smaller is
// refused before anything is written, and one that is larger keeps its rest.
// Zeroes are found by asking the source for its extents and by looking at the
// data; they become holes where the destination can have them.
//
// Copy returns nil only if every byte was read and written. Any error of a
// read, a write or a zeroing ends the copy and is returned, with the range it
// happened at. Only the map of the source is a hint: if asking for extents
// fails, the rest of the source is read as data, and Options.Warn is told.
//
// # Memory
//
// A copy holds at most Options.QueueSize bytes of data for each connection that
// it can use, and at most MaxDefaultQueue if nothing else is asked for, in
// buffers that it uses again. It begins with a few, and takes more as long as
// more requests in flight copy faster.
//
// The package starts no servers but those that OpenSource and OpenDestination
// are given as commands, and never closes an endpoint that is passed to Copy.
package nbdcopy
