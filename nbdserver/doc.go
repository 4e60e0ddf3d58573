// Package nbdserver is an NBD server that a Go program can embed.
//
// A [Server] serves [Export]s; an Export gives a [Backend] a name. A Backend
// is anything with ReadAt and Size, so a [bytes.Reader] or an
// [io.SectionReader] is a read-only one already. Whatever else a disk can do
// is an optional interface, found by type assertion: [io.WriterAt], [Syncer],
// [FUAWriter], [Trimmer], [Zeroer], [Cacher], [Extenter]. What the Backend
// lacks the server does without, or does by writing, and tells its clients
// so. [NewMemory] and [OpenFile] make complete backends.
//
// The server speaks the whole protocol of doc/proto.md of the
// NetworkBlockDevice/nbd repository: the three handshakes and all options,
// TLS with certificates or pre-shared keys, all commands and flags, simple, structured and extended replies,
// metadata contexts with payload filtering, and size constraints.
// [Server.Disable] turns parts of it off, for old clients and for tests.
//
// Nothing a client sends makes the server panic, wait for ever in a
// handshake, or hold more memory than its limits say; a panic of a Backend is
// an I/O error of that one request and a line in the log.
//
// The package never opens a listening socket itself, never closes a Backend,
// and has no idea of users or permissions: put those into [Server.Resolve].
package nbdserver
