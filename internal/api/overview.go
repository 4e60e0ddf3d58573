package api

// Section is a part of libnbd(3), with text in the markup of Doc.Long.
type Section struct{ Title, Text string }

// Overview is libnbd(3).
var Overview = []Section{
	{"Synopsis", `
	#include <libnbd.h>

	struct nbd_handle *nbd = nbd_create ();
	char buf[512];

	if (nbd == NULL ||
	    nbd_connect_uri (nbd, "nbd://server/disk") == -1 ||
	    nbd_pread (nbd, buf, sizeof buf, 0, 0) == -1)
	  fprintf (stderr, "%s\n", nbd_get_error ());
	nbd_close (nbd);

	cc prog.c -o prog $(pkg-config libnbd --cflags --libs)`},
	{"Description", `
The library speaks the Network Block Device protocol as a client: it reads and
writes disks that a server exports over TCP, a Unix domain socket, AF_VSOCK or
Secure Shell. This implementation is written in Go; programs for the C library of the
same name run on it unchanged.`},
	{"Handles", `
nbd_create(3) makes a handle, which stands for one connection to a server and is not
connected at first. A handle is a state machine:

- created: nothing has been done but configuring it
- connecting: it connects, shakes hands, or waits for the answer to an option
- negotiating: in option mode (nbd_set_opt_mode(3)), the caller may choose an option
- ready or processing: it is connected, and commands can be issued
- closed: the connection has ended politely
- dead: the connection has broken, or never came about

nbd_aio_is_ready(3) and its siblings tell which it is, nbd_connection_state(3) tells
it in words. A closed or dead handle cannot be used again. nbd_close(3) frees a handle
in any state.`},
	{"Synchronous and asynchronous calls", `
A synchronous call such as nbd_pread(3) returns when it is done. An asynchronous one
such as nbd_aio_pread(3) only starts a command and returns its cookie; the caller's
poll loop moves it along. Both kinds can be mixed, on the same handle and from several
threads. While a call waits for the server it holds no lock: other threads can use the
handle meanwhile.

The buffer of an asynchronous command must stay untouched until the command has
completed. Any number of commands can be in flight; 64 is a good start. Commands in
flight must not overlap if one of them writes.

A completed command keeps its result until it is retired: by
nbd_aio_command_completed(3), which tells whether it succeeded, or by a completion
callback that returns 1.`},
	{"Poll loops", `
nbd_aio_get_fd(3) gives the socket, nbd_aio_get_direction(3) what to wait for. When the
socket is ready nbd_aio_notify_read(3) or nbd_aio_notify_write(3) acts on it, and goes
on until the socket would block; so loops that wait for edges work too. If both
readings are due nbd_aio_notify_read(3) alone is enough. The direction must be asked
for anew before each wait, since every call may change it. nbd_poll(3) is such a loop's
body for one handle.

	while (nbd_aio_in_flight (nbd) > 0)
	  if (nbd_poll (nbd, -1) == -1)
	    fail ();`},
	{"Errors", `
A call that fails returns -1 or {NULL}. nbd_get_error(3) then gives a message, which
names the call, and nbd_get_errno(3) an error number or 0. Both are per thread, and
valid until the thread's next call of the library. Common numbers are {EINVAL} for bad
parameters and for calls that the handle's state does not permit, {ENOTCONN} where the
connection is not there or has ended, {ENOTSUP} for what the server or this library
does not have, {ERANGE} for requests that are too long, and {EFAULT} for null pointers;
others are the server's or the system's.`},
	{"Debugging", `
With {LIBNBD_DEBUG=1} in the environment, or after nbd_set_debug(3), the library prints
each call with its parameters and its result on standard error, or hands the lines to
the callback of nbd_set_debug_callback(3).`},
	{"Connecting", `
nbd_connect_uri(3) understands NBD URIs, and describes them. nbd_connect_tcp(3),
nbd_connect_unix(3) and nbd_connect_vsock(3) connect to a server by its address,
nbd_connect_socket(3) takes a connection that the program has made.
nbd_connect_command(3) and nbd_connect_systemd_socket_activation(3) start a server of
the program's own, which ends with the handle.`},
	{"Negotiation", `
Connecting includes the handshake: the library asks for all that makes the protocol
better (extended headers, structured replies, size constraints), selects the metadata
contexts that nbd_add_meta_context(3) has named, and chooses the export of
nbd_set_export_name(3). With nbd_set_opt_mode(3) the handshake stops before that, so
that the program can list exports with nbd_opt_list(3), ask about one with
nbd_opt_info(3), and choose with nbd_opt_go(3).`},
	{"Exports", `
Once connected, nbd_get_size(3), nbd_get_block_size(3), nbd_is_read_only(3) and calls
like nbd_can_trim(3) tell what the server said about the export. By default the
library refuses commands that the server does not offer or that lie beyond the end,
before anything is sent; nbd_set_strict_mode(3) changes that.`},
	{"Commands", `
nbd_pread(3) and nbd_pwrite(3) read and write, nbd_pread_structured(3) tells of each
chunk as it arrives, nbd_trim(3) and nbd_zero(3) discard and zero, nbd_cache(3)
prefetches, nbd_flush(3) makes writes durable; {LIBNBD_CMD_FLAG_FUA} does so for one
command. nbd_block_status_64(3) tells which parts are holes, or dirty, as the metadata
contexts say. Where nbd_can_multi_conn(3) says so, several connections can share the
work.`},
	{"TLS", `
nbd_set_tls(3) asks for TLS or requires it; URIs that begin with {nbds} require it.
With nbd_set_tls_psk_file(3) client and server share keys, with
nbd_set_tls_certificates(3) they have certificates. Without either, the server's
certificate must come from an authority that the system trusts.`},
	{"Callbacks", `
A callback is a structure of a function, {user_data} for it, and an optional function
{free} for that. {free} is called once when the callback will not be called any more,
also where the call that was given the callback fails. The order is: the callbacks of
the command's course, the completion callback, and their {free} functions in the same
order. A callback whose function is {NULL} is none; the macros {NBD_NULL_COMPLETION}
and so on stand for that.

Callbacks run inside of a call of the library, in the thread that made it, with the
handle locked: they must not call the library with the same handle, but for asking for
its state. Those with a parameter {error} find in it what error there was so far; to
make the command fail they store an error number in it and return -1.`},
	{"Statistics", `
nbd_stats_bytes_sent(3) and its siblings count bytes and messages of the protocol,
before encryption.`},
	{"Signals, threads and forks", `
The library installs no signal handler, changes none, and never raises {SIGPIPE}. It
has threads of its own, which block all signals. A process that was forked can use the
library, but not the handles of its parent: calls with them fail with {ENOTSUP}, and
nbd_close(3) closes the child's copy of the socket only.`},
	{"Environment", `
- {LIBNBD_DEBUG}: 1 makes new handles print debugging messages
- {HOME}: where certificates are looked for (nbd_set_tls_certificates(3))
- {LOGNAME}: the user name for pre-shared keys, unless nbd_set_tls_username(3) sets one`},
}
