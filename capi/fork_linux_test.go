package capi

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestFork forks without exec: fio does before and after its first use of the
// library, and servers do that daemonise.
func TestFork(t *testing.T) {
	prog := compile(t, "testdata/fork.c")
	socket := serve(t)
	for _, test := range []struct{ scenario, count string }{
		{"unused", "100"},
		{"used", "100"},
		{"before", "100"},
		{"busy", "100"},
		{"thread", "100"},
		{"race", "100"},
		{"exec", "100"},
		{"nested", "5"},
		{"clone-used", "100"},
		{"clone-before", "100"},
		{"clone-nested", "5"},
	} {
		t.Run(test.scenario, func(t *testing.T) {
			mustRun(t, ours(t), prog, test.scenario, socket, test.count)
		})
	}
	// A kernel that cannot wipe memory, and one that has no files in memory.
	for _, lacking := range []string{"-DNO_WIPEONFORK", "-DNO_MEMFD"} {
		t.Run(lacking, func(t *testing.T) {
			preload := compile(t, "testdata/lacking.c", "-shared", "-fPIC", lacking)
			env := append(ours(t), "LD_PRELOAD="+preload, "TMPDIR="+t.TempDir())
			for _, scenario := range []string{"before", "nested"} {
				mustRun(t, env, prog, scenario, socket, "3")
			}
		})
	}
}

// TestRuntimeMissing looks at what is said where the runtime cannot be used.
func TestRuntimeMissing(t *testing.T) {
	prog := compile(t, "testdata/create.c")
	for _, test := range []struct{ name, runtime, want string }{
		{"none", "", "libnbd-go.so: cannot open shared object file"},
		{"broken", "no library", "libnbd-go.so"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			lib, err := os.ReadFile(filepath.Join(built(t), "libnbd.so.0"))
			if err == nil {
				err = os.WriteFile(filepath.Join(dir, "libnbd.so.0"), lib, 0o755)
			}
			if err == nil && test.runtime != "" {
				err = os.WriteFile(filepath.Join(dir, "libnbd-go.so"), []byte(test.runtime), 0o755)
			}
			if err != nil {
				t.Fatal(err)
			}
			out, err := run(t, []string{"LD_LIBRARY_PATH=" + dir}, prog)
			if err == nil || !strings.Contains(out, test.want) || !strings.Contains(out, "nbd_create: cannot load the library's runtime") {
				t.Errorf("%v: %s, want %s", err, out, test.want)
			}
		})
	}
	// The library is found by a relative path, and the program goes elsewhere.
	t.Run("relative", func(t *testing.T) {
		t.Chdir(built(t))
		mustRun(t, []string{"LD_LIBRARY_PATH=."}, prog, "/")
	})
}
