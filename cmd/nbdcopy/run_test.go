package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/gonbd/gonbd/internal/cli"
	"github.com/gonbd/gonbd/internal/source"
	"github.com/gonbd/gonbd/internal/testcerts"
	"github.com/gonbd/gonbd/nbd"
	"github.com/gonbd/gonbd/nbdserver"
)

// text is no multiple of anything, and has zeroes in it.
var text = strings.Repeat("what is on the disk\n", 50_000) + strings.Repeat("\x00", 300_000) + "the end"

// TestCopies goes through the kinds of sources and destinations.
func TestCopies(t *testing.T) {
	size := int64(len(text))
	out := filepath.Join(t.TempDir(), "out")

	good(t, "", file(t, text), out)
	checkFile(t, out, text)
	good(t, text, "-", out)
	checkFile(t, out, text)
	if r := good(t, "", file(t, text), "-"); r.out != text || r.err != "" {
		t.Errorf("%d bytes of output, expected %d; errors %q", len(r.out), len(text), r.err)
	}
	if r := good(t, text, "-", "-"); r.out != text {
		t.Errorf("%d bytes of output, expected %d", len(r.out), len(text))
	}
	if r := good(t, text, "-", "null:"); r.out != "" {
		t.Errorf("output %q", r.out)
	}

	uri := server(t, &nbdserver.Export{Backend: disk(t, size, text), MultiConn: true})
	for _, options := range []string{"", "--allocated", "-C 1", "--destination-is-zero", "--flush", "--no-extents", "-p", "--queue-size=4K", "--request-size=4K",
		"-R 1", "-S 0", "-S 64K", "--synchronous", "-v"} {
		t.Run(options, func(t *testing.T) {
			r := good(t, "", append(strings.Fields(options), uri, out)...)
			checkFile(t, out, text)
			if quiet := options != "-p" && options != "-v"; quiet && r.err != "" || r.out != "" {
				t.Errorf("output %q, errors %q", r.out, r.err)
			}
			m := nbdserver.NewMemory(size + 5)
			good(t, "", append(strings.Fields(options), uri, server(t, &nbdserver.Export{Backend: m}))...)
			if got := content(t, m); got != text+"\x00\x00\x00\x00\x00" {
				t.Error("the copy differs")
			}
			if r := good(t, "", append(strings.Fields(options), uri, "-")...); r.out != text {
				t.Error("the output differs")
			}
		})
	}
}

func TestFailures(t *testing.T) {
	dir := t.TempDir()
	src := file(t, text)
	none := filepath.Join(dir, "none")
	if r := bad(t, "", []string{none, "null:"}, none); !errors.Is(r.error, fs.ErrNotExist) || isUsage(r.error) {
		t.Errorf("the error is %v", r.error)
	}
	bad(t, "", []string{src, filepath.Join(none, "x")}, none)
	bad(t, "", []string{dir, "null:"}, dir)
	bad(t, "", []string{src, dir}, dir)
	bad(t, "", []string{"nbd+unix:///?socket=" + none, "null:"}, none)
	bad(t, "", []string{src, "nbd+unix:///?socket=" + none}, none)
	bad(t, "", []string{"nbd:", "null:"}, "nbd:")
	bad(t, "", []string{"[", none, "]", "null:"}, none)
	bad(t, "", []string{src, "[", none, "]"}, none)

	// A destination that is too small, or read-only, stays as it is.
	m := disk(t, 100, "as it was")
	was := content(t, m)
	bad(t, "", []string{src, server(t, &nbdserver.Export{Backend: m})}, "destination size (100) is smaller than source size (1300007)")
	bad(t, text, []string{"-", server(t, &nbdserver.Export{Backend: m})}, "destination size (100) is smaller than source size (at least ")
	bad(t, "x", []string{"-", server(t, &nbdserver.Export{Backend: m, ReadOnly: true})}, "read-only")
	if content(t, m) != was {
		t.Error("the destination was written to")
	}
	// A source that fails leaves the destination alone.
	kept := file(t, "kept")
	bad(t, "", []string{none, kept})
	checkFile(t, kept, "kept")

	// Disk full.
	full := nbdserver.NewMemory(2 << 20)
	full.SetLimit(64 << 10)
	if r := bad(t, "", []string{src, server(t, &nbdserver.Export{Backend: full})}, "writing ", " bytes at offset ", " of the destination"); !errors.Is(r.error, syscall.ENOSPC) {
		t.Errorf("the error is %v", r.error)
	}
}

