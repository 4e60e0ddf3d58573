package capi

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/gonbd/gonbd/internal/peers"
)

// TestDlopen loads and unloads the library as plugins do.
func TestDlopen(t *testing.T) {
	prog := compile(t, "testdata/dlopen.c", "-ldl")
	socket, lib := serve(t), filepath.Join(built(t), "libnbd.so.0")
	var plugins []string
	for range 2 {
		plugins = append(plugins, compile(t, "testdata/plugin.c", "-shared", "-fPIC", "-L"+built(t), "-lnbd"))
	}
	t.Run("library", func(t *testing.T) {
		mustRun(t, nil, prog, socket, lib)
	})
	t.Run("plugins", func(t *testing.T) {
		mustRun(t, ours(t), prog, socket, lib, plugins[0], plugins[1])
	})
}

// TestStatic links a program with the static library.
func TestStatic(t *testing.T) {
	lib := filepath.Join(built(t), "libnbd.a")
	for name, args := range map[string][]string{
		"everything.c": {serve(t)},
		"errors.c":     {serve(t)},
		"signals.c":    {"plain", serve(t)},
	} {
		t.Run(name, func(t *testing.T) {
			prog := compile(t, "testdata/"+name, lib, "-lpthread", "-lresolv")
			mustRun(t, nil, append([]string{prog}, args...)...)
		})
	}
	t.Run("untouched", func(t *testing.T) {
		mustRun(t, nil, compile(t, "testdata/signals.c", lib, "-lpthread", "-lresolv"), "untouched", serve(t))
	})
}

// TestMemory looks for leaks and misuse of memory in the shim, with what is
// known of Go kept quiet.
func TestMemory(t *testing.T) {
	peers.Bookworm.Need(t, "valgrind")
	prog := compile(t, "testdata/everything.c")
	out := mustRun(t, ours(t), "valgrind", "--quiet", "--error-exitcode=9", "--leak-check=full", "--show-leak-kinds=definite,indirect,possible",
		"--errors-for-leak-kinds=definite,indirect,possible", "--suppressions=testdata/go.supp", "--gen-suppressions=all", prog, serve(t))
	if out != "" {
		t.Errorf("valgrind says:\n%s", out)
	}
}

// TestStart prints what the library costs a program that never uses it.
func TestStart(t *testing.T) {
	prog := compile(t, "testdata/never.c")
	alone := compile(t, "testdata/never.c", "-DALONE")
	cost := func(prog string) time.Duration {
		best := time.Hour
		for range 50 {
			cmd := exec.Command(prog)
			cmd.Env = append(os.Environ(), ours(t)...)
			begin := time.Now()
			if err := cmd.Run(); err != nil {
				t.Fatal(err)
			}
			best = min(best, time.Since(begin))
		}
		return best
	}
	with, without := cost(prog), cost(alone)
	t.Logf("a program starts and ends in %v with the library, in %v without", with, without)
}
