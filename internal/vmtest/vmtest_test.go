package vmtest

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gonbd/gonbd/internal/peers"
)

func TestVerdict(t *testing.T) {
	const output = `=== RUN   TestVM
=== RUN   TestVM/good
=== RUN   TestVM/bad
    vm_test.go:1: --- PASS: TestVM/crashed is what a test logged
--- FAIL: TestVM (1.00s)
    --- PASS: TestVM/good (0.10s)
    --- FAIL: TestVM/bad (0.20s)
    --- SKIP: TestVM/lazy (0.00s)
    --- PASS: TestVM/bad/part (0.20s)
`
	for name, want := range map[string]string{
		"TestVM/good":    "",
		"TestVM/bad":     "failed",
		"TestVM/lazy":    "ended with SKIP, but must not be skipped",
		"TestVM/crashed": "did not end",
		"TestVM/goo":     "did not end",
	} {
		if got := verdict(output, name); got != want {
			t.Errorf("%s %q, want %q", name, got, want)
		}
	}
}

// TestCPIO has busybox unpack what is packed here.
func TestCPIO(t *testing.T) {
	peers.Forky.Need(t, "busybox")
	scratch := peers.Scratch(t)
	var from = filepath.Join(t.TempDir(), "from")
	if err := os.WriteFile(from, []byte("of a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	var archive bytes.Buffer
	err := writeCPIO(&archive, map[string]file{
		"init":       {mode: 0o755, data: []byte("12345")},
		"a/b/c":      {from: from},
		"a/link":     {mode: fs.ModeSymlink, data: []byte("b/c")},
		"tmp":        {mode: fs.ModeDir | 0o700},
		"empty/file": {},
	})
	if err != nil {
		t.Fatal(err)
	}
	cmd := peers.Forky.Command(t, scratch, "busybox", "cpio", "-idm")
	cmd.Stdin = &archive
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var got []string
	err = filepath.WalkDir(scratch, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == scratch {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		line := info.Mode().String() + " " + path[len(scratch)+1:]
		if !d.IsDir() {
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			line += " " + string(text)
		}
		got = append(got, line)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"drwxr-xr-x a", "drwxr-xr-x a/b", "-rw-r--r-- a/b/c of a file", "Lrwxrwxrwx a/link of a file",
		"drwxr-xr-x empty", "-rw-r--r-- empty/file ", "-rwxr-xr-x init 12345", "drwx------ tmp"}
	if !slices.Equal(got, want) {
		t.Errorf("unpacked\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestModules(t *testing.T) {
	peers.Forky.Need(t, "qemu-system-x86_64")
	k, err := findKernel(peers.Forky.Root(t))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]file{}
	if err := k.addModules(files, []string{"vsock-loopback"}); err != nil {
		t.Fatal(err)
	}
	dir := "lib/modules/" + k.version + "/"
	for _, name := range []string{"vsock_loopback", "vsock", "vmw_vsock_virtio_transport_common"} {
		if files[dir+name+".ko"].from == "" {
			t.Errorf("%s is missing", name)
		}
	}
	// What is loaded first stands last.
	const line = "vsock_loopback.ko: vmw_vsock_virtio_transport_common.ko vsock.ko\n"
	if dep := string(files[dir+"modules.dep"].data); !strings.Contains("\n"+dep, "\n"+line) {
		t.Errorf("modules.dep is\n%s\nwhich lacks the line\n%s", dep, line)
	}
	if err := k.addModules(files, []string{"no_such"}); err == nil || !strings.Contains(err.Error(), "no module no_such") {
		t.Errorf("a missing module: %v", err)
	}
	if _, err := findKernel(t.TempDir()); err == nil || !strings.Contains(err.Error(), "no kernel") {
		t.Errorf("a missing kernel: %v", err)
	}
}
