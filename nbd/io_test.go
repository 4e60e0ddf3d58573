package nbd

import (
	"errors"
	"io"
	"math"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"github.com/gonbd/gonbd/internal/script"
	"github.com/gonbd/gonbd/internal/wire"
	"github.com/gonbd/gonbd/nbdserver"
)

func TestReaderAtContract(t *testing.T) {
	for _, size := range []int64{0, 1, 511, 4096, 100_003} {
		d := nbdserver.NewMemory(size)
		want := pattern(int(size), uint64(size))
		d.WriteAt(want, 0)
		c := open(t, server(&nbdserver.Export{Backend: d, BlockSize: nbdserver.BlockSize{MaxPayload: 4096}}))
		if c.Size() != size {
			t.Errorf("the size is %d, expected %d", c.Size(), size)
		}
		if err := iotest.TestReader(io.NewSectionReader(c, 0, c.Size()), want); err != nil {
			t.Errorf("size %d: %v", size, err)
		}
	}
}

func TestReadAtEdges(t *testing.T) {
	const size = 10_000
	d := nbdserver.NewMemory(size)
	want := pattern(size, 1)
	d.WriteAt(want, 0)
	c := open(t, server(&nbdserver.Export{Backend: d}))
	tests := []struct {
		off  int64
		n    int
		want int
		err  error
	}{
		{0, 0, 0, nil},
		{0, size, size, nil},
		{0, size + 1, size, io.EOF},
		{size - 1, 1, 1, nil},
		{size - 1, 2, 1, io.EOF},
		{size, 0, 0, nil},
		{size, 1, 0, io.EOF},
		{size + 1, 1, 0, io.EOF},
		{math.MaxInt64, 1, 0, io.EOF},
		{-1, 1, 0, syscall.EINVAL},
		{math.MinInt64, 0, 0, syscall.EINVAL},
	}
	for _, tt := range tests {
		p := make([]byte, tt.n)
		n, err := c.ReadAt(p, tt.off)
		if n != tt.want || err != tt.err && !errors.Is(err, tt.err) {
			t.Errorf("ReadAt of %d bytes at %d: %d, %v, expected %d, %v", tt.n, tt.off, n, err, tt.want, tt.err)
		}
		if n > 0 {
			same(t, "read", p[:n], want[tt.off:tt.off+int64(n)])
		}
	}
}

func TestWriteAtEdges(t *testing.T) {
	const size = 10_000
	d := newDisk(size)
	c := open(t, server(&nbdserver.Export{Backend: d}))
	tests := []struct {
		off int64
		n   int
		err error
	}{
		{0, 0, nil},
		{0, size, nil},
		{size, 0, nil},
		{size - 1, 1, nil},
		{0, size + 1, syscall.ENOSPC},
		{size - 1, 2, syscall.ENOSPC},
		{size, 1, syscall.ENOSPC},
		{size + 1, 0, syscall.ENOSPC},
		{math.MaxInt64, 1, syscall.ENOSPC},
		{-1, 1, syscall.EINVAL},
	}
	for _, tt := range tests {
		d.since()
		p := pattern(tt.n, uint64(tt.n))
		n, err := c.WriteAt(p, tt.off)
		if err != tt.err && !errors.Is(err, tt.err) {
			t.Errorf("WriteAt of %d bytes at %d: error %v, expected %v", tt.n, tt.off, err, tt.err)
		}
		if tt.err != nil {
			if n != 0 {
				t.Errorf("WriteAt of %d bytes at %d wrote %d", tt.n, tt.off, n)
			}
			d.expect(t, "a write that is refused")
			continue
		}
		if n != tt.n {
			t.Errorf("WriteAt of %d bytes at %d wrote %d", tt.n, tt.off, n)
		}
		got := make([]byte, tt.n)
		d.Memory.ReadAt(got, tt.off)
		same(t, "written", got, p)
	}
	if _, err := io.Copy(io.NewOffsetWriter(c, 9_000), io.LimitReader(zeroReader{}, 2_000)); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("copying beyond the end: %v", err)
	}
}

type zeroReader struct{}

