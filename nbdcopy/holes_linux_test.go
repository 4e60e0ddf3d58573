package nbdcopy

import (
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// dataIn counts the bytes of a file that are not in holes.
func dataIn(t *testing.T, path string) int64 {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var sum, at int64
	for {
		data, err := unix.Seek(int(f.Fd()), at, unix.SEEK_DATA)
		if err == syscall.ENXIO {
			return sum
		}
		if err != nil {
			t.Fatal(err)
		}
		if at, err = unix.Seek(int(f.Fd()), data, unix.SEEK_HOLE); err != nil {
			t.Fatal(err)
		}
		sum += at - data
	}
}

// allocatedIn is the number of bytes that a file takes up.
func allocatedIn(t *testing.T, path string) int64 {
	t.Helper()
	var st syscall.Stat_t
	if err := syscall.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	return st.Blocks * 512
}

// holes says whether temporary files have holes at multiples of 4096 bytes.
func holes(t *testing.T) bool {
	t.Helper()
	haveHoles.Do(func() {
		path := filepath.Join(t.TempDir(), "probe")
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.WriteAt(noise(1, 4096), 64<<10); err != nil {
			t.Fatal(err)
		}
		if err := f.Truncate(128 << 10); err != nil {
			t.Fatal(err)
		}
		haveHoles.answer = dataIn(t, path) == 4096
	})
	return haveHoles.answer
}

var haveHoles struct {
	sync.Once
	answer bool
}
