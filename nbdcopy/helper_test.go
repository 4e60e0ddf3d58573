package nbdcopy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/gonbd/gonbd/nbd"
	"github.com/gonbd/gonbd/nbdserver"
)

// noise gives bytes none of whose blocks are zero.
func noise(seed uint64, n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)}).Read(b)
	return b
}

// serve starts a server of one export, and gives its URI.
func serve(t testing.TB, e *nbdserver.Export) string {
	t.Helper()
	uri, _ := start(t, e)
	return uri
}

// start starts a server of one export on a Unix socket.
func start(t testing.TB, e *nbdserver.Export) (uri string, s *nbdserver.Server) {
	t.Helper()
	dir, err := os.MkdirTemp("", "nbdcopy") // t.TempDir's names can be too long for sockets
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s = &nbdserver.Server{Exports: []*nbdserver.Export{e}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := s.Serve(context.Background(), l); !errors.Is(err, nbdserver.ErrServerClosed) {
			t.Errorf("Serve: %v", err)
		}
	}()
	t.Cleanup(func() {
		s.Close()
		<-done
		os.RemoveAll(dir)
	})
	return "nbd+unix:///?socket=" + url.QueryEscape(path), s
}

// serveDisk is an endpoint of a server of one export.
func serveDisk(t testing.TB, e *nbdserver.Export) *NBDDisk {
	t.Helper()
	return connect(t, serve(t, e))
}

func connect(t testing.TB, uri string) *NBDDisk {
	t.Helper()
	c, err := nbd.Dial(t.Context(), uri, nbd.WithConnections(2), nbd.WithMetaContexts(nbd.ContextBaseAllocation))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return NBD(c)
}

// fake is a disk in memory that keeps a record of what it is asked for, and
// that can be made to fail. It can neither zero nor tell its extents.
type fake struct {
	data []byte

	onRead  func(p []byte, off int64) (int, error) // in place of reading
	onWrite func(p []byte, off int64) (int, error) // in place of writing

	mu      sync.Mutex
	flying  int // requests under way
	most    int // requests under way at once, at most
	longest int
	offsets []int64 // of reads and writes, in their order
}

func (d *fake) Size() int64  { return int64(len(d.data)) }
func (d *fake) Close() error { return nil }

func (d *fake) begin(p []byte, off int64) (end func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.flying++
	d.most = max(d.most, d.flying)
	d.longest = max(d.longest, len(p))
	d.offsets = append(d.offsets, off)
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.flying--
	}
}

func (d *fake) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	defer d.begin(p, off)()
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	if d.onRead != nil {
		return d.onRead(p, off)
	}
	return d.read(p, off)
}

func (d *fake) read(p []byte, off int64) (int, error) {
	n := copy(p, d.data[min(off, d.Size()):])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (d *fake) WriteAt(ctx context.Context, p []byte, off int64) (int, error) {
	defer d.begin(p, off)()
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	if d.onWrite != nil {
		return d.onWrite(p, off)
	}
	return d.write(p, off)
}

func (d *fake) write(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > d.Size() {
		return 0, fmt.Errorf("a write of %d bytes at %d to %d bytes", len(p), off, d.Size())
	}
	return copy(d.data[off:], p), nil
}

// mapped is a fake that tells its extents.
type mapped struct {
	*fake
	extents func(yield func(Extent, error) bool)
}

func (d mapped) Extents(context.Context, int64, int64) iter.Seq2[Extent, error] { return d.extents }

// zeroer is a fake that can zero.
type zeroer struct {
	*fake
	zero func(off, n int64, mode ZeroMode) error
}

func (d zeroer) Zero(_ context.Context, off, n int64, mode ZeroMode) error {
	return d.zero(off, n, mode)
}

// ordered is a fake that is read and written in order.
type ordered struct{ *fake }

func (ordered) IsSequential() bool { return true }

// flusher is a fake whose flush gives an error.
type flusher struct {
	*fake
	err error
}

func (d flusher) Flush(context.Context) error { return d.err }
