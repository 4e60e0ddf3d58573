package vm

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gonbd/gonbd/nbdserver"
)

// ublkProcess is a running nbdublk.
type ublkProcess struct {
	cmd    *exec.Cmd
	device string
	stderr syncBuffer
}

// syncBuffer is a buffer to be read while it is written to.
type syncBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// says waits until nbdublk has said something.
func (p *ublkProcess) says(t *testing.T, what string) {
	t.Helper()
	await(t, "nbdublk says "+what, func() bool { return strings.Contains(p.stderr.String(), what) })
}

// startUblk runs nbdublk until its device is there.
func startUblk(t *testing.T, args ...string) *ublkProcess {
	t.Helper()
	p := &ublkProcess{cmd: exec.Command("nbdublk", append([]string{"-v"}, args...)...)}
	p.cmd.Stderr = &p.stderr
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.cmd.Process.Kill()
		p.cmd.Wait()
		if t.Failed() {
			t.Logf("nbdublk %v: %s", args, &p.stderr)
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		p.cmd.Wait()
		t.Fatalf("nbdublk %v has no device: %v\n%s", args, err, &p.stderr)
	}
	p.device = strings.TrimSuffix(line, "\n")
	return p
}

// end has a signal end nbdublk, which must take all of its devices with it.
func (p *ublkProcess) end(t *testing.T, sig os.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
	p.ended(t, 0, "")
}

// ended waits for the end of nbdublk.
func (p *ublkProcess) ended(t *testing.T, code int, says string) {
	t.Helper()
	p.cmd.Wait()
	if got := p.cmd.ProcessState.ExitCode(); got != code || !strings.Contains(p.stderr.String(), says) {
		t.Errorf("exit code %d, want %d and %q on standard error", got, code, says)
	}
	for _, path := range []string{p.device, strings.Replace(p.device, "ublkb", "ublkc", 1)} {
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is left behind", path)
		}
	}
}

func testUblk(t *testing.T) {
	disk := newDisk()
	uri := serveUnix(t, &nbdserver.Server{Exports: []*nbdserver.Export{{Backend: disk, MultiConn: true}}})
	p := startUblk(t, "-", uri)
	if p.device != "/dev/ublkb0" {
		t.Errorf("the device is %s", p.device)
	}
	p.says(t, "connections=4")
	useAsDisk(t, p.device, disk, func() {})

	// What is written and not yet saved, a signal saves.
	data := pattern(1<<20, 9)
	closeFile := write(t, p.device, data, 5<<20)
	syncs := disk.syncs.Load()
	p.end(t, syscall.SIGTERM)
	equal(t, "what the server has", contents(t, disk, 5<<20, len(data)), data)
	if disk.syncs.Load() == syncs {
		t.Error("the server was not told to flush what was saved at the end")
	}
	closeFile()

	p = startUblk(t, "-C", "1", "/dev/ublkb5", uri)
	if p.device != "/dev/ublkb5" {
		t.Errorf("the device is %s", p.device)
	}
	p.says(t, "connections=1")
	p.end(t, os.Interrupt)
}

// busyDisk has its first write wait for a second one.
type busyDisk struct {
	*disk
	writes   atomic.Int64
	together chan struct{}
}

func (d *busyDisk) WriteAt(p []byte, off int64) (int, error) {
	if d.writes.Add(1) == 2 {
		close(d.together)
	}
	select {
	case <-d.together:
		return d.disk.WriteAt(p, off)
	case <-time.After(patience):
		return 0, errors.New("requests come one at a time")
	}
}

// testUblkLoad has many programs write and read at once.
func testUblkLoad(t *testing.T) {
	disk := &busyDisk{disk: newDisk(), together: make(chan struct{})}
	p := startUblk(t, "-", serveUnix(t, &nbdserver.Server{Exports: []*nbdserver.Export{{Backend: disk, MultiConn: true}}}))
	const writers, length = 8, 4 << 20
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			data := pattern(length, uint64(i))
			f, err := os.OpenFile(p.device, os.O_RDWR|unix.O_DIRECT, 0)
			if err != nil {
				t.Error(err)
				return
			}
			defer f.Close()
			block, err := unix.Mmap(-1, 0, 256<<10, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
			if err != nil {
				t.Error(err)
				return
			}
			defer unix.Munmap(block)
			for off := 0; off < length; off += len(block) {
				copy(block, data[off:])
				if _, err := f.WriteAt(block, int64(i*length+off)); err != nil {
					t.Error(err)
					return
				}
			}
			for off := 0; off < length; off += len(block) {
				clear(block)
				if _, err := f.ReadAt(block, int64(i*length+off)); err != nil || !bytes.Equal(block, data[off:off+len(block)]) {
					t.Errorf("reading at %d: %v, or other data", i*length+off, err)
					return
				}
			}
		})
	}
	wg.Wait()
	for i := range writers {
		equal(t, "what the server has", contents(t, disk, int64(i*length), length), pattern(length, uint64(i)))
	}
	p.end(t, syscall.SIGTERM)
}

