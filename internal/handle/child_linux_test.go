package handle

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"

	"github.com/gonbd/gonbd/internal/peers"
)

// TestReapedSubprocess has the caller reap the subprocess, whose number
// another process gets then. Closing the handle is not to harm that one.
func TestReapedSubprocess(t *testing.T) {
	// In a PID namespace of its own nobody else takes the number.
	const inside, last = "GONBD_TEST_PID_NAMESPACE", "/proc/sys/kernel/ns_last_pid"
	if os.Getenv(inside) == "" {
		if _, err := os.Stat(last); err != nil {
			peers.Skip(t, err)
		}
		cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
		cmd.Env = append(os.Environ(), inside+"=1")
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID}
		out, err := cmd.CombinedOutput()
		if errors.Is(err, syscall.EPERM) {
			peers.Skip(t, err)
		}
		if err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	start := Spawn
	defer func() { Spawn = start }()
	for _, atOnce := range []bool{false, true} {
		Spawn = func(path string, argv, env []string, files []uintptr) (int, error) {
			pid, err := start(path, argv, env, files)
			if err == nil && atOnce { // as where the program ignores SIGCHLD
				_, err = syscall.Wait4(pid, nil, 0, nil)
			}
			return pid, err
		}
		h := create(t)
		if err := h.ConnectCommand([]string{"true"}); err == nil {
			t.Fatal("true is an NBD server")
		}
		pid, err := h.GetSubprocessPid()
		must(t, err)
		if !atOnce {
			_, err = syscall.Wait4(int(pid), nil, 0, nil)
			must(t, err)
		}
		leaveAlone(t, h, int(pid), last)
	}
}

// leaveAlone gives the number of h's subprocess to another process, and proves
// that h does nothing to that one.
func leaveAlone(t testing.TB, h *Handle, pid int, last string) {
	for { // until no thread of this process takes the number
		must(t, os.WriteFile(last, []byte(strconv.Itoa(pid-1)), 0))
		stranger := exec.Command("cat")
		in, err := stranger.StdinPipe()
		must(t, err)
		out, err := stranger.StdoutPipe()
		must(t, err)
		must(t, stranger.Start())
		if stranger.Process.Pid != pid {
			in.Close()
			must(t, stranger.Wait())
			continue
		}
		wantErr(t, h.KillSubprocess(0), syscall.ESRCH)
		must(t, h.Close())
		_, err = in.Write([]byte("alive"))
		must(t, err)
		in.Close()
		if got, err := io.ReadAll(out); string(got) != "alive" || err != nil {
			t.Errorf("the other process says %q, %v", got, err)
		}
		must(t, stranger.Wait())
		return
	}
}
