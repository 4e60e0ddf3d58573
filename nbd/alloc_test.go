package nbd

import (
	"context"
	"errors"
	"testing"
)

// outside starts a server in another process, so that its allocations and its
// CPU time are not ours.
func outside(tb testing.TB, opts ...Option) *Client {
	tb.Helper()
	c, err := DialSocketActivation(context.Background(), activated(tb, "serve"), opts...)
	if errors.Is(err, errors.ErrUnsupported) {
		tb.Skip(err)
	}
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { c.Close() })
	return c
}

// TestNoAllocations pins what the steady state allocates: nothing.
func TestNoAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector makes sync.Pool forget on purpose")
	}
	c := outside(t)
	if c.conns[0].rc == nil {
		t.Skip("no raw sockets on this platform")
	}
	p := make([]byte, 4096)
	for what, f := range map[string]func() error{
		"ReadAt":  func() error { _, err := c.ReadAt(p, 8192); return err },
		"WriteAt": func() error { _, err := c.WriteAt(p, 8192); return err },
		"Flush":   func() error { return c.Flush(context.Background()) },
	} {
		// A collection empties the pool now and then, whence the fraction.
		if n := testing.AllocsPerRun(2000, func() {
			if err := f(); err != nil {
				t.Fatal(err)
			}
		}); n > 0.01 {
			t.Errorf("%s allocates %v times", what, n)
		}
	}
}
