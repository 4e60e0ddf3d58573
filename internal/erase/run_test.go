package erase

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/gonbd/gonbd/internal/cli"
	"github.com/gonbd/gonbd/internal/peers"
	"github.com/gonbd/gonbd/nbdserver"
)

func TestUsageErrors(t *testing.T) {
	for _, test := range []struct {
		args, want string
		code       int
	}{
		{"", "which disk?", 1},
		{"nbd://h nbd://i", "there are also [nbd://i]", 2},
		{"--nothing nbd://h", "no option --nothing", 2},
		{"[ nbdkit", "has no ] behind it", 2},
		{"-l -1 nbd://h", `--length: "-1" is not a size`, 1},
		{"-o 1X nbd://h", `--offset: "1X" is not a size: the suffix "X"`, 1},
		{"--offset= nbd://h", "is not a size", 1},
	} {
		for name, run := range map[string]cli.Run{"nbddiscard": Discard, "nbdzero": Zero} {
			err := run(t.Context(), strings.Fields(test.args), cli.Stdio{Out: io.Discard, Err: io.Discard})
			_, ok := errors.AsType[*cli.Usage](err)
			if r := runOurs(t, append([]string{name}, strings.Fields(test.args)...)...); !ok || !strings.Contains(err.Error(), test.want) || r.Code != test.code {
				t.Errorf("%s %s: error %v and exit code %d, want a usage error with %q and %d", name, test.args, err, r.Code, test.want, test.code)
			}
		}
	}
}

func TestHelpAndVersion(t *testing.T) {
	for _, name := range []string{"nbddiscard", "nbdzero"} {
		help := runOurs(t, name, "-h")
		if lines := strings.Split(help.Stdout, "\n"); help.Code != 0 || len(lines) > 31 {
			t.Errorf("%s: exit code %d, %d lines", name, help.Code, len(lines))
		} else {
			for _, l := range lines {
				if len(l) > 79 {
					t.Errorf("%s: --help has a line of %d characters: %s", name, len(l), l)
				}
			}
		}
		for _, option := range strings.Fields(runOurs(t, name, "--long-options").Stdout + runOurs(t, name, "--short-options").Stdout) {
			if !strings.Contains(help.Stdout, option) {
				t.Errorf("%s: --help says nothing of %s", name, option)
			}
		}
		for _, option := range []string{"-V", "--version"} {
			if r := runOurs(t, name, option); r.Code != 0 || r.Stdout != name+" "+cli.Version()+"\n" {
				t.Errorf("%s %s: %+v", name, option, r)
			}
		}
	}
}

// disk is a backend that only counts what it is asked for.
type disk struct {
	size  int64
	read  func(p []byte, off int64) (int, error)
	erase func(off, n int64) error
	flags uint64 // of its only extent

	flushes atomic.Int32
}

func (d *disk) Size() int64 { return d.size }

func (d *disk) ReadAt(p []byte, off int64) (int, error) { return d.read(p, off) }

func (d *disk) WriteAt([]byte, int64) (int, error) {
	return 0, errors.New("written to, though there are better requests")
}

func (d *disk) Trim(off, n int64) error { return d.erase(off, n) }

func (d *disk) WriteZeroes(off, n int64, _ nbdserver.ZeroFlags) error { return d.erase(off, n) }

func (d *disk) Sync() error {
	d.flushes.Add(1)
	return nil
}