func TestSameFile(t *testing.T) {
	path := file(t, text)
	hard, soft := path+".hard", path+".soft"
	if err := os.Link(path, hard); err != nil {
		t.Skip(err)
	}
	if err := os.Symlink(path, soft); err != nil {
		t.Skip(err)
	}
	for _, dst := range []string{path, hard, soft} {
		bad(t, "", []string{path, dst}, "same file", path)
		checkFile(t, path, text)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	err = run(t.Context(), []string{"-", hard}, cli.Stdio{In: f, Out: io.Discard, Err: io.Discard})
	if err == nil || !strings.Contains(err.Error(), "same file") {
		t.Errorf("from standard input: %v", err)
	}
	checkFile(t, path, text)
	// What is no file is not the same.
	good(t, "", os.DevNull, os.DevNull)
}

// TestProgressBar shows a bar where it can't be redrawn.
func TestProgressBar(t *testing.T) {
	r := good(t, "", "-p", file(t, text), "null:")
	if strings.ContainsAny(r.err, "\r\x1b") || strings.Count(r.err, "\n") != 1 || !strings.HasPrefix(r.err, "100% [") || !strings.HasSuffix(r.err, "\n") {
		t.Errorf("the bar is %q", r.err)
	}
	if r := good(t, text, "-p", "-", "null:"); strings.ContainsAny(r.err, "\r\x1b") || strings.Count(r.err, "\n") != 1 {
		t.Errorf("the bar of a stream is %q", r.err)
	}
}

// TestProcessors checks for which copies half of them are enough.
func TestProcessors(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4))
	keys := testcerts.WriteKeys(t, t.TempDir())
	psk, err := nbdserver.LoadKeys(keys, nil)
	if err != nil {
		t.Fatal(err)
	}
	size := int64(2 * len(text))
	plain := server(t, &nbdserver.Export{Backend: nbdserver.NewMemory(size)})
	secret := server(t, &nbdserver.Export{Backend: nbdserver.NewMemory(size)}, func(s *nbdserver.Server) { s.PSK = psk })
	secret = strings.Replace(secret, "nbd+unix:///", "nbds+unix://alice@/", 1) + "&tls-psk-file=" + url.QueryEscape(keys)
	disk, out := file(t, text), filepath.Join(t.TempDir(), "out")
	for _, test := range []struct {
		args []string
		want int
	}{
		{[]string{plain, "null:"}, 2},
		{[]string{plain, plain}, 2},
		{[]string{plain, out}, 4},
		{[]string{plain, "-"}, 4},
		{[]string{disk, plain}, 4},
		{[]string{secret, "null:"}, 4},
		{[]string{plain, secret}, 4},
		{[]string{"--blkhash", plain, "null:"}, 4},
	} {
		o, err := parse(test.args)
		if err != nil {
			t.Fatal(err)
		}
		o.open.NBD = []nbd.Option{source.Permissions()}
		src, err := openSource(t.Context(), o, cli.Stdio{})
		if err != nil {
			t.Fatal(err)
		}
		defer src.Close()
		dst, err := openDestination(t.Context(), o, cli.Stdio{})
		if err != nil {
			t.Fatal(err)
		}
		defer dst.Close()
		if got := processors(o, src, dst); got != test.want {
			t.Errorf("%q: %d processors, expected %d of 4", test.args, got, test.want)
		}
	}
}

// TestWarning has the server fail to tell its extents.
func TestWarning(t *testing.T) {
	m := disk(t, int64(len(text)), text)
	out := filepath.Join(t.TempDir(), "out")
	r := good(t, "", server(t, &nbdserver.Export{Backend: mapless{m}}), out)
	checkFile(t, out, text)
	if !strings.HasPrefix(r.err, "nbdcopy: warning: ") || !strings.Contains(r.err, "the map is lost") {
		t.Errorf("standard error: %q", r.err)
	}
}

type mapless struct{ *nbdserver.Memory }

func (mapless) Extents([]nbdserver.Extent, int64, int64, int) ([]nbdserver.Extent, error) {
	return nil, errors.New("the map is lost")
}

// TestCancel ends the context while standard input gives nothing.
func TestCancel(t *testing.T) {
	r, w := io.Pipe()
	defer r.Close()
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("that was enough")
	go func() {
		w.Write([]byte("x")) // returns when it has been read
		cancel(stop)
	}()
	if err := run(ctx, []string{"-", "null:"}, cli.Stdio{In: r, Out: io.Discard, Err: io.Discard}); !errors.Is(err, stop) {
		t.Errorf("the error is %v", err)
	}
}

// checkProgress checks the lines of --progress=FD.
func checkProgress(t *testing.T, got string) {
	t.Helper()
	lines := strings.Split(got, "\n")
	if last := len(lines) - 1; last < 2 || lines[0] != "0/100" || lines[last-1] != "100/100" || lines[last] != "" {
		t.Fatalf("the progress is %q", got)
	}
	var percents []int
	for _, line := range lines[:len(lines)-1] {
		n, ok := strings.CutSuffix(line, "/100")
		size, err := cli.ParseSize(n)
		if !ok || err != nil {
			t.Fatalf("the progress is %q", got)
		}
		percents = append(percents, int(size))
	}
	if !slices.IsSorted(percents) || len(slices.Compact(slices.Clone(percents))) != len(percents) {
		t.Errorf("the progress is %v", percents)
	}
}
