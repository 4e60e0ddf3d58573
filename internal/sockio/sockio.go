// Package sockio reads from and writes to a non-blocking socket descriptor by
// vector, with raw system calls and without allocating: the part that the
// drivers of the engine have in common. It never waits, and never closes a
// descriptor.
//
// It is there on Linux; elsewhere Supported is false, and drivers use the
// methods of net.Conn.
package sockio

import "errors"

// ErrAgain says that nothing can be received or sent without waiting.
var ErrAgain = errors.New("the socket is not ready")
