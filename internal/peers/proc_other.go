//go:build !linux

package peers

import (
	"os"
	"os/exec"
)

func ownGroup(*exec.Cmd) {}

func groupOf(pid int) (int, error) { return pid, nil }

func killGroup(group int) error {
	p, err := os.FindProcess(group)
	if err != nil {
		return err
	}
	return p.Kill()
}

func terminate(pid int) error { return killGroup(pid) }
