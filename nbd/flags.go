package nbd

import "github.com/gonbd/gonbd/internal/wire"

// Flags modify a request.
type Flags uint16

// Flags. The numbers are those of the protocol.
const (
	// FUA makes the request durable before it returns. For WriteAt, Trim and
	// WriteZeroes.
	FUA = Flags(wire.CmdFlagFUA)
	// NoHole keeps the range allocated. For WriteZeroes.
	NoHole = Flags(wire.CmdFlagNoHole)
	// FastZero fails with syscall.ENOTSUP, and at once, unless zeroing is
	// faster than writing. For WriteZeroes.
	FastZero = Flags(wire.CmdFlagFastZero)
)

// Flags of the extents of the metadata context base:allocation.
const (
	StateHole = wire.StateHole // not allocated
	StateZero = wire.StateZero // reads as zeroes
)

// Metadata contexts.
const (
	ContextBaseAllocation      = "base:allocation"
	ContextQemuAllocationDepth = "qemu:allocation-depth"
	ContextQemuDirtyBitmap     = "qemu:dirty-bitmap:" // followed by the bitmap's name
)

func union(flags []Flags) (f Flags) {
	for _, g := range flags {
		f |= g
	}
	return f
}
