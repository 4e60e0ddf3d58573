//go:build !linux

package nbdublk

import "errors"

// stopElsewhere has nothing to stop.
func stopElsewhere(string) <-chan error {
	done := make(chan error, 1)
	done <- errors.ErrUnsupported
	return done
}