// testUblkModes names the server in all ways.
func testUblkModes(t *testing.T) {
	disk := newDisk()
	first := pattern(4096, 6)
	if _, err := disk.WriteAt(first, 0); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "disk")
	if err := os.WriteFile(file, append(bytes.Clone(first), make([]byte, 1<<20)...), 0o600); err != nil {
		t.Fatal(err)
	}
	server := &nbdserver.Server{Exports: []*nbdserver.Export{{Backend: disk}}}
	_, path, _ := strings.Cut(serveUnix(t, server), "socket=")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serve(t, server, l)
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	vsock := listenVsock(t)
	serve(t, server, vsock)
	for _, args := range [][]string{
		{"-", "--unix", path},
		{"2", "--tcp", "127.0.0.1", port},
		{"-", "--vsock", "1", fmt.Sprint(vsock.port)},
		{"-", "[", "nbdserve", file, "]"},
		{"-", "--command", "nbdserve", "-s", file},
		{"-r", "-", "--unix", path},
	} {
		p := startUblk(t, args...)
		got := make([]byte, len(first))
		f, err := os.Open(p.device)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.ReadAt(got, 0); err != nil {
			t.Errorf("%v: %v", args, err)
		}
		f.Close()
		equal(t, "the device", got, first)
		readOnly := "0"
		if args[0] == "-r" {
			readOnly = "1"
		}
		if got := sysfs(t, p.device, "ro"); got != readOnly {
			t.Errorf("%v: ro is %s, want %s", args, got, readOnly)
		}
		p.end(t, syscall.SIGTERM)
	}
}

// testUblkSizes has servers with constraints.
func testUblkSizes(t *testing.T) {
	for name, test := range map[string]struct {
		size   int64
		blocks nbdserver.BlockSize
		want   map[string]string
	}{
		"default": {diskSize + 511, nbdserver.BlockSize{}, map[string]string{
			"size": "131072", "queue/logical_block_size": "512", "queue/physical_block_size": "4096", "queue/max_hw_sectors_kb": "512"}},
		"4096": {diskSize, nbdserver.BlockSize{Minimum: 4096, Preferred: 32 << 10, MaxPayload: 64 << 10}, map[string]string{
			"size": "131072", "queue/logical_block_size": "4096", "queue/physical_block_size": "32768", "queue/max_hw_sectors_kb": "64"}},
		"beyond": {diskSize, nbdserver.BlockSize{Minimum: 64 << 10, Preferred: 64 << 10}, map[string]string{
			"size": "131072", "queue/logical_block_size": "4096", "queue/physical_block_size": "65536"}},
	} {
		t.Run(name, func(t *testing.T) {
			disk := nbdserver.NewMemory(test.size)
			p := startUblk(t, "-", serveUnix(t, &nbdserver.Server{Exports: []*nbdserver.Export{{Backend: disk, BlockSize: test.blocks}}}))
			for name, want := range test.want {
				if got := sysfs(t, p.device, name); got != want {
					t.Errorf("%s is %s, want %s", name, got, want)
				}
			}
			data := pattern(3*4096, 8)
			if err := writeSync(p.device, data, 4096); err != nil {
				t.Error(err)
			}
			equal(t, "what the server has", contents(t, disk, 4096, len(data)), data)
			p.end(t, syscall.SIGTERM)
		})
	}
}

// testUblkKilled has nbdublk killed while a program writes, which gets an
// error. The next nbdublk cleans up, ever so soon.
func testUblkKilled(t *testing.T) {
	disk := newDisk()
	uri := serveUnix(t, &nbdserver.Server{Exports: []*nbdserver.Export{{Backend: disk, MultiConn: true}}})
	for range 3 {
		p := startUblk(t, "/dev/ublkb1", uri)
		written := make(chan error, 1)
		begun := make(chan bool)
		go func() {
			data := pattern(1<<20, 5)
			if err := writeSync(p.device, data, 0); err != nil {
				t.Error(err)
			}
			close(begun)
			for {
				if err := writeSync(p.device, data, 0); err != nil {
					written <- err
					return
				}
			}
		}()
		<-begun
		p.cmd.Process.Kill()
		p.cmd.Wait()
		// A write has failed, or the device was not there any more.
		if err := <-written; !errors.Is(err, syscall.EIO) && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENXIO) && !errors.Is(err, syscall.ENODEV) && !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("writing to a device whose server was killed: %v", err)
		}
	}
	p := startUblk(t, "/dev/ublkb1", uri)
	p.end(t, syscall.SIGTERM)
}

