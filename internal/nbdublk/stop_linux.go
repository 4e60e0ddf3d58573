package nbdublk

import (
	"os/exec"
	"syscall"
)

// stopElsewhere has another process delete a device, "nbdublk --delete", and
// tells when that has ended, and how. See ublk.Device.Close for why.
func stopElsewhere(path string) <-chan error {
	cmd := exec.Command("/proc/self/exe", "--delete", path)
	cmd.Args[0] = "nbdublk"
	// It outlives this process, and whatever a terminal sends that.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	done := make(chan error, 1)
	if err := cmd.Start(); err != nil {
		done <- err
		return done
	}
	go func() { done <- cmd.Wait() }()
	return done
}
