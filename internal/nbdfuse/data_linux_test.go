//go:build !386 && !arm && !mips && !mipsle

package nbdfuse

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gonbd/gonbd/internal/peers"
)

// Several writers do as they like in parts of their own, of which a model
// tells what must be read: through the cache of the kernel and past it.
func TestModel(t *testing.T) {
	const writers, part, steps, longest = 4, 8 << 20, 150, 3 << 20
	server := peers.NbdkitUnix(t, peers.Bookworm, "memory", fmt.Sprint(writers*part))
	for _, options := range [][]string{nil, {"-s"}, {"-C", "1"}, {"-o", "kernel_cache"}} {
		m := mountOurs(t, options, []string{server.URI("")})
		whole := make([]byte, writers*part)
		var wg sync.WaitGroup
		for i := range writers {
			flags := os.O_RDWR
			if i%2 == 1 {
				flags |= syscall.O_DIRECT
			}
			fd := m.open(flags)
			model := whole[i*part : (i+1)*part]
			wg.Go(func() {
				defer syscall.Close(fd)
				random := rand.New(rand.NewPCG(uint64(i), 1))
				if _, err := pread(fd, model, int64(i*part)); err != nil { // what the last round left
					t.Error(err)
				}
				// The data come aligned as O_DIRECT may ask.
				buf, err := unix.Mmap(-1, 0, longest, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
				if err != nil {
					t.Error(err)
					return
				}
				defer unix.Munmap(buf)
				for range steps {
					off := random.IntN(part)
					n := 1 + random.IntN(min(longest, part-off))
					if flags&syscall.O_DIRECT != 0 {
						off, n = off&^511, max(512, n&^511)
					}
					at, p := int64(i*part+off), buf[:n]
					switch random.IntN(5) {
					case 0, 1:
						for j := range p {
							p[j] = byte(random.Uint32())
						}
						copy(model[off:], p)
						if got, err := syscall.Pwrite(fd, p, at); got != n || err != nil {
							t.Errorf("writing %d bytes at %d: %d, %v", n, at, got, err)
						}
					case 2:
						mode := uint32(unix.FALLOC_FL_PUNCH_HOLE | unix.FALLOC_FL_KEEP_SIZE)
						if random.IntN(2) == 0 {
							mode = unix.FALLOC_FL_ZERO_RANGE
						}
						clear(model[off : off+n])
						if err := syscall.Fallocate(fd, mode, at, int64(n)); err != nil {
							t.Errorf("zeroing %d bytes at %d: %v", n, at, err)
						}
					default:
						if got, err := pread(fd, p, at); got != n || err != nil || !bytes.Equal(p, model[off:off+n]) {
							t.Errorf("reading %d bytes at %d: %d, %v, and they are right: %v", n, at, got, err, bytes.Equal(p, model[off:off+n]))
						}
					}
				}
				if err := syscall.Fsync(fd); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if got, err := os.ReadFile(m.file); err != nil || !bytes.Equal(got, whole) {
			t.Errorf("%v: the whole file is right: %v: %v", options, bytes.Equal(got, whole), err)
		}
		m.stop()
	}
}

func pread(fd int, p []byte, off int64) (n int, err error) {
	for n < len(p) {
		m, err := syscall.Pread(fd, p[n:], off+int64(n))
		if m <= 0 || err != nil {
			return n, err
		}
		n += m
	}
	return n, nil
}

// Holes and data are found by the server's extents.
func TestSeek(t *testing.T) {
	const size = 6 << 30
	server := peers.NbdkitUnix(t, peers.Bookworm, "memory", fmt.Sprint(size))
	m := mountOurs(t, nil, []string{server.URI("")})
	fd := m.open(os.O_RDWR)
	defer syscall.Close(fd)
	const page = 32 << 10 // of nbdkit's sparse array
	for _, off := range []int64{0, 5<<30 + 3*page} {
		if _, err := syscall.Pwrite(fd, bytes.Repeat([]byte{1}, page), off); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		off    int64
		whence int
		want   int64
		err    error
	}{
		{0, unix.SEEK_DATA, 0, nil},
		{0, unix.SEEK_HOLE, page, nil},
		{5, unix.SEEK_HOLE, page, nil},
		{page, unix.SEEK_DATA, 5<<30 + 3*page, nil},
		{page, unix.SEEK_HOLE, page, nil},
		{5<<30 + 3*page + 7, unix.SEEK_DATA, 5<<30 + 3*page + 7, nil},
		{5<<30 + 3*page, unix.SEEK_HOLE, 5<<30 + 4*page, nil},
		{5<<30 + 4*page, unix.SEEK_DATA, -1, syscall.ENXIO},
		{size - 1, unix.SEEK_HOLE, size - 1, nil},
		{size, unix.SEEK_HOLE, -1, syscall.ENXIO},
		{size, unix.SEEK_DATA, -1, syscall.ENXIO},
	} {
		if got, err := syscall.Seek(fd, test.off, test.whence); got != test.want || err != test.err {
			t.Errorf("seeking from %d, %d: %d, %v, want %d, %v", test.off, test.whence, got, err, test.want, test.err)
		}
	}
}

// Without extents all is data, and with errors for extents too.
func TestSeekUnknown(t *testing.T) {
	for _, args := range [][]string{{"--no-sr", "memory", "1M"}, {"--filter=error", "memory", "1M", "error-extents=EIO", "error-extents-rate=100%"}} {
		server := peers.NbdkitUnix(t, peers.Bookworm, args...)
		m := mountOurs(t, nil, []string{server.URI("")})
		fd := m.open(os.O_RDONLY)
		defer syscall.Close(fd)
		data, err := syscall.Seek(fd, 5, unix.SEEK_DATA)
		hole, err2 := syscall.Seek(fd, 5, unix.SEEK_HOLE)
		if data != 5 || hole != 1<<20 || err != nil || err2 != nil {
			t.Errorf("%q: data at %d, hole at %d: %v, %v", args, data, hole, err, err2)
		}
	}
}

// A file system can be made and checked on the file, on servers with and
// without block sizes of their own.
func TestExt4(t *testing.T) {
	peers.Bookworm.Need(t, "mkfs.ext4", "e2fsck")
	for _, args := range [][]string{{"memory", "64M"},
		{"--filter=blocksize-policy", "memory", "64M", "blocksize-minimum=4096", "blocksize-preferred=64K", "blocksize-maximum=256K", "blocksize-error-policy=error"}} {
		server := peers.NbdkitUnix(t, peers.Bookworm, args...)
		m := mountOurs(t, nil, []string{server.URI("")})
		tree := t.TempDir()
		if err := os.WriteFile(filepath.Join(tree, "greeting"), bytes.Repeat([]byte("hello\n"), 100_000), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, command := range [][]string{{"mkfs.ext4", "-q", "-F", "-d", tree, m.file}, {"e2fsck", "-f", "-n", m.file}} {
			if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
				t.Errorf("%q on %q: %v\n%s", command, args, err, out)
			}
		}
		m.stop()
	}
}

// What is mapped into memory reaches the server when it is synced.
func TestMapped(t *testing.T) {
	server := peers.NbdkitUnix(t, peers.Bookworm, "memory", "1M")
	m := mountOurs(t, nil, []string{server.URI("")})
	fd := m.open(os.O_RDWR)
	defer syscall.Close(fd)
	p, err := unix.Mmap(fd, 0, 8192, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(p)
	copy(p[4090:], "hello world")
	if err := unix.Msync(p, unix.MS_SYNC); err != nil {
		t.Fatal(err)
	}
	direct := mountOurs(t, []string{"-r"}, []string{server.URI("")})
	if b, err := os.ReadFile(direct.file); err != nil || !bytes.Equal(b[4090:4101], []byte("hello world")) {
		t.Errorf("another mount reads %q: %v", b[4090:4101], err)
	}
}
