package vm

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gonbd/gonbd/nbdkernel"
	"github.com/gonbd/gonbd/nbdserver"
)

// testKernelClient uses a device of the kernel's NBD client as a disk.
func testKernelClient(t *testing.T) {
	disk := newDisk()
	uri := serveUnix(t, &nbdserver.Server{Exports: []*nbdserver.Export{{Backend: disk, MultiConn: true}}})
	d := attach(t, uri, nbdkernel.Config{})
	if d.Connections() != nbdkernel.DefaultConnections {
		t.Errorf("%d connections, want %d", d.Connections(), nbdkernel.DefaultConnections)
	}
	want := nbdkernel.Status{Device: d.Path(), Attached: true, Size: diskSize, Server: uri}
	if s, err := nbdkernel.Lookup(d.Path()); err != nil || !sameStatus(s, want) {
		t.Errorf("status %+v, %v, want %+v", s, err, want)
	}
	list, err := nbdkernel.List()
	attached := 0
	for _, s := range list {
		if s.Attached {
			attached++
		}
	}
	if err != nil || attached != 1 || len(list) < 2 {
		t.Errorf("%d of %d devices are attached, %v, want 1 of several", attached, len(list), err)
	}

	useAsDisk(t, d.Path(), disk, func() {
		if err := d.Detach(soon(t), false); !errors.Is(err, syscall.EBUSY) {
			t.Errorf("detaching while mounted: %v, want EBUSY", err)
		}
		if _, err := nbdkernel.Attach(soon(t), uri, nbdkernel.Config{Device: d.Path()}); !errors.Is(err, syscall.EBUSY) {
			t.Errorf("attaching twice: %v, want EBUSY", err)
		}
	})

	// What is written and not yet saved, detaching saves.
	data := pattern(1<<20, 9)
	closeFile := write(t, d.Path(), data, 5<<20)
	if err := d.Detach(soon(t), false); err != nil {
		t.Fatal(err)
	}
	equal(t, "what the server has after detaching", contents(t, disk, 5<<20, len(data)), data)
	closeFile()
	if s, err := nbdkernel.Lookup(d.Path()); err != nil || s.Attached {
		t.Errorf("status %+v, %v, want it detached", s, err)
	}
	if err := d.Detach(soon(t), false); !errors.Is(err, syscall.ENOTCONN) {
		t.Errorf("detaching twice: %v, want ENOTCONN", err)
	}
}

