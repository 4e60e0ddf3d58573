package nbdserver

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/gonbd/gonbd/internal/wire"
)

// Export is a disk as clients see it. It must not change while it is served.
type Export struct {
	// Name is the name that clients ask for, at most 4096 bytes of UTF-8.
	// The empty name is that of the default export.
	Name string

	// Description is a text for people, at most 4096 bytes of UTF-8. It may
	// be empty.
	Description string

	// Backend does the work. The server never closes it.
	Backend Backend

	// ReadOnly refuses all writes with EPERM, whatever the Backend can do.
	ReadOnly bool

	// MultiConn promises clients that a flush on one connection covers what
	// was written on the others (NBD_FLAG_CAN_MULTI_CONN). It is so if all
	// connections share one Backend without a cache of their own.
	MultiConn bool

	// Rotational tells clients that seeking is slow (NBD_FLAG_ROTATIONAL).
	Rotational bool

	// SparseReads answers reads of clients with structured or extended
	// replies with holes instead of zeroes where the Backend is an Extenter
	// and reports StateZero. It costs a call of Extents per read, except
	// short ones of Backends that are not Immediate.
	SparseReads bool

	// BlockSize constrains the requests of clients.
	BlockSize BlockSize

	// MetaContexts are further metadata contexts, besides base:allocation,
	// which every export has.
	MetaContexts []MetaContext

	// Release, if not nil, is called once for each time that Server.Resolve
	// returned the Export, when it is not used any more on that account.
	Release func()
}

// BlockSize constrains the offsets and lengths of requests, in bytes
// (section "Size constraints" of the protocol).
type BlockSize struct {
	// Minimum is the alignment of all offsets and lengths, a power of 2 up
	// to 65536. Requests that don't keep it fail with EINVAL, and a size of
	// the Backend that is no multiple of it is rounded down. 0 means 1.
	Minimum uint32
	// Preferred is the alignment that clients had best use, a power of 2 of
	// at least Minimum and 512. 0 means 4096, or Minimum if that is more.
	Preferred uint32
	// MaxPayload is the longest read or write, at least Preferred. 0, and
	// whatever exceeds it, means Server.MaxPayload.
	MaxPayload uint32
}

// MetaContext is a metadata context (section "Metadata querying" of the
// protocol).
type MetaContext struct {
	// Name is the namespace, a colon, and the rest.
	Name string

	// Wide says that the flags need more than 32 bits. Only clients with
	// extended headers can use the context then.
	Wide bool

	// Extents is as that of Extenter, with flags of the context's own. The
	// lengths must be multiples of the Export's BlockSize.Minimum.
	Extents func(dst []Extent, off, n int64, most int) ([]Extent, error)
}

const baseAllocation = "base:allocation"

// check says what is wrong with the export's fields.
func (e *Export) check() error {
	problem := func(format string, args ...any) error {
		return fmt.Errorf("nbdserver: export %q: %s", e.Name, fmt.Sprintf(format, args...))
	}
	if err := checkString(e.Name); err != nil {
		return problem("the name %v", err)
	}
	if err := checkString(e.Description); err != nil {
		return problem("the description %v", err)
	}
	if e.Backend == nil {
		return problem("has no Backend")
	}
	seen := map[string]bool{baseAllocation: true}
	for _, m := range e.MetaContexts {
		if err := checkString(m.Name); err != nil {
			return problem("the name of the metadata context %q %v", m.Name, err)
		}
		if i := strings.IndexByte(m.Name, ':'); i <= 0 {
			return problem("the name of the metadata context %q should be a namespace, a colon, and more", m.Name)
		}
		if seen[m.Name] {
			return problem("has two metadata contexts named %q", m.Name)
		}
		if m.Extents == nil {
			return problem("the metadata context %q has no function Extents", m.Name)
		}
		seen[m.Name] = true
	}
	return nil
}

