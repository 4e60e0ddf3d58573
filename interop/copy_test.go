//go:build linux

package interop

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gonbd/gonbd/internal/peers"
)

// copied runs our nbdcopy, and gives what it wrote and its exit code.
func copied(t *testing.T, args ...string) (output string, code int) {
	t.Helper()
	cmd := exec.CommandContext(testContext(t), tool(t, "nbdcopy"), args...)
	out, err := cmd.CombinedOutput()
	if _, exited := err.(*exec.ExitError); err != nil && !exited {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// copies runs our nbdcopy, which must not fail, nor warn.
func copies(t *testing.T, args ...string) {
	t.Helper()
	if out, code := copied(t, args...); code != 0 || out != "" {
		t.Fatalf("nbdcopy %s: exit code %d\n%s", strings.Join(args, " "), code, out)
	}
}

// image makes a file of 8 MiB and a bit with data, zeroes and holes, whose
// size is a multiple of 512 as qemu wants it.
func image(t *testing.T) (path string, data []byte) {
	t.Helper()
	data = make([]byte, 8<<20+512)
	for _, r := range [][2]int{{0, 100_000}, {1<<20 - 7, 2<<20 + 9}, {5 << 20, 5<<20 + 1}, {len(data) - 1, len(data)}} {
		copy(data[r[0]:r[1]], pattern(uint64(r[0]), r[1]-r[0]))
	}
	path = filepath.Join(t.TempDir(), "image")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, r := range [][2]int{{0, 3 << 20}, {5 << 20, 6 << 20}, {len(data) - 1, len(data)}} {
		if _, err := f.WriteAt(data[r[0]:r[1]], int64(r[0])); err != nil {
			t.Fatal(err)
		}
	}
	return path, data
}

func checkContent(t *testing.T, path string, want []byte) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("%s differs from the source", path)
	}
}

// TestCopyServers copies from and to servers, and has C's nbdcopy do the same:
// both make the same files, with the same holes.
func TestCopyServers(t *testing.T) {
	source, data := image(t)
	peers.Each(t, func(t *testing.T, tree peers.Tree) {
		dir := t.TempDir()
		qcow2 := filepath.Join(dir, "source.qcow2")
		peers.Run(t, tree, "qemu-img", "convert", "-f", "raw", "-O", "qcow2", source, qcow2)
		for _, row := range []struct {
			name string
			uri  string
		}{
			{"nbdkit file", peers.NbdkitUnix(t, tree, "file", source).URI("")},
			{"nbdkit without extents", peers.NbdkitUnix(t, tree, "--filter=noextents", "file", source).URI("")},
			{"nbdkit without structured replies", peers.NbdkitUnix(t, tree, "--no-sr", "file", source).URI("")},
			{"nbdkit tcp", peers.NbdkitTCP(t, tree, "file", source).URI("")},
			{"qemu-nbd raw", peers.QemuNBD(t, tree, "--read-only", "--format=raw", source).URI("")},
			{"qemu-nbd qcow2", peers.QemuNBD(t, tree, "--read-only", "--format=qcow2", qcow2).URI("")},
			{"nbdserve", nbdserve(t, "-U", filepath.Join(peers.Scratch(t), "s"), "--read-only", source)},
		} {
			t.Run(row.name, func(t *testing.T) {
				ours, theirs := filepath.Join(dir, "ours"), filepath.Join(dir, "theirs")
				for _, options := range [][]string{nil, {"--no-extents"}, {"--allocated"}, {"--sparse=0"}, {"--synchronous"}, {"--request-size=4096"}, {"--connections=1", "--requests=1"}} {
					copies(t, append(options, row.uri, ours)...)
					checkContent(t, ours, data)
					peers.Run(t, tree, "nbdcopy", append(options, row.uri, theirs)...)
					if a, b := dataMap(t, ours), dataMap(t, theirs); size(a) > size(b) && !slices.Contains(options, "--allocated") {
						t.Errorf("nbdcopy %v: our file has the data %v, that of C's nbdcopy %v", options, a, b)
					}
				}
			})
		}
	}, "nbdkit", "qemu-nbd", "qemu-img", "nbdcopy")
}

