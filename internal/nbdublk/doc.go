// Package nbdublk is the tool of that name: it makes a block device, such as
// /dev/ublkb0, of an NBD server, and serves it until it is told to end, the
// server dies, or the device is deleted.
//
// Its options are those of nbdublk(1) of libnbd 1.24. It also prints the
// device's path once that can be used, which tells where "-" has led. The
// kernel's requests go to the server as they come, over several connections
// and in any order.
package nbdublk
