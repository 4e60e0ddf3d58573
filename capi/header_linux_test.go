package capi

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gonbd/gonbd/internal/peers"
)

// TestHeaderCompiles compiles our header alone, as strictly as compilers can.
func TestHeaderCompiles(t *testing.T) {
	dir := built(t)
	for _, argv := range [][]string{
		{"gcc", "-std=c99", "-x", "c"},
		{"gcc", "-std=c17", "-x", "c"},
		{"g++", "-std=c++17", "-x", "c++"},
		{"clang", "-std=c99", "-x", "c"},
		{"clang++", "-std=c++17", "-x", "c++"},
	} {
		t.Run(argv[0]+argv[1], func(t *testing.T) {
			peers.Bookworm.Need(t, argv[0])
			mustRun(t, nil, append(argv, "-pedantic", "-Wall", "-Wextra", "-Werror", "-I"+dir, "-c", "testdata/header.c", "-o", filepath.Join(t.TempDir(), "o"))...)
		})
	}
}

// TestHeaderTypes compiles assertions that hold of both headers: of all
// constants, macros, types of functions, and layouts of structures.
func TestHeaderTypes(t *testing.T) {
	a := readABI(t)
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	p("#define _GNU_SOURCE 1\n#include <stddef.h>\n#include <string.h>\n#include <libnbd.h>")
	p("#define SAME(a, b) __builtin_types_compatible_p (__typeof__ (a), b)")
	p("#define CHECK(c) _Static_assert (c, #c)")
	for _, c := range a.Constants {
		if strings.HasPrefix(c.Value, `"`) {
			p(`CHECK (__builtin_strcmp (%s, %s) == 0);`, c.Name, c.Value)
			continue
		}
		p("CHECK (%s == (%s));", c.Name, c.Value)
		// In an expression of this type a sign may matter.
		p("CHECK (SAME (%s, __typeof__ (%s)));", c.Name, c.Value)
	}
	for _, m := range a.Have {
		p("#if !defined %s || %[1]s != 1\n#error %[1]s\n#endif", m)
	}
	p("CHECK (sizeof (nbd_extent) == 16 && offsetof (nbd_extent, length) == 0 && offsetof (nbd_extent, flags) == 8);")
	p("CHECK (SAME (((nbd_extent *) 0)->length, uint64_t) && SAME (((nbd_extent *) 0)->flags, uint64_t));")
	for _, c := range a.Callbacks {
		p("CHECK (sizeof (%s) == 3 * sizeof (void *));", c.Name)
		p("CHECK (offsetof (%s, callback) == 0 && offsetof (%[1]s, user_data) == sizeof (void *) && offsetof (%[1]s, free) == 2 * sizeof (void *));", c.Name)
		p("CHECK (SAME (((%s *) 0)->callback, %s));", c.Name, c.Callback)
		p("CHECK (SAME (((%s *) 0)->user_data, void *) && SAME (((%[1]s *) 0)->free, void (*) (void *)));", c.Name)
	}
	for _, f := range a.Functions {
		var types []string
		for _, decl := range f.Params {
			typ, _ := param(decl)
			types = append(types, typ)
		}
		if len(types) == 0 {
			types = []string{"void"}
		}
		p("CHECK (SAME (&%s, %s (*) (%s)));", f.Name, f.Returns, strings.Join(types, ", "))
	}
	p("int null (void) { return NBD_NULL_COMPLETION.callback == NULL && NBD_NULL_COMPLETION.free == NULL; }")
	file := filepath.Join(t.TempDir(), "assert.c")
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	check := func(t *testing.T, include string) {
		mustRun(t, nil, "gcc", "-std=gnu11", "-I"+include, "-c", file, "-o", filepath.Join(t.TempDir(), "o"))
	}
	t.Run("ours", func(t *testing.T) { check(t, built(t)) })
	t.Run("theirs", func(t *testing.T) {
		peers.Bookworm.Need(t, "gcc")
		// The only folder that the tree shares with the machine.
		dir := peers.Scratch(t)
		cmd := peers.Forky.Command(t, dir, "cp", "/usr/include/libnbd.h", dir)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		check(t, dir)
	})
}
