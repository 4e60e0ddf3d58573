package nbdcopy

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/iotest"

	"github.com/gonbd/gonbd/nbdserver"
)

var errBroken = errors.New("the disk is broken")

const mib = 1 << 20

// checkError checks that an error is about an operation on a range, and is
// what the endpoint said.
func checkError(t *testing.T, err, cause error, texts ...string) {
	t.Helper()
	if !errors.Is(err, cause) {
		t.Fatalf("the error is %v, expected %v", err, cause)
	}
	for _, s := range texts {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("the error %q does not say %q", err, s)
		}
	}
}

// at fails in place of f if the range holds the byte at off.
func at(off int64, err error, short int, f func([]byte, int64) (int, error)) func([]byte, int64) (int, error) {
	return func(p []byte, o int64) (int, error) {
		if o <= off && off < o+int64(len(p)) {
			return short, err
		}
		return f(p, o)
	}
}

// TestReadWriteErrors has one request fail, wherever it is and however the
// copy goes.
func TestReadWriteErrors(t *testing.T) {
	type disks struct{ src, dst *fake }
	for _, row := range []struct {
		name  string
		spoil func(d disks, off int64)
		cause error
		text  string
	}{
		{"read", func(d disks, off int64) { d.src.onRead = at(off, errBroken, 0, d.src.read) }, errBroken, "reading 65536 bytes at offset %d of the source"},
		{"read with all bytes", func(d disks, off int64) { d.src.onRead = at(off, errBroken, 65536, d.src.read) }, errBroken, "reading 65536 bytes at offset %d of the source"},
		{"short read", func(d disks, off int64) { d.src.onRead = at(off, errBroken, 100, d.src.read) }, errBroken, "reading 65536 bytes at offset %d of the source"},
		{"write", func(d disks, off int64) { d.dst.onWrite = at(off, errBroken, 0, d.dst.write) }, errBroken, "writing 65536 bytes at offset %d of the destination"},
		{"write with all bytes", func(d disks, off int64) { d.dst.onWrite = at(off, errBroken, 65536, d.dst.write) }, errBroken, "writing 65536 bytes at offset %d of the destination"},
		{"short write", func(d disks, off int64) { d.dst.onWrite = at(off, nil, 65535, d.dst.write) }, io.ErrShortWrite, "writing 65536 bytes at offset %d of the destination"},
		{"disk full", func(d disks, off int64) { d.dst.onWrite = at(off, syscall.ENOSPC, 0, d.dst.write) }, syscall.ENOSPC, "writing 65536 bytes at offset %d of the destination"},
	} {
		for _, off := range []int64{0, 512 << 10, mib - 1} {
			for _, way := range []struct {
				name string
				src  func(*fake) Source
				dst  func(*fake) Destination
			}{
				{"parallel", func(d *fake) Source { return d }, func(d *fake) Destination { return d }},
				{"from stream", func(d *fake) Source { return ordered{d} }, func(d *fake) Destination { return d }},
				{"to stream", func(d *fake) Source { return d }, func(d *fake) Destination { return ordered{d} }},
				{"stream to stream", func(d *fake) Source { return ordered{d} }, func(d *fake) Destination { return ordered{d} }},
			} {
				t.Run(fmt.Sprintf("%s/%d/%s", row.name, off, way.name), func(t *testing.T) {
					d := disks{&fake{data: noise(1, mib)}, &fake{data: make([]byte, mib)}}
					row.spoil(d, off)
					var last atomic.Int64
					_, err := Copy(t.Context(), way.dst(d.dst), way.src(d.src), Options{RequestSize: 65536, Progress: func(done, _ int64) { last.Store(done) }})
					checkError(t, err, row.cause, fmt.Sprintf(row.text, off/65536*65536))
					if last.Load() == mib {
						t.Error("the progress of a copy that failed came to its end")
					}
				})
			}
		}
	}
}

