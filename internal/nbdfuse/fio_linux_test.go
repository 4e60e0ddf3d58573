//go:build !386 && !arm && !mips && !mipsle

package nbdfuse

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/gonbd/gonbd/internal/peers"
)

// fioTime is how long fio writes and verifies: GONBD_LONG makes it ten minutes.
func fioTime() string {
	if os.Getenv("GONBD_LONG") != "" {
		return "600"
	}
	return "3"
}

// fioCommand has two writers with parts of the file of their own, who verify
// what they have written, past the cache of the kernel.
func fioCommand(m *tool, seconds string) *exec.Cmd {
	return exec.Command("fio", "--name=verify", "--filename="+m.file, "--rw=randrw", "--bsrange=512-256k",
		"--direct=1", "--size=64M", "--offset_increment=64M", "--numjobs=2", "--ioengine=psync", "--fsync=64", "--verify=crc32c", "--verify_backlog=256",
		"--verify_fatal=1", "--verify_state_save=0", "--time_based", "--runtime="+seconds, "--group_reporting")
}

// Two writers verify what they write, and end with a killed server: they get
// EIO, and the mount ends.
func TestFio(t *testing.T) {
	peers.Bookworm.Need(t, "fio", "nbdkit")
	server := peers.NbdkitUnix(t, peers.Bookworm, "memory", "128M")
	m := mountOurs(t, nil, []string{server.URI("")})
	out, err := fioCommand(m, fioTime()).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)

	cmd := fioCommand(m, "1000")
	var text bytes.Buffer
	cmd.Stdout, cmd.Stderr = &text, &text
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	before := written(t, m)
	m.await("fio writes", func() bool { return written(t, m) > before+1<<20 })
	server.Kill()
	if err := cmd.Wait(); err == nil || !strings.Contains(text.String(), "error=Input/output error") {
		t.Errorf("fio: %v\n%s", err, &text)
	}
	if code := m.end(); code != 1 || !strings.Contains(m.stderr.String(), "the server is lost") {
		t.Errorf("exit code %d: %s", code, &m.stderr)
	}
}

// written is how many bytes the tool has written so far, in answer to reads.
func written(t *testing.T, m *tool) (n int64) {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", m.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(b), "wchar: ")
	if _, err := fmt.Sscan(after, &n); err != nil {
		t.Fatal(err)
	}
	return n
}
