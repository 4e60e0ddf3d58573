package capi

import (
	"context"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gonbd/gonbd/internal/peers"
	"github.com/gonbd/gonbd/nbdserver"
)

// patience is how long any program may take before it counts as hanging.
const patience = 3 * time.Minute

// The library is built once, by the first test that needs it.
var library struct {
	once sync.Once
	dir  string
	err  error
	log  []byte
}

func TestMain(m *testing.M) {
	code := m.Run()
	if library.dir != "" {
		os.RemoveAll(library.dir)
	}
	os.Exit(code)
}

// built gives the folder of the library.
func built(t testing.TB) string {
	t.Helper()
	peers.Bookworm.Need(t, "gcc", "objcopy", "nm", "go")
	library.once.Do(func() {
		if library.dir, library.err = os.MkdirTemp("", "gonbd"); library.err == nil {
			library.log, library.err = exec.Command("./build.sh", library.dir).CombinedOutput()
		}
	})
	if library.err != nil {
		t.Fatalf("build.sh: %v\n%s", library.err, library.log)
	}
	return library.dir
}

// TestBuild looks for warnings.
func TestBuild(t *testing.T) {
	built(t)
	if len(library.log) > 0 {
		t.Errorf("build.sh is not silent:\n%s", library.log)
	}
}

// run runs a command of the machine and gives what it prints.
func run(t testing.TB, env []string, argv ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), env...)
	cmd.WaitDelay = 30 * time.Second
	// Its children go with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		t.Errorf("%s hangs", argv)
	}
	return string(out), err
}

func mustRun(t testing.TB, env []string, argv ...string) string {
	t.Helper()
	out, err := run(t, env, argv...)
	if err != nil {
		t.Fatalf("%s: %v\n%s", argv, err, out)
	}
	return out
}

// ours makes a program load our library.
func ours(t testing.TB) []string { return []string{"LD_LIBRARY_PATH=" + built(t)} }

// compile makes a program of a file of testdata, linked with our library.
func compile(t testing.TB, name string, args ...string) string {
	t.Helper()
	lib := built(t)
	prog := filepath.Join(t.TempDir(), strings.TrimSuffix(filepath.Base(name), ".c"))
	argv := append([]string{"gcc", "-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-I" + lib, "-Itestdata", name, "-o", prog}, args...)
	if len(args) == 0 {
		argv = append(argv, "-L"+lib, "-lnbd", "-lpthread")
	}
	mustRun(t, nil, argv...)
	return prog
}

// runC compiles a program of testdata and runs it.
func runC(t testing.TB, name string, args ...string) string {
	t.Helper()
	return mustRun(t, ours(t), append([]string{compile(t, "testdata/"+name)}, args...)...)
}

// serve starts a server with a disk on a Unix socket and gives its path.
func serve(t testing.TB) string {
	t.Helper()
	return serveAs(t, &nbdserver.Server{Exports: []*nbdserver.Export{{Description: "a disk", Backend: nbdserver.NewMemory(1 << 20), MultiConn: true}}})
}

// serveAs starts a server on a Unix socket and gives its path.
func serveAs(t testing.TB, s *nbdserver.Server) string {
	t.Helper()
	path := filepath.Join(peers.Scratch(t), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); s.Serve(ctx, l) }()
	t.Cleanup(func() { cancel(); <-done })
	return path
}

// abi is what C libnbd 1.24 looks like.
type abi struct {
	Soname    string
	Constants []struct{ Name, Value string }
	Callbacks []struct{ Name, Callback string }
	Have      []string `json:"have_macros"`
	Functions []function
}

type function struct {
	Name    string
	Returns string
	Params  []string
	Symbol  string   `json:"symbol_version"`
	NonNull []string `json:"non_null"`
}

func readABI(t testing.TB) *abi {
	t.Helper()
	text, err := os.ReadFile("../internal/api/testdata/libnbd-1.24.json")
	if err != nil {
		t.Fatal(err)
	}
	a := new(abi)
	if err := json.Unmarshal(text, a); err != nil {
		t.Fatal(err)
	}
	if len(a.Functions) != 165 {
		t.Fatalf("%d functions, want 165", len(a.Functions))
	}
	return a
}

// param takes a parameter's declaration apart.
func param(decl string) (typ, name string) {
	i := strings.LastIndexAny(decl, " *") + 1
	return strings.TrimSpace(decl[:i]), decl[i:]
}
