package interop

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gonbd/gonbd/nbd"
)

// timeout bounds what a test waits for a peer.
const timeout = 60 * time.Second

func testContext(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	t.Cleanup(cancel)
	return ctx
}

func dial(t *testing.T, uri string, opts ...nbd.Option) *nbd.Client {
	t.Helper()
	c, err := nbd.Dial(testContext(t), uri, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// pattern gives bytes that no other offset has.
func pattern(seed uint64, n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16), byte(seed >> 24)})
	r.Read(b)
	return b
}

// checkRead reads what should be there.
func checkRead(t *testing.T, c *nbd.Client, off int64, want []byte) {
	t.Helper()
	got := make([]byte, len(want))
	if n, err := c.ReadAtContext(testContext(t), got, off); err != nil || n != len(got) {
		t.Fatalf("ReadAt(%d bytes, %d) = %d, %v", len(got), off, n, err)
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("%d bytes at %d differ from what was written", len(want), off)
	}
}

// transfers writes and reads back, aligned and not, short and long.
func transfers(t *testing.T, c *nbd.Client) {
	t.Helper()
	for _, r := range []struct{ off, n int64 }{
		{0, 512}, {512, 4096}, {4096, 1 << 20}, {1<<20 + 512, 300 << 10}, {c.Size() - 512, 512},
		{1, 1}, {1000, 5000}, {2<<20 - 1, 70001}, {c.Size() - 1, 1}, {3<<20 + 77, 4 << 20},
	} {
		data := pattern(uint64(r.off), int(r.n))
		if _, err := c.WriteAtContext(testContext(t), data, r.off); err != nil {
			t.Fatalf("WriteAt(%d bytes, %d): %v", r.n, r.off, err)
		}
		checkRead(t, c, r.off, data)
	}
}

// exercise does what a disk can do, on one of at least 16 MiB that may be
// overwritten, and checks each step by reading back.
func exercise(t *testing.T, c *nbd.Client) {
	t.Helper()
	ctx := testContext(t)
	check := func(off int64, want []byte) { t.Helper(); checkRead(t, c, off, want) }
	transfers(t, c)
	if _, err := c.WriteAtContext(ctx, pattern(7, 4096), 8<<20, nbd.FUA); err != nil {
		t.Errorf("a write with FUA: %v", err)
	}
	check(8<<20, pattern(7, 4096))
	if c.CanFlush() {
		if err := c.Flush(ctx); err != nil {
			t.Errorf("Flush: %v", err)
		}
	}

	// Zeroes: aligned, not aligned, and beside data that must stay.
	data := pattern(8, 64<<10)
	if _, err := c.WriteAtContext(ctx, data, 9<<20); err != nil {
		t.Fatal(err)
	}
	for _, r := range []struct{ from, to int64 }{{4096, 8192}, {10000, 20001}, {30003, 30004}} {
		if err := c.WriteZeroes(ctx, 9<<20+r.from, r.to-r.from); err != nil {
			t.Fatalf("WriteZeroes(%d, %d): %v", 9<<20+r.from, r.to-r.from, err)
		}
		clear(data[r.from:r.to])
		check(9<<20, data)
	}
	if err := c.WriteZeroes(ctx, 9<<20, 4096, nbd.NoHole); err != nil {
		t.Errorf("WriteZeroes with NoHole: %v", err)
	}
	if c.CanFastZero() {
		if err := c.WriteZeroes(ctx, 9<<20, 4096, nbd.FastZero); err != nil && !errors.Is(err, syscall.ENOTSUP) {
			t.Errorf("WriteZeroes with FastZero: %v", err)
		}
	}
	if c.CanTrim() {
		if err := c.Trim(ctx, 10<<20, 1<<20); err != nil {
			t.Errorf("Trim: %v", err)
		}
	}
	if c.CanCache() {
		if err := c.Cache(ctx, 0, 1<<20); err != nil {
			t.Errorf("Cache: %v", err)
		}
	}
	goroutines(t, ctx, c)
}

// goroutines has many callers work on parts of their own.
func goroutines(t *testing.T, ctx context.Context, c *nbd.Client) {
	t.Helper()
	const callers, part = 16, 256 << 10
	var wg sync.WaitGroup
	errs := make(chan error, callers)
	for g := range int64(callers) {
		wg.Go(func() {
			got := make([]byte, part)
			for i := range int64(20) {
				n := 512 * (1 + (g*31+i*17)%500)
				off := 11<<20 + g*part
				want := pattern(uint64(g<<8|i), int(n))
				if _, err := c.WriteAtContext(ctx, want, off); err != nil {
					errs <- err
					return
				}
				if _, err := c.ReadAtContext(ctx, got[:n], off); err != nil {
					errs <- err
					return
				}
				if !bytes.Equal(got[:n], want) {
					errs <- fmt.Errorf("caller %d: %d bytes at %d differ", g, n, off)
					return
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		t.Error(err)
	}
}

// extents gives the map of a client's export.
func extents(t *testing.T, c *nbd.Client, metaContext string) []nbd.Extent {
	t.Helper()
	var list []nbd.Extent
	for e, err := range c.Extents(testContext(t), 0, c.Size(), metaContext) {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, e)
	}
	var at int64
	for _, e := range list {
		if e.Offset != at || e.Length <= 0 {
			t.Fatalf("extents are not one behind the other: %+v", list)
		}
		at += e.Length
	}
	if at != c.Size() {
		t.Fatalf("extents cover %d of %d bytes", at, c.Size())
	}
	return list
}

// shutdown takes leave of the server and expects no trouble.
func shutdown(t *testing.T, c *nbd.Client) {
	t.Helper()
	if err := c.Shutdown(testContext(t)); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
}
