package ublk

import (
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"syscall"
)

// Sector is the unit of the driver, in bytes. Sizes and offsets of devices are
// multiples of it.
const Sector = 512

// AnyID lets the kernel choose a number that is free.
const AnyID = -1

// Config describes a device to be made. All sizes are in bytes.
type Config struct {
	ID int // the device's number, or AnyID

	// Queues is the number of queues, each of which has a thread; there are no
	// more than processors. Depth is the number of requests that a queue may
	// have under way, at most 4096.
	Queues, Depth int

	// MaxRequest is the length of the longest read or write; those of
	// programs are split. It is a multiple of the size of a page. Each request
	// that may be under way has memory of that size.
	MaxRequest int

	Size int64 // of the device; a multiple of BlockSize

	// BlockSize is the logical block size, which all requests keep: a power of
	// 2 from Sector to the size of a page. PhysicalBlockSize, a power of 2 and
	// not less, is what had better be kept.
	BlockSize, PhysicalBlockSize int

	ReadOnly   bool
	Rotational bool
	Flush      bool // there is a cache to be flushed: requests have OpFlush
	FUA        bool // requests may have FlagFUA; else the kernel flushes

	// MaxDiscard and MaxWriteZeroes are the lengths of the longest requests of
	// these kinds; there are none if they are 0.
	MaxDiscard, MaxWriteZeroes int64
}

// Op is what a request asks for.
type Op uint8

// The numbers are those of the driver.
const (
	OpRead        Op = 0
	OpWrite       Op = 1
	OpFlush       Op = 2
	OpDiscard     Op = 3
	OpWriteZeroes Op = 5
)

// Flags modify a request.
type Flags uint32

// The numbers are those of the driver.
const (
	FlagFUA     Flags = 1 << 13 // what is written is to be durable
	FlagNoUnmap Flags = 1 << 15 // of OpWriteZeroes: keep the range allocated
)

// Request is a request of the kernel.
type Request struct {
	Op     Op
	Flags  Flags
	Offset int64
	Length int64
	// Data is what is to be written, or where that belongs which is read. It
	// is Length bytes long, or nil for other requests.
	Data []byte
}

// Handler answers a request: with 0 if it was done, and all of it. It is
// called by many goroutines at once, and does not use the request after it
// has returned.
type Handler func(*Request) syscall.Errno

// DevicePath is the path of the device with a number.
func DevicePath(id int) string { return "/dev/ublkb" + strconv.Itoa(id) }

// ParseDevice gives the number of a device that is named as "/dev/ublkb3", as
// "3", or as "-" for any (nbdublk(1)).
func ParseDevice(name string) (int, error) {
	if name == "-" {
		return AnyID, nil
	}
	number := strings.TrimPrefix(name, "/dev/ublkb")
	id, err := strconv.ParseUint(number, 10, 20) // the kernel has no more minor numbers
	if err != nil || strconv.Itoa(int(id)) != number {
		return 0, fmt.Errorf("%q is no ublk device: it should be a path such as /dev/ublkb0, a number, or - for any that is free: %w", name, fs.ErrInvalid)
	}
	return int(id), nil
}

// check refuses what the driver would refuse without saying why.
func (c *Config) check() error {
	isPower := func(n int) bool { return n > 0 && n&(n-1) == 0 }
	switch {
	case !isPower(c.BlockSize) || !isPower(c.PhysicalBlockSize) || c.BlockSize < Sector || c.PhysicalBlockSize < c.BlockSize:
		return fmt.Errorf("ublk: block sizes of %d and %d bytes: expected powers of 2, the first at least %d and no larger than the second", c.BlockSize, c.PhysicalBlockSize, Sector)
	case c.Size < int64(c.BlockSize) || c.Size%int64(c.BlockSize) != 0:
		return fmt.Errorf("ublk: a device of %d bytes: expected a multiple of the block size, %d", c.Size, c.BlockSize)
	case c.Queues < 1 || c.Depth < 1 || c.Depth > maxDepth:
		return fmt.Errorf("ublk: %d queues for %d requests: expected at least 1, and at most %d requests", c.Queues, c.Depth, maxDepth)
	case c.MaxRequest < c.BlockSize:
		return fmt.Errorf("ublk: requests of at most %d bytes: expected at least a block", c.MaxRequest)
	}
	return nil
}

// maxDepth is the driver's UBLK_MAX_QUEUE_DEPTH.
const maxDepth = 4096
