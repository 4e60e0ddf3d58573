// Package nbdattach is the tool of that name: it attaches NBD servers to the
// kernel's NBD client, detaches them, and lists them, as nbd-client(8) does.
//
// All that it can do, package nbdkernel can, which is for programs.
package nbdattach
