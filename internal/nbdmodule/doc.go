// Package nbdmodule is the module nbd for Starlark programs: the handle
// nbd.NBD with every call of the libnbd API as a method, named and called as
// in the Python binding (libnbd-python(3)), the constants, and nbd.Buffer.
//
// The methods are generated from the table of internal/api. They work on
// package handle, and make its errors into those of the program.
//
// What differs from the Python binding:
//
//   - Starlark has no exceptions: an error ends the program, or what
//     nbd.catch(function, arguments...) calls. That gives a tuple of the
//     result and None, or of None and the error, which has the attributes
//     string, errno and errnum of nbd.Error.
//   - A method that is called from a callback of the same handle fails with
//     EDEADLK, instead of waiting for itself for ever.
//   - Numbers out of range are refused, instead of being cut off.
//   - Callbacks get the data of a chunk as bytes, which they may keep.
//   - Handles that are not closed are closed when the program ends.
//
// A module and its handles are for one goroutine, but for Interrupt. The
// package never writes to standard output.
package nbdmodule
