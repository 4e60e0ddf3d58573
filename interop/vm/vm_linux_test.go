package vm

import (
	"testing"

	"github.com/gonbd/gonbd/internal/vmtest"
)

// TestVM runs all of the package's tests in one machine.
func TestVM(t *testing.T) {
	vmtest.Run(t, vmtest.Machine{
		Modules:  []string{"ublk_drv", "nbd", "vsock_loopback", "ext4"},
		Commands: []string{"github.com/gonbd/gonbd/cmd/nbdublk", "github.com/gonbd/gonbd/cmd/nbdattach", "github.com/gonbd/gonbd/cmd/nbdserve"},
	},
		vmtest.Test{Name: "vsock", Run: testVsock},
		vmtest.Test{Name: "nbdkernel", Run: testKernelClient},
		vmtest.Test{Name: "nbdkernel-readonly", Run: testKernelReadOnly},
		vmtest.Test{Name: "nbdkernel-reconnect", Run: testKernelReconnect},
		vmtest.Test{Name: "nbdkernel-dead-server", Run: testKernelDeadServer},
		vmtest.Test{Name: "nbdkernel-refuses", Run: testKernelRefuses},
		vmtest.Test{Name: "nbdattach", Run: testNbdattach},
		vmtest.Test{Name: "nbdublk", Run: testUblk},
		vmtest.Test{Name: "nbdublk-load", Run: testUblkLoad},
		vmtest.Test{Name: "nbdublk-modes", Run: testUblkModes},
		vmtest.Test{Name: "nbdublk-sizes", Run: testUblkSizes},
		vmtest.Test{Name: "nbdublk-killed", Run: testUblkKilled},
		vmtest.Test{Name: "nbdublk-deleted", Run: testUblkDeleted},
		vmtest.Test{Name: "nbdublk-hung", Run: testUblkHung},
		vmtest.Test{Name: "nbdublk-dead-server", Run: testUblkDeadServer},
		vmtest.Test{Name: "nbdublk-refuses", Run: testUblkRefuses},
	)
}
