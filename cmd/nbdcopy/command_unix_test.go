//go:build unix

package main

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gonbd/gonbd/nbdserver"
)

func writePid(path string) {
	// Renamed, so that nobody sees half of it.
	if err := os.WriteFile(path+".new", []byte(strconv.Itoa(os.Getpid())), 0o666); err != nil {
		panic(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		panic(err)
	}
}

// child is the command of a server, and the file of its process id.
func child(t *testing.T, size, content string) (command []string, pidFile string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	pidFile = filepath.Join(t.TempDir(), "pid")
	t.Cleanup(func() {
		if _, err := os.Stat(pidFile); err == nil && t.Failed() {
			syscall.Kill(readPid(t, pidFile), syscall.SIGKILL)
		}
	})
	return []string{"[", self, "serve", size, content, pidFile, "]"}, pidFile
}

// await waits until a condition holds that can only be asked for.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	late := time.After(30 * time.Second)
	for !holds() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("waited too long until %s", what)
		}
	}
}

// checkEnded waits until a server has ended.
func checkEnded(t *testing.T, pidFile string) {
	t.Helper()
	pid := readPid(t, pidFile)
	await(t, "the server ends", func() bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) })
}

func readPid(t *testing.T, pidFile string) int {
	t.Helper()
	b, err := os.ReadFile(pidFile)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(string(b))
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// TestCommands starts servers for the copy.
func TestCommands(t *testing.T) {
	want := strings.Repeat("0123456789", 50_000)
	src, srcPid := child(t, "500000", "0123456789")
	out := filepath.Join(t.TempDir(), "out")
	good(t, "", append(src, out)...)
	checkFile(t, out, want)
	checkEnded(t, srcPid)

	dst, dstPid := child(t, "500001", "x")
	good(t, "", append(src, dst...)...)
	checkEnded(t, srcPid)
	checkEnded(t, dstPid)

	small, smallPid := child(t, "499999", "x")
	bad(t, "", append(src, small...), "destination size (499999) is smaller than source size (500000)")
	checkEnded(t, srcPid)
	checkEnded(t, smallPid)

	bad(t, "", append(src, filepath.Join(out, "none")), "none")
	checkEnded(t, srcPid)
}

// TestExit runs the tool as a process.
func TestExit(t *testing.T) {
	for _, row := range []struct {
		args []string
		code int
		hint bool
	}{
		{[]string{"--help"}, 0, false},
		{[]string{file(t, text), "null:"}, 0, false},
		{[]string{file(t, text) + ".none", "null:"}, 1, false},
		{[]string{"--requests=0", "a", "b"}, 1, true},
	} {
		cmd := exec.Command(os.Args[0], append([]string{"tool"}, row.args...)...)
		var stderr strings.Builder
		cmd.Stderr = &stderr
		err := cmd.Run()
		if code := cmd.ProcessState.ExitCode(); code != row.code {
			t.Errorf("%v: exit code %d, expected %d: %v\n%s", row.args, code, row.code, err, &stderr)
		}
		if row.code != 0 && !strings.HasPrefix(stderr.String(), "nbdcopy: ") || strings.Contains(stderr.String(), "--help") != row.hint {
			t.Errorf("%v: standard error is %q", row.args, &stderr)
		}
	}
}

// TestSignals ends the tool while its servers are at work.
func TestSignals(t *testing.T) {
	for _, row := range []struct {
		signal syscall.Signal
		code   int
	}{{syscall.SIGINT, 130}, {syscall.SIGTERM, 143}} {
		src, srcPid := child(t, "1M", "hang")
		dst, dstPid := child(t, "1M", "x")
		cmd := exec.Command(os.Args[0], append(append([]string{"tool"}, src...), dst...)...)
		var stderr strings.Builder
		cmd.Stderr = &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		await(t, "the source is read", func() bool { _, err := os.Stat(srcPid + ".read"); return err == nil })
		if err := cmd.Process.Signal(row.signal); err != nil {
			t.Fatal(err)
		}
		cmd.Wait()
		if code := cmd.ProcessState.ExitCode(); code != row.code {
			t.Errorf("%v: exit code %d, expected %d\n%s", row.signal, code, row.code, &stderr)
		}
		if !strings.HasPrefix(stderr.String(), "nbdcopy: ") {
			t.Errorf("%v: standard error is %q", row.signal, &stderr)
		}
		checkEnded(t, srcPid)
		checkEnded(t, dstPid)
	}
}

// TestReaderGone has whoever reads standard output go away.
func TestReaderGone(t *testing.T) {
	src, srcPid := child(t, "8M", "x")
	cmd := exec.Command(os.Args[0], append(append([]string{"tool"}, src...), "-")...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(stdout, make([]byte, 1000)); err != nil {
		t.Error(err)
	}
	stdout.Close()
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 141 || stderr.String() != "" {
		t.Errorf("exit code %d, standard error %q", code, &stderr)
	}
	checkEnded(t, srcPid)
}

// TestProgressFD writes lines to a file descriptor.
func TestProgressFD(t *testing.T) {
	for _, row := range []struct {
		name  string
		stdin string
		src   string
	}{
		{"file", "", file(t, text)},
		{"empty", "", file(t, "")},
		{"stream", text, "-"},
		{"nbd", "", server(t, &nbdserver.Export{Backend: disk(t, int64(len(text)), text)})},
	} {
		t.Run(row.name, func(t *testing.T) {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			cmd := exec.Command(os.Args[0], "tool", "--progress=3", row.src, "null:")
			cmd.ExtraFiles = []*os.File{w}
			cmd.Stdin = strings.NewReader(row.stdin)
			err = cmd.Start()
			w.Close()
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(r)
			if err != nil {
				t.Error(err)
			}
			if err := cmd.Wait(); err != nil {
				t.Error(err)
			}
			checkProgress(t, string(got))
		})
	}
}
