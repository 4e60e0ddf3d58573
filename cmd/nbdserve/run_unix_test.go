//go:build unix

package main

import (
	"bufio"
	"bytes"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gonbd/gonbd/internal/wire"
)

// shortDir makes a folder whose name is short enough for sockets.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "nbd")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// command is nbdserve in a process of its own.
func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), runMain+"=1")
	return cmd
}

// start starts nbdserve and gives its URI.
func start(t *testing.T, args ...string) (cmd *exec.Cmd, uri string) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd = command(t, append([]string{"--ready-fd=3"}, args...)...)
	cmd.ExtraFiles = []*os.File{w}
	var log bytes.Buffer
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	uri, err = bufio.NewReader(r).ReadString('\n')
	if err != nil {
		cmd.Wait()
		t.Fatalf("nbdserve is not ready: %v: %s", err, &log)
	}
	return cmd, strings.TrimSuffix(uri, "\n")
}

func TestUnixSocketAndSignals(t *testing.T) {
	dir := shortDir(t)
	socket, pidfile := filepath.Join(dir, "s"), filepath.Join(dir, "pid")
	cmd, uri := start(t, "-U", socket, "-P", pidfile, "memory", "1G")
	if want := "nbd+unix:///?socket=" + socket; uri != want {
		t.Errorf("URI %q, expected %q", uri, want)
	}
	nc, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if size := sizeOf(t, nc, ""); size != 1<<30 {
		t.Errorf("size %d", size)
	}
	if pid, err := os.ReadFile(pidfile); strings.TrimSpace(string(pid)) != strconv.Itoa(cmd.Process.Pid) {
		t.Errorf("pidfile: %q, %v", pid, err)
	}
	cmd.Process.Signal(syscall.SIGTERM)
	if err := cmd.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
	for _, path := range []string{socket, pidfile} {
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is left: %v", path, err)
		}
	}
}

// TestSecondSignal has a client that keeps the server waiting: half of a
// write is on its way.
func TestSecondSignal(t *testing.T) {
	socket := filepath.Join(shortDir(t), "s")
	cmd, _ := start(t, "-U", socket, "memory", "1G")
	nc, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	sizeOf(t, nc, "")
	flush := wire.Request{Type: wire.CmdFlush}
	write := wire.Request{Type: wire.CmdWrite, Length: 100}
	nc.Write(wire.AppendRequest(wire.AppendRequest(nil, &flush, false), &write, false))
	nc.Read(make([]byte, 16)) // by now both have arrived
	cmd.Process.Signal(os.Interrupt)
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		t.Fatalf("the first signal was enough: %v", err)
	case <-time.After(200 * time.Millisecond):
	}
	late := time.After(time.Minute)
	for {
		// Two signals are one to a program that did not run in between. One
		// more is for that only: a third kills it while it ends, which takes
		// a second with the race detector.
		cmd.Process.Signal(os.Interrupt)
		select {
		case err := <-ended:
			if err != nil {
				t.Error(err)
			}
			return
		case <-late:
			t.Fatal("the second signal was not enough")
		case <-time.After(10 * time.Second):
		}
	}
}

func TestTCP(t *testing.T) {
	file := filepath.Join(t.TempDir(), "disk")
	os.WriteFile(file, []byte("0123456789"), 0o444)
	_, uri := start(t, "-i", "127.0.0.1", "-p", "0", "-r", "-e", "name", file)
	addr, ok := strings.CutPrefix(strings.TrimSuffix(uri, "/name"), "nbd://")
	if !ok {
		t.Fatalf("URI %q", uri)
	}
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if size := sizeOf(t, nc, "name"); size != 10 {
		t.Errorf("size %d", size)
	}
}

// activate runs nbdserve with a listening socket as descriptor 3.
func activate(t *testing.T, pid string, args ...string) (*exec.Cmd, string) {
	t.Helper()
	socket := filepath.Join(shortDir(t), "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	l.SetUnlinkOnClose(false)
	f, err := l.File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	cmd := exec.CommandContext(t.Context(), "/bin/sh", append([]string{"-c", `LISTEN_PID=` + pid + ` exec "$0" "$@"`, os.Args[0]}, args...)...)
	cmd.Env = append(os.Environ(), runMain+"=1", "LISTEN_FDS=1")
	cmd.ExtraFiles = []*os.File{f}
	return cmd, socket
}

func TestActivation(t *testing.T) {
	cmd, socket := activate(t, "$$", "memory", "2M")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Signal(syscall.SIGTERM)
	nc, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if size := sizeOf(t, nc, ""); size != 2<<20 {
		t.Errorf("size %d", size)
	}
}

func TestFailures(t *testing.T) {
	dir := shortDir(t)
	taken := filepath.Join(dir, "taken")
	l, err := net.Listen("unix", taken)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, tt := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"--bogus"}, 2, "--help"},
		{[]string{filepath.Join(dir, "missing")}, 1, "no such file"},
		{[]string{dir}, 1, "is a directory"},
		{[]string{"-U", taken, "memory", "1G"}, 1, "address already in use"},
		{[]string{"-U", "/" + strings.Repeat("x", 200), "memory", "1G"}, 1, "201 bytes"},
		{[]string{"-U", filepath.Join(dir, "s"), "--block-size", "3:4K:1M", "memory", "1G"}, 1, "power of 2"},
		{[]string{"-U", filepath.Join(dir, "s"), "--ready-fd=77", "memory", "1G"}, 1, "--ready-fd 77"},
		{[]string{"-U", filepath.Join(dir, "s"), "-P", filepath.Join(dir, "no", "pid"), "memory", "1G"}, 1, "--pidfile"},
	} {
		out, err := command(t, tt.args...).CombinedOutput()
		exit, ok := errors.AsType[*exec.ExitError](err)
		if !ok || exit.ExitCode() != tt.status || !strings.Contains(string(out), tt.want) {
			t.Errorf("nbdserve %q: %v, %q; expected status %d and %q", tt.args, err, out, tt.status, tt.want)
		}
	}
	cmd, _ := activate(t, "$$", "-p", "0", "memory", "1G")
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "socket activation") {
		t.Errorf("activation and --port: %v, %q", err, out)
	}
}

// TestSingleOnSocket serves a client on a socket as standard input.
func TestSingleOnSocket(t *testing.T) {
	dir := shortDir(t)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, "s")})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	nc, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	served, err := l.AcceptUnix()
	if err != nil {
		t.Fatal(err)
	}
	f, err := served.File()
	if err != nil {
		t.Fatal(err)
	}
	served.Close()
	cmd := command(t, "--single", "memory", "3M")
	cmd.Stdin, cmd.Stdout = f, f
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	f.Close()
	if size := sizeOf(t, nc, ""); size != 3<<20 {
		t.Errorf("size %d", size)
	}
	nc.Close()
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}
