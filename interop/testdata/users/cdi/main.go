// Copies an export to a file as KubeVirt's containerized data importer does:
// by extents asked for one at a time, holes left out.
package main

import (
	"fmt"
	"os"

	"libguestfs.org/libnbd"
)

type extent struct {
	offset, length uint64
	hole           bool
}

func main() {
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(uri, path string) error {
	h, err := libnbd.Create()
	if err != nil {
		return err
	}
	defer h.Close()
	if err := h.AddMetaContext(libnbd.CONTEXT_BASE_ALLOCATION); err != nil {
		return err
	}
	if err := h.ConnectUri(uri); err != nil {
		return err
	}
	size, err := h.GetSize()
	if err != nil {
		return err
	}
	out, err := os.Create(path)
	if err != nil {
		return err
	}
	defer out.Close()
	if err := out.Truncate(int64(size)); err != nil {
		return err
	}
	var copied, skipped uint64
	for offset := uint64(0); offset < size; {
		e, err := next(h, size, offset)
		if err != nil {
			return err
		}
		if e.hole {
			skipped += e.length
		} else if err := copyExtent(h, out, e); err != nil {
			return err
		} else {
			copied += e.length
		}
		offset += e.length
	}
	fmt.Println("copied", copied, "skipped", skipped)
	return out.Sync()
}

func next(h *libnbd.Libnbd, size, offset uint64) (extent, error) {
	e := extent{offset: offset}
	want := min(size-offset, 1<<30)
	err := h.BlockStatus(want, offset, func(context string, off uint64, entries []uint32, nerr *int) int {
		if *nerr != 0 || context != libnbd.CONTEXT_BASE_ALLOCATION || len(entries) < 2 {
			return -1
		}
		e.length = uint64(entries[0])
		e.hole = entries[1]&(libnbd.STATE_HOLE|libnbd.STATE_ZERO) == libnbd.STATE_HOLE|libnbd.STATE_ZERO
		return 0
	}, &libnbd.BlockStatusOptargs{Flags: libnbd.CMD_FLAG_REQ_ONE, FlagsSet: true})
	if err != nil {
		return e, err
	}
	if e.length == 0 {
		return e, fmt.Errorf("no extent at %d", offset)
	}
	return e, nil
}

func copyExtent(h *libnbd.Libnbd, out *os.File, e extent) error {
	buf := make([]byte, 8<<20)
	for done := uint64(0); done < e.length; {
		b := buf[:min(uint64(len(buf)), e.length-done)]
		if err := h.Pread(b, e.offset+done, nil); err != nil {
			return err
		}
		if _, err := out.WriteAt(b, int64(e.offset+done)); err != nil {
			return err
		}
		done += uint64(len(b))
	}
	return nil
}
