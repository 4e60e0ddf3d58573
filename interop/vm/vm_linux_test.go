package vm

import (
	"testing"

	"github.com/gonbd/gonbd/internal/vmtest"
)

// TestVM runs all of the package's tests in one machine.
func TestVM(t *testing.T) {
	vmtest.Run(t, vmtest.Machine{
		Modules:  []string{"nbd", "vsock_loopback", "ext4"},
		Commands: []string{"github.com/gonbd/gonbd/cmd/nbdattach"},
	},
		vmtest.Test{Name: "vsock", Run: testVsock},
		vmtest.Test{Name: "nbdkernel", Run: testKernelClient},
		vmtest.Test{Name: "nbdkernel-readonly", Run: testKernelReadOnly},
		vmtest.Test{Name: "nbdkernel-reconnect", Run: testKernelReconnect},
		vmtest.Test{Name: "nbdkernel-dead-server", Run: testKernelDeadServer},
		vmtest.Test{Name: "nbdkernel-refuses", Run: testKernelRefuses},
		vmtest.Test{Name: "nbdattach", Run: testNbdattach},
	)
}
