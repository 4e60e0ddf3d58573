package manual

import "slices"

var nbdublk = &Page{
	Name:     "nbdublk",
	Short:    "make a block device of an NBD export, by ublk",
	Synopsis: append(modeSynopsis("DEVICE"), "--delete DEVICE"),
	Description: `
nbdublk makes a block device of Linux, such as {/dev/ublkb0}, of a network block device.
Filesystems can be made on it and mounted, and programs use it as any disk. It needs root,
Linux 6.0 or newer with the module ublk_drv ({modprobe ublk_drv}), and io_uring.

DEVICE is a path such as {/dev/ublkb0}, or just its number, or {-} for any that is free.
Behind it stands the server: a URI, a command between brackets (see SERVERS), or one of the
options {--command}, {--fd}, {--tcp}, {--unix} and {--vsock} and what it wants. All other
options stand before the device.

When the device can be used its path is printed on standard output. nbdublk serves it, in
the foreground, until it is told to end or the server is lost: see THE END.

nbdattach(1) does the same by the kernel's own NBD client, which needs no program to run but
knows no TLS, no ssh and no commands.`,
	Options: slices.Concat([]Option{
		{Names: []string{"-C", "--connections"}, Arg: "N", Brief: "use N connections", Text: `
Use N connections, if the server allows several. The default is 4. For a command and for
{--fd} there is one. There are as many queues of the device as connections, but no more than
processors.`},
		{Names: []string{"--delete"}, Brief: "delete a device", Text: `
Delete the device: what was written to it is saved, and the nbdublk that has made it ends.
This works also if that was killed.`},
		{Names: []string{"-r", "--readonly"}, Spellings: []string{"--read-only"}, Brief: "make the device read-only", Text: `
Make the device read-only. If the export is, so is the device. Also {--read-only}.`},
		{Names: []string{"-v", "--verbose"}, Brief: "tell what happens", Text: `
Tell on standard error what happens.`},
		helpOption(),
		versionOption,
	}, modes),
	Leading:  true,
	Operands: []Operand{{"DEVICE", Values{Words: []string{"-", "/dev/ublkb0"}}}, {"NBD", server}, {"SOCKET", Values{Files: true}}},
	Sections: []Section{
		{"The device", `
The device has the size of the export, without a rest at its end that is no whole block. Its
block size is the server's minimum, at least 512 bytes and at most a page. It can flush,
trim (discard) and write zeroes if the server can. Each queue has up to 64 requests under
way, of up to 512K, and memory for them.

If a connection breaks, its requests are sent again over another one. Errors of the server
become those of the device, {EIO} mostly.`},
		{"The end", `
The device goes when nbdublk ends, which is

- at {SIGINT} (Ctrl-C) or {SIGTERM}: what was written is saved first. A server that has not
answered for 30 seconds is given up, and what is lost is told
- when {nbdublk --delete} is called for it, or another tool deletes it: the same
- when the last connection to the server has broken: programs that use the device get
errors, and nbdublk exits with 1

Unmount filesystems on the device before. After nbdublk was killed by {SIGKILL} the device
may be left behind, without anyone who serves it: {nbdublk --delete} removes it.`},
		serverSection,
		tlsSection,
	},
	Environment: tlsEnvironment,
	Files: slices.Concat([]Term{
		{"/dev/ublk-control", "The driver's side."},
		{"/dev/ublkb0", "The first device."},
	}, tlsFiles),
	Exit: []Term{
		{"0", "The device was deleted, or a signal has ended nbdublk, and what was written is saved."},
		{"1", "Something went wrong: standard error says what, and whether data may be lost."},
		{"130, 143", "{SIGINT} or {SIGTERM} came before there was a device, or something went wrong after it."},
	},
	Examples: []Example{
		{"Make a device, and a filesystem on it:", `nbdublk /dev/ublkb0 nbd://server/disk &
mkfs.ext4 /dev/ublkb0
mount /dev/ublkb0 /mnt`},
		{"End it:", `umount /mnt
nbdublk --delete /dev/ublkb0`},
		{"A qcow2 file as any device that is free:", `nbdublk - [ qemu-nbd -f qcow2 disk.qcow2 ]`},
		{"Through TLS, which the kernel's own client does not know:", `nbdublk /dev/ublkb1 "nbds://alice@server/disk?tls-psk-file=/etc/keys.psk"`},
	},
	Differences: `
The options are the same, and {--delete} is there besides. The path of the device is
printed, which tells where {-} has led.`,
	SeeAlso: []string{"nbdattach(1)", "nbdfuse(1)", "nbdinfo(1)", "nbd_connect_uri(3)", "libnbd(3)"},
}
