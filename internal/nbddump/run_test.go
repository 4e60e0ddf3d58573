package nbddump

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/gonbd/gonbd/internal/cli"
	"github.com/gonbd/gonbd/internal/peers"
	"github.com/gonbd/gonbd/nbdserver"
)

func TestUsageErrors(t *testing.T) {
	for _, test := range []struct{ args, want string }{
		{"", "which disk?"},
		{"nbd://h nbd://i", "there are also [nbd://i]"},
		{"--nothing nbd://h", "no option --nothing"},
		{"[ nbdkit", "has no ] behind it"},
		{"-n -1 nbd://h", `"-1" is not a size`},
		{"-o 1X nbd://h", `the suffix "X"`},
		{"--limit= nbd://h", "is not a size"},
		{"--color=blue nbd://h", "always, auto or never"},
		{"--no-color=1 nbd://h", "takes no value"},
	} {
		err := Run(t.Context(), strings.Fields(test.args), cli.Stdio{Out: io.Discard, Err: io.Discard})
		if _, ok := errors.AsType[*cli.Usage](err); !ok || !strings.Contains(err.Error(), test.want) {
			t.Errorf("nbddump %s: error %v, want a usage error with %q", test.args, err, test.want)
		}
	}
}

func TestHelpAndVersion(t *testing.T) {
	help := runOurs(t, "--help")
	if lines := strings.Split(help.Stdout, "\n"); help.Code != 0 || len(lines) > 30 {
		t.Errorf("--help: exit code %d, %d lines", help.Code, len(lines))
	} else {
		for _, l := range lines {
			if len(l) > 79 {
				t.Errorf("--help has a line of %d characters: %s", len(l), l)
			}
		}
	}
	for _, option := range strings.Fields("--length --limit -n --offset --skip -o --color --no-color --help --version -V") {
		if !strings.Contains(help.Stdout, option) {
			t.Errorf("--help says nothing of %s", option)
		}
	}
	for _, option := range []string{"-V", "--version"} {
		if r := runOurs(t, option); r.Code != 0 || !strings.HasPrefix(r.Stdout, "nbddump "+cli.Version()+"\n") {
			t.Errorf("%s: %+v", option, r)
		}
	}
}

