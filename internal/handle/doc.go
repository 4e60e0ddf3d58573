// Package handle is the semantics of libnbd: a handle on one connection to an
// NBD server that its caller drives, synchronously or by a poll loop of its
// own (libnbd(3)). The package libnbd and the C library are thin coats of
// paint over it.
//
// A Handle has one exported method for each call of libnbd. They are
// generated from the table of internal/api, lock the handle, check what the
// table says, print the debugging lines, and call the unexported method of
// the same name, which is written by hand.
//
// The caller's own thread reads from and writes to the socket: no goroutine
// stands between a call and the system calls. While a call waits for the
// socket it does not hold the lock, so that other threads can use the handle;
// wait.go says how they wake each other.
//
// The package never starts a goroutine while connected, but for the handshake
// of TLS; never installs a signal handler; and never writes to a socket in a
// way that raises SIGPIPE.
package handle
