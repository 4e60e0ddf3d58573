package capi

import (
	"bufio"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// TestSignals looks at what becomes of the signals of a program, and of its
// handlers.
func TestSignals(t *testing.T) {
	prog := compile(t, "testdata/signals.c")
	socket := serve(t)
	for _, scenario := range []string{"plain", "onstack", "untouched", "poll", "reaping"} {
		t.Run(scenario, func(t *testing.T) {
			mustRun(t, ours(t), prog, scenario, socket)
		})
	}
	// Ctrl-C ends a program that waits inside the library.
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		t.Run(sig.String(), func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), prog, "blocked", socket)
			cmd.Env = append(os.Environ(), ours(t)...)
			cmd.Stderr = os.Stderr
			stdout, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			if _, err := bufio.NewReader(stdout).ReadString('\n'); err != nil {
				t.Fatal(err)
			}
			if err := cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			cmd.Wait()
			if status := cmd.ProcessState.Sys().(syscall.WaitStatus); !status.Signaled() || status.Signal() != sig {
				t.Errorf("the program ended with %v", cmd.ProcessState)
			}
		})
	}
}

func TestSubprocess(t *testing.T) {
	runC(t, "subprocess.c")
}
