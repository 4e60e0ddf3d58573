package nbdublk

import (
	"context"
	"log/slog"
	"net"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gonbd/gonbd/internal/cli"
	"github.com/gonbd/gonbd/internal/tooltest"
	"github.com/gonbd/gonbd/internal/ublk"
	"github.com/gonbd/gonbd/nbd"
	"github.com/gonbd/gonbd/nbdserver"
)

var tools = tooltest.Tools{"nbdublk": Run}

// TestUsage has what needs no kernel. What does, package interop/vm tests.
func TestUsage(t *testing.T) {
	for _, test := range []struct{ args, says string }{
		{"", "which device?"},
		{"-", "which server?"},
		{"/dev/sda nbd://x", "no ublk device"},
		{"0 nbd://a nbd://b", "nothing may stand behind"},
		{"-C 0 0 nbd://x", "should be 1 or more"},
		{"--delete", "should be one device"},
		{"--delete -", "should be one device"},
		{"--delete 0 1", "should be one device"},
		{"--no-such", "no option"},
	} {
		r := tools.Run(t, "", append([]string{"nbdublk"}, strings.Fields(test.args)...)...)
		if r.Code != cli.ExitFailure || !strings.Contains(r.Stderr, test.says) || !strings.Contains(r.Stderr, "--help") {
			t.Errorf("%s: exit code %d: %s", test.args, r.Code, r.Stderr)
		}
	}
	for option, want := range map[string]string{"--help": usage, "-V": "nbdublk " + cli.Version() + "\n"} {
		if r := tools.Run(t, "", "nbdublk", option); r.Code != cli.ExitSuccess || r.Stdout != want {
			t.Errorf("%s: exit code %d: %s%s", option, r.Code, r.Stdout, r.Stderr)
		}
	}
}

// dial connects to a server of its own.
func dial(t *testing.T, e *nbdserver.Export, connections int) (*nbd.Client, *nbdserver.Server) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &nbdserver.Server{Exports: []*nbdserver.Export{e}}
	done := make(chan error)
	go func() { done <- s.Serve(context.Background(), l) }()
	t.Cleanup(func() { s.Close(); <-done })
	c, err := nbd.Dial(t.Context(), "nbd://"+l.Addr().String(), nbd.WithConnections(connections))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c, s
}

func TestConfig(t *testing.T) {
	page := os.Getpagesize()
	c, _ := dial(t, &nbdserver.Export{Backend: nbdserver.NewMemory(1<<20 + 100), MultiConn: true}, 3)
	got, err := config(c, &options{device: 5})
	want := ublk.Config{ID: 5, Queues: min(3, runtime.NumCPU()), Depth: depth, MaxRequest: maxRequest, Size: 1 << 20, BlockSize: 512, PhysicalBlockSize: 4096,
		Flush: true, FUA: true, MaxDiscard: 1 << 31, MaxWriteZeroes: 1 << 31}
	if err != nil || got != want {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
	got, err = config(c, &options{device: 5, readOnly: true})
	want.ReadOnly, want.MaxDiscard, want.MaxWriteZeroes = true, 0, 0
	if err != nil || got != want {
		t.Errorf("read-only: %+v, %v, want %+v", got, err, want)
	}
	c, _ = dial(t, &nbdserver.Export{Backend: nbdserver.NewMemory(1 << 20), BlockSize: nbdserver.BlockSize{Minimum: 65536, Preferred: 1 << 20, MaxPayload: 1 << 20}}, 1)
	got, err = config(c, &options{})
	if err != nil || got.BlockSize != page || got.PhysicalBlockSize != max(page, maxPhysicalBlock) || got.MaxRequest != maxRequest {
		t.Errorf("large blocks: %+v, %v", got, err)
	}
	c, _ = dial(t, &nbdserver.Export{Backend: nbdserver.NewMemory(511)}, 1)
	if _, err := config(c, &options{}); err == nil || !strings.Contains(err.Error(), "less than a block") {
		t.Errorf("an export of 511 bytes: %v", err)
	}
}

// fullDisk has no room.
type fullDisk struct{ *nbdserver.Memory }

func (fullDisk) WriteAt([]byte, int64) (int, error) { return 0, syscall.ENOSPC }
func (fullDisk) Trim(int64, int64) error            { return syscall.EBUSY }

func TestErrnos(t *testing.T) {
	c, server := dial(t, &nbdserver.Export{Backend: fullDisk{nbdserver.NewMemory(1 << 20)}, MultiConn: true}, 2)
	s := newServer(c, slog.New(slog.DiscardHandler))
	data := make([]byte, 512)
	for name, test := range map[string]struct {
		r    ublk.Request
		want syscall.Errno
	}{
		"fine":    {ublk.Request{Op: ublk.OpRead, Length: 512, Data: data}, 0},
		"full":    {ublk.Request{Op: ublk.OpWrite, Length: 512, Data: data}, syscall.ENOSPC},
		"other":   {ublk.Request{Op: ublk.OpDiscard, Length: 512}, syscall.EIO},
		"unknown": {ublk.Request{Op: 77}, syscall.EOPNOTSUPP},
	} {
		if got := s.handle(&test.r); got != test.want {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
	select {
	case <-s.dead:
		t.Error("an error of a request ends everything")
	default:
	}
	server.Close()
	if got := s.handle(&ublk.Request{Op: ublk.OpRead, Length: 512, Data: data}); got != syscall.EIO {
		t.Errorf("a dead server: %v, want EIO", got)
	}
	<-s.dead
	if got := s.answered.Load(); got != 5 {
		t.Errorf("%d requests were answered, want 5", got)
	}
}

func TestWatch(t *testing.T) {
	var counter atomic.Int64
	stalled := make(chan struct{})
	reads := 0
	// It changes three times, and then no more.
	stop := watch(func() int64 { reads++; return min(counter.Add(1), 3) }, time.Millisecond, func() { close(stalled) })
	<-stalled
	if reads != 4 {
		t.Errorf("stalled after %d looks, want 4", reads)
	}
	stop()
	watch(counter.Load, time.Hour, func() { t.Error("stalled at once") })()
}
