// Package nbdkernel attaches NBD servers to the kernel's own NBD client, the
// devices /dev/nbd0 and up: programs use them as they use any disk, and the
// kernel speaks to the server. This package shakes hands with the server
// (package nbd does), hands the sockets to the kernel, and connects anew what
// breaks. It is for Linux, takes root (CAP_SYS_ADMIN), and the kernel's module
// nbd: "modprobe nbd".
//
//	d, err := nbdkernel.Attach(ctx, "nbd://server/disk", nbdkernel.Config{})
//	if err != nil {
//		return err
//	}
//	defer d.Close()
//	fmt.Println(d.Path()) // such as /dev/nbd0
//
// The device stays when the program ends, until [Detach]. But the kernel does
// not connect anew by itself: for that, the program stays and calls
// [Device.Keep], and Config.DeadConnTimeout has programs wait meanwhile that
// use the device.
//
// The kernel's client knows reading, writing, flushing, FUA, trimming, and
// in newer kernels writing zeroes, over TCP and Unix sockets. It knows no
// TLS: for that, and for servers that are commands or lie behind ssh, there is
// the tool nbdublk.
//
// The package talks to the kernel by generic netlink (include/uapi/linux/
// nbd-netlink.h), and uses none of the older ioctls. It runs no programs, and
// so loads no module.
package nbdkernel