// TestShortSource has sources that end before their size.
func TestShortSource(t *testing.T) {
	for _, row := range []struct {
		name string
		wrap func(*fake) Source
	}{
		{"parallel", func(d *fake) Source { return d }},
		{"stream", func(d *fake) Source { return ordered{d} }},
	} {
		t.Run(row.name, func(t *testing.T) {
			src := &fake{data: noise(1, mib)}
			src.onRead = func(p []byte, off int64) (int, error) {
				n := copy(p, src.data[min(off, 1000):1000])
				if n < len(p) {
					return n, io.EOF
				}
				return n, nil
			}
			if r, err := Copy(t.Context(), Null(), row.wrap(src), Options{}); err == nil {
				t.Errorf("no error; the result is %+v", r)
			}
		})
	}
	t.Run("nothing and no error", func(t *testing.T) {
		src := &fake{data: noise(1, mib), onRead: func([]byte, int64) (int, error) { return 0, nil }}
		for _, s := range []Source{src, ordered{src}} {
			if r, err := Copy(t.Context(), Null(), s, Options{}); err == nil {
				t.Errorf("no error; the result is %+v", r)
			}
		}
	})
	t.Run("reader that lost its peer", func(t *testing.T) {
		r := io.MultiReader(bytes.NewReader(noise(1, 1000)), iotest.ErrReader(io.ErrUnexpectedEOF))
		result, err := Copy(t.Context(), Null(), Reader(r), Options{})
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("the error is %v; the result is %+v", err, result)
		}
	})
	t.Run("file cut short", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "source")
		if err := os.WriteFile(path, noise(1, mib), 0o666); err != nil {
			t.Fatal(err)
		}
		src, err := OpenSource(t.Context(), path, OpenOptions{})
		if err != nil {
			t.Fatal(err)
		}
		defer src.Close()
		if err := os.Truncate(path, 1000); err != nil {
			t.Fatal(err)
		}
		if r, err := Copy(t.Context(), Null(), src, Options{}); err == nil {
			t.Errorf("no error; the result is %+v", r)
		}
	})
}

// TestZero has destinations that zero well, badly, or not at all.
func TestZero(t *testing.T) {
	data := runs()
	for _, row := range []struct {
		name   string
		zero   error
		cause  error // of the error of Copy
		writes bool  // zeroes are written
	}{
		{"zeroes", nil, nil, false},
		{"cannot", errors.ErrUnsupported, nil, true},
		{"cannot, says the server", syscall.EOPNOTSUPP, nil, true},
		{"fails", errBroken, errBroken, false},
		{"disk full", syscall.ENOSPC, syscall.ENOSPC, false},
	} {
		for _, mode := range []ZeroMode{Punch, Allocate} {
			t.Run(fmt.Sprintf("%s/%d", row.name, mode), func(t *testing.T) {
				var zeroWritten atomic.Bool
				f := &fake{data: old(len(data), Options{})}
				f.onWrite = func(p []byte, off int64) (int, error) {
					if isZero(p) {
						zeroWritten.Store(true)
					}
					return f.write(p, off)
				}
				var calls atomic.Int64
				dst := zeroer{f, func(off, n int64, m ZeroMode) error {
					calls.Add(1)
					if m != mode {
						t.Errorf("the mode is %d, expected %d", m, mode)
					}
					if row.zero == nil {
						clear(f.data[off : off+n])
					}
					return row.zero
				}}
				_, err := Copy(t.Context(), dst, &fake{data: data}, Options{Allocated: mode == Allocate})
				if row.cause != nil {
					checkError(t, err, row.cause, "zeroing ", " bytes at offset ", " of the destination")
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				checkBytes(t, f.data[:len(data)], data)
				checkBytes(t, f.data[len(data):], old(0, Options{}))
				if calls.Load() == 0 || zeroWritten.Load() != row.writes {
					t.Errorf("zeroed %d times; zeroes were written: %v", calls.Load(), zeroWritten.Load())
				}
			})
		}
	}
}

func TestFlushError(t *testing.T) {
	dst := flusher{&fake{data: make([]byte, mib)}, errBroken}
	src := &fake{data: noise(1, mib)}
	if _, err := Copy(t.Context(), dst, src, Options{}); err != nil {
		t.Errorf("without Flush: %v", err)
	}
	_, err := Copy(t.Context(), dst, src, Options{Flush: true})
	checkError(t, err, errBroken, "flushing the destination")
}

// TestBadExtents has sources whose extents fail, or are nonsense from some
// place on. What comes from there on has to be read.
func TestBadExtents(t *testing.T) {
	data := runs()
	size := int64(len(data))
	zero := Extent{600<<10 + 77, 200<<10 + 22, true} // it is true
	for _, row := range []struct {
		name    string
		extents []Extent
		err     error
		text    string // of the warning; "": none
	}{
		{"error at the start", nil, errBroken, "from offset 0 on"},
		{"error in the middle", []Extent{{0, zero.Offset, false}, zero}, errBroken, "from offset 819299 on"},
		{"gap", []Extent{{0, 1000, false}, {2000, size - 2000, true}}, nil, "from offset 1000 on"},
		{"gap at the start", []Extent{{512, size - 512, true}}, nil, "from offset 0 on"},
		{"overlap", []Extent{{0, 1000, false}, {999, size - 999, true}}, nil, "from offset 1000 on"},
		{"length 0", []Extent{{0, 1000, false}, {1000, 0, true}, {1000, size - 1000, true}}, nil, "from offset 1000 on"},
		{"negative length", []Extent{{0, 1000, false}, {1000, -1000, true}, {0, size, true}}, nil, "from offset 1000 on"},
		{"beyond the end", []Extent{{0, 1000, false}, {1000, size, true}}, nil, "from offset 1000 on"},
		{"length too large to add", []Extent{{0, 1000, false}, {1000, math.MaxInt64, true}}, nil, "from offset 1000 on"},
		{"negative offset", []Extent{{-1000, size, true}}, nil, "from offset 0 on"},
		{"too few", []Extent{{0, 1000, false}}, nil, ""},
		{"none", nil, nil, ""},
		{"good", []Extent{{0, zero.Offset, false}, zero, {zero.Offset + zero.Length, size - zero.Offset - zero.Length, false}}, nil, ""},
	} {
		for _, stream := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/to stream %v", row.name, stream), func(t *testing.T) {
				src := mapped{&fake{data: data}, func(yield func(Extent, error) bool) {
					for _, e := range row.extents {
						if !yield(e, nil) {
							return
						}
					}
					if row.err != nil {
						yield(Extent{}, row.err)
					}
				}}
				dst := &fake{data: old(len(data), Options{})}
				var d Destination = dst
				if stream {
					d = ordered{dst}
				}
				var warnings []error
				r, err := Copy(t.Context(), d, src, Options{Warn: func(err error) { warnings = append(warnings, err) }})
				if err != nil {
					t.Fatal(err)
				}
				checkBytes(t, dst.data[:len(data)], data)
				checkBytes(t, dst.data[len(data):], old(0, Options{}))
				if r.Size != size || r.Data+r.Zero != size {
					t.Errorf("the result is %+v", r)
				}
				switch {
				case row.text == "" && len(warnings) > 0:
					t.Errorf("warnings: %v", warnings)
				case row.text != "" && len(warnings) != 1:
					t.Errorf("warnings: %v, expected one", warnings)
				case row.text != "":
					checkError(t, warnings[0], cmp.Or(row.err, warnings[0]), row.text)
				}
			})
		}
	}
	t.Run("nobody to warn", func(t *testing.T) {
		src := mapped{&fake{data: data}, func(yield func(Extent, error) bool) { yield(Extent{}, errBroken) }}
		if _, err := Copy(t.Context(), Null(), src, Options{}); err != nil {
			t.Error(err)
		}
	})
}

