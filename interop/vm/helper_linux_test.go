package vm

import (
	"bytes"
	"context"
	"encoding/binary"
	"math/rand/v2"
	"net"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gonbd/gonbd/nbdserver"
)

// diskSize is the size of the disks that are served.
const diskSize = 64 << 20

// patience is how long anything may take before it counts as hanging.
const patience = 60 * time.Second

// soon gives a context that nobody should see the end of.
func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// serve runs a server until the end of the test.
func serve(t *testing.T, s *nbdserver.Server, l net.Listener) {
	t.Helper()
	done := make(chan error)
	go func() { done <- s.Serve(context.Background(), l) }()
	t.Cleanup(func() {
		s.Close()
		<-done
	})
}

// pattern makes data that nothing else looks like. It is quick even where the
// processor is emulated, which crypto/rand is not.
func pattern(n int, seed uint64) []byte {
	b := make([]byte, n+7)
	source := rand.NewPCG(seed, 0)
	for i := 0; i < n; i += 8 {
		binary.LittleEndian.PutUint64(b[i:], source.Uint64())
	}
	return b[:n]
}

// contents reads a part of a disk that is served, past all servers.
func contents(t *testing.T, disk nbdserver.Backend, offset int64, n int) []byte {
	t.Helper()
	b := make([]byte, n)
	if _, err := disk.ReadAt(b, offset); err != nil {
		t.Fatal(err)
	}
	return b
}

// equal compares bytes, and says where they differ.
func equal(t *testing.T, what string, got, want []byte) {
	t.Helper()
	if bytes.Equal(got, want) {
		return
	}
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			t.Fatalf("%s differs at byte %d of %d: %#x, want %#x", what, i, len(want), got[i], want[i])
		}
	}
	t.Fatalf("%s has %d bytes, want %d", what, len(got), len(want))
}

// disk is a disk that is served, and counts what is asked of it.
type disk struct {
	*nbdserver.Memory
	syncs, fuas, trims, zeroes atomic.Int64
	trimmed, zeroed            atomic.Int64 // bytes
}

func newDisk() *disk { return &disk{Memory: nbdserver.NewMemory(diskSize)} }

// Immediate lets requests of a connection be served at the same time.
func (d *disk) Immediate() bool { return false }

func (d *disk) Sync() error {
	d.syncs.Add(1)
	return nil
}

func (d *disk) WriteAtFUA(p []byte, off int64) (int, error) {
	d.fuas.Add(1)
	return d.Memory.WriteAt(p, off)
}

func (d *disk) Trim(off, n int64) error {
	d.trims.Add(1)
	d.trimmed.Add(n)
	return d.Memory.Trim(off, n)
}

func (d *disk) WriteZeroes(off, n int64, flags nbdserver.ZeroFlags) error {
	d.zeroes.Add(1)
	d.zeroed.Add(n)
	return d.Memory.WriteZeroes(off, n, flags)
}

// serveUnix serves a disk on a Unix socket, and gives its URI.
func serveUnix(t *testing.T, s *nbdserver.Server) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "socket")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	serve(t, s, l)
	return "nbd+unix:///?socket=" + path
}

// run runs a program to its end, and gives its output.
func run(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(soon(t), args[0], args[1:]...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return string(out)
}

// await waits until a condition holds that can only be asked for.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	late := time.After(patience)
	for !holds() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("waited too long until %s", what)
		}
	}
}
