package behaviour

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gonbd/gonbd/internal/peers"
)

// cFace talks to testdata/driver.c.
type cFace struct {
	stdin   io.Writer
	stdout  *bufio.Reader
	outcome chan string
	stderr  *bytes.Buffer
	cmd     *exec.Cmd
}

// newCFace starts the driver, and gives what ends it.
func newCFace(t *testing.T, cmd *exec.Cmd) (Face, func()) {
	t.Helper()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	f := &cFace{stdin: stdin, stdout: bufio.NewReader(stdout), outcome: make(chan string), stderr: new(bytes.Buffer), cmd: cmd}
	cmd.Stderr = f.stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer close(f.outcome)
		for {
			line, err := f.stdout.ReadString('\n')
			if err != nil {
				return
			}
			f.outcome <- strings.TrimSuffix(line, "\n")
		}
	}()
	// Not a clean-up: those run when the context of the command has ended.
	return f, func() {
		stdin.Close()
		late := time.AfterFunc(timeout, func() { cmd.Process.Kill() })
		defer late.Stop()
		for range f.outcome {
		}
		<-done
		if err := cmd.Wait(); err != nil {
			t.Errorf("the driver: %v\n%s", err, f.stderr)
		}
	}
}

// Do implements [Face].
func (f *cFace) Do(line string) (string, error) {
	if _, err := io.WriteString(f.stdin, line+"\n"); err != nil {
		return "", err
	}
	select {
	case outcome, ok := <-f.outcome:
		if !ok {
			return "", errors.New("the driver ended")
		}
		if message, bad := strings.CutPrefix(outcome, "driver: "); bad {
			return "", errors.New(message)
		}
		return outcome, nil
	case <-time.After(timeout):
		f.cmd.Process.Kill()
		return "", fmt.Errorf("no outcome after %v", timeout)
	}
}

// built holds what the tests build. Its path is short, and programs of the
// newest peers see it.
var built string

// library builds this project's C library, once.
var library = sync.OnceValues(func() (string, error) {
	if err := makeBuilt(); err != nil {
		return "", err
	}
	dir := filepath.Join(built, "lib")
	if out, err := exec.Command(filepath.Join("..", "..", "capi", "build.sh"), dir).CombinedOutput(); err != nil {
		return "", fmt.Errorf("capi/build.sh: %w\n%s", err, out)
	}
	return dir, nil
})

var makeBuilt = sync.OnceValue(func() (err error) {
	built, err = os.MkdirTemp("", "gonbd")
	return err
})

// driver compiles the driver, once. It is linked with the C libnbd, so that one
// program, unchanged, runs on both libraries. The header is this project's.
func driver(t *testing.T) string {
	t.Helper()
	peers.Bookworm.Need(t, "cc")
	peers.Forky.Need(t, "nbdkit", "sh")
	path, err := compiled()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var compiled = sync.OnceValues(func() (string, error) {
	if err := makeBuilt(); err != nil {
		return "", err
	}
	path := filepath.Join(built, "driver")
	// The libraries that the C libnbd needs are not this machine's.
	out, err := exec.Command("cc", "-std=gnu99", "-g", "-O1", "-Wall", "-Wextra", "-Werror", "-I"+filepath.Dir(header),
		"-o", path, "testdata/driver.c", "testdata/driver_gen.c", filepath.Join(built, "libnbd.so.0"),
		"-Wl,--unresolved-symbols=ignore-in-shared-libs").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("cc: %w\n%s", err, out)
	}
	return path, nil
})

// upstream copies the C libnbd to where the linker finds it.
func upstream(t *testing.T) {
	t.Helper()
	if err := makeBuilt(); err != nil {
		t.Fatal(err)
	}
	peers.Run(t, peers.Forky, "sh", "-c", "cp /usr/lib/*/libnbd.so.0 "+built)
}

// TestC runs the scripts on this project's C library.
func TestC(t *testing.T) {
	peers.Bookworm.Need(t, "cc", "go")
	upstream(t)
	program := driver(t)
	lib, err := library()
	if err != nil {
		t.Fatal(err)
	}
	runAll(t, Style{Kind: "c"}, func(t *testing.T, _ *API) (Face, func()) {
		cmd := exec.CommandContext(t.Context(), program)
		cmd.Env = append(os.Environ(), "LD_LIBRARY_PATH="+lib)
		cmd.WaitDelay = timeout
		return newCFace(t, cmd)
	})
}

// TestUpstream runs the scripts on the C libnbd, which says whether they
// expect the right outcomes.
func TestUpstream(t *testing.T) {
	peers.Forky.Need(t, "nbdkit")
	upstream(t)
	program := driver(t)
	runAll(t, Style{Kind: "c", Upstream: true}, func(t *testing.T, _ *API) (Face, func()) {
		return newCFace(t, peers.Forky.Command(t, os.TempDir(), program))
	})
}