// TestTooSmall has destinations that are smaller than the source.
func TestTooSmall(t *testing.T) {
	for _, size := range []int{0, 1, mib - 1} {
		dst := &fake{data: make([]byte, size)}
		_, err := Copy(t.Context(), dst, &fake{data: noise(1, mib)}, Options{})
		if want := fmt.Sprintf("destination size (%d) is smaller than source size (%d)", size, mib); err == nil || err.Error() != want {
			t.Errorf("the error is %v, expected %s", err, want)
		}
		if len(dst.offsets) > 0 {
			t.Error("something was written")
		}

		m := nbdserver.NewMemory(int64(size))
		if _, err := Copy(t.Context(), serveDisk(t, &nbdserver.Export{Backend: m}), &fake{data: noise(1, mib)}, Options{}); err == nil {
			t.Error("no error from NBD")
		}
		if m.Allocated() > 0 {
			t.Error("something was written to NBD")
		}

		_, err = Copy(t.Context(), dst, Reader(bytes.NewReader(noise(1, mib))), Options{})
		if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("destination size (%d) is smaller than source size (at least ", size)) {
			t.Errorf("the error of a stream is %v", err)
		}
	}
	// A stream that just fits.
	dst := &fake{data: make([]byte, mib)}
	if _, err := Copy(t.Context(), dst, Reader(bytes.NewReader(noise(1, mib))), Options{SparseSize: -1}); err != nil {
		t.Error(err)
	}
	checkBytes(t, dst.data, noise(1, mib))
}

func TestReadOnlyDestination(t *testing.T) {
	uri := serve(t, &nbdserver.Export{Backend: nbdserver.NewMemory(mib), ReadOnly: true})
	_, err := OpenDestination(t.Context(), uri, OpenOptions{})
	checkError(t, err, fs.ErrPermission, "read-only")

	// And one that was opened by other means.
	d := serveDisk(t, &nbdserver.Export{Backend: nbdserver.NewMemory(mib), ReadOnly: true})
	_, err = Copy(t.Context(), d, &fake{data: noise(1, 1000)}, Options{})
	checkError(t, err, syscall.EPERM, "writing 1000 bytes at offset 0 of the destination")
}

