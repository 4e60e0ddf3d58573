package capi

import (
	"debug/elf"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gonbd/gonbd/internal/peers"
)

// exported gives the defined dynamic symbols of a library, with versions.
func exported(t *testing.T, path string) []string {
	var list []string
	for line := range strings.Lines(mustRun(t, nil, "nm", "-D", "--defined-only", path)) {
		f := strings.Fields(line)
		if f[1] != "A" { // the version nodes
			list = append(list, f[2])
		}
	}
	slices.Sort(list)
	return list
}

func TestSymbols(t *testing.T) {
	dir, a := built(t), readABI(t)
	var want []string
	for _, f := range a.Functions {
		want = append(want, f.Name+"@@"+f.Symbol)
	}
	slices.Sort(want)
	got := exported(t, filepath.Join(dir, "libnbd.so.0"))
	for _, s := range want {
		if !slices.Contains(got, s) {
			t.Errorf("%s is missing", s)
		}
	}
	for _, s := range got {
		if !slices.Contains(want, s) {
			t.Errorf("%s should not be there", s)
		}
	}
	if got := exported(t, filepath.Join(dir, "libnbd-go.so")); !slices.Equal(got, []string{"gonbd_table@@GONBD_PRIVATE"}) {
		t.Errorf("the runtime exports %s", got)
	}
	static := mustRun(t, nil, "nm", "-g", "--defined-only", filepath.Join(dir, "libnbd.a"))
	for line := range strings.Lines(static) {
		if f := strings.Fields(line); len(f) == 3 && !strings.HasPrefix(f[2], "nbd_") {
			t.Errorf("the static library defines %s", f[2])
		}
	}
}

func TestLinks(t *testing.T) {
	dir, a := built(t), readABI(t)
	for link, want := range map[string]string{"libnbd.so": a.Soname, a.Soname: a.Soname + ".0.0"} {
		if got, err := os.Readlink(filepath.Join(dir, link)); got != want {
			t.Errorf("%s leads to %s (%v), want %s", link, got, err, want)
		}
	}
	f, err := elf.Open(filepath.Join(dir, "libnbd.so.0"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got, err := f.DynString(elf.DT_SONAME); err != nil || !slices.Equal(got, []string{a.Soname}) {
		t.Errorf("the soname is %s (%v), want %s", got, err, a.Soname)
	}
	libs, err := f.ImportedLibraries()
	if err != nil || slices.ContainsFunc(libs, func(s string) bool { return strings.Contains(s, "go") }) {
		t.Errorf("the library needs %s (%v)", libs, err)
	}
}

// TestInstall installs the library where a distribution would, and builds a
// program with what pkg-config says of it.
func TestInstall(t *testing.T) {
	peers.Bookworm.Need(t, "make", "pkg-config")
	built(t)
	root := t.TempDir()
	mustRun(t, nil, "make", "-C", "..", "install", "DESTDIR="+root, "PREFIX=/usr", "LIBDIR=/usr/lib/here")
	env := []string{"PKG_CONFIG_LIBDIR=" + filepath.Join(root, "usr/lib/here/pkgconfig"), "PKG_CONFIG_SYSROOT_DIR=" + root}
	if v := mustRun(t, env, "pkg-config", "--modversion", "libnbd"); v != "1.24.4\n" {
		t.Errorf("the version is %s", v)
	}
	for _, static := range []bool{false, true} {
		argv := []string{"pkg-config", "--cflags", "--libs", "libnbd"}
		if static {
			argv = append(argv, "--static")
		}
		flags := strings.Fields(mustRun(t, env, argv...))
		if static {
			// As a program that is static but for the C library's own parts.
			flags = append([]string{"-Wl,-Bstatic"}, append(flags, "-Wl,-Bdynamic")...)
			flags = slices.DeleteFunc(flags, func(f string) bool { return f == "-lpthread" || f == "-lresolv" })
			flags = append(flags, "-lpthread", "-lresolv")
		}
		prog := compile(t, "testdata/create.c", flags...)
		mustRun(t, []string{"LD_LIBRARY_PATH=" + filepath.Join(root, "usr/lib/here")}, prog)
	}
}
