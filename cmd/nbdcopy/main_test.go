package main

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/gonbd/gonbd/internal/cli"
	"github.com/gonbd/gonbd/nbdserver"
)

// TestMain is nbdcopy, or a server for it, if the arguments say so: the tests
// start their own program again to have these as processes.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "tool":
			os.Args = append(os.Args[:1], os.Args[2:]...)
			main()
		case "serve":
			serveActivated(os.Args[2:])
			return
		}
	}
	os.Exit(m.Run())
}

// result is what came of running the tool.
type result struct {
	out, err string // what it wrote
	error    error
}

// buffer is a bytes.Buffer for several goroutines.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// tool runs nbdcopy in this process.
func tool(t *testing.T, stdin string, args ...string) result {
	t.Helper()
	var out, err buffer
	e := run(t.Context(), args, cli.Stdio{In: strings.NewReader(stdin), Out: &out, Err: &err})
	return result{out.String(), err.String(), e}
}

// good is a tool run that must not fail.
func good(t *testing.T, stdin string, args ...string) result {
	t.Helper()
	r := tool(t, stdin, args...)
	if r.error != nil {
		t.Fatalf("nbdcopy %s: %v\n%s", strings.Join(args, " "), r.error, r.err)
	}
	return r
}

// bad is a tool run that must fail with an error of certain texts.
func bad(t *testing.T, stdin string, args []string, texts ...string) result {
	t.Helper()
	r := tool(t, stdin, args...)
	if r.error == nil {
		t.Fatalf("nbdcopy %s: no error", strings.Join(args, " "))
	}
	for _, s := range texts {
		if !strings.Contains(r.error.Error(), s) {
			t.Errorf("nbdcopy %s: the error %q does not say %q", strings.Join(args, " "), r.error, s)
		}
	}
	return r
}

func isUsage(err error) bool {
	_, ok := errors.AsType[*cli.Usage](err)
	return ok
}

// file makes a file with contents, and gives its path.
func file(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

func checkFile(t *testing.T, path, want string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%d bytes, expected %d; or they differ", len(got), len(want))
	}
}

// server serves a disk on a Unix socket, and gives its URI.
func server(t *testing.T, e *nbdserver.Export, configure ...func(*nbdserver.Server)) string {
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
	s := &nbdserver.Server{Exports: []*nbdserver.Export{e}}
	for _, f := range configure {
		f(s)
	}
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
	return "nbd+unix:///?socket=" + url.QueryEscape(path)
}

// disk is a disk that holds something.
func disk(t *testing.T, size int64, content string) *nbdserver.Memory {
	t.Helper()
	m := nbdserver.NewMemory(size)
	if _, err := m.WriteAt([]byte(content), 0); err != nil {
		t.Fatal(err)
	}
	return m
}

func content(t *testing.T, m *nbdserver.Memory) string {
	t.Helper()
	p := make([]byte, m.Size())
	if _, err := m.ReadAt(p, 0); err != nil {
		t.Fatal(err)
	}
	return string(p)
}

// serveActivated serves a disk on the listening socket that is file 3, until
// the process is killed. The arguments are a size and content, and a file that
// is told the process id; if the content is "hang", reads never end, and the
// first makes a file of that name with ".read" behind it.
func serveActivated(args []string) {
	size, err := cli.ParseSize(args[0])
	if err != nil {
		panic(err)
	}
	l, err := net.FileListener(os.NewFile(3, "listener"))
	if err != nil {
		panic(err)
	}
	m := nbdserver.NewMemory(size)
	if _, err := m.WriteAt(bytes.Repeat([]byte(args[1]), int(size)/len(args[1])), 0); err != nil {
		panic(err)
	}
	b := nbdserver.Backend(m)
	if args[1] == "hang" {
		b = &hanging{Memory: m, mark: args[2] + ".read"}
	}
	writePid(args[2])
	s := &nbdserver.Server{Exports: []*nbdserver.Export{{Backend: b, MultiConn: true}}}
	panic(s.Serve(context.Background(), l))
}

type hanging struct {
	*nbdserver.Memory
	mark string
	once sync.Once
}

func (h *hanging) Immediate() bool { return false }

func (h *hanging) ReadAt([]byte, int64) (int, error) {
	h.once.Do(func() {
		if err := os.WriteFile(h.mark, nil, 0o666); err != nil {
			panic(err)
		}
	})
	select {}
}
