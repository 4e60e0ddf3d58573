package vm

import (
	"testing"

	"github.com/gonbd/gonbd/internal/vmtest"
)

// TestVM runs all of the package's tests in one machine.
func TestVM(t *testing.T) {
	vmtest.Run(t, vmtest.Machine{
		Modules: []string{"vsock_loopback", "ext4"},
	},
		vmtest.Test{Name: "vsock", Run: testVsock},
	)
}