// TestCopyDestinations has C's nbdcopy read back what ours wrote to servers
// that held something else.
func TestCopyDestinations(t *testing.T) {
	source, data := image(t)
	peers.Each(t, func(t *testing.T, tree peers.Tree) {
		dir := t.TempDir()
		dirty := func(name string) string {
			path := filepath.Join(dir, name)
			if err := os.WriteFile(path, bytes.Repeat([]byte{0xaa}, len(data)), 0o666); err != nil {
				t.Fatal(err)
			}
			return path
		}
		qcow2 := filepath.Join(dir, "qcow2")
		peers.Run(t, tree, "qemu-img", "convert", "-f", "raw", "-O", "qcow2", dirty("dirty"), qcow2)
		for _, row := range []struct {
			name string
			uri  string
		}{
			{"nbdkit file", peers.NbdkitUnix(t, tree, "file", dirty("1")).URI("")},
			{"nbdkit without zeroing", peers.NbdkitUnix(t, tree, "--filter=nozero", "file", dirty("2")).URI("")},
			{"nbdkit without fast zeroing", peers.NbdkitUnix(t, tree, "--filter=nozero", "file", dirty("3"), "fastzeromode=none").URI("")},
			{"nbdkit of slow zeroing", peers.NbdkitUnix(t, tree, "--filter=nozero", "file", dirty("4"), "fastzeromode=slow").URI("")},
			{"nbdkit of blocks", peers.NbdkitUnix(t, tree, "--filter=blocksize-policy", "file", dirty("5"), "blocksize-minimum=512", "blocksize-preferred=64K", "blocksize-maximum=1M", "blocksize-error-policy=error").URI("")},
			{"qemu-nbd raw", peers.QemuNBD(t, tree, "--format=raw", dirty("6")).URI("")},
			{"qemu-nbd qcow2", peers.QemuNBD(t, tree, "--format=qcow2", "--discard=unmap", qcow2).URI("")},
			{"nbdserve", nbdserve(t, "-U", filepath.Join(peers.Scratch(t), "s"), dirty("7"))},
		} {
			t.Run(row.name, func(t *testing.T) {
				back := filepath.Join(dir, "back")
				for _, options := range [][]string{{"--flush"}, {"--allocated"}, {"--synchronous", "--sparse=512"}} {
					copies(t, append(options, source, row.uri)...)
					peers.Run(t, tree, "nbdcopy", row.uri, back)
					checkContent(t, back, data)
				}
				// From server to server.
				memory := nbdserve(t, "-U", filepath.Join(peers.Scratch(t), "s"), "memory", "8193K")
				copies(t, row.uri, memory)
				copies(t, memory, "-S", "0", back)
				got, err := os.ReadFile(back)
				if err != nil || !bytes.Equal(got[:len(data)], data) || len(bytes.Trim(got[len(data):], "\x00")) > 0 {
					t.Errorf("from server to server, the copy differs (%v)", err)
				}
			})
		}
	}, "nbdkit", "qemu-nbd", "qemu-img", "nbdcopy")
}

// TestCopyCommands starts servers in brackets.
func TestCopyCommands(t *testing.T) {
	source, data := image(t)
	peers.Bookworm.Need(t, "nbdkit", "qemu-nbd")
	out := filepath.Join(t.TempDir(), "out")
	copies(t, "--", "[", "nbdkit", "file", source, "]", out)
	checkContent(t, out, data)
	copies(t, "--", "[", "qemu-nbd", "-r", "-f", "raw", source, "]", out)
	checkContent(t, out, data)
	copies(t, "--", "[", "nbdkit", "file", source, "]", "[", tool(t, "nbdserve"), "memory", "9M", "]")
	copies(t, "--", "[", tool(t, "nbdserve"), "--read-only", source, "]", "[", "nbdkit", "memory", "9M", "]")
}

// TestCopyFaults has nbdkit fail in each operation.
func TestCopyFaults(t *testing.T) {
	source, data := image(t)
	peers.Each(t, func(t *testing.T, tree peers.Tree) {
		out := filepath.Join(t.TempDir(), "out")
		faulty := func(t *testing.T, fault string, args ...string) string {
			return peers.NbdkitUnix(t, tree, append(append([]string{"--filter=error"}, args...), "error-"+fault+"-rate=100%", "error="+"EIO")...).URI("")
		}
		for _, row := range []struct {
			name string
			args func(t *testing.T) []string
			text string
		}{
			{"pread", func(t *testing.T) []string { return []string{faulty(t, "pread", "file", source), out} }, " of the source: "},
			{"pread to stream", func(t *testing.T) []string { return []string{faulty(t, "pread", "file", source), "-"} }, " of the source: "},
			{"pwrite", func(t *testing.T) []string { return []string{source, faulty(t, "pwrite", "memory", "9M")} }, " of the destination: "},
			{"zero", func(t *testing.T) []string { return []string{source, faulty(t, "zero", "memory", "9M")} }, "zeroing "},
		} {
			t.Run(row.name, func(t *testing.T) {
				got, code := copied(t, row.args(t)...)
				if code != 1 || !strings.Contains(got, row.text) || !strings.Contains(got, " bytes at offset ") || !strings.Contains(got, "nbdcopy: ") {
					t.Errorf("exit code %d, output %q", code, got)
				}
			})
		}
		t.Run("extents", func(t *testing.T) {
			got, code := copied(t, faulty(t, "extents", "file", source), out)
			if code != 0 || !strings.HasPrefix(got, "nbdcopy: warning: ") {
				t.Errorf("exit code %d, output %q", code, got)
			}
			checkContent(t, out, data)
		})
		t.Run("killed", func(t *testing.T) {
			s := peers.NbdkitUnix(t, tree, "--filter=delay", "pattern", "8G", "rdelay=10ms")
			cmd := exec.CommandContext(testContext(t), tool(t, "nbdcopy"), "--no-extents", "--progress=3", s.URI(""), "null:")
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			cmd.ExtraFiles = []*os.File{w}
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			err = cmd.Start()
			w.Close()
			if err != nil {
				t.Fatal(err)
			}
			// Reads are under way when it has come from 0 to more.
			line := make([]byte, len("0/100\n1"))
			for n := 0; n < len(line); {
				m, err := r.Read(line[n:])
				if err != nil {
					t.Fatal(err)
				}
				n += m
			}
			s.Kill()
			cmd.Wait()
			if code := cmd.ProcessState.ExitCode(); code != 1 || !strings.Contains(stderr.String(), " of the source: ") {
				t.Errorf("exit code %d, standard error %q", code, &stderr)
			}
		})
	}, "nbdkit")
}