func (d *disk) Extents(dst []nbdserver.Extent, off, n int64, most int) ([]nbdserver.Extent, error) {
	return append(dst, nbdserver.Extent{Length: n, Flags: d.flags}), nil
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

// A server of extended headers is sent one request, whatever the size.
func TestHuge(t *testing.T) {
	for tool := range tools {
		var requests, sum atomic.Int64
		d := &disk{size: math.MaxInt64 &^ 511, flags: nbdserver.StateHole | nbdserver.StateZero, erase: func(off, n int64) error {
			requests.Add(1)
			sum.Add(n)
			return nil
		}}
		uri := serve(t, one(d))
		if r := runOurs(t, tool, "-y", uri); r.Code != 0 || requests.Load() != 1 || sum.Load() != d.size || d.flushes.Load() != 1 {
			t.Errorf("%s: %+v; %d requests for %d bytes, %d flushes", tool, r, requests.Load(), sum.Load(), d.flushes.Load())
		}
		if r := runOurs(t, tool, "-c", uri); r.Code != 0 || r.Stdout != "" {
			t.Errorf("%s --check: %+v", tool, r)
		}
	}
}

// Other servers are sent requests of almost 4 GiB, several at once, that cover
// the range and nothing else.
func TestPipelined(t *testing.T) {
	const off, n = 12345, 100 << 30
	for tool := range tools {
		var inFlight, requests, sum atomic.Int64
		together := make(chan struct{})
		s := one(&disk{size: 1 << 40, erase: func(o, m int64) error {
			if inFlight.Add(1) == 2 {
				close(together)
			}
			<-together // never, if there was one request after the other
			if o < off || o+m > off+n {
				return fmt.Errorf("%d bytes at offset %d lie outside of the range", m, o)
			}
			requests.Add(1)
			sum.Add(m)
			return nil
		}})
		s.Disable.ExtendedHeaders = true
		if r := runOurs(t, tool, "-y", "-o", fmt.Sprint(off), "-l", fmt.Sprint(int64(n)), serve(t, s)); r.Code != 0 || requests.Load() != 26 || sum.Load() != n {
			t.Errorf("%s: %+v; %d requests for %d bytes", tool, r, requests.Load(), sum.Load())
		}
	}
}

// Blocks at the ends of the range lose what lies in it, and nothing else. With
// discarding they lose nothing, and a warning says so.
func TestUnalignedEnds(t *testing.T) {
	const size, block, off, n = 64 << 10, 4096, 5000, 20000
	for tool := range tools {
		for _, quiet := range []bool{false, true} {
			m := nbdserver.NewMemory(size)
			full := strings.Repeat("x", size)
			if _, err := m.WriteAt([]byte(full), 0); err != nil {
				t.Fatal(err)
			}
			s := one(m)
			s.Exports[0].BlockSize = nbdserver.BlockSize{Minimum: block, Preferred: block, MaxPayload: 1 << 20}
			args := []string{tool, "-y", "-o", fmt.Sprint(off), "-l", fmt.Sprint(n), serve(t, s)}
			if quiet {
				args = append(args, "-q")
			}
			r := runOurs(t, args...)
			begin, end, warning := int64(off), int64(off+n), ""
			if tool == "nbddiscard" {
				begin, end = 8192, 24576
				if !quiet {
					warning = "warning: the server discards whole blocks of 4096 bytes: 3616 bytes at the ends of the range are left as they are\n"
				}
			}
			got := make([]byte, size)
			if _, err := m.ReadAt(got, 0); err != nil {
				t.Fatal(err)
			}
			if want := full[:begin] + strings.Repeat("\x00", int(end-begin)) + full[end:]; r.Code != 0 || r.Stdout != warning || string(got) != want {
				t.Errorf("%s: %+v; the disk is as expected: %v", tool, r, string(got) == want)
			}
		}
	}
}

// A check of zeroes reads what the extents say nothing of, and finds the first
// byte wherever it is.
func TestCheckReads(t *testing.T) {
	const size = 1 << 20
	for _, at := range []int64{0, 1, 4095, 4096, 131071, 131072, 700_001, size - 1, -1} {
		d := &disk{size: size, read: func(p []byte, off int64) (int, error) {
			clear(p)
			for _, i := range []int64{at, size - 1} {
				if at >= 0 && i >= off && i < off+int64(len(p)) {
					p[i-off] = 1
				}
			}
			return len(p), nil
		}}
		r := runOurs(t, "nbdzero", "-c", serve(t, one(d)))
		want, code := fmt.Sprintf("image has data at offset %d\n", at), 1
		if at < 0 {
			want, code = "", 0
		}
		if r.Stdout != want || r.Code != code {
			t.Errorf("data at %d: %+v", at, r)
		}
	}
}

// Of a server's error in the middle the user learns where it was; the rest is
// not erased, and no flush pretends that all is well.
func TestErrorInTheMiddle(t *testing.T) {
	for tool := range tools {
		d := &disk{size: 1 << 40, erase: func(off, n int64) error {
			if off > 100<<30 {
				return syscall.ENOSPC
			}
			return nil
		}}
		s := one(d)
		s.Disable.ExtendedHeaders = true
		r := runOurs(t, tool, "-y", serve(t, s))
		if r.Code != 1 || r.Stdout != "" || !regexp.MustCompile(` of 4294901760 bytes at offset 1[12]\d{10}: `).MatchString(r.Stderr) || !strings.Contains(r.Stderr, "no space left") || d.flushes.Load() != 0 {
			t.Errorf("%s: %+v, %d flushes", tool, r, d.flushes.Load())
		}
	}
}

func TestRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sock")
	memory := func(readOnly bool, f nbdserver.Features) string {
		s := one(nbdserver.NewMemory(1 << 20))
		s.Exports[0].ReadOnly = readOnly
		s.Disable = f
		return serve(t, s)
	}
	for _, test := range []struct{ args, want string }{
		{"nbdzero -y disk.img", "no scheme"},
		{"nbdzero -y nbd+unix:///?socket=" + path, "no such file"},
		{"nbdzero -y [ gonbd-no-such-program ]", "gonbd-no-such-program"},
		{"nbdzero -y " + memory(true, nbdserver.Features{}), "read-only"},
		{"nbddiscard " + memory(true, nbdserver.Features{}), "read-only"},
		{"nbdzero -y " + memory(false, nbdserver.Features{WriteZeroes: true}), "does not support the zero operation"},
		{"nbdzero -y --fast-zero " + memory(false, nbdserver.Features{FastZero: true}), "leave out --fast-zero"},
		{"nbddiscard -y " + memory(false, nbdserver.Features{Trim: true}), "does not support the trim operation"},
		{"nbddiscard -c " + memory(false, nbdserver.Features{MetaContext: true}), "does not support the block status operation"},
		// The reader has a "y" for them, but is no terminal.
		{"nbdzero " + memory(false, nbdserver.Features{}), "to erase bytes 0 - 1048575 of nbd+unix:"},
		{"nbddiscard -q -l 1 " + memory(false, nbdserver.Features{}), "give --yes"},
	} {
		if r := runOurs(t, strings.Fields(test.args)...); r.Code != 1 || r.Stdout != "" || !strings.Contains(r.Stderr, test.want) {
			t.Errorf("%s: %+v, want %q", test.args, r, test.want)
		}
	}
}

// A server that knows no flush is not asked for one.
func TestNoFlush(t *testing.T) {
	m := nbdserver.NewMemory(1000)
	if _, err := m.WriteAt([]byte("data"), 500); err != nil {
		t.Fatal(err)
	}
	s := one(m)
	s.Disable.Flush = true
	uri := serve(t, s)
	for i, code := range []int{1, 0, 0} {
		args := [][]string{{"nbdzero", "-c", uri}, {"nbdzero", "-y", uri}, {"nbdzero", "-c", uri}}[i]
		if r := runOurs(t, args...); r.Code != code || r.Stderr != "" {
			t.Errorf("%v: %+v, expected exit code %d", args, r, code)
		}
	}
}

// fullDisk can't be written to.
type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestOutputFails(t *testing.T) {
	uri := serve(t, one(nbdserver.NewMemory(1<<20)))
	for _, args := range []string{"--help", "--version", "-cv", "-v", "-y -o 2M", "-y -l 2M"} {
		err := Zero(t.Context(), append(strings.Fields(args), uri), cli.Stdio{Out: fullDisk{}, Err: io.Discard})
		if err == nil || err.Error() != "disk full" {
			t.Errorf("nbdzero %s: %v, though nothing could be written", args, err)
		}
	}
}
