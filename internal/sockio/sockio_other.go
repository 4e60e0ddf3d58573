//go:build !linux

package sockio

import "errors"

// Supported says whether the package works on this platform.
const Supported = false

// Vector does nothing on this platform.
type Vector struct{}

// Send fails.
func (*Vector) Send(uintptr, [][]byte) (int, error) { return 0, errors.ErrUnsupported }

// CloseWrite fails.
func CloseWrite(uintptr) error { return errors.ErrUnsupported }

// Recv fails.
func (*Vector) Recv(uintptr, []byte, []byte) (int, error) { return 0, errors.ErrUnsupported }
