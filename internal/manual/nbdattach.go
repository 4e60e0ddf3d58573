package manual

var nbdattach = &Page{
	Name:  "nbdattach",
	Short: "attach an NBD server to the kernel's NBD client",
	Synopsis: []string{
		"[OPTION...] URI [DEVICE]",
		"--detach [--force] DEVICE",
		"--check DEVICE",
		"--list",
	},
	Description: `
nbdattach makes a disk of Linux, such as {/dev/nbd0}, of an export of an NBD server, by the
kernel's own NBD client. It shakes hands with the server, hands the connections to the
kernel, and prints the path of the device. It needs root and the module nbd
({modprobe nbd}).

DEVICE is a path such as {/dev/nbd3}; without it any that is free is taken. URI is an NBD
URI for TCP or a Unix domain socket: see SERVERS.

The device stays when nbdattach has ended, until {--detach}. But when a connection breaks
the kernel does not connect again by itself. For that there is {--persist}, with which
nbdattach stays.

The kernel's client knows no TLS, no ssh, and no server that is a command: nbdublk(1) knows
all of them.`,
	Options: []Option{
		{Names: []string{"-b", "--block-size"}, Arg: "N", Brief: "the block size of the device", Text: `
Make the block size of the device N bytes: a power of 2, at least 512. Kernels take no more
than a page, newer ones 64K. The default is what the server asks for, or 512.`},
		{Names: []string{"-C", "--connections"}, Arg: "N", Brief: "use N connections", Text: `
Use N connections, if the server allows several. The default is 4.`},
		{Names: []string{"-d", "--detach"}, Brief: "detach a device", Text: `
Detach the device: what was written is saved, and the server is told goodbye. A device that
is in use, by a mounted filesystem for example, is left alone.`},
		{Names: []string{"-f", "--force"}, Brief: "detach a device that is in use, too", Text: `
With {--detach}, detach a device that is in use, too. Those who use it get errors.`},
		{Names: []string{"-c", "--check"}, Brief: "tell whether a device is attached", Text: `
Exit with 0 if the device is attached, and print what {--list} prints of it; exit with 1 if
it is not.`},
		{Names: []string{"-l", "--list"}, Brief: "list what is attached", Text: `
List what is attached, a line each, with tabs between: the device, its size, {rw} or {ro},
and the URI, or {-} if it is not known, because another program has attached the device or
the kernel is older than 5.14. Everyone on the machine can read that URI in {/sys/block}.`},
		{Names: []string{"-p", "--persist"}, Brief: "stay, and connect anew what breaks", Text: `
Stay in the foreground, connect anew whenever a connection breaks, and try until that works.
A server whose export has changed its size or what it can do is not connected to. {SIGINT}
(Ctrl-C) and {SIGTERM} detach the device, in use or not, after saving what was written, for
which there are 30 seconds. nbdattach also ends when another process detaches the device.`},
		{Names: []string{"-r", "--readonly"}, Spellings: []string{"--read-only"}, Brief: "make the device read-only", Text: `
Make the device read-only. If the export is, so is the device. Also {--read-only}.`},
		{Names: []string{"--timeout"}, Arg: "TIME", Brief: "give up a connection where a request takes longer", Text: `
Give up a connection where a request takes longer than TIME, and send what was under way
there again, on another one. The default is 30s where there are several connections, and for
a single one never. TIME is a number with a unit: see TIMES.`},
		{Names: []string{"--wait"}, Arg: "TIME", Brief: "how long programs wait for a server that is gone", Text: `
With {--persist}, have programs wait for TIME for a server that is gone, before they get
errors. The default is 1m. With 0 they get errors at once.`},
		{Names: []string{"--auto-detach"}, Brief: "detach when the last program closes the device", Text: `
Detach when the last program that uses the device closes it.`},
		{Names: []string{"-v", "--verbose"}, Brief: "tell what happens to connections", Text: `
Tell on standard error what happens to connections.`},
		helpOption(),
		versionOption,
	},
	Operands: []Operand{{"URI", Values{Server: true, Files: true}}, {"DEVICE", Values{Files: true}}},
	Sections: []Section{
		{"Servers", `
The server is named by an NBD URI:

	nbd://HOST[:PORT]/EXPORT              TCP; the port is 10809 by default
	nbd+unix:///EXPORT?socket=PATH        a Unix domain socket

nbd_connect_uri(3) has the whole of it. There is no TLS: whoever is between this machine and
the server can read and change what is on the disk. Use nbdublk(1) in networks that you
don't trust, or a tunnel.`},
		{"Times", `
A time is a number with {ms}, {s}, {m} or {h} behind it, or several of these: {90s},
{1m30s}. The kernel counts in whole seconds.`},
	},
	Files: []Term{
		{"/dev/nbd0", "The first device. The module's parameter {nbds_max} says how many there are at first; more are made when needed."},
	},
	Exit: []Term{
		{"0", "It was attached, or detached; the device is attached, with {--check}; or a signal has ended it with {--persist}, and all was saved."},
		{"1", "Something went wrong: standard error says what. Or the device is not attached, with {--check}."},
		{"130, 143", "It was ended by {SIGINT} or {SIGTERM} while it was connecting, or not all could be saved."},
	},
	Examples: []Example{
		{"Attach an export, and see what is on it:", `nbdattach nbd://server/disk
lsblk /dev/nbd0`},
		{"Attach it to a device of one's choice, for as long as this runs:", `nbdattach --persist --wait 5m "nbd+unix:///?socket=/run/nbd.sock" /dev/nbd3`},
		{"Detach it:", `umount /dev/nbd0
nbdattach --detach /dev/nbd0`},
	},
	SeeAlso: []string{"nbdublk(1)", "nbdfuse(1)", "nbdinfo(1)", "nbd-client(8)", "nbd_connect_uri(3)", "libnbd(3)"},
}