func testKernelReadOnly(t *testing.T) {
	disk := newDisk()
	server := &nbdserver.Server{Exports: []*nbdserver.Export{{Backend: disk, BlockSize: nbdserver.BlockSize{Minimum: 4096, Preferred: 4096, MaxPayload: 64 << 10}}}}
	const device = "/dev/nbd7"
	d := attach(t, serveUnix(t, server), nbdkernel.Config{Device: device, ReadOnly: true})
	if d.Path() != device || d.Connections() != 1 {
		t.Errorf("attached %s with %d connections, want %s with 1", d.Path(), d.Connections(), device)
	}
	if err := os.WriteFile(device, []byte("data"), 0); !errors.Is(err, syscall.EPERM) {
		t.Errorf("opening a read-only device for writing: %v, want EPERM", err)
	}
	for name, want := range map[string]string{"ro": "1", "queue/logical_block_size": "4096", "queue/max_sectors_kb": "64"} {
		if got := sysfs(t, device, name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	if err := nbdkernel.Detach(soon(t), device, false); err != nil {
		t.Error(err)
	}
}

// testKernelReconnect has a device lose its connections one by one, and then
// its server, while a program writes to it.
func testKernelReconnect(t *testing.T) {
	disk := newDisk()
	path := filepath.Join(t.TempDir(), "socket")
	l := &breakable{path: path}
	server := &nbdserver.Server{Exports: []*nbdserver.Export{{Backend: disk, MultiConn: true}}}
	l.listen(t, server)
	d := attach(t, "nbd+unix:///?socket="+path, nbdkernel.Config{Connections: 2, Timeout: 3 * time.Second, DeadConnTimeout: patience})
	ctx, cancel := context.WithCancel(t.Context())
	kept := make(chan error, 1)
	go func() { kept <- d.Keep(ctx) }()

	data := pattern(8<<20, 4)
	for round := range 4 {
		written := make(chan error, 1)
		offset := int64(round) * int64(len(data))
		go func() { written <- writeSync(d.Path(), data, offset) }()
		switch round {
		case 0, 1:
			l.breakOne(t)
		case 2:
			l.stop()
			l.listen(t, server)
		}
		if err := <-written; err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		equal(t, "what the server has", contents(t, disk, offset, len(data)), data)
		await(t, "both connections are there again", func() bool { return l.open() == 2 })
	}
	cancel()
	if err := <-kept; err != context.Canceled {
		t.Errorf("Keep: %v, want %v", err, context.Canceled)
	}
	if s, err := nbdkernel.Lookup(d.Path()); err != nil || !s.Attached {
		t.Errorf("status %+v, %v, want it attached still", s, err)
	}
	go func() { kept <- d.Keep(t.Context()) }()
	if err := nbdkernel.Detach(soon(t), d.Path(), false); err != nil {
		t.Fatal(err)
	}
	if err := <-kept; err != nil {
		t.Errorf("Keep of a device that was detached: %v", err)
	}
}

// testKernelDeadServer has the server die for good.
func testKernelDeadServer(t *testing.T) {
	l := &breakable{path: filepath.Join(t.TempDir(), "socket")}
	l.listen(t, &nbdserver.Server{Exports: []*nbdserver.Export{{Backend: newDisk(), MultiConn: true}}})
	d := attach(t, "nbd+unix:///?socket="+l.path, nbdkernel.Config{})
	l.stop()
	if err := writeSync(d.Path(), pattern(4096, 1), 0); !errors.Is(err, syscall.EIO) {
		t.Errorf("writing: %v, want EIO", err)
	}
	// The kernel has the server flush, which it can't.
	if err := d.Detach(soon(t), false); !errors.Is(err, syscall.EIO) {
		t.Errorf("detaching: %v, want EIO", err)
	}
	if s, err := nbdkernel.Lookup(d.Path()); err != nil || s.Attached {
		t.Errorf("status %+v, %v, want it detached", s, err)
	}
}

func testKernelRefuses(t *testing.T) {
	disk := newDisk()
	vsock := listenVsock(t)
	server := &nbdserver.Server{Exports: []*nbdserver.Export{
		{Backend: disk}, {Name: "tiny", Backend: nbdserver.NewMemory(511)},
	}}
	serve(t, server, vsock)
	unix := serveUnix(t, server)
	for _, test := range []struct {
		uri    string
		config nbdkernel.Config
		is     error
		says   string
	}{
		{unix, nbdkernel.Config{Device: "/dev/sda"}, fs.ErrInvalid, "/dev/sda"},
		{unix, nbdkernel.Config{Device: "/dev/nbd01"}, fs.ErrInvalid, "/dev/nbd01"},
		{unix, nbdkernel.Config{BlockSize: 1000}, syscall.EINVAL, "have 1000"},
		{strings.Replace(unix, "/?", "/tiny?", 1), nbdkernel.Config{}, nil, "less than a block"},
		{strings.Replace(unix, "/?", "/missing?", 1), nbdkernel.Config{}, syscall.ENOENT, "missing"},
		{fmt.Sprintf("nbd+vsock://1:%d/", vsock.port), nbdkernel.Config{}, syscall.EINVAL, "TCP and Unix sockets"},
	} {
		d, err := nbdkernel.Attach(soon(t), test.uri, test.config)
		if err == nil {
			d.Detach(soon(t), true)
			d.Close()
		}
		if err == nil || test.is != nil && !errors.Is(err, test.is) || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s, %+v: %v, want %v and %q", test.uri, test.config, err, test.is, test.says)
		}
	}
}

// testNbdattach runs the program.
func testNbdattach(t *testing.T) {
	l := &breakable{path: filepath.Join(t.TempDir(), "socket")}
	disk := newDisk()
	server := &nbdserver.Server{Exports: []*nbdserver.Export{{Backend: disk, MultiConn: true}}}
	l.listen(t, server)
	uri := "nbd+unix:///?socket=" + l.path
	const device = "/dev/nbd3"
	if out := run(t, "nbdattach", uri, device); out != device+"\n" {
		t.Errorf("attaching says %q", out)
	}
	line := device + "\t64M\trw\t" + uri + "\n"
	for _, args := range [][]string{{"--list"}, {"--check", device}} {
		if out := run(t, append([]string{"nbdattach"}, args...)...); out != line {
			t.Errorf("%v says %q, want %q", args, out, line)
		}
	}
	closeFile := write(t, device, pattern(4096, 2), 0)
	run(t, "nbdattach", "-d", device)
	equal(t, "what the server has", contents(t, disk, 0, 4096), pattern(4096, 2))
	closeFile()
	if err := exec.Command("nbdattach", "--check", device).Run(); err == nil || err.(*exec.ExitError).ExitCode() != 1 {
		t.Errorf("--check of a device that is detached: %v, want exit code 1", err)
	}

	// It stays, connects anew, and detaches in the end.
	cmd := exec.CommandContext(soon(t), "nbdattach", "--persist", "-v", uri, device)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fscanln(out, new(string)); err != nil {
		t.Fatal(err)
	}
	l.stop()
	l.listen(t, server)
	closeFile = write(t, device, pattern(4096, 3), 0)
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, &stderr)
	}
	equal(t, "what the server has after the signal", contents(t, disk, 0, 4096), pattern(4096, 3))
	closeFile()
	if s, err := nbdkernel.Lookup(device); err != nil || s.Attached {
		t.Errorf("status %+v, %v, want it detached", s, err)
	}

	run(t, "rmmod", "nbd")
	defer run(t, "modprobe", "nbd")
	if out, err := exec.Command("nbdattach", uri).CombinedOutput(); err == nil || !strings.Contains(string(out), "modprobe nbd") {
		t.Errorf("without the module: %v, %s", err, out)
	}
	if _, err := nbdkernel.List(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("listing without the module: %v", err)
	}
}