func TestBadOptions(t *testing.T) {
	for _, opt := range []Options{{RequestSize: -1}, {Requests: -1}, {QueueSize: -1}, {SparseSize: 1000}} {
		dst := &fake{data: make([]byte, 10)}
		if _, err := Copy(t.Context(), dst, &fake{data: noise(1, 10)}, opt); err == nil || len(dst.offsets) > 0 {
			t.Errorf("%+v: the error is %v; %d writes", opt, err, len(dst.offsets))
		}
	}
}

// backend is a disk of a server whose reads and writes can fail.
type backend struct {
	*nbdserver.Memory
	onRead, onWrite func(off int64) error
}

func (b *backend) ReadAt(p []byte, off int64) (int, error) {
	if b.onRead != nil {
		if err := b.onRead(off); err != nil {
			return 0, err
		}
	}
	return b.Memory.ReadAt(p, off)
}

func (b *backend) WriteAt(p []byte, off int64) (int, error) {
	if b.onWrite != nil {
		if err := b.onWrite(off); err != nil {
			return 0, err
		}
	}
	return b.Memory.WriteAt(p, off)
}

// TestServerErrors has servers fail: what they say reaches the error.
func TestServerErrors(t *testing.T) {
	full := func(off int64) error {
		if off >= 512<<10 {
			return fmt.Errorf("no room in the attic: %w", syscall.ENOSPC)
		}
		return nil
	}
	bad := func(off int64) error {
		if off == 512<<10 {
			return fmt.Errorf("moths: %w", syscall.EIO)
		}
		return nil
	}
	dst := serveDisk(t, &nbdserver.Export{Backend: &backend{Memory: nbdserver.NewMemory(mib), onWrite: full}})
	_, err := Copy(t.Context(), dst, &fake{data: noise(1, mib)}, Options{})
	checkError(t, err, syscall.ENOSPC, "writing 524288 bytes at offset ", " of the destination", "no room in the attic")

	m := nbdserver.NewMemory(mib)
	if _, err := m.WriteAt(noise(1, mib), 0); err != nil {
		t.Fatal(err)
	}
	src := serveDisk(t, &nbdserver.Export{Backend: &backend{Memory: m, onRead: bad}})
	_, err = Copy(t.Context(), &fake{data: make([]byte, mib)}, src, Options{})
	checkError(t, err, syscall.EIO, "reading 524288 bytes at offset 524288 of the source", "moths")
}

// TestServerGone has the server go in the middle of the copy.
func TestServerGone(t *testing.T) {
	for _, side := range []string{"source", "destination"} {
		t.Run(side, func(t *testing.T) {
			var s *nbdserver.Server
			leave := func(off int64) error {
				if off == 512<<10 {
					s.Close()
				}
				return nil
			}
			b := &backend{Memory: nbdserver.NewMemory(mib)}
			if _, err := b.Memory.WriteAt(noise(1, mib), 0); err != nil {
				t.Fatal(err)
			}
			b.onRead, b.onWrite = leave, leave
			uri, s2 := start(t, &nbdserver.Export{Backend: b})
			s = s2
			d := connect(t, uri)
			var err error
			if side == "source" {
				_, err = Copy(t.Context(), Null(), d, Options{})
			} else {
				_, err = Copy(t.Context(), d, &fake{data: noise(2, mib)}, Options{})
			}
			if err == nil || !strings.Contains(err.Error(), "of the "+side) {
				t.Errorf("the error is %v", err)
			}
		})
	}
}

// TestTwice copies to one file again: what was empty is so no more.
func TestTwice(t *testing.T) {
	path := filepath.Join(t.TempDir(), "destination")
	d, err := OpenDestination(t.Context(), path, OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, data := range [][]byte{noise(1, mib), runs(), make([]byte, 1000)} {
		if _, err := Copy(t.Context(), d, &fake{data: data}, Options{}); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		checkBytes(t, got, data)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{dir, filepath.Join(dir, "none"), "nbd+unix:///?socket=" + filepath.Join(dir, "none"), "nbd://"} {
		if s, err := OpenSource(t.Context(), name, OpenOptions{}); err == nil {
			t.Errorf("OpenSource(%q) = %v", name, s)
		}
	}
	if d, err := OpenDestination(t.Context(), dir, OpenOptions{}); err == nil {
		t.Errorf("OpenDestination of a folder = %v", d)
	}
	if d, err := OpenDestinationCommand(t.Context(), []string{filepath.Join(dir, "none")}, OpenOptions{}); err == nil || d != nil {
		t.Errorf("OpenDestinationCommand of no command = %v, %v", d, err)
	}
	d, err := OpenDestination(context.Background(), "null:", OpenOptions{})
	if err != nil || d.Size() != -1 {
		t.Errorf("null: is %v, %v", d, err)
	}
}
