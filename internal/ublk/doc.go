// Package ublk makes block devices, /dev/ublkb0 and up, whose requests the
// calling program answers: it is a server of the kernel's driver ublk_drv,
// which has been there since Linux 6.0 (Documentation/block/ublk.rst,
// include/uapi/linux/ublk_cmd.h).
//
// The driver takes commands by io_uring only. Those that make, start and
// delete devices go through /dev/ublk-control. Each queue of a device has a
// ring of its own, and an operating system thread, as the driver wants all
// commands of a queue to come from the same one: a command there hands the
// result of a request over and fetches the next one. The requests themselves
// are answered by goroutines, any number at once, and in any order.
//
// The package knows nothing of NBD. It takes root (CAP_SYS_ADMIN), and loads
// no module.
package ublk
