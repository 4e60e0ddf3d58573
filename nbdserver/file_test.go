package nbdserver

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
)

func newFile(t *testing.T, size int64) *File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "disk")
	if err := os.WriteFile(path, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
	f, err := OpenFile(path, os.O_RDWR)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestFile(t *testing.T) {
	exerciseDisk(t, newFile(t, 1<<20+100), 500)
}

// TestFileFallbacks pretends that the file system can do nothing special.
func TestFileFallbacks(t *testing.T) {
	f := newFile(t, 1<<20)
	for _, no := range []interface{ Store(bool) }{&f.noPunch, &f.noZeroRange, &f.noSeekHole, &f.noFUA} {
		no.Store(true)
	}
	exerciseDisk(t, f, 200)
	if err := f.WriteZeroes(0, 1, FastZero); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("fast zero: %v", err)
	}
	if list, err := f.Extents(nil, 5, 10, 10); err != nil || !slices.Equal(list, []Extent{{1<<20 - 5, 0}}) {
		t.Errorf("extents %v, %v", list, err)
	}
	if n, err := f.WriteAtFUA([]byte("abc"), 7); n != 3 || err != nil {
		t.Error(n, err)
	}
}

func TestFileIsSparse(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("holes are known on Linux only")
	}
	f := newFile(t, 1<<30)
	for _, off := range []int64{1 << 20, 512 << 20} {
		if n, err := f.WriteAtFUA(bytes.Repeat([]byte{1}, 1<<20), off); n != 1<<20 || err != nil {
			t.Fatal(n, err)
		}
	}
	list, err := f.Extents(nil, 0, 1<<30, 100)
	want := []Extent{{1 << 20, 3}, {1 << 20, 0}, {510 << 20, 3}, {1 << 20, 0}, {511 << 20, 3}}
	if err != nil || !slices.Equal(list, want) {
		t.Skipf("the file system tells nothing of holes: %v, %v", list, err)
	}
	if err := f.WriteZeroes(1<<20, 1<<20, FastZero); err != nil {
		t.Fatal(err)
	}
	if err := f.Trim(512<<20, 1<<20); err != nil {
		t.Fatal(err)
	}
	if list, err := f.Extents(nil, 0, 1<<30, 100); err != nil || !slices.Equal(list, []Extent{{1 << 30, 3}}) {
		t.Errorf("extents after trimming: %v, %v", list, err)
	}
	if err := f.Cache(0, 1<<20); err != nil {
		t.Error(err)
	}
}

func TestOpenFile(t *testing.T) {
	dir := t.TempDir()
	if _, err := OpenFile(filepath.Join(dir, "missing"), os.O_RDONLY); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
	if _, err := OpenFile(dir, os.O_RDONLY); err == nil {
		t.Error("a folder is no disk")
	}
	path := filepath.Join(dir, "disk")
	os.WriteFile(path, []byte("contents"), 0o444)
	f, err := OpenFile(path, os.O_RDONLY)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if f.Size() != 8 || !f.ReadOnly() {
		t.Errorf("size %d, read-only %v", f.Size(), f.ReadOnly())
	}
	os.Chmod(path, 0o666)
	os.Truncate(path, 4)
	if _, err := f.ReadAt(make([]byte, 8), 0); err == nil {
		t.Error("read of a file that has become shorter")
	}
	if _, err := f.Extents(nil, 4, 4, 1); runtime.GOOS == "linux" && err != nil {
		t.Errorf("extents of a file that has become shorter: %v", err)
	}
}