// A run of zeroes prints what as many bytes of zero print, wherever it begins
// and ends.
func TestZeroes(t *testing.T) {
	type run struct {
		n    int
		byte byte
	}
	for range 2000 {
		off, size := rand.IntN(3)*rand.IntN(40), 0
		var runs []run
		for range 1 + rand.IntN(6) {
			r := run{rand.IntN(100), []byte{0, 0, 'A'}[rand.IntN(3)]}
			runs = append(runs, r)
			size += r.n
		}
		size += off + rand.IntN(2)*100
		dump := func(whole bool) string {
			var b bytes.Buffer
			out := bufio.NewWriter(&b)
			p := newPrinter(out, false, int64(off), int64(size))
			for _, r := range runs {
				var err error
				if whole && r.byte == 0 {
					err = p.zeroes(int64(r.n))
				} else {
					err = p.data(bytes.Repeat([]byte{r.byte}, r.n))
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			p.end()
			out.Flush()
			return b.String()
		}
		if got, want := dump(true), dump(false); got != want {
			t.Fatalf("runs %v from offset %d of %d bytes: %s\nexpected: %s", runs, off, size, got, want)
		}
	}
}

// disk is a backend of any size, with data at some places.
type disk struct {
	size  int64
	read  func(p []byte, off int64) (int, error)
	zeros bool // the extents say that all is zero
}

func (d disk) Size() int64 { return d.size }

func (d disk) ReadAt(p []byte, off int64) (int, error) { return d.read(p, off) }

func (d disk) Extents(dst []nbdserver.Extent, off, n int64, most int) ([]nbdserver.Extent, error) {
	e := nbdserver.Extent{Length: n}
	if d.zeros {
		e.Flags = nbdserver.StateHole | nbdserver.StateZero
	}
	return append(dst, e), nil
}

// serve serves until the test ends, and gives the URI.
func serve(t *testing.T, s *nbdserver.Server) string {
	t.Helper()
	path := filepath.Join(peers.Scratch(t), "sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Serve(context.Background(), l) // ends with Close
	}()
	t.Cleanup(func() {
		s.Close()
		<-done
	})
	return "nbd+unix:///?socket=" + path
}

func one(b nbdserver.Backend) *nbdserver.Server {
	return &nbdserver.Server{Exports: []*nbdserver.Export{{Backend: b}}}
}

// The largest disk takes no longer than a small one, if it is empty.
func TestHuge(t *testing.T) {
	uri := serve(t, one(disk{size: math.MaxInt64 &^ 511, zeros: true, read: func([]byte, int64) (int, error) { return 0, errors.New("read, though it is a hole") }}))
	want := `0000000000: 00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00 |................|
*
7ffffffffffffdf0: 00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00 |................|
`
	if r := runOurs(t, uri); r.Code != 0 || r.Stdout != want {
		t.Errorf("%+v", r)
	}
}

// Reads are in flight at the same time, and printed in order.
func TestPipelined(t *testing.T) {
	var inFlight atomic.Int32
	together := make(chan struct{})
	uri := serve(t, one(disk{size: 2 << 20, read: func(p []byte, off int64) (int, error) {
		if inFlight.Add(1) == 4 {
			close(together)
		}
		<-together // never, if there was one read after the other
		for i := range p {
			p[i] = byte((off + int64(i)) >> 16)
		}
		return len(p), nil
	}}))
	r := runOurs(t, uri)
	if want := 2 * 32; r.Code != 0 || strings.Count(r.Stdout, "\n") != want+1 {
		t.Fatalf("exit code %d, %d lines, expected %d\n%s", r.Code, strings.Count(r.Stdout, "\n"), want+1, r.Stderr)
	}
	for i, line := range strings.Split(r.Stdout, "\n")[:62] {
		if i%2 == 0 && !strings.HasPrefix(line, fmt.Sprintf("%010x: %02x ", i/2<<16, i/2)) {
			t.Fatalf("line %d: %s", i, line)
		}
	}
}

// What was read before an error is printed.
func TestErrorInTheMiddle(t *testing.T) {
	uri := serve(t, one(disk{size: 1 << 20, read: func(p []byte, off int64) (int, error) {
		if off >= 512<<10 {
			return 0, syscall.EIO
		}
		for i := range p {
			p[i] = 'A'
		}
		return len(p), nil
	}}))
	r := runOurs(t, uri)
	if want := "0000000000: 41 41 41 41 41 41 41 41  41 41 41 41 41 41 41 41 |AAAAAAAAAAAAAAAA|\n*\n"; r.Code != 1 || r.Stdout != want || !strings.Contains(r.Stderr, "at offset 524288") || !strings.Contains(r.Stderr, "input/output error") {
		t.Errorf("%+v", r)
	}
}

func TestErrors(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sock")
	for _, test := range []struct{ args, want string }{
		{"disk.img", "no scheme"},
		{"nbd+unix:///?socket=" + path, "no such file"},
		{"[ gonbd-no-such-program ]", "gonbd-no-such-program"},
		{"-o 101 " + serve(t, one(nbdserver.NewMemory(100))), "the offset 101 lies beyond the end of the export, which has 100 bytes"},
	} {
		if r := runOurs(t, strings.Fields(test.args)...); r.Code != 1 || r.Stdout != "" || !strings.Contains(r.Stderr, test.want) {
			t.Errorf("nbddump %s: %+v, want %q", test.args, r, test.want)
		}
	}
}

// fullDisk can't be written to.
type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestOutputFails(t *testing.T) {
	uri := serve(t, one(disk{size: 16 << 20, read: func(p []byte, off int64) (int, error) {
		for i := range p {
			p[i] = byte(i >> 4)
		}
		return len(p), nil
	}}))
	for _, args := range [][]string{{uri}, {"-n", "16", uri}, {"--help"}, {"--version"}} {
		err := Run(t.Context(), args, cli.Stdio{Out: fullDisk{}, Err: io.Discard})
		if err == nil || err.Error() != "disk full" {
			t.Errorf("nbddump %s: %v, though nothing could be written", args, err)
		}
	}
}

func BenchmarkPrint(b *testing.B) {
	data := make([]byte, 1<<20)
	random(data)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if err := newPrinter(bufio.NewWriter(io.Discard), false, 0, math.MaxInt64).data(data); err != nil {
			b.Fatal(err)
		}
	}
}
