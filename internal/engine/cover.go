package engine

import "slices"

// cover is the set of bytes of a read that have been received, as offsets
// relative to its start. Replies nearly always arrive in order, so that one
// number says it all; what came out of order waits in a sorted list.
type cover struct {
	prefix uint64 // everything before it has come
	rest   []span // sorted, apart from each other and from prefix
}

type span struct{ start, end uint64 }

// maxSpans bounds the list. Servers split replies at multiples of 512 bytes,
// so that the largest read of 32 MiB, every second chunk first, needs half of
// this.
const maxSpans = 1 << 16

func (v *cover) reset() { v.prefix, v.rest = 0, v.rest[:0] }

// add marks [start, end). It reports whether none of it had been marked
// before, and whether there is room to remember it.
func (v *cover) add(start, end uint64) (fresh, room bool) {
	if start < v.prefix {
		return false, true
	}
	i, found := slices.BinarySearchFunc(v.rest, start, func(s span, at uint64) int {
		switch {
		case s.start < at:
			return -1
		case s.start > at:
			return 1
		}
		return 0
	})
	if found || i > 0 && v.rest[i-1].end > start || i < len(v.rest) && v.rest[i].start < end {
		return false, true
	}
	if start == v.prefix {
		v.prefix = end
		if len(v.rest) > 0 && v.rest[0].start == end {
			v.prefix = v.rest[0].end
			v.rest = slices.Delete(v.rest, 0, 1)
		}
		return true, true
	}
	before := i > 0 && v.rest[i-1].end == start
	after := i < len(v.rest) && v.rest[i].start == end
	switch {
	case before && after:
		v.rest[i-1].end = v.rest[i].end
		v.rest = slices.Delete(v.rest, i, i+1)
	case before:
		v.rest[i-1].end = end
	case after:
		v.rest[i].start = start
	case len(v.rest) == maxSpans:
		return true, false
	default:
		v.rest = slices.Insert(v.rest, i, span{start, end})
	}
	return true, true
}

// missing gives the first range below length that has not come, or ok=false.
func (v *cover) missing(length uint64) (s span, ok bool) {
	if v.prefix >= length {
		return span{}, false
	}
	end := length
	if len(v.rest) > 0 {
		end = v.rest[0].start
	}
	return span{v.prefix, end}, true
}
