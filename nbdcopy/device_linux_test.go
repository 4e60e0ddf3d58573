package nbdcopy

import (
	"bytes"
	"context"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestBlockDevice copies a hole with odd ends to a block device, and back.
func TestBlockDevice(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can make a block device of a file")
	}
	const size = 2 * mib
	path := filepath.Join(t.TempDir(), "image")
	if err := os.WriteFile(path, bytes.Repeat([]byte{0xaa}, size), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("losetup", "--find", "--show", path).Output()
	if err != nil {
		t.Skipf("losetup: %v", err)
	}
	device := strings.TrimSpace(string(out))
	t.Cleanup(func() {
		if out, err := exec.Command("losetup", "--detach", device).CombinedOutput(); err != nil {
			t.Errorf("losetup: %v\n%s", err, out)
		}
	})
	data := noise(1, mib+777)
	hole := Extent{4095, mib - 9000, true}
	clear(data[hole.Offset : hole.Offset+hole.Length])
	tail := hole.Offset + hole.Length
	extents := []Extent{{0, hole.Offset, false}, hole, {tail, int64(len(data)) - tail, false}}
	for _, opt := range []Options{{SparseSize: -1, Flush: true}, {SparseSize: -1, Flush: true, Allocated: true}} {
		dst, err := OpenDestination(t.Context(), device, OpenOptions{})
		if err != nil {
			t.Fatal(err)
		}
		counted := &zeroCounter{FileDisk: dst.(*FileDisk)}
		src := listed{&fake{data: data}, extents}
		if _, err := Copy(t.Context(), counted, src, opt); err != nil {
			t.Error(err)
		}
		if counted.done != 1 {
			t.Errorf("the device zeroed %d times, expected once", counted.done)
		}
		if err := dst.Close(); err != nil {
			t.Error(err)
		}
		back := &fake{data: make([]byte, size)}
		s, err := OpenSource(t.Context(), device, OpenOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if r, err := Copy(t.Context(), back, s, Options{}); err != nil || r.Size != size {
			t.Errorf("%+v, %v", r, err)
		}
		s.Close()
		checkBytes(t, back.data[:len(data)], data)
		checkBytes(t, back.data[len(data):], bytes.Repeat([]byte{0xaa}, size-len(data)))
	}
	dst, err := OpenDestination(t.Context(), device, OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer dst.Close()
	if _, err := Copy(t.Context(), dst, &fake{data: make([]byte, size+1)}, Options{}); err == nil || !strings.Contains(err.Error(), "smaller") {
		t.Errorf("the error of a device that is too small: %v", err)
	}
}

// zeroCounter counts how often the device did the zeroing.
type zeroCounter struct {
	*FileDisk
	done int
}

func (d *zeroCounter) Zero(ctx context.Context, off, n int64, mode ZeroMode) error {
	err := d.FileDisk.Zero(ctx, off, n, mode)
	if err == nil {
		d.done++
	}
	return err
}

// listed is a fake that has extents.
type listed struct {
	*fake
	list []Extent
}

func (d listed) Extents(context.Context, int64, int64) iter.Seq2[Extent, error] {
	return func(yield func(Extent, error) bool) {
		for _, e := range d.list {
			if !yield(e, nil) {
				return
			}
		}
	}
}