// testUblkDeadServer has the server die: one connection first, which nobody
// should notice, and then all.
func testUblkDeadServer(t *testing.T) {
	l := &breakable{path: filepath.Join(t.TempDir(), "socket")}
	disk := newDisk()
	l.listen(t, &nbdserver.Server{Exports: []*nbdserver.Export{{Backend: disk, MultiConn: true}}})
	p := startUblk(t, "-", "nbd+unix:///?socket="+l.path)
	l.breakOne(t)
	for i := range 8 {
		data := pattern(1<<20, uint64(i))
		if err := writeSync(p.device, data, int64(i)<<20); err != nil {
			t.Fatalf("with a connection less: %v", err)
		}
		equal(t, "what the server has", contents(t, disk, int64(i)<<20, len(data)), data)
	}
	l.stop()
	if err := writeSync(p.device, pattern(4096, 1), 0); !errors.Is(err, syscall.EIO) {
		t.Errorf("writing: %v, want EIO", err)
	}
	p.ended(t, 1, "nbdublk: ")
}

// testUblkDeleted has another process delete the device.
func testUblkDeleted(t *testing.T) {
	disk := newDisk()
	p := startUblk(t, "4", serveUnix(t, &nbdserver.Server{Exports: []*nbdserver.Export{{Backend: disk}}}))
	data := pattern(1<<20, 3)
	closeFile := write(t, p.device, data, 0)
	run(t, "nbdublk", "--delete", p.device)
	equal(t, "what the server has", contents(t, disk, 0, len(data)), data)
	p.ended(t, 0, "was deleted")
	closeFile()
	if out, err := exec.Command("nbdublk", "--delete", p.device).CombinedOutput(); err == nil || !strings.Contains(string(out), "no such device") {
		t.Errorf("deleting what is not there: %v, %s", err, out)
	}
}

// hungDisk does not answer writes until it is told to.
type hungDisk struct {
	*disk
	asked   chan struct{} // closed by the first write
	release chan struct{}
	once    sync.Once
}

func (d *hungDisk) WriteAt(p []byte, off int64) (int, error) {
	d.once.Do(func() { close(d.asked) })
	<-d.release
	return d.disk.WriteAt(p, off)
}

// testUblkHung has a server that does not answer. The first signal has nbdublk
// wait for it, and the second one not.
func testUblkHung(t *testing.T) {
	disk := &hungDisk{disk: newDisk(), asked: make(chan struct{}), release: make(chan struct{})}
	defer close(disk.release)
	p := startUblk(t, "-", serveUnix(t, &nbdserver.Server{Exports: []*nbdserver.Export{{Backend: disk}}}))
	written := make(chan error)
	go func() { written <- writeSync(p.device, pattern(4096, 1), 0) }()
	<-disk.asked
	exited := make(chan struct{})
	go func() { p.cmd.Wait(); close(exited) }()
	for again := true; again; {
		if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Error(err)
		}
		select {
		case <-exited:
			again = false
		case <-time.After(100 * time.Millisecond):
		}
	}
	if err := <-written; !errors.Is(err, syscall.EIO) {
		t.Errorf("writing: %v, want EIO", err)
	}
	await(t, "the device is gone", func() bool { _, err := os.Stat(p.device); return errors.Is(err, fs.ErrNotExist) })
}

func testUblkRefuses(t *testing.T) {
	server := &nbdserver.Server{Exports: []*nbdserver.Export{{Backend: newDisk()}, {Name: "tiny", Backend: nbdserver.NewMemory(511)}}}
	uri := serveUnix(t, server)
	p := startUblk(t, "3", uri)
	refused := func(says string, args ...string) {
		t.Helper()
		out, err := exec.CommandContext(soon(t), "nbdublk", args...).CombinedOutput()
		if err == nil || err.(*exec.ExitError).ExitCode() != 1 || !strings.Contains(string(out), says) {
			t.Errorf("%v: %v, %s, want %q", args, err, out, says)
		}
	}
	refused("is in use", "3", uri)
	refused("less than a block", "-", strings.Replace(uri, "/?", "/tiny?", 1))
	refused("missing", "-", strings.Replace(uri, "/?", "/missing?", 1))
	p.end(t, syscall.SIGTERM)
	run(t, "rmmod", "ublk_drv")
	defer run(t, "modprobe", "ublk_drv")
	refused("modprobe ublk_drv", "-", uri)
}
