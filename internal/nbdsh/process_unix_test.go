//go:build unix

package nbdsh

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/gonbd/gonbd/internal/cli"
	"github.com/gonbd/gonbd/internal/peers"
	"github.com/gonbd/gonbd/internal/tooltest"
	"github.com/gonbd/gonbd/nbdserver"
)

func TestMain(m *testing.M) {
	tools.Main(m, func(hang func()) nbdserver.Backend { return &hanging{hang} })
}

// hanging never answers a read behind its first half.
type hanging struct{ hang func() }

func (h *hanging) Size() int64 { return 16 << 20 }

func (h *hanging) ReadAt(p []byte, off int64) (int, error) {
	if off < h.Size()/2 {
		clear(p)
		return len(p), nil
	}
	h.hang()
	return 0, nil
}

// scripts are programs that wait for a server, which is the command between
// brackets behind the script's name.
func scripts(t *testing.T) [][]string {
	var lines [][]string
	for _, program := range []string{
		"h.pread(512, 8 << 20)",
		"b = nbd.Buffer(512); h.aio_pread(b, 8 << 20)\nwhile h.aio_in_flight() > 0: h.poll(-1)\nh.pread(512, 0)",
		"nbd.catch(h.pread, 512, 8 << 20)\nh.pread(512, 0)",
	} {
		path := filepath.Join(t.TempDir(), "script")
		if err := os.WriteFile(path, []byte("h.connect_systemd_socket_activation(argv[2:-1])\n"+program), 0o666); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, []string{"nbdsh", path})
	}
	return lines
}

// Signals end a script that waits, and the server with it.
func TestSignals(t *testing.T) { tooltest.Signals(t, scripts(t)...) }

// A server that dies ends a script with an error.
func TestServerDies(t *testing.T) {
	for _, args := range scripts(t) {
		server := tooltest.NewServer(t)
		done := make(chan peers.Outcome)
		go func() { done <- tools.Run(t, "", append(args, server.Command...)...) }()
		server.AwaitBusy()
		if err := syscall.Kill(server.Pid(), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		if r := <-done; r.Code != cli.ExitFailure || !strings.Contains(r.Stderr, "Error: nbd_pread: ") {
			t.Errorf("%v: exit code %d: %s", args, r.Code, r.Stderr)
		}
	}
}

// A script with a shebang is a program.
func TestShebang(t *testing.T) {
	dir := t.TempDir()
	script := filepath.Join(dir, "script")
	for path, text := range map[string]string{
		filepath.Join(dir, "nbdsh"): "#!/bin/sh\nexec '" + os.Args[0] + "' nbdsh \"$@\"\n",
		script:                      "#!/usr/bin/env nbdsh\nprint(argv[1:], sys.argv == argv, h.get_handle_name())\nexit(len(argv))\n",
	} {
		if err := os.WriteFile(path, []byte(text), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(script, "a", "-c", "--version")
	cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"))
	out, _ := cmd.CombinedOutput()
	if want := "['a', '-c', '--version'] True nbdsh\n"; string(out) != want || cmd.ProcessState.ExitCode() != 4 {
		t.Errorf("exit code %d, %q, want 4, %q", cmd.ProcessState.ExitCode(), out, want)
	}
}

// Whoever reads standard output goes away.
func TestReaderGone(t *testing.T) {
	cmd := exec.Command(os.Args[0], "nbdsh", "-c", "while True: print('y')")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := stdout.Read(make([]byte, 2)); err != nil {
		t.Error(err)
	}
	stdout.Close()
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != cli.ExitBrokenPipe || stderr.String() != "" {
		t.Errorf("exit code %d, standard error %q", code, &stderr)
	}
}
