package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRun writes everything, and makes no folder of an argument that was meant
// for an option.
func TestRun(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, args := range []string{"", "-h", "--help", "a b"} {
		var stderr strings.Builder
		if code := run(strings.Fields(args), &stderr); code != 2 || !strings.HasPrefix(stderr.String(), "usage:") {
			t.Errorf("%q: exit code %d, %s", args, code, &stderr)
		}
	}
	if list, err := os.ReadDir("."); err != nil || len(list) > 0 {
		t.Errorf("there is %v, %v", list, err)
	}
	var stderr strings.Builder
	if code := run([]string{"share"}, &stderr); code != 0 {
		t.Fatal(&stderr)
	}
	for _, name := range []string{
		"man/man1/nbdcopy.1", "man/man3/libnbd.3", "man/man3/nbd_pread.3", "bash-completion/completions/nbdcopy",
		"zsh/site-functions/_nbdcopy", "fish/vendor_completions.d/nbdcopy.fish",
	} {
		if _, err := os.Stat(filepath.Join("share", name)); err != nil {
			t.Error(err)
		}
	}
	if code := run([]string{"share/man/man1/nbdcopy.1"}, &stderr); code != 1 {
		t.Errorf("over a file: exit code %d", code)
	}
}
