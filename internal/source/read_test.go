package source

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/gonbd/gonbd/internal/cli"
	"github.com/gonbd/gonbd/internal/peers"
	"github.com/gonbd/gonbd/nbd"
	"github.com/gonbd/gonbd/nbdserver"
)

// disk is a backend whose extents are zero in every other piece of 100,000
// bytes, whatever it holds.
type disk struct {
	content []byte
	fail    int64 // where extents and reads fail; 0: nowhere
	reads   atomic.Int64
	block   chan struct{} // reads wait for it
}

const piece = 100_000

func (d *disk) Size() int64 { return int64(len(d.content)) }

func (d *disk) ReadAt(p []byte, off int64) (int, error) {
	d.reads.Add(int64(len(p)))
	if d.block != nil {
		<-d.block
	}
	if d.fail > 0 && off+int64(len(p)) > d.fail {
		return 0, syscall.EIO
	}
	return copy(p, d.content[off:]), nil
}

func (d *disk) Extents(dst []nbdserver.Extent, off, n int64, most int) ([]nbdserver.Extent, error) {
	if d.fail > 0 && off >= d.fail/2 {
		return dst, syscall.EIO
	}
	for end := off + n; off < end && len(dst) < most && (d.fail == 0 || off < d.fail/2); {
		m := min(end, (off/piece+1)*piece) - off
		dst = append(dst, nbdserver.Extent{Length: m, Flags: uint64(off/piece%2) * nbdserver.StateZero})
		off += m
	}
	return dst, nil
}

// dial serves a backend until the test ends, and connects to it.
func dial(t *testing.T, b nbdserver.Backend, f nbdserver.Features) *nbd.Client {
	t.Helper()
	path := peers.Scratch(t) + "/sock"
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := &nbdserver.Server{Exports: []*nbdserver.Export{{Backend: b}}, Disable: f}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = s.Serve(context.Background(), l) // ends with Close
	}()
	c, err := Dial(t.Context(), cli.Source{Arg: "nbd+unix:///?socket=" + path}, nbd.WithMetaContexts(nbd.ContextBaseAllocation))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Close()
		s.Close()
		<-served
	})
	return c
}

func TestRead(t *testing.T) {
	d := &disk{content: make([]byte, 3_456_789)}
	for i := range d.content {
		d.content[i] = byte(rand.Uint32() | 1)
	}
	holes := bytes.Clone(d.content)
	for i := range holes {
		if i/piece%2 == 1 {
			holes[i] = 0
		}
	}
	for _, test := range []struct {
		disable nbdserver.Features
		want    []byte
	}{
		{nbdserver.Features{}, holes},
		{nbdserver.Features{MetaContext: true}, d.content},
	} {
		c := dial(t, d, test.disable)
		if HasExtents(c) == test.disable.MetaContext {
			t.Errorf("HasExtents is %v", HasExtents(c))
		}
		for range 30 {
			off := rand.Int64N(d.Size() + 1)
			n := rand.Int64N(d.Size() - off + 1)
			d.reads.Store(0)
			at, data := off, int64(0)
			for p, err := range Read(t.Context(), c, off, n, Options{Warn: func(err error) { t.Error(err) }}) {
				if err != nil {
					t.Fatal(err)
				}
				if p.Offset != at || p.Length <= 0 || p.Data != nil && int64(len(p.Data)) != p.Length {
					t.Fatalf("a piece of %d bytes at %d with %d bytes, expected at %d", p.Length, p.Offset, len(p.Data), at)
				}
				got := p.Data
				if got == nil {
					got = make([]byte, p.Length)
				}
				data += int64(len(p.Data))
				at += p.Length
				if !bytes.Equal(got, test.want[p.Offset:at]) {
					t.Fatalf("the piece of %d bytes at %d differs", p.Length, p.Offset)
				}
			}
			if at != off+n || d.reads.Load() != data {
				t.Errorf("%d bytes from %d on: read up to %d, %d bytes for %d", n, off, at, d.reads.Load(), data)
			}
		}
	}
}

// Where extents fail, the rest is read, with a warning; where a read fails,
// all before it is given.
func TestReadFails(t *testing.T) {
	d := &disk{content: make([]byte, 2<<20), fail: 1 << 20}
	c := dial(t, d, nbdserver.Features{})
	var warning string
	at := int64(0)
	var failed error
	for p, err := range Read(t.Context(), c, 0, d.Size(), Options{Warn: func(err error) { warning = err.Error() }}) {
		if failed = err; err == nil {
			at += p.Length
		}
	}
	if at != d.fail || !errors.Is(failed, syscall.EIO) {
		t.Errorf("read up to %d: %v", at, failed)
	}
	if !strings.Contains(warning, "cannot be had from offset ") || !strings.Contains(warning, "so it is all read") {
		t.Errorf("the warning is %q", warning)
	}
}

// A break and the end of the context leave nothing behind, also while reads
// are in flight.
func TestReadEndsEarly(t *testing.T) {
	d := &disk{content: make([]byte, 64<<20), block: make(chan struct{})}
	c := dial(t, d, nbdserver.Features{MetaContext: true})
	defer close(d.block)
	ctx, cancel := context.WithCancel(t.Context())
	var failed error
	for _, err := range Read(ctx, c, 0, d.Size(), Options{Wait: cancel}) {
		failed = err
	}
	if !errors.Is(failed, context.Canceled) {
		t.Errorf("%v", failed)
	}

	for range 20 { // there is more than one place to notice it
		failed = nil
		for _, err := range Read(ctx, c, 0, d.Size(), Options{}) {
			failed = err
		}
		if !errors.Is(failed, context.Canceled) {
			t.Errorf("%v", failed)
		}
	}

	open := &disk{content: make([]byte, 64<<20)}
	for range Read(t.Context(), dial(t, open, nbdserver.Features{}), 0, open.Size(), Options{}) {
		break
	}
	if n := open.reads.Load(); n > 32*requestSize {
		t.Errorf("%d bytes were read for the first piece", n)
	}
}