func (zeroReader) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestSplitting(t *testing.T) {
	const size, most = 1 << 20, 8192
	d := newDisk(size)
	c := open(t, server(&nbdserver.Export{Backend: d, BlockSize: nbdserver.BlockSize{MaxPayload: most}}))
	if c.MaxPayload() != most {
		t.Fatalf("MaxPayload is %d, expected %d", c.MaxPayload(), most)
	}
	want := pattern(size-1000, 2)
	if n, err := c.WriteAt(want, 500); n != len(want) || err != nil {
		t.Fatalf("WriteAt: %d, %v", n, err)
	}
	if n := d.seen("write"); n != (len(want)+most-1)/most {
		t.Errorf("%d bytes were written in %d requests", len(want), n)
	}
	got := make([]byte, len(want))
	if n, err := c.ReadAt(got, 500); n != len(got) || err != nil {
		t.Fatalf("ReadAt: %d, %v", n, err)
	}
	same(t, "read", got, want)
	for _, call := range d.since() {
		if call.n > most {
			t.Errorf("the server got a %s of %d bytes", call.op, call.n)
		}
	}
	whole := make([]byte, size+1)
	if n, err := c.ReadAt(whole, 0); n != size || err != io.EOF {
		t.Errorf("ReadAt beyond the end: %d, %v", n, err)
	}
}

// TestSplitFails sees to it that n is what is certain to have been done, and
// that the error is the one that came first.
func TestSplitFails(t *testing.T) {
	const most, bad = 4096, 10 * 4096
	d := newDisk(64 * most)
	d.ask(func(c call) error {
		if c.off <= bad && bad < c.off+c.n {
			return syscall.ENOSPC
		}
		return nil
	})
	c := open(t, server(&nbdserver.Export{Backend: d, BlockSize: nbdserver.BlockSize{MaxPayload: most}}))
	p := pattern(64*most, 3)
	for range 20 {
		n, err := c.WriteAt(p, 0)
		if !errors.Is(err, syscall.ENOSPC) || n > bad {
			t.Fatalf("WriteAt: %d, %v", n, err)
		}
		got := make([]byte, n)
		d.Memory.ReadAt(got, 0)
		same(t, "the part that was written", got, p[:n])
		if n, err := c.ReadAt(p, 0); !errors.Is(err, syscall.ENOSPC) || n > bad {
			t.Fatalf("ReadAt: %d, %v", n, err)
		}
	}
}

// TestSplitFailureWaits fails a piece of a long write while another is in
// flight: the write must not return before the server is done with both.
func TestSplitFailureWaits(t *testing.T) {
	const most = 4096
	returned := make(chan struct{})
	d := newDisk(2 * most)
	d.ask(func(c call) error {
		if c.off == 0 {
			return syscall.ENOSPC
		}
		select {
		case <-returned:
			t.Error("the write returned while the server was at it")
		case <-time.After(50 * time.Millisecond): // a client that does not wait returns sooner
		}
		return nil
	})
	c := open(t, server(&nbdserver.Export{Backend: d, BlockSize: nbdserver.BlockSize{MaxPayload: most}}))
	if n, err := c.WriteAt(make([]byte, 2*most), 0); n != 0 || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("WriteAt: %d, %v", n, err)
	}
	close(returned)
	if err := c.Shutdown(limited(t)); err != nil {
		t.Error(err)
	}
}

func TestUnevenMaxPayload(t *testing.T) {
	c, wait := scripted(t, "unix", script.Steps(
		script.Newstyle(wire.FlagFixedNewstyle),
		script.Answer(wire.OptExtendedHeaders, wire.RepErrUnsup, nil),
		script.Answer(wire.OptStructuredReply, wire.RepErrUnsup, nil),
		script.ExpectOption(wire.OptGo, nil),
		script.Send(
			wire.AppendOptionReply(nil, wire.OptGo, wire.RepInfo, wire.AppendInfoExport(nil, 1<<20, plainFlags)),
			wire.AppendOptionReply(nil, wire.OptGo, wire.RepInfo, wire.AppendInfoBlockSize(nil, wire.BlockSize{Minimum: 4096, Preferred: 4096, MaxPayload: 3*4096 + 512})),
			wire.AppendOptionReply(nil, wire.OptGo, wire.RepAck, nil))), Config{})
	if got := c.MaxPayload(); got != 3*4096 {
		t.Errorf("MaxPayload is %d, expected %d: a multiple of the block", got, 3*4096)
	}
	c.Close()
	if err := wait(); err != nil {
		t.Error(err)
	}
}

func TestDefaultMaxPayload(t *testing.T) {
	for _, hint := range []nbdserver.Features{{}, {Go: true}} {
		s := memory(100 << 20)
		s.Disable = hint
		c := open(t, s)
		if c.MaxPayload() != 32<<20 {
			t.Errorf("MaxPayload is %d", c.MaxPayload())
		}
		p := pattern(33<<20, 4)
		if n, err := c.WriteAt(p, 1); n != len(p) || err != nil {
			t.Fatal(n, err)
		}
		q := make([]byte, len(p))
		if n, err := c.ReadAt(q, 1); n != len(p) || err != nil {
			t.Fatal(n, err)
		}
		same(t, "33 MiB", q, p)
	}
}
