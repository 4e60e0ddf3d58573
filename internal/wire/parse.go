package wire

import (
	"fmt"
	"strconv"
)

// A FormError says that the bytes of a message do not have the form that the
// protocol gives it.
type FormError struct {
	Message string // which message
	Problem string // expected and seen
}

func (e *FormError) Error() string { return e.Message + ": " + e.Problem }

// short is the error for a message of fewer bytes than it needs.
func short(message string, want, got int) error {
	return &FormError{message, fmt.Sprintf("needs %d bytes, has %d", want, got)}
}

// sized checks that a message of fixed size has just that size.
func sized(message string, b []byte, want int) error {
	if len(b) != want {
		return &FormError{message, fmt.Sprintf("should be %d bytes long, is %d", want, len(b))}
	}
	return nil
}

// takeString takes a string that follows its own 32-bit length.
func takeString(message, what string, b []byte) (s string, rest []byte, err error) {
	if len(b) < 4 {
		return "", nil, &FormError{message, "ends before the length of the " + what}
	}
	n := be.Uint32(b)
	b = b[4:]
	if n > MaxString {
		return "", nil, &FormError{message, fmt.Sprintf("the %s is %d bytes long, more than the %d that the protocol allows", what, n, MaxString)}
	}
	if uint64(n) > uint64(len(b)) {
		return "", nil, &FormError{message, fmt.Sprintf("the %s is said to be %d bytes long, but %d are left", what, n, len(b))}
	}
	return string(b[:n]), b[n:], nil
}

// wholeString takes all of b as a string.
func wholeString(message, what string, b []byte) (string, error) {
	if len(b) > MaxString {
		return "", &FormError{message, fmt.Sprintf("the %s is %d bytes long, more than the %d that the protocol allows", what, len(b), MaxString)}
	}
	return string(b), nil
}

func appendString(b []byte, s string) []byte {
	b = be.AppendUint32(b, uint32(len(s)))
	return append(b, s...)
}

func hex(n uint64) string { return "0x" + strconv.FormatUint(n, 16) }
