// Package libnbd is the API of the C library libnbd in Go, signature for
// signature that of its official binding libguestfs.org/libnbd, and without
// cgo: a program that imports the binding builds with one replace line for
// the module compat/libguestfs.org/libnbd.
//
// New programs are better served by package nbd, which has contexts, io
// interfaces, many goroutines and several connections. This package is for
// those that want libnbd's: a handle for one connection, synchronous calls,
// and asynchronous ones for a poll loop of the caller's own.
//
//	h, err := libnbd.Create()
//	if err != nil {
//		return err
//	}
//	defer h.Close()
//	if err := h.ConnectUri("nbd://localhost"); err != nil {
//		return err
//	}
//	buf := make([]byte, 512)
//	if err := h.Pread(buf, 0, nil); err != nil {
//		return err
//	}
//
// Every call is described at its method; libnbd(3) has the overview. What
// differs from C is little: optional parameters are in a structure, nil for
// none; callbacks are functions; a handle that is forgotten is closed by the
// garbage collector, some time, unless a callback that it has refers to it.
// A call on a closed handle fails with EBADF.
//
// # Concurrency
//
// A handle may be used by several goroutines at once. A synchronous call does
// not keep others from using the handle while it waits for the server.
// Callbacks run inside of a call on the same handle, in the goroutine of
// whoever made it, with the handle locked: they must not call the handle,
// except for those calls that only ask for its state, such as
// [Libnbd.AioIsReady]; their descriptions say so.
//
// # Memory
//
// A slice that is passed to a synchronous call is used in place, and only
// until the call returns. An [AioBuffer] belongs to the handle from the
// asynchronous call until the command has completed. The slices that callbacks
// get are valid until they return.
//
// # Errors
//
// Every error is a *[LibnbdError]. [errors.Is] works with a syscall.Errno, and
// with what stands for one, such as fs.ErrPermission. A call in a state that
// does not permit it always counts as EINVAL, also where Errno is ENOTCONN.
//
// # Differences from the official binding
//
// LibnbdError has Unwrap, so that errors.Is finds the errno. AioConnect takes
// an address instead of panicking. SetKeepalive, GetKeepalive and
// SetTcpOption are newer than libnbd 1.24, the version that GetVersion tells.
// Handles work on Linux; elsewhere connecting fails with ENOTSUP.
package libnbd
