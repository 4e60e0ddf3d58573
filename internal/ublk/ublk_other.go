//go:build !linux

package ublk

import (
	"errors"
	"fmt"
)

var errUnsupported = fmt.Errorf("ublk: only Linux has this driver: %w", errors.ErrUnsupported)

// Device is a block device, which only Linux has.
type Device struct{}

// New fails.
func New(Config, Handler) (*Device, error) { return nil, errUnsupported }

// ID is the device's number.
func (d *Device) ID() int { return AnyID }

// Path is the device's path.
func (d *Device) Path() string { return "" }

// Done is closed when the device has ended.
func (d *Device) Done() <-chan struct{} { return nil }

// Close ends the device.
func (d *Device) Close() error { return errUnsupported }

// Delete fails.
func Delete(int) error { return errUnsupported }
