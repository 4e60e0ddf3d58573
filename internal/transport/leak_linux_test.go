package transport

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// openFiles counts the descriptors of this process.
func openFiles(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// TestNothingLeft makes each kind of subprocess, in ways that go well and
// ways that don't, and looks for descriptors, goroutines, children and
// folders that stayed.
func TestNothingLeft(t *testing.T) {
	quickGraces(t, 50*time.Millisecond, 50*time.Millisecond)
	tmp := shortDir(t)
	t.Setenv("TMPDIR", tmp)
	long := filepath.Join(shortDir(t), strings.Repeat("x", 200))
	if err := os.WriteFile(long, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	round := func() {
		if _, err := DialUnix(soon(t), long); err == nil {
			t.Fatal("connected to a plain file")
		}
		for _, mode := range []string{"echo", "die", "killed"} {
			argv, opt, _ := child(mode)
			s, err := Command(soon(t), argv, opt)
			if err != nil {
				t.Fatal(err)
			}
			s.Close()
		}
		for _, mode := range []string{"activated", "die"} {
			argv, opt, _ := child(mode)
			s, err := SocketActivation(soon(t), argv, opt)
			switch {
			case err == nil:
				s.Close()
			case mode != "die": // which may have done so before it was connected to
				t.Fatal(err)
			}
		}
		if _, err := Command(soon(t), []string{"/nowhere/program"}, Options{}); err == nil {
			t.Fatal("a program that isn't there was started")
		}
		if _, err := SocketActivation(soon(t), []string{"/etc"}, Options{}); err == nil {
			t.Fatal("a folder was started")
		}
		argv, opt, _ := child("echo")
		opt.Env = []string{"broken\x00=1"}
		if _, err := Command(soon(t), argv, opt); err == nil {
			t.Fatal("started with a NUL byte in the environment")
		}
		if _, err := SocketActivation(soon(t), argv, opt); err == nil {
			t.Fatal("activated with a NUL byte in the environment")
		}
	}
	round() // whatever is made once, such as the poller's descriptors
	files, routines := openFiles(t), runtime.NumGoroutine()
	for range 3 {
		round()
	}
	if got := openFiles(t); got != files {
		t.Errorf("%d open files, were %d", got, files)
	}
	// A goroutine that has closed its last channel may take a moment to go.
	for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > routines && time.Now().Before(deadline); {
		runtime.Gosched()
	}
	if got := runtime.NumGoroutine(); got > routines {
		t.Errorf("%d goroutines, were %d", got, routines)
	}
	if pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); err != syscall.ECHILD {
		t.Errorf("wait4 gives process %d, %v; want ECHILD", pid, err)
	}
	list, err := os.ReadDir(tmp)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		t.Errorf("%s is left in the folder for temporary files", e.Name())
	}
}
