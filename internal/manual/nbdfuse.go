package manual

import "slices"

var nbdfuse = &Page{
	Name:     "nbdfuse",
	Short:    "mount an NBD export as a file",
	Synopsis: modeSynopsis("MOUNTPOINT[/FILENAME]"),
	Description: `
nbdfuse mounts a network block device as a file, by FUSE, so that any program can read and
write it, without being root. MOUNTPOINT is one of these:

- a folder: the file in it is called {nbd}, or FILENAME if MOUNTPOINT/FILENAME does not
exist and MOUNTPOINT is a folder
- a regular file: the disk is mounted over it, and the file is seen again afterwards

Behind the mount point stands the server: a URI, a command between brackets (see SERVERS),
or one of the options {--command}, {--fd}, {--tcp}, {--unix} and {--vsock} and what it
wants. All other options stand before the mount point.

nbdfuse runs in the foreground until the mount point is unmounted, by

	fusermount3 -u MOUNTPOINT

(umount(8) for root), or until a signal or the loss of the server ends it, and leaves no
mount behind. With {--pidfile} a script can know when the mount is ready.`,
	Options: slices.Concat([]Option{
		{Names: []string{"-C", "--connections"}, Arg: "N", Brief: "open up to N connections", Text: `
Open up to N connections, from 1 to 1024, where the server allows several. The default is 4.
For a command and for {--fd} there is one.`},
		{Names: []string{"-o"}, Arg: "FUSE-OPTION", Many: true, Values: Values{Words: fuseOptions}, Brief: "an option for the mount", Text: `
Give options for the mount, several of them separated by commas: see FUSE OPTIONS.`},
		{Names: []string{"-P", "--pidfile"}, Spellings: []string{"--pid-file"}, Arg: "FILE", Values: Values{Files: true}, Brief: "write the process ID to FILE when ready", Text: `
Write the process ID to FILE when the mount is ready. The file is made empty before that, so
wait until there is something in it. Also {--pid-file}.`},
		{Names: []string{"-r", "--readonly"}, Spellings: []string{"--read-only"}, Brief: "refuse writes", Text: `
Refuse writes. An export that is read-only is so anyway. Also {--read-only}.`},
		{Names: []string{"-s"}, Brief: "serve one request at a time", Text: `
Serve one request at a time.`},
		{Names: []string{"-v", "--verbose", "-d"}, Brief: "tell what happens", Text: `
Tell on standard error what happens: each request of the kernel, and what the connections
do.`},
		{Names: []string{"--fuse-help"}, Brief: "list the FUSE options and exit", Text: `
List the FUSE options, and exit.`},
		helpOption(),
		versionOption,
	}, modes),
	Leading:  true,
	Operands: []Operand{{"MOUNTPOINT", Values{Files: true}}, {"NBD", server}, {"SOCKET", Values{Files: true}}},
	Sections: []Section{
		{"The file", `
The file has the size of the export, and can't be made longer or shorter: opening it with
O_TRUNC changes nothing, truncate(2) fails, and writing beyond the end fails with {ENOSPC}.
A write that has returned is with the server, and fsync(2) has the server make it durable.
Closing the file makes nothing durable.

fallocate(2) can punch holes and zero ranges, if the server can zero; what was punched reads
as zeroes. SEEK_DATA and SEEK_HOLE of lseek(2) find data and holes where the server tells
its extents, so that tools such as cp(1) and qemu-img(1) leave holes out.

Requests of many programs are in flight at once, over all connections. The kernel may read
ahead, and keeps what was read until the file is opened again. Two programs on different
machines that write to the same export don't see each other's changes at once.`},
		{"A lost server", `
If a connection breaks, its requests are sent again over another one. When the last has
gone, programs that have the file open get {EIO}, the mount point is unmounted, and nbdfuse
exits with 1. Other errors of the server are handed to the program that made the request,
and told on standard error.`},
		{"FUSE options", `
These can be given to {-o}:

- {allow_other}: let all users use the mount (/etc/fuse.conf must have {user_allow_other}
unless you are root); {allow_root}: let root use it, besides you
- {default_permissions}: let the kernel check permissions
- {uid=N}, {gid=N}: owner and group of file and folder; {umask=M}, {fmask=M}, {dmask=M}:
which permissions of both, the file or the folder are taken away, in octal
- {ro}, {rw}, {exec}, {noexec}, {suid}, {nosuid}, {dev}, {nodev}, {atime}, {noatime},
{diratime}, {nodiratime}, {relatime}, {norelatime}, {strictatime}, {sync}, {async},
{dirsync}: as mount(8) has them
- {fsname=NAME}, {subtype=NAME}: what mount(8) and df(1) show as the source and the type
- {kernel_cache}: keep what the kernel has cached when the file is opened, which is faster,
and right if nobody else writes to the export; {auto_cache} is the same, {noauto_cache} the
contrary
- {attr_timeout=T}, {entry_timeout=T}, {negative_timeout=T}: for how many seconds the kernel
may cache attributes (1), names (1) and that a name does not exist (0); {ac_attr_timeout=T}
is the first
- {debug}: print each request

{clone_fd}, {io_uring}, {io_uring_q_depth=N}, {max_idle_threads=N}, {max_threads=N},
{no_rofd_flush}, {noforget} and {remember=T} are accepted, and change nothing.
{auto_unmount} is refused: nbdfuse unmounts by itself, but not if it is killed by {SIGKILL}.`},
		{"Signals", `
{SIGINT} (Ctrl-C) and {SIGTERM} unmount, have the server make durable what was written, and
end a server that was started. Programs that still have the file open get errors. A flush
has 10 seconds for that. A second signal ends nbdfuse at once.`},
		serverSection,
		tlsSection,
	},
	Environment: tlsEnvironment,
	Files: slices.Concat([]Term{
		{"/dev/fuse", "The kernel's side of FUSE (modprobe fuse). Users who are not root need fusermount3(1), of the package fuse3, too."},
		{"/etc/fuse.conf", "Whether users may give {allow_other}."},
	}, tlsFiles),
	Exit: []Term{
		{"0", "It was unmounted, and what was written is durable if the server can promise that."},
		{"1", "It could not mount, the server was lost, or what was written last may not be durable: standard error says which."},
		{"130, 143", "It was ended by {SIGINT} or {SIGTERM}."},
	},
	Examples: []Example{
		{"A disk of a server as the file {nbd} in a folder:", `mkdir dir
nbdfuse dir nbd://server/disk &
until [ -e dir/nbd ]; do sleep 0.1; done
file dir/nbd
fusermount3 -u dir`},
		{"What a qcow2 file holds, read-only, as {dir/disk.raw}:", `nbdfuse -r dir/disk.raw [ qemu-nbd -r -f qcow2 disk.qcow2 ]`},
		{"In a script, with a wait until it is ready:", `nbdfuse --pidfile pid dir --unix /run/nbd.sock &
until [ -s pid ]; do sleep 0.1; done
cp --sparse=always dir/nbd copy.img
fusermount3 -u dir
wait`},
	},
	Differences: `
The options and modes are the same, and so is what programs see, with these exceptions.
Holes can be found by lseek(2). A punched hole reads as zeroes, for which the server must be
able to zero; libnbd's tool trims, after which the range may read as anything. A lost server
ends the mount, with {EIO} for those who use the file. {auto_unmount} is refused.`,
	SeeAlso: []string{"nbdublk(1)", "nbdinfo(1)", "nbdcopy(1)", "fusermount3(1)", "mount.fuse3(8)", "fallocate(2)", "lseek(2)", "nbd_connect_uri(3)", "libnbd(3)"},
}

var fuseOptions = []string{
	"allow_other", "allow_root", "default_permissions", "ro", "rw", "fsname=", "subtype=", "uid=", "gid=", "umask=", "fmask=", "dmask=",
	"kernel_cache", "auto_cache", "noauto_cache", "attr_timeout=", "entry_timeout=", "negative_timeout=", "debug",
}
