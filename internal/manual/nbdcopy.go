package manual

// disk is an operand of nbdcopy.
var disk = Values{Words: []string{"-"}, Files: true, Server: true, Command: true}

var nbdcopy = &Page{
	Name:     "nbdcopy",
	Short:    "copy to and from NBD servers, files, block devices and streams",
	Synopsis: []string{"[OPTION...] SOURCE DESTINATION"},
	Description: `
nbdcopy copies a disk, from and to any of these:

- an NBD server, by its URI, such as {nbd://example.com/disk}
- {[ COMMAND ARGUMENT... ]}, an NBD server to be started for the copy: see SERVERS
- a file or a block device, by its path
- {-}, standard input or output, which may be a pipe
- {null:}, which is nothing, as the destination only: to find out how fast a source can be
read, or for its hash

All of the source is copied, and nothing but. A file that is the destination is made, or
emptied if it is there, and gets the size of the source. Other destinations keep their size:
one that is smaller than the source is refused before anything is written, and one that is
larger keeps its rest. A file cannot be copied to itself.

The exit code is 0 only if every byte was read and written. Whatever goes wrong on the way
ends the copy, and the error says at which offset; the destination then has a part of the
copy. nbdcopy does not convert formats: for what is in a qcow2 file, copy from
{[ qemu-nbd -r -f qcow2 FILE ]}.`,
	Options: []Option{
		{Names: []string{"--allocated"}, Brief: "make all of the destination allocated", Text: `
Make all of the destination allocated, zeroes too, where it can be told to. Without it,
zeroes become holes where the destination can have them.`},
		{Names: []string{"--blkhash"}, Arg: "DIGEST[/SIZE]", Optional: true, Values: Values{Words: []string{"md5", "sha1", "sha256", "sha512"}},
			Brief: "print a hash of the blocks of the disk", Text: `
Print a hash of the disk when it has been copied, in hexadecimal digits. DIGEST is {md5},
{sha1}, {sha256} or {sha512}; SIZE is that of the blocks, a power of 2 up to 2G. The default
is {sha256/64k}. The hash is not that of the digest over the whole disk: see HASHES.`},
		{Names: []string{"--blkhash-file"}, Arg: "FILE", Values: Values{Files: true}, Brief: "print the hash to FILE", Text: `
Print the hash to FILE, which is overwritten, instead of standard output. Without
{--blkhash} there is no hash, and FILE is left alone.`},
		{Names: []string{"-C", "--connections"}, Arg: "N", Brief: "open up to N connections to a server", Text: `
Open up to N connections to a server that allows several. The default is the number of
processors, but at least 2 and at most 4. See SPEED.`},
		{Names: []string{"--destination-is-zero"}, Spellings: []string{"--target-is-zero"}, Brief: "the destination reads as zeroes already", Text: `
Promise that the destination reads as zeroes, so that zeroes need not be written. If that is
not true the copy will be wrong. For files that nbdcopy makes or empties it is true anyway.
Also {--target-is-zero}.`},
		{Names: []string{"--flush"}, Brief: "make the copy durable before the end", Text: `
Make the copy durable before the end, by a flush of the server or by fsync(2), so that it
outlives a loss of power. A server that offers no flush is asked for none.`},
		{Names: []string{"--no-extents"}, Brief: "read all of the source", Text: `
Read all of the source, instead of asking where it is zero. This is for servers that lie
about that, or take longer for it than for reading.`},
		{Names: []string{"-p", "--progress"}, Arg: "FD", Optional: true, Brief: "show a progress bar", Text: `
Show on standard error how far the copy is: how much there is, how fast it goes, and how
long it will still take. Where that is no terminal, only the last state is shown. With
{--progress=FD}, write lines of the form {N/100} to the file descriptor FD, which must be
open, for programs: one for each percent. Nothing of the kind is written while the size of
the source is not known, as from a pipe.`},
		{Names: []string{"--queue-size"}, Arg: "SIZE", Brief: "hold at most SIZE bytes for each connection", Text: `
Hold at most SIZE bytes of data for each connection. The default is 16M, and 48M for all of
them. One request goes in any case. See MEMORY.`},
		{Names: []string{"--request-size"}, Arg: "SIZE", Brief: "read and write at most SIZE bytes at once", Text: `
Read and write at most SIZE bytes at once, a power of 2 from 4K to 32M. The default is 512K.
A server that takes less gets less.`},
		{Names: []string{"-R", "--requests"}, Arg: "N", Brief: "have at most N requests in flight for each connection", Text: `
Have at most N requests in flight for each connection. The default is 64.`},
		{Names: []string{"-S", "--sparse"}, Arg: "SIZE", Brief: "look for zeroes in blocks of SIZE bytes", Text: `
Look for zeroes in blocks of SIZE bytes, a power of 2 from 512 to 2G; 0 means not to look.
The default is 4K, or what the server of the destination prefers if that is more. See
ZEROES.`},
		{Names: []string{"--synchronous"}, Brief: "copy one request after the other, in order", Text: `
Copy one request after the other, in order, over one connection. This is for servers that
can't do more, and slow.`},
		{Names: []string{"-T", "--threads"}, Arg: "N", Brief: "use up to N processors", Text: `
Use up to N processors. The default, 0, is half of them to copy between servers without TLS,
and all of them else.`},
		{Names: []string{"-v", "--verbose"}, Brief: "tell what happens", Text: `
Tell on standard error what happens.`},
		versionOption,
		helpOption(),
	},
	Operands: []Operand{{"SOURCE", disk}, {"DESTINATION", Values{Words: []string{"-", "null:"}, Files: true, Server: true, Command: true}}},
	Sections: []Section{
		{"Zeroes", `
What reads as zeroes is found in two ways. The source is asked: an NBD server for its
extents ({base:allocation}), a file for its holes. What is known to be zero is not read. And
the data is looked at, in blocks of {--sparse} bytes.

At the destination zeroes are not written as data, if that can be helped. In a new file they
are left out. A server is told to zero, which may make a hole, fast if it can; files and
devices get holes by fallocate(2). Only where there is no such way, and in streams, zeroes
are written. With {--allocated} the destination is told to keep the space.

The extents are a hint. If a server fails to tell them, a warning is printed and the rest of
the source is read.`},
		{"Speed", `
Several requests are in flight at a time, over several connections where the server says
that all of them see the same data (see {can_multi_conn} in nbdinfo(1)); between two servers
the smaller number of connections counts. A copy begins with up to 16 requests and 4M in
flight, and has more, up to the limit, as long as twice as many copy faster: it pays over a
long line, and hardly with a server on the same machine. Requests complete in any order.
Pipes are read and written in order, while the other side works in parallel; they are made
to hold 1M, if the system lets them.`},
		{"Memory", `
A copy holds data of at most {--queue-size} times the number of connections, which is 32M to
48M by default, and 4M at its beginning. The size of the disk does not matter. A request
takes a buffer of {--request-size}: {--requests} times that is the most that a connection
can use.`},
		{"Hashes", `
The hash of {--blkhash} is made of hashes of blocks, so that many blocks can be hashed at
once and zeroes need not be read:

	H(H(block 0) || H(block 1) || ... || size of the disk)

where H is the digest, and the size has 64 bits in little-endian order. A last block that is
shorter is hashed as it is. Two disks have the same hash if, and as far as the digest can be
trusted only if, they have the same size and data; holes and allocated zeroes count the
same. Compare only hashes of the same digest and block size. To hash a disk without copying
it, copy it to {null:}.`},
		sizeSection,
		serverSection,
		tlsSection,
	},
	Environment: append([]Term{{"GOMAXPROCS", "The number of processors to use, unless {--threads} says otherwise."}}, tlsEnvironment...),
	Files:       tlsFiles,
	Exit: []Term{
		{"0", "Everything was copied."},
		{"1", "Something went wrong: standard error says what, and at which offset."},
		{"130, 143", `
It was ended by {SIGINT} (Ctrl-C) or {SIGTERM}. The destination has a part of the copy. A
second signal ends nbdcopy at once.`},
		exitPipe,
	},
	Examples: []Example{
		{"Download a disk, and show how far it is:", `nbdcopy -p nbd://example.com/disk disk.img`},
		{"Upload it, and have it be durable at the end:", `nbdcopy --flush disk.img nbd://example.com/disk`},
		{"Copy from server to server:", `nbdcopy nbd://one.example.com/disk nbds://two.example.com/disk`},
		{"What a qcow2 file holds, as a raw file:", `nbdcopy [ qemu-nbd -r -f qcow2 disk.qcow2 ] disk.img`},
		{"Compress on the way:", `nbdcopy nbd://localhost - | zstd >disk.img.zst
zstd -d <disk.img.zst | nbdcopy - nbd://localhost`},
		{"Prove that a copy is one:", `nbdcopy --blkhash nbd://example.com/disk null:
nbdcopy --blkhash disk.img null:`},
		{"How fast a server can be read:", `nbdcopy -p --no-extents nbd://localhost null:`},
	},
	Differences: `
Options, output and exit codes are the same, and so are hashes. {--queue-size} bounds the
memory of all requests together. A regular file that is the source and the destination is
refused. With {--blkhash} and {-} as the destination the hash follows the copy on standard
output, while that of libnbd's tool overwrites it. Negative numbers are no values of
options. More extents than one are asked for at a time, and requests are adapted to the
connection, so it is seldom necessary to change any of the numbers.`,
	SeeAlso: []string{"nbdinfo(1)", "nbddump(1)", "nbdzero(1)", "nbdserve(1)", "qemu-img(1)", "qemu-nbd(8)", "nbdkit(1)", "nbd_connect_uri(3)", "libnbd(3)"},
}