// attach attaches a device until the end of the test.
func attach(t *testing.T, uri string, config nbdkernel.Config) *nbdkernel.Device {
	t.Helper()
	d, err := nbdkernel.Attach(soon(t), uri, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if s, err := nbdkernel.Lookup(d.Path()); err != nil || s.Attached {
			d.Detach(soon(t), true)
		}
		d.Close()
	})
	return d
}

func sameStatus(a, b nbdkernel.Status) bool {
	return a.Device == b.Device && a.Attached == b.Attached && a.Size == b.Size && a.ReadOnly == b.ReadOnly && a.Server == b.Server
}

// breakable is a listener whose connections can be broken.
type breakable struct {
	path string

	mu    sync.Mutex
	l     net.Listener
	conns []net.Conn
}

// listen begins to serve. Connections are served by the server, one each.
func (b *breakable) listen(t *testing.T, s *nbdserver.Server) {
	t.Helper()
	l, err := net.Listen("unix", b.path)
	if err != nil {
		t.Fatal(err)
	}
	b.mu.Lock()
	b.l = l
	b.mu.Unlock()
	t.Cleanup(b.stop)
	go func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			b.mu.Lock()
			b.conns = append(b.conns, nc)
			b.mu.Unlock()
			go func() {
				s.ServeConn(context.Background(), nc)
				b.forget(nc)
			}()
		}
	}()
}

func (b *breakable) forget(nc net.Conn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, c := range b.conns {
		if c == nc {
			b.conns = append(b.conns[:i], b.conns[i+1:]...)
			break
		}
	}
}

// open is the number of connections.
func (b *breakable) open() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.conns)
}

// breakOne breaks a connection.
func (b *breakable) breakOne(t *testing.T) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.conns) == 0 {
		t.Fatal("there is no connection")
	}
	b.conns[0].Close()
}

// stop ends the server as if it had died.
func (b *breakable) stop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.l.Close()
	for _, nc := range b.conns {
		nc.Close()
	}
}
