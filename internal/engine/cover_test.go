package engine

import (
	"math/rand/v2"
	"testing"
)

// TestCover compares a cover with a plain bitmap.
func TestCover(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		size := 1 + r.IntN(200)
		var v cover
		bitmap := make([]bool, size)
		for range 300 {
			start := r.IntN(size)
			end := start + 1 + r.IntN(min(size-start, 20))
			free := true
			for _, taken := range bitmap[start:end] {
				free = free && !taken
			}
			fresh, room := v.add(uint64(start), uint64(end))
			if fresh != free || !room {
				t.Fatalf("seed %d: add(%d, %d) = %v, %v, want %v: %+v", seed, start, end, fresh, room, free, v)
			}
			if free {
				for i := start; i < end; i++ {
					bitmap[i] = true
				}
			}
			checkCover(t, &v, bitmap)
			if t.Failed() {
				t.Fatalf("seed %d, after add(%d, %d): %+v", seed, start, end, v)
			}
		}
		v.reset()
		checkCover(t, &v, make([]bool, size))
	}
}

// checkCover compares what is missing, and the form of the list.
func checkCover(t *testing.T, v *cover, bitmap []bool) {
	t.Helper()
	start := 0
	for start < len(bitmap) && bitmap[start] {
		start++
	}
	end := start
	for end < len(bitmap) && !bitmap[end] {
		end++
	}
	gap, ok := v.missing(uint64(len(bitmap)))
	if ok != (start < len(bitmap)) || ok && gap != (span{uint64(start), uint64(end)}) {
		t.Errorf("missing = %v, %v, want %d to %d", gap, ok, start, end)
	}
	last := v.prefix
	for _, s := range v.rest {
		if s.start <= last || s.end <= s.start {
			t.Errorf("the spans touch, or are not in order")
		}
		last = s.end
	}
}
