package interop

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/gonbd/gonbd/internal/peers"
)

// tool builds a command of this module once, and gives its path.
func tool(t *testing.T, name string) string {
	t.Helper()
	build, _ := built.LoadOrStore(name, sync.OnceValues(func() (string, error) {
		path := filepath.Join(toolDir, name)
		out, err := exec.Command("go", "build", "-o", path, "github.com/gonbd/gonbd/cmd/"+name).CombinedOutput()
		if err != nil {
			err = &buildError{name, string(out), err}
		}
		return path, err
	}))
	path, err := build.(func() (string, error))()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var (
	built   sync.Map
	toolDir string
)

type buildError struct {
	name, output string
	err          error
}

func (e *buildError) Error() string {
	return "building " + e.name + ": " + e.err.Error() + "\n" + e.output
}

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "gonbd")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		toolDir = dir
		return m.Run()
	}())
}

// nbdserve starts our server, and gives its URI once it listens.
func nbdserve(t *testing.T, args ...string) string {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd := exec.Command(tool(t, "nbdserve"), append([]string{"--ready-fd=3"}, args...)...)
	cmd.ExtraFiles = []*os.File{w}
	var log strings.Builder
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			t.Errorf("nbdserve: %v", err)
		}
		if t.Failed() {
			t.Logf("log of nbdserve:\n%s", &log)
		}
	})
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		t.Fatalf("nbdserve did not get ready: %v\n%s", err, &log)
	}
	return strings.TrimSpace(line)
}

// TestClientsOnServe has the C clients use our server.
func TestClientsOnServe(t *testing.T) {
	peers.Each(t, func(t *testing.T, tree peers.Tree) {
		dir := peers.Scratch(t)
		for _, row := range []struct {
			name string
			args []string
		}{
			{"unix", []string{"-U", filepath.Join(dir, "s")}},
			{"tcp", []string{"-i", "127.0.0.1", "-p", "0"}},
			{"no structured replies", []string{"-U", filepath.Join(dir, "s"), "--no-structured-replies"}},
			{"old newstyle", []string{"-U", filepath.Join(dir, "s"), "--no-go"}},
		} {
			t.Run(row.name, func(t *testing.T) {
				uri := nbdserve(t, append(row.args, "memory", "64M")...)
				clients(t, tree, uri)
			})
		}
	}, "nbdinfo", "nbdcopy", "qemu-img", "qemu-io", "fio")
}

func clients(t *testing.T, tree peers.Tree, uri string) {
	source := filepath.Join(t.TempDir(), "source")
	data := make([]byte, 64<<20)
	for i := 3; i < 60; i += 7 {
		copy(data[i<<20:], pattern(uint64(i), 100_000))
	}
	if err := os.WriteFile(source, data, 0o666); err != nil {
		t.Fatal(err)
	}

	var info struct {
		Exports []struct {
			Size int64 `json:"export-size"`
		}
	}
	if err := json.Unmarshal([]byte(peers.Run(t, tree, "nbdinfo", "--json", uri)), &info); err != nil {
		t.Fatal(err)
	}
	if len(info.Exports) != 1 || info.Exports[0].Size != 64<<20 {
		t.Errorf("nbdinfo says %+v", info)
	}

	peers.Run(t, tree, "nbdcopy", "--flush", source, uri)
	peers.Run(t, tree, "qemu-img", "compare", "-f", "raw", "-F", "raw", source, uri)
	back := filepath.Join(t.TempDir(), "back")
	peers.Run(t, tree, "nbdcopy", uri, back)
	peers.Run(t, tree, "cmp", source, back)
	peers.Run(t, tree, "qemu-img", "convert", "-n", "-f", "raw", "-O", "raw", "-W", "-m", "8", source, uri)
	peers.Run(t, tree, "qemu-img", "convert", "-f", "raw", "-O", "qcow2", uri, back)
	peers.Run(t, tree, "qemu-img", "compare", "-f", "raw", "-F", "qcow2", source, back)
	peers.Run(t, tree, "qemu-io", "-f", "raw", "-c", "discard 0 1M", "-c", "write -z 1M 1M", "-c", "write -P 7 3 1000", "-c", "read -P 7 3 1000", "-c", "flush", uri)

	peers.Run(t, tree, "fio", "--name=job", "--ioengine=nbd", "--uri="+uri, "--rw=randrw", "--bs=4k",
		"--size=16m", "--iodepth=16", "--verify=crc32c", "--verify_fatal=1", "--thread=1", "--output-format=terse", "--randrepeat=1", "--verify_state_save=0")
}

// TestActivation has C clients start our server by socket activation.
func TestActivation(t *testing.T) {
	peers.Bookworm.Need(t, "nbdinfo", "nbdcopy")
	serve := tool(t, "nbdserve")
	out := peers.Run(t, peers.Bookworm, "nbdinfo", "--size", "--", "[", serve, "memory", "1G", "]")
	if strings.TrimSpace(out) != "1073741824" {
		t.Errorf("nbdinfo --size says %q", out)
	}
	peers.Run(t, peers.Bookworm, "nbdcopy", "--", "[", serve, "memory", "100M", "]", "null:")
}

// TestBrokenPipe has nobody read what nbdinfo writes: it must still end the
// server that it started, and leave nothing behind.
func TestBrokenPipe(t *testing.T) {
	dir := peers.Scratch(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	defer w.Close()
	cmd := exec.Command(tool(t, "nbdinfo"), "[", tool(t, "nbdserve"), "memory", "1G", "]")
	cmd.Env = append(os.Environ(), "TMPDIR="+dir)
	cmd.Stdout = w
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := cmd.Run(); cmd.ProcessState.ExitCode() != 141 {
		t.Errorf("nbdinfo ended with %v\n%s", err, &stderr)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
