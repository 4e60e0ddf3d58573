package peers

import (
	"os/exec"
	"syscall"
)

// ownGroup starts cmd in a process group of its own, so that killGroup takes
// its children too, and lets the kernel kill it if the test binary dies
// without running its clean-ups.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// groupOf gives the process group of a process.
func groupOf(pid int) (int, error) {
	return syscall.Getpgid(pid)
}

// killGroup kills all processes of a process group.
func killGroup(group int) error {
	return syscall.Kill(-group, syscall.SIGKILL)
}

// terminate asks a process to end.
func terminate(pid int) error {
	return syscall.Kill(pid, syscall.SIGTERM)
}
