// Tells what an incremental backup must read, as KubeVirt does: the extents
// that a dirty bitmap of qemu's marks, merged with base:allocation.
package main

import (
	"fmt"
	"os"
	"sort"

	"libguestfs.org/libnbd"
)

type span struct{ offset, length, flags uint64 }

func main() {
	if err := run(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(socket, export, bitmap string) error {
	h, err := libnbd.Create()
	if err != nil {
		return fmt.Errorf("create: %w", err)
	}
	defer h.Close()
	if err := h.SetExportName(export); err != nil {
		return err
	}
	dirty := libnbd.CONTEXT_QEMU_DIRTY_BITMAP + bitmap
	contexts := []string{libnbd.CONTEXT_BASE_ALLOCATION, dirty}
	for _, c := range contexts {
		if err := h.AddMetaContext(c); err != nil {
			return err
		}
	}
	if err := h.ConnectUnix(socket); err != nil {
		return err
	}
	for _, c := range contexts {
		if ok, err := h.CanMetaContext(c); err != nil || !ok {
			return fmt.Errorf("no context %s: %v", c, err)
		}
	}
	size, err := h.GetSize()
	if err != nil {
		return err
	}
	spans := map[string][]span{}
	for offset := uint64(0); offset < size; {
		shortest := size - offset
		ends := map[string]uint64{}
		err := h.BlockStatus64(size-offset, offset, func(context string, off uint64, entries []libnbd.LibnbdExtent, nerr *int) int {
			if *nerr != 0 {
				return -1
			}
			at := off
			for _, e := range entries {
				spans[context] = append(spans[context], span{at, e.Length, e.Flags})
				at += e.Length
			}
			ends[context] = at
			return 0
		}, nil)
		if err != nil {
			return err
		}
		for _, end := range ends {
			shortest = min(shortest, end-offset)
		}
		if shortest == 0 {
			return fmt.Errorf("no progress at %d", offset)
		}
		offset += shortest
	}
	for _, s := range merge(spans[dirty], spans[libnbd.CONTEXT_BASE_ALLOCATION]) {
		what := "data"
		if s.flags&uint64(libnbd.STATE_ZERO) != 0 {
			what = "zero"
		}
		fmt.Println(s.offset, s.length, what)
	}
	return nil
}

// merge gives the dirty parts, cut where the allocation changes.
func merge(dirty, base []span) []span {
	sort.Slice(base, func(i, j int) bool { return base[i].offset < base[j].offset })
	var out []span
	for _, d := range dirty {
		if d.flags&uint64(libnbd.STATE_DIRTY) == 0 {
			continue
		}
		for _, b := range base {
			start, end := max(d.offset, b.offset), min(d.offset+d.length, b.offset+b.length)
			if start >= end {
				continue
			}
			if n := len(out); n > 0 && out[n-1].offset+out[n-1].length == start && out[n-1].flags == b.flags {
				out[n-1].length += end - start
			} else if n == 0 || out[n-1].offset+out[n-1].length <= start {
				out = append(out, span{start, end - start, b.flags})
			}
		}
	}
	return out
}
