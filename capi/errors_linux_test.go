package capi

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestErrors(t *testing.T) {
	runC(t, "errors.c", serve(t))
}

// TestNull calls every function with a null pointer for each parameter where
// there must be none, and every callback set.
func TestNull(t *testing.T) {
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	p(`#include "check.h"

static int freed;
static void free_data (void *data) { (void) data; freed++; }
static int callback (void) { return 0; }

int
main (void)
{
  struct nbd_handle *h = nbd_create ();
  static char buf[16];

  CHECK (h != NULL);`)
	calls := 0
	for _, f := range readABI(t).Functions {
		for _, null := range f.NonNull {
			if f.Name == "nbd_close" {
				continue
			}
			var args []string
			callbacks := 0
			for _, decl := range f.Params {
				switch typ, name := param(decl); {
				case name == null:
					args = append(args, "NULL")
				case typ == "struct nbd_handle *":
					args = append(args, "h")
				case strings.HasSuffix(typ, "_callback"):
					args = append(args, fmt.Sprintf("(%s) { .callback = (void *) callback, .free = free_data }", typ))
					callbacks++
				case strings.HasSuffix(typ, "*"):
					args = append(args, "(void *) buf")
				default:
					args = append(args, "0")
				}
			}
			failed := "-1"
			switch {
			case strings.HasSuffix(f.Returns, "*"):
				failed = "NULL"
			case slices.Contains([]string{"unsigned", "uint32_t", "uint64_t", "uintptr_t"}, f.Returns):
				failed = "0"
			}
			p("  freed = 0;\n  CHECK (%s (%s) == %s);", f.Name, strings.Join(args, ", "), failed)
			p("  CHECK (nbd_get_errno () == EFAULT && freed == %d);", callbacks)
			p("  CHECK (strcmp (nbd_get_error (), \"%s: %s cannot be NULL: Bad address\") == 0);", f.Name, null)
			calls++
		}
	}
	p("  nbd_close (h);\n  return 0;\n}")
	if calls < 165 {
		t.Errorf("only %d calls", calls)
	}
	file := filepath.Join(t.TempDir(), "null.c")
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	mustRun(t, ours(t), compile(t, file))
}