// TestCopyDiskFull copies to a file system that is too small.
func TestCopyDiskFull(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can mount a file system")
	}
	source, _ := image(t)
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=512k"); err != nil {
		t.Skipf("mounting: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	got, code := copied(t, source, filepath.Join(dir, "out"))
	if code != 1 || !strings.Contains(got, "writing ") || !strings.Contains(got, "no space left") {
		t.Errorf("exit code %d, output %q", code, got)
	}
}

// TestCopyLarge copies 64 GiB with 64 KiB of data here and there, in seconds.
func TestCopyLarge(t *testing.T) {
	const islands, island, total = 1000, 64 << 10, 64 << 30
	dir := t.TempDir()
	source := filepath.Join(dir, "source")
	f, err := os.Create(source)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(total); err != nil {
		t.Fatal(err)
	}
	for i := range int64(islands) {
		if _, err := f.WriteAt(pattern(uint64(i), island), (i*(total/islands)/island+i%7)*island); err != nil {
			t.Fatal(err)
		}
	}
	want := dataMap(t, source)
	if size(want) != islands*island {
		t.Skipf("the file system makes %d bytes out of %d bytes of data", size(want), islands*island)
	}
	check := func(t *testing.T, uri string) {
		out := filepath.Join(dir, "out")
		defer os.Remove(out)
		began := time.Now()
		copies(t, uri, out)
		t.Logf("copied in %v", time.Since(began).Round(time.Millisecond))
		if info, err := os.Stat(out); err != nil || info.Size() != total {
			t.Fatalf("%v, %v", info, err)
		}
		if got := dataMap(t, out); !slices.Equal(got, want) {
			t.Errorf("the copy has %d bytes of data in %d places, expected %d in %d", size(got), len(got), size(want), len(want))
		}
		sameData(t, source, out, want)
	}
	t.Run("nbdserve", func(t *testing.T) {
		check(t, nbdserve(t, "-U", filepath.Join(peers.Scratch(t), "s"), "--read-only", source))
	})
	t.Run("file", func(t *testing.T) { check(t, source) })
	peers.Each(t, func(t *testing.T, tree peers.Tree) {
		t.Run("raw", func(t *testing.T) {
			check(t, peers.QemuNBD(t, tree, "--read-only", "--format=raw", source).URI(""))
		})
		t.Run("qcow2", func(t *testing.T) {
			qcow2 := filepath.Join(dir, "source.qcow2")
			peers.Run(t, tree, "qemu-img", "convert", "-f", "raw", "-O", "qcow2", source, qcow2)
			check(t, peers.QemuNBD(t, tree, "--read-only", "--format=qcow2", qcow2).URI(""))
		})
	}, "qemu-nbd", "qemu-img")
}

// run is a part of a file that is no hole.
type run struct{ from, to int64 }

// dataMap lists the data of a file.
func dataMap(t *testing.T, path string) []run {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var list []run
	for at := int64(0); ; {
		from, err := unix.Seek(int(f.Fd()), at, unix.SEEK_DATA)
		if err == syscall.ENXIO {
			return list
		}
		if err != nil {
			t.Fatal(err)
		}
		if at, err = unix.Seek(int(f.Fd()), from, unix.SEEK_HOLE); err != nil {
			t.Fatal(err)
		}
		list = append(list, run{from, at})
	}
}

func size(list []run) (n int64) {
	for _, r := range list {
		n += r.to - r.from
	}
	return n
}

// sameData compares parts of two files.
func sameData(t *testing.T, a, b string, parts []run) {
	t.Helper()
	fa, err := os.Open(a)
	if err != nil {
		t.Fatal(err)
	}
	defer fa.Close()
	fb, err := os.Open(b)
	if err != nil {
		t.Fatal(err)
	}
	defer fb.Close()
	for _, r := range parts {
		pa, pb := make([]byte, r.to-r.from), make([]byte, r.to-r.from)
		if _, err := fa.ReadAt(pa, r.from); err != nil {
			t.Fatal(err)
		}
		if _, err := fb.ReadAt(pb, r.from); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(pa, pb) {
			t.Fatalf("%s and %s differ between %d and %d", a, b, r.from, r.to)
		}
	}
}
