package nbdkernel

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gonbd/gonbd/internal/wire"
	"github.com/gonbd/gonbd/nbd"
	"github.com/gonbd/gonbd/nbdserver"
)

func TestParseDevice(t *testing.T) {
	for path, want := range map[string]int{"/dev/nbd0": 0, "/dev/nbd15": 15, "/dev/nbd1048575": 1048575} {
		if got, err := parseDevice(path); err != nil || got != want {
			t.Errorf("%s is %d, %v, want %d", path, got, err, want)
		}
	}
	for _, path := range []string{"", "0", "nbd0", "/dev/nbd", "/dev/nbd-1", "/dev/nbd+1", "/dev/nbd01", "/dev/nbd0p1", "/dev/sda", "/dev/nbd1048576"} {
		if got, err := parseDevice(path); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("%q is %d, %v, want an error", path, got, err)
		}
	}
}

// fakeDriver is a driver without a kernel, whose device is attached until
// there is nothing more to tell.
type fakeDriver struct {
	events   []event // to be told, the next one first
	sockets  int     // handed over for dead ones
	failures int     // of that, to come
}

// event is what the kernel tells.
type event struct {
	deaths int
	lost   bool
}

func (d *fakeDriver) connect(*connectRequest) (int, error) { return 5, nil }

func (d *fakeDriver) reconnect(index int, backend string, socket net.Conn) error {
	if d.failures > 0 {
		d.failures--
		return errors.New("not now")
	}
	d.sockets++
	return nil
}

func (d *fakeDriver) devices() ([]Status, error) {
	return []Status{{index: 4}, {index: 5, Attached: len(d.events) > 0}}, nil
}

func (d *fakeDriver) deaths(context.Context, int, time.Duration) (int, bool, error) {
	e := d.events[0]
	d.events = d.events[1:]
	return e.deaths, e.lost, nil
}

func (d *fakeDriver) disconnect(int) error { return nil }
func (d *fakeDriver) close() error         { return nil }

// serve serves a disk on a Unix socket, and gives its URI.
func serve(t *testing.T, e *nbdserver.Export) string {
	t.Helper()
	return serveBy(t, &nbdserver.Server{Exports: []*nbdserver.Export{e}})
}

func serveBy(t *testing.T, s *nbdserver.Server) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "nbd") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- s.Serve(context.Background(), l) }()
	t.Cleanup(func() { s.Close(); <-done })
	return "nbd+unix:///?socket=" + path
}

// TestAttach looks at what the kernel is told.
func TestAttach(t *testing.T) {
	for name, test := range map[string]struct {
		export    nbdserver.Export
		config    Config
		sockets   int
		blockSize int
		readOnly  bool
	}{
		"default":    {nbdserver.Export{MultiConn: true}, Config{}, DefaultConnections, 512, false},
		"one":        {nbdserver.Export{}, Config{Connections: 3}, 1, 512, false},
		"three":      {nbdserver.Export{MultiConn: true}, Config{Connections: 3}, 3, 512, false},
		"blocks":     {nbdserver.Export{BlockSize: nbdserver.BlockSize{Minimum: 2048}}, Config{}, 1, 2048, false},
		"own blocks": {nbdserver.Export{BlockSize: nbdserver.BlockSize{Minimum: 2048}}, Config{BlockSize: 4096}, 1, 4096, false},
		"read-only":  {nbdserver.Export{}, Config{ReadOnly: true}, 1, 512, true},
	} {
		t.Run(name, func(t *testing.T) {
			test.export.Backend = nbdserver.NewMemory(1 << 20)
			uri := serve(t, &test.export)
			d := &Device{index: anyIndex, uri: uri, cfg: test.config}
			conns, export, err := d.dial(t.Context(), cmp.Or(test.config.Connections, DefaultConnections))
			if err != nil {
				t.Fatal(err)
			}
			defer closeAll(conns)
			d.export = export
			r := d.request(conns)
			if len(r.sockets) != test.sockets || r.size != 1<<20 || r.blockSize != test.blockSize || (r.flags&wire.FlagReadOnly != 0) != test.readOnly || r.backend != uri {
				t.Errorf("the kernel is told %+v", r)
			}
		})
	}
}

// TestKeep counts the sockets that the kernel is given for dead ones.
func TestKeep(t *testing.T) {
	uri := serve(t, &nbdserver.Export{Backend: nbdserver.NewMemory(1 << 20), MultiConn: true})
	for name, test := range map[string]struct {
		events   []event
		failures int
		want     int
	}{
		"none":              {[]event{{}}, 0, 0},
		"one":               {[]event{{deaths: 1}}, 0, 1},
		"all":               {[]event{{deaths: 3}}, 0, 3},
		"too many":          {[]event{{deaths: 7}}, 0, 3},
		"again":             {[]event{{deaths: 1}, {}, {deaths: 2}}, 0, 3},
		"lost":              {[]event{{lost: true}}, 0, 3},
		"after failures":    {[]event{{deaths: 2}, {}, {}}, 2, 2},
		"never, it is gone": {[]event{{deaths: 2}}, 9, 0},
	} {
		t.Run(name, func(t *testing.T) {
			driver := &fakeDriver{events: test.events, failures: test.failures}
			d := &Device{index: 5, uri: uri, driver: driver}
			conns, export, err := d.dial(t.Context(), 3)
			if err != nil {
				t.Fatal(err)
			}
			closeAll(conns)
			d.export, d.connections = export, len(conns)
			if err := d.Keep(t.Context()); err != nil {
				t.Fatal(err)
			}
			if driver.sockets != test.want {
				t.Errorf("%d sockets, want %d", driver.sockets, test.want)
			}
		})
	}
}

// TestKeepOther has another server answer in place of the one that died.
func TestKeepOther(t *testing.T) {
	driver := &fakeDriver{events: []event{{deaths: 1}}}
	uri := serve(t, &nbdserver.Export{Backend: nbdserver.NewMemory(1 << 20)})
	d := &Device{index: 5, uri: uri, driver: driver, connections: 1}
	if err := d.Keep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if driver.sockets != 0 {
		t.Error("a server of another size was connected to")
	}
}

func TestTLS(t *testing.T) {
	key := make([]byte, 32)
	uri := serveBy(t, &nbdserver.Server{
		Exports: []*nbdserver.Export{{Backend: nbdserver.NewMemory(1 << 20)}},
		PSK:     func(string) ([]byte, bool) { return key, true },
	})
	d := &Device{uri: "nbds" + strings.TrimPrefix(uri, "nbd"), cfg: Config{Dial: []nbd.Option{nbd.WithPSK("alice", key)}}}
	if _, _, err := d.dial(t.Context(), 1); !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), "TLS") {
		t.Errorf("TLS: %v", err)
	}
}