// checkString says what keeps s from being a string of the protocol.
func checkString(s string) error {
	switch {
	case len(s) > wire.MaxString:
		return fmt.Errorf("is %d bytes long, more than the %d that the protocol allows", len(s), wire.MaxString)
	case !utf8.ValidString(s):
		return errors.New("is not valid UTF-8")
	case strings.IndexByte(s, 0) >= 0:
		return errors.New("contains a NUL")
	}
	return nil
}

// constraints are the export's size constraints, defaults filled in.
func (e *Export) constraints(maxPayload uint32) (wire.BlockSize, error) {
	b := wire.BlockSize(e.BlockSize)
	if b.Minimum == 0 {
		b.Minimum = 1
	}
	if b.Preferred == 0 {
		b.Preferred = max(b.Minimum, wire.DefaultPreferredBlock)
	}
	if b.MaxPayload == 0 || b.MaxPayload > maxPayload {
		b.MaxPayload = maxPayload
	}
	if err := b.Check(); err != nil {
		return b, fmt.Errorf("nbdserver: export %q: BlockSize: %w", e.Name, err)
	}
	return b, nil
}

// disk is an export as one connection uses it: its size and limits as the
// client was told them, and what its backend can do.
type disk struct {
	export *Export
	size   uint64
	block  wire.BlockSize
	flags  wire.TransmissionFlags // those that don't depend on options

	backend   Backend
	writer    io.WriterAt
	syncer    Syncer
	fuaWriter FUAWriter
	trimmer   Trimmer
	zeroer    Zeroer
	cacher    Cacher
	extenter  Extenter
	immediate bool
}

// open takes stock of an export.
func (e *Export) open(maxPayload uint32, disable *Features) (*disk, error) {
	if err := e.check(); err != nil {
		return nil, err
	}
	block, err := e.constraints(maxPayload)
	if err != nil {
		return nil, err
	}
	size := e.Backend.Size()
	if size < 0 {
		return nil, fmt.Errorf("nbdserver: export %q: the Backend says that its size is %d", e.Name, size)
	}
	d := &disk{export: e, block: block, backend: e.Backend, size: uint64(size) &^ uint64(block.Minimum-1)}
	d.extenter, _ = e.Backend.(Extenter)
	d.cacher, _ = e.Backend.(Cacher)
	if i, ok := e.Backend.(Immediate); ok {
		d.immediate = i.Immediate()
	}
	if r, ok := e.Backend.(ReadOnlyReporter); !e.ReadOnly && !(ok && r.ReadOnly()) {
		d.writer, _ = e.Backend.(io.WriterAt)
	}
	if d.writer != nil {
		d.syncer, _ = e.Backend.(Syncer)
		d.fuaWriter, _ = e.Backend.(FUAWriter)
		d.trimmer, _ = e.Backend.(Trimmer)
		d.zeroer, _ = e.Backend.(Zeroer)
	}
	d.flags = d.transmissionFlags(disable)
	return d, nil
}

func (d *disk) transmissionFlags(disable *Features) wire.TransmissionFlags {
	f := wire.FlagHasFlags
	set := func(flag wire.TransmissionFlags, on bool) {
		if on {
			f |= flag
		}
	}
	set(wire.FlagReadOnly, d.writer == nil)
	set(wire.FlagSendFlush, d.syncer != nil && !disable.Flush)
	set(wire.FlagSendFUA, d.syncer != nil && !disable.FUA)
	set(wire.FlagRotational, d.export.Rotational)
	set(wire.FlagSendTrim, d.trimmer != nil && !disable.Trim)
	set(wire.FlagSendWriteZeroes, d.writer != nil && !disable.WriteZeroes)
	set(wire.FlagSendFastZero, d.writer != nil && !disable.WriteZeroes && !disable.FastZero)
	set(wire.FlagCanMultiConn, d.export.MultiConn)
	set(wire.FlagSendCache, d.cacher != nil && !disable.Cache)
	return f
}
