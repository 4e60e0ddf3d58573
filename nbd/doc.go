// Package nbd is an NBD (Network Block Device) client in pure Go.
//
// [Dial] connects to any NBD server by its URI and gives a [Client], which is
// an io.ReaderAt, io.WriterAt and io.Closer, and does what else the protocol
// has: flush, trim, write zeroes, cache, and the map of data, holes and dirty
// blocks.
//
//	c, err := nbd.Dial(ctx, "nbd://server/disk", nbd.WithConnections(4))
//	if err != nil {
//		return err
//	}
//	defer c.Close()
//	n, err := c.ReadAt(buf, 1<<20)
//
// # Concurrency
//
// A Client is safe for any number of goroutines. Their requests are pipelined
// on a connection, and spread over the connections of a server that allows
// several. Throughput comes from requests in flight: a program that wants it
// calls ReadAt from several goroutines at once.
//
// # Sizes
//
// All offsets, lengths and sizes are in bytes. Requests that are larger than
// the server takes are split; requests that the server's minimum block size
// forbids are widened for reading, and done by reading, changing and writing
// back for writing ([Client.BlockSize]).
//
// # Contexts
//
// A context that ends abandons its own request, at once, and no other: the
// connection lives on, and the late reply is thrown away. The buffer belongs
// to the caller again when the call returns. Whether an abandoned write took
// effect is unknown, and it may do so later, even after a write to the same
// range that began after it.
//
// # Durability
//
// A write that has returned may still be in the server's cache. [Client.Flush]
// makes all writes that returned before it durable, over whichever connection
// they went; the flag [FUA] makes one write durable before it returns.
//
// # Errors
//
// Errors of a request or connection are, or wrap, an [*Error], which says who
// is at fault. errors.Is works with syscall.Errno values as the server sent
// them (syscall.ENOSPC), with net.ErrClosed after Close, and with
// context.Canceled and context.DeadlineExceeded.
//
// The package never starts a server, and reads no files but those that a
// URI names and the caller allows ([WithPermissions]).
package nbd
