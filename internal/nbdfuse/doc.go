// Package nbdfuse is the tool of that name: it mounts an export as a file, so
// that any program can read and write it, by FUSE.
//
// Options, modes and what programs see in the mount are those of nbdfuse(1) of
// libnbd 1.24, to which a test compares them. Known differences are listed
// there. Other than the C tool it tells programs where the disk has holes,
// keeps the promise of a punched hole that it reads as zeroes, and ends, with
// EIO for those who have the file open, when the server is lost.
//
// Nothing is cached but by the kernel, which writes through: a write that has
// returned is with the server, and fsync(2) makes it durable.
//
// The package works on Linux only.
package nbdfuse
