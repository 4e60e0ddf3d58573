package manual

var nbdserve = &Page{
	Name:  "nbdserve",
	Short: "serve a file, a block device or memory over NBD",
	Synopsis: []string{
		"[OPTION...] memory SIZE",
		"[OPTION...] FILE",
	},
	Description: `
nbdserve is an NBD server: clients such as nbdcopy(1), qemu(1) or the kernel read and write
what it serves. That is one export: a regular file or block device FILE, or memory of SIZE
bytes, which is empty at first, takes up no more room than what is written to it, and is
gone when nbdserve ends. (A file of the name "memory" is {./memory}.) SIZE is as in SIZES.

It runs in the foreground, and serves any number of clients at once, each with many requests
in flight. All requests of the protocol are served: reading, writing, flushing, trimming,
zeroing (fast where that can be told), caching, extents by {base:allocation}, with
structured replies and extended headers.

It listens on TCP at all addresses, or on a Unix domain socket, or speaks to one client on
its standard input and output. Started by socket activation it serves the sockets that it
was given: clients can put it between brackets, as in {nbdinfo [ nbdserve memory 1G ]}.

There is no protection but what TLS gives: without it, whoever reaches the port can read and
write. Listen on a Unix socket in a folder of yours, or give {--address} and TLS options.`,
	Options: []Option{
		{Names: []string{"-p", "--port"}, Arg: "PORT", Brief: "listen on the TCP port PORT", Text: `
Listen on the TCP port PORT, a number or the name of a service. The default is 10809; 0 lets
the system choose one, which is then printed.`},
		{Names: []string{"-i", "--address"}, Arg: "ADDRESS", Brief: "listen on the TCP address ADDRESS only", Text: `
Listen on the TCP address ADDRESS only, a name or number. {localhost} keeps other machines
out.`},
		{Names: []string{"-U", "--unix"}, Arg: "PATH", Values: Values{Files: true}, Brief: "listen on the Unix socket PATH", Text: `
Listen on the Unix domain socket PATH, which must not exist, and remove it at the end. A
path can have 107 bytes.`},
		{Names: []string{"-s", "--single"}, Brief: "serve one client on standard input and output", Text: `
Serve one client on standard input and output, and end with it. They may be one socket, or
two pipes.`},
		{Names: []string{"-e", "--export"}, Arg: "NAME", Brief: "call the export NAME", Text: `
Call the export NAME. The default is the empty name, which is what clients ask for that name
none.`},
		{Names: []string{"--description"}, Arg: "TEXT", Brief: "describe the export to clients", Text: `
Describe the export to clients that list exports.`},
		{Names: []string{"-r", "--read-only"}, Brief: "refuse writes", Text: `
Refuse writes. A file is opened for reading only.`},
		{Names: []string{"--block-size"}, Arg: "MIN:PREF:MAX", Brief: "the size constraints for requests", Text: `
Tell clients the size constraints for requests: what they must be multiples of, what they
had better be multiples of, and how long a read or write can be. Such as {512:4K:32M}; parts
may be left empty, for the default. Each is a size: see SIZES.`},
		{Names: []string{"--no-multi-conn"}, Brief: "do not offer several connections to one client", Text: `
Don't tell clients that they may share work among several connections.`},
		{Names: []string{"--no-holes"}, Brief: "answer reads of holes with zeroes", Text: `
Answer reads of holes with zeroes as data, instead of telling that there is a hole.`},
		{Names: []string{"--memory-limit"}, Arg: "SIZE", Brief: "the memory that data may take up", Text: `
With {memory}, let data take up at most SIZE bytes. Writes beyond that fail, as on a disk
that is full. There is no limit by default.`},
		{Names: []string{"--max-connections"}, Arg: "N", Brief: "serve at most N connections at a time", Text: `
Serve at most N connections at a time. The default, 0, is 1024. Further clients are turned
away.`},
		{Names: []string{"--max-requests"}, Arg: "N", Brief: "serve at most N requests of a connection at a time", Text: `
Serve at most N requests of a connection at a time. The default, 0, is 64. Further ones stay
unread until one is done.`},
		{Names: []string{"-P", "--pidfile"}, Arg: "PATH", Values: Values{Files: true}, Brief: "write the process ID to PATH when ready", Text: `
Write the process ID to PATH when clients can connect. The file is removed at the end.`},
		{Names: []string{"--ready-fd"}, Arg: "FD", Brief: "write the URI to the file descriptor FD when ready", Text: `
Write the URI and a newline to the file descriptor FD when clients can connect, and close
it. A program that starts nbdserve need not guess, then, when and where it listens.`},
		{Names: []string{"--tls"}, Arg: "POLICY", Values: Values{Words: []string{"on", "off", "require"}}, Brief: "offer TLS, or demand it", Text: `
With {on}, offer TLS to clients, which may do without; with {require}, serve nobody without
it; with {off}, don't offer it. The default is {on} if there are certificates or keys.`},
		{Names: []string{"--tls-certificates"}, Arg: "DIR", Values: Values{Folders: true}, Brief: "take the certificate and key in the folder DIR", Text: `
Prove who the server is by the certificate in the folder DIR: {server-cert.pem}, and its key
in {server-key.pem}.`},
		{Names: []string{"--tls-verify-peer"}, Brief: "demand a certificate of clients", Text: `
Demand a certificate of clients, too, that an authority in {ca-cert.pem} in the folder of
{--tls-certificates} has signed.`},
		{Names: []string{"--tls-psk"}, Arg: "FILE", Values: Values{Files: true}, Brief: "take the pre-shared keys of FILE", Text: `
Know the users and keys of FILE, instead of certificates: lines of a name, a colon and the
key in hexadecimal digits, as psktool(1) writes them. Keep the file unreadable for others.
Only TLS 1.3 is spoken then, so both sides have to know that.`},
		{Names: []string{"--oldstyle"}, Brief: "speak the oldstyle handshake", Text: `
Speak the oldstyle handshake, without any negotiation. The export has no name then.`},
		{Names: []string{"--no-fixed-newstyle"}, Brief: "offer no option but NBD_OPT_EXPORT_NAME", Text: `
Offer no option but NBD_OPT_EXPORT_NAME. This option and those below it are for tests of
clients: they make the server one of older days.`},
		{Names: []string{"--no-no-zeroes"}, Brief: "always send 124 zeroes after NBD_OPT_EXPORT_NAME", Text: `
Always send the 124 zeroes after NBD_OPT_EXPORT_NAME.`},
		{Names: []string{"--no-list"}, Brief: "do not list the export", Text: "Don't list the export."},
		{Names: []string{"--no-go"}, Brief: "do not offer NBD_OPT_INFO and NBD_OPT_GO", Text: `
Don't offer NBD_OPT_INFO and NBD_OPT_GO, nor extended headers.`},
		{Names: []string{"--no-structured-replies"}, Brief: "do not offer structured replies", Text: `
Don't offer structured replies, nor extended headers.`},
		{Names: []string{"--no-extended-headers"}, Brief: "do not offer extended headers", Text: "Don't offer extended headers."},
		{Names: []string{"--no-meta-contexts"}, Brief: "do not offer metadata contexts", Text: "Don't offer metadata contexts, so that clients don't know of holes."},
		{Names: []string{"--no-flush"}, Brief: "do not offer flushes", Text: "Don't offer NBD_CMD_FLUSH."},
		{Names: []string{"--no-fua"}, Brief: "do not offer FUA", Text: "Don't offer NBD_CMD_FLAG_FUA."},
		{Names: []string{"--no-trim"}, Brief: "do not offer trims", Text: "Don't offer NBD_CMD_TRIM."},
		{Names: []string{"--no-write-zeroes"}, Brief: "do not offer write zeroes", Text: "Don't offer NBD_CMD_WRITE_ZEROES."},
		{Names: []string{"--no-fast-zero"}, Brief: "do not offer fast zeroes", Text: "Don't offer NBD_CMD_FLAG_FAST_ZERO."},
		{Names: []string{"--no-df"}, Brief: "do not offer reads in one piece", Text: "Don't offer NBD_CMD_FLAG_DF."},
		{Names: []string{"--no-cache"}, Brief: "do not offer caching", Text: "Don't offer NBD_CMD_CACHE."},
		{Names: []string{"-v", "--verbose"}, Brief: "tell what clients do", Text: "Tell on standard error what clients do."},
		versionOption,
		helpOption("-h"),
	},
	Operands: []Operand{{"FILE", Values{Words: []string{"memory"}, Files: true}}, {"SIZE", Values{}}},
	Sections: []Section{
		sizeSection,
		{"Signals", `
On {SIGINT} (Ctrl-C) or {SIGTERM} the server takes no new clients, finishes the requests
that it has received, and ends. A second signal ends it at once.`},
	},
	Environment: []Term{
		{"LISTEN_FDS, LISTEN_PID", `
With the process ID of nbdserve in {LISTEN_PID}, the number of listening sockets that it was
given from file descriptor 3 on (sd_listen_fds(3)). Options that say where to listen are
refused then.`},
	},
	Exit: []Term{
		{"0", "It ended because it was told to, or with {--single} the client has ended."},
		{"1", "Something went wrong: standard error says what."},
		{"2", "The options make no sense."},
	},
	Examples: []Example{
		{"A gigabyte of memory on a Unix domain socket, and a look at it:", `nbdserve -U /tmp/nbd.sock memory 1G &
nbdinfo "nbd+unix:///?socket=/tmp/nbd.sock"`},
		{"A file, read-only, for everyone in the network:", `nbdserve --read-only --export disk disk.img
nbdcopy nbd://server/disk copy.img`},
		{"A file for those who have a key:", `psktool --username alice --pskfile keys.psk
nbdserve --tls require --tls-psk keys.psk disk.img
nbdinfo "nbds://alice@server/?tls-psk-file=keys.psk"`},
		{"A scratch disk for one command:", `nbdcopy disk.img [ nbdserve memory 10G ]`},
	},
	SeeAlso: []string{"nbdinfo(1)", "nbdcopy(1)", "nbdkit(1)", "qemu-nbd(8)", "nbd-server(1)", "psktool(1)", "libnbd(3)"},
}
