package manual

// What the pages have in common.

// server is an operand that names a server.
var server = Values{Server: true, Command: true}

// serverSection describes that operand, for the tools that take any.
var serverSection = Section{"Servers", `
The export to work on is named in one of two ways.

An NBD URI says how the server is reached, and which of its exports is meant:

	nbd://HOST[:PORT]/EXPORT              TCP; the port is 10809 by default
	nbd+unix:///EXPORT?socket=PATH        a Unix domain socket
	nbd+vsock://CID[:PORT]/EXPORT         between a virtual machine and its host
	nbd+ssh://[USER@]HOST/EXPORT          through ssh(1), to a server beyond it

An export without a name is the server's default one. With {nbds} instead of {nbd} at the
beginning TLS is required. A URI with a question mark must be quoted in the shell.
nbd_connect_uri(3) has the whole of it.

A command between {[} and {]}, which must be words of their own, is a server that is started
for this one use. It gets a listening socket by systemd's protocol of socket activation, as
nbdkit(1), qemu-nbd(8) and nbdserve(1) know it, and is ended, by {SIGTERM} and if need be
after some seconds by {SIGKILL}, when the tool ends. Its standard error is that of the tool.
Options between the brackets are the command's; a {--} before the opening bracket is not
needed, and does no harm.`}

// tlsSection is what there is to know of TLS at the client's side.
var tlsSection = Section{"TLS", `
With a URI that begins with {nbds} the connection is encrypted, or there is none. The server
proves who it is by a certificate or by a shared key.

A certificate must come from an authority that is trusted, and bear the name of the host
that was dialled or of {tls-hostname=NAME} in the URI. Trusted are the authorities in
{ca-cert.pem} in the folder {tls-certificates=DIR}, or else in the default folder (see
FILES), or else those of the system. {tls-verify-peer=false} turns the check off, and leaves
the way open for anyone who can get between client and server: use it for tests only. On a
Unix domain socket there is no host, and unless {tls-hostname} says one any name will do.

With {tls-psk-file=FILE} client and server share a secret key: the file has lines of a user
name, a colon and the key in hexadecimal digits, as psktool(1) writes it. The name is that
before the {@} of the URI, or the login name. Keep the file unreadable for others.

A URI on the command line can be seen by other users of the machine. It names files, and
never holds a secret itself.`}

var tlsFiles = []Term{
	{"/etc/pki/libnbd", `
The folder of certificates for root: {ca-cert.pem}, the authorities to trust, {ca-crl.pem},
what they have revoked, and {client-cert.pem} and {client-key.pem}, the client's own
certificate and key, for servers that ask for one.`},
	{"$HOME/.pki/libnbd", `
The same for other users.`},
	{"$HOME/.config/pki/libnbd", `
The same, if the folder before does not exist.`},
}

var tlsEnvironment = []Term{
	{"HOME", `
Where the folder of certificates is looked for.`},
	{"LOGNAME", `
The user name for TLS with shared keys, where the URI has none.`},
}

var colorEnvironment = []Term{
	{"NO_COLOR", `
If this is set and not empty, nothing is coloured unless an option asks for it.`},
	{"TERM", `
If this is {dumb}, neither.`},
}

// Exit codes.
var (
	exitInterrupted = Term{"130, 143", `
It was ended by {SIGINT} (Ctrl-C) or {SIGTERM}, after it had cleaned up. A second signal
ends it at once.`}
	exitPipe = Term{"141", `
Whoever read its output has stopped reading.`}
)

func helpOption(names ...string) Option {
	return Option{Names: append(names, "--help"), Brief: "print help and exit", Text: "Print a summary of the options, and exit."}
}

var versionOption = Option{Names: []string{"-V", "--version"}, Brief: "print the version and exit", Text: "Print the version, and exit."}

var sizeSection = Section{"Sizes", `
Sizes and offsets are numbers of bytes, and may have a suffix, in capital or small letters:
{K}, {M}, {G}, {T}, {P} or {E} for powers of 1024, also written {KB} or {KiB}; {S} for
sectors of 512 bytes; {B} for bytes.`}
