package api

// docsB is about the options of the handshake, connecting, what the server
// tells about the export, and the library itself.
var docsB = map[string]Doc{
	"opt_go": {
		Short: "choose the export and end the negotiation",
		Long: `
Asks the server with NBD_OPT_GO to serve the export whose name was given last, by
nbd_set_export_name(3) or in the URI of nbd_connect_uri(3). When it agrees the
handle is connected, and commands such as nbd_pread(3) can follow. The call is for
option mode (nbd_set_opt_mode(3)); without that mode connecting includes it.

If metadata contexts were added with nbd_add_meta_context(3), and structured replies
or extended headers were negotiated, NBD_OPT_SET_META_CONTEXT is sent first to select
them. Use nbd_set_request_meta_context(3) to leave that out, which makes sense after
nbd_opt_set_meta_context(3). A server that refuses the contexts does not make this
call fail: nbd_can_meta_context(3) tells what came of it.

When the server says no, most often the negotiation is still open, and another
export or another option can be tried. What was known of an export is forgotten in
that case. The error number tells what the server's reason was:

- {ENOENT}: it has no export of that name
- {EPERM}: its policy forbids it
- {ENOTSUP}: it wants TLS first, or something else that was not negotiated
- {ESHUTDOWN}: it is about to end
- {EINVAL}: it found the request wrong, or gave another reason

To a server that does not know NBD_OPT_GO the older NBD_OPT_EXPORT_NAME is sent,
unless extended headers were negotiated. That one cannot be refused in words: the
server closes the connection instead.
`,
		SeeAlso: []string{"aio_opt_go", "set_opt_mode", "set_export_name", "opt_info", "opt_abort"},
		Example: `
nbd_set_opt_mode (nbd, true);
if (nbd_connect_unix (nbd, "/run/nbd.sock") == -1)
  goto fail;
if (nbd_aio_is_negotiating (nbd)) {
  nbd_set_export_name (nbd, "disk1");
  if (nbd_opt_go (nbd) == -1) {
    fprintf (stderr, "%s\n", nbd_get_error ());
    nbd_opt_abort (nbd);
    goto fail;
  }
}
`,
	},
	"opt_abort": {
		Short: "give up the negotiation and close the connection",
		Long: `
Tells the server with NBD_OPT_ABORT that no export is wanted, waits until it has
acknowledged that or hung up, and closes the connection. This is how to leave option
mode (nbd_set_opt_mode(3)) in good order without nbd_opt_go(3). Afterwards the handle
can only be closed.
`,
		SeeAlso: []string{"aio_opt_abort", "opt_go", "set_opt_mode", "shutdown"},
	},
	"opt_starttls": {
		Short: "ask the server for TLS by hand",
		Long: `
Sends NBD_OPT_STARTTLS, and if the server agrees, makes the TLS handshake with the
settings of nbd_set_tls_certificates(3), nbd_set_tls_psk_file(3) and the like, which
must have been made before connecting. It needs option mode (nbd_set_opt_mode(3)),
and {LIBNBD_TLS_DISABLE}, the default of nbd_set_tls(3): with the other two policies
TLS has been asked for by the time that option mode begins.

The result is true if the connection now uses TLS, and false if the server answered
with an error; then negotiation goes on as before. The call fails if there was no
answer, or if the TLS handshake failed, for instance because one side rejected the
other's credentials: that is the end of the connection. It fails without sending
anything if a file of the settings cannot be used, and with {EINVAL} if TLS is in use
already, since the protocol forbids to ask twice.

With TLS the negotiation begins anew. Extended headers, structured replies and
metadata contexts that were agreed on before no longer count and are not asked for
again by themselves: use nbd_opt_extended_headers(3) or nbd_opt_structured_reply(3).

The call is meant for tests of servers. What went over the connection before TLS may
have been tampered with, and servers were found that let it take effect afterwards
(CVE-2021-3716 was such a flaw of nbdkit). Programs that need security are better off
with nbd_set_tls(3) and {LIBNBD_TLS_REQUIRE}.
`,
		SeeAlso: []string{"aio_opt_starttls", "set_tls", "get_tls_negotiated", "supports_tls", "set_opt_mode"},
	},
	"opt_extended_headers": {
		Short: "ask the server for extended headers by hand",
		Long: `
Sends NBD_OPT_EXTENDED_HEADERS in option mode (nbd_set_opt_mode(3)). With extended
headers lengths have 64 bits instead of 32, and all replies are structured ones.

The request is made automatically on connecting, unless
nbd_set_request_extended_headers(3) or nbd_set_request_structured_replies(3) turned
it off. The call is of use mainly for tests of servers.

The result is true if the server agreed and false if it answered with an error; the
call fails if there was no answer. Some servers answer a second request with an
error. Once one was granted extended headers stay in use, and
nbd_get_extended_headers_negotiated(3) is true, whatever later calls give.
`,
		SeeAlso: []string{"aio_opt_extended_headers", "get_extended_headers_negotiated", "set_request_extended_headers", "opt_structured_reply", "set_opt_mode"},
	},
	"opt_structured_reply": {
		Short: "ask the server for structured replies by hand",
		Long: `
Sends NBD_OPT_STRUCTURED_REPLY in option mode (nbd_set_opt_mode(3)). Structured
replies are needed for metadata contexts, and let a server answer a read in several
pieces.

The request is made automatically on connecting, unless
nbd_set_request_structured_replies(3) turned it off or extended headers, which
include structured replies, were granted. The call is of use mainly for tests of
servers.

The result is true if the server agreed and false if it answered with an error; the
call fails if there was no answer. Some servers answer a second request with an
error, or one that follows extended headers. Once one was granted structured replies
stay in use, and nbd_get_structured_replies_negotiated(3) is true, whatever later
calls give.
`,
		SeeAlso: []string{"aio_opt_structured_reply", "get_structured_replies_negotiated", "set_request_structured_replies", "opt_extended_headers", "set_opt_mode"},
	},
	"opt_list": {
		Short: "ask the server which exports it has",
		Long: `
Sends NBD_OPT_LIST in option mode (nbd_set_opt_mode(3)), and calls {list} for every
export that the server names. The result is the number of them.

The callback gets the name of the export and a description, which is empty if the
server has none. Both strings are valid only until the callback returns: copy what is
needed later. The callback's result is ignored; let it be 0. It must not call the
same handle, so choose an export with nbd_set_export_name(3) after this call.

The list need not be the whole truth. A server may not know the option ({ENOTSUP}),
may forbid it ({EPERM}), may name nothing so as not to reveal anything, or may answer
just once on a connection. If it sends an error after part of its list, the callback
has been called for that part, and yet the call fails. The protocol does not limit
the number of exports; here a list of more than 100,000 counts as an attack and ends
the connection.

Of well-known servers, nbd-server(1) lists its exports only if its configuration has
{allowlist=true} in the section {[generic]}, and qemu-nbd(8) takes a description with
its option -D.
`,
		SeeAlso: []string{"aio_opt_list", "set_opt_mode", "set_export_name", "opt_info", "opt_go"},
		Example: `
static int
print_export (void *user_data, const char *name, const char *description)
{
  printf ("%s\t%s\n", name, description);
  return 0;
}

nbd_set_opt_mode (nbd, true);
if (nbd_connect_uri (nbd, "nbd://localhost") == -1 ||
    nbd_opt_list (nbd, (nbd_list_callback) { .callback = print_export }) == -1)
  fprintf (stderr, "%s\n", nbd_get_error ());
nbd_opt_abort (nbd);
`,
	},
	"opt_info": {
		Short: "ask the server about an export without choosing it",
		Long: `
Sends NBD_OPT_INFO in option mode (nbd_set_opt_mode(3)) for the export whose name was
given last, by nbd_set_export_name(3) or in the URI of nbd_connect_uri(3). After
success nbd_get_size(3), nbd_is_read_only(3), nbd_can_flush(3) and their like tell
about that export, until another name is set or another request is made, and the
negotiation goes on.

The metadata contexts added with nbd_add_meta_context(3) are selected first, in the
same way and under the same conditions as by nbd_opt_go(3), so that
nbd_can_meta_context(3) can be used too. If all you want to know is what contexts
there are, it takes less to turn that off with nbd_set_request_meta_context(3) and
use nbd_opt_list_meta_context(3).

As a rule nbd_opt_go(3) will succeed for the same export with the same details, but
no server promises that. Some do not know this option ({ENOTSUP}), and some refuse it
for exports that they would serve. What was known of an export before is forgotten
when the call fails; the error numbers are those of nbd_opt_go(3).
`,
		SeeAlso: []string{"aio_opt_info", "opt_go", "opt_list", "set_export_name", "set_full_info"},
	},
	"opt_list_meta_context": {
		Short: "ask which metadata contexts an export has, by the handle's list",
		Long: `
Sends NBD_OPT_LIST_META_CONTEXT in option mode (nbd_set_opt_mode(3)) for the export
whose name was given last, and calls {context} for every name in the server's answer.
The result is the number of them. Nothing is selected by this.

The queries are the names added with nbd_add_meta_context(3);
nbd_clear_meta_contexts(3) removes them, and nbd_opt_list_meta_context_queries(3)
takes others. Without any query most servers name all contexts that they have;
otherwise they name those that match. A name in the answer may stand for a whole
family of contexts rather than be one that can be selected: only
nbd_can_meta_context(3), after nbd_opt_go(3), is certain.

The callback gets a name that is valid only until it returns. Its result is ignored;
let it be 0. It must not call the same handle, not even nbd_add_meta_context(3): copy
the names and use them after this call.

A server may not know the option ({ENOTSUP}), name no context at all, or fail after
part of its answer, for which the callback has been called by then. Servers expect
that structured replies or extended headers were negotiated before. The protocol does
not limit the number of names; here more than 4096 end the connection.
`,
		SeeAlso: []string{"aio_opt_list_meta_context", "opt_list_meta_context_queries", "add_meta_context", "opt_set_meta_context", "can_meta_context"},
	},
	"opt_list_meta_context_queries": {
		Short: "ask which metadata contexts an export has, by queries of the call's own",
		Long: `
Does what nbd_opt_list_meta_context(3) does, with the list {queries} in place of the
names that were added to the handle, which stay as they are. The list ends with NULL
in C. An empty list asks for all contexts. A query of more than 4096 bytes makes the
call fail with {ENAMETOOLONG} before anything is sent.

The callback, the result, and what to expect of servers are the same as there.
`,
		SeeAlso: []string{"aio_opt_list_meta_context_queries", "opt_list_meta_context", "opt_set_meta_context_queries", "can_meta_context"},
		Example: `
static int
print_context (void *user_data, const char *name)
{
  puts (name);
  return 0;
}

char *queries[] = { "qemu:", NULL };
nbd_opt_list_meta_context_queries (
  nbd, queries, (nbd_context_callback) { .callback = print_context });
`,
	},
	"opt_set_meta_context": {
		Short: "select metadata contexts by hand, by the handle's list",
		Long: `
Sends NBD_OPT_SET_META_CONTEXT in option mode (nbd_set_opt_mode(3)) for the export
whose name was given last, with the names added by nbd_add_meta_context(3) as
queries. For every context that the server selects, {context} is called. The result
is the number of them.

nbd_opt_go(3) does this by itself where structured replies or extended headers were
negotiated. To do it by hand serves tests of how servers take unusual sequences;
nbd_set_request_meta_context(3) then keeps nbd_opt_go(3) from replacing the
selection. For the sake of such tests the option is also sent with an empty list, and
where structured replies were not negotiated. To query for other names than those of
the handle use nbd_opt_set_meta_context_queries(3).

The callback gets a name that is valid only until it returns. Its result is ignored;
let it be 0. It must not call the same handle.

nbd_can_meta_context(3) knows the selected names until a different name is given with
nbd_set_export_name(3), a selection is made anew, be it by this call or within
nbd_opt_go(3) or nbd_opt_info(3), or TLS begins. A selection that fails leaves none.

A server may not know the option ({ENOTSUP}), select nothing, which counts as
success, or fail after part of its answer, for which the callback has been called by
then. Here an answer of more than 4096 names ends the connection.
`,
		SeeAlso: []string{"aio_opt_set_meta_context", "opt_set_meta_context_queries", "add_meta_context", "set_request_meta_context", "can_meta_context"},
	},
	"opt_set_meta_context_queries": {
		Short: "select metadata contexts by hand, by queries of the call's own",
		Long: `
Does what nbd_opt_set_meta_context(3) does, with the list {queries} in place of the
names that were added to the handle, which stay as they are. The list ends with NULL
in C, and may be empty. A query of more than 4096 bytes makes the call fail with
{ENAMETOOLONG} before anything is sent.

Unless nbd_set_request_meta_context(3) was used to turn it off, nbd_opt_go(3) and
nbd_opt_info(3) replace the selection if names were added to the handle. The
callback, the result, and what to expect of servers are the same as there.
`,
		SeeAlso: []string{"aio_opt_set_meta_context_queries", "opt_set_meta_context", "opt_list_meta_context_queries", "set_request_meta_context", "can_meta_context"},
	},
	"add_meta_context": {
		Short: "add a metadata context to those to ask for",
		Long: `
Adds a name to the handle's list of metadata contexts, which is empty at first. The
server is asked for those on the list with NBD_OPT_SET_META_CONTEXT when the
connection is made, or in option mode by nbd_opt_go(3), nbd_opt_info(3) and
nbd_opt_set_meta_context(3). A metadata context is something that the server knows of
every part of an export; nbd_block_status_64(3) gets what it says. Add as many as you
need, one by one.

Which names there are is up to the server. The first of these is the protocol's own,
the others are those of qemu-nbd(8):

- {base:allocation} ({LIBNBD_CONTEXT_BASE_ALLOCATION}): which parts are holes, and
  which read as zeroes
- {qemu:dirty-bitmap:} ({LIBNBD_CONTEXT_QEMU_DIRTY_BITMAP}) and the name of a
  bitmap: which parts have changed; the bitmap is exported with option -B
- {qemu:allocation-depth} ({LIBNBD_CONTEXT_QEMU_ALLOCATION_DEPTH}): which image of a
  chain of backing files has the data; exported with option -A

A name is text in UTF-8. One of more than 4096 bytes, the limit of the protocol, is
refused with {ENAMETOOLONG}; some servers allow less. That a name was added does not
mean that the server has such a context: ask nbd_can_meta_context(3) once connected.
`,
		SeeAlso: []string{"block_status_64", "can_meta_context", "clear_meta_contexts", "get_nr_meta_contexts", "opt_set_meta_context"},
		Example: `
nbd_add_meta_context (nbd, LIBNBD_CONTEXT_BASE_ALLOCATION);
if (nbd_connect_uri (nbd, uri) == -1)
  goto fail;
if (nbd_can_meta_context (nbd, LIBNBD_CONTEXT_BASE_ALLOCATION) == 1)
  /* nbd_block_status_64 will work */
`,
	},
	"get_nr_meta_contexts": {
		Short: "count the metadata contexts to ask for",
		Long: `
Gives the number of names that were added with nbd_add_meta_context(3) since the
handle was created or nbd_clear_meta_contexts(3) was called. It says nothing about
what the server has; for that there is nbd_can_meta_context(3).
`,
		SeeAlso: []string{"get_meta_context", "add_meta_context", "clear_meta_contexts", "can_meta_context"},
	},
	"get_meta_context": {
		Short: "get one of the metadata contexts to ask for",
		Long: `
Gives the name that was added with nbd_add_meta_context(3) as number {i}, counted
from 0. If {i} is not less than what nbd_get_nr_meta_contexts(3) gives, the call
fails with {EINVAL}.
`,
		SeeAlso: []string{"get_nr_meta_contexts", "add_meta_context", "clear_meta_contexts"},
	},
	"clear_meta_contexts": {
		Short: "remove all metadata contexts to ask for",
		Long: `
Empties the list that nbd_add_meta_context(3) adds to. It is useful in option mode
(nbd_set_opt_mode(3)), to ask about several exports, or several times about one, with
different contexts. What the server has selected already stays selected.
`,
		SeeAlso: []string{"add_meta_context", "get_nr_meta_contexts", "opt_list_meta_context", "opt_set_meta_context"},
	},
	"set_uri_allow_transports": {
		Short: "say which transports a URI may name",
		Long: `
Limits what nbd_connect_uri(3) and nbd_aio_connect_uri(3) accept, which is wise for
URIs from sources that are not trusted. All transports are permitted by default. The
{mask} is made of these flags; with 0 no URI is accepted:

- {LIBNBD_ALLOW_TRANSPORT_TCP}: {nbd} and {nbds}
- {LIBNBD_ALLOW_TRANSPORT_UNIX}: {nbd+unix} and {nbds+unix}, which lead to sockets in
  the local file system
- {LIBNBD_ALLOW_TRANSPORT_VSOCK}: {nbd+vsock} and {nbds+vsock}
- {LIBNBD_ALLOW_TRANSPORT_SSH}: {nbd+ssh} and {nbds+ssh}, which start the program
  ssh(1)

{LIBNBD_ALLOW_TRANSPORT_MASK} is all of them; later versions may know more. A URI
that is not permitted makes connecting fail with {EPERM}. Other ways to connect, such
as nbd_connect_unix(3), are not affected.
`,
		SeeAlso: []string{"connect_uri", "set_uri_allow_tls", "set_uri_allow_local_file", "set_uri_allow_tls_priority"},
	},
	"set_uri_allow_tls": {
		Short: "say whether a URI may or must require TLS",
		Long: `
Limits which schemes nbd_connect_uri(3) and nbd_aio_connect_uri(3) accept. The
parameter {tls} is one of these:

- {LIBNBD_TLS_DISABLE}: only schemes without TLS, those that begin with {nbd:} or
  {nbd+}
- {LIBNBD_TLS_ALLOW}, the default: both
- {LIBNBD_TLS_REQUIRE}: only schemes with TLS, those that begin with {nbds:} or
  {nbds+}

A URI that is not permitted makes connecting fail with {EPERM}. This is about URIs
only; nbd_set_tls(3) says what the handle does about TLS otherwise.
`,
		SeeAlso: []string{"connect_uri", "set_tls", "set_uri_allow_transports", "supports_tls"},
	},
	"set_uri_allow_tls_priority": {
		Short: "say whether a URI may set the TLS priority",
		Long: `
Permits the parameter {tls-priority} in URIs given to nbd_connect_uri(3) and
nbd_aio_connect_uri(3). It does what nbd_set_tls_priority(3) does.

By default it is forbidden, and such a URI makes connecting fail with {EPERM}: a
priority string can weaken the encryption, and with some TLS libraries it makes the
program read local configuration files. Permit it only for URIs that you trust.
`,
		SeeAlso: []string{"connect_uri", "set_tls_priority", "set_uri_allow_local_file", "set_uri_allow_tls"},
	},
	"set_uri_allow_local_file": {
		Short: "say whether a URI may name local files",
		Long: `
Permits parameters by which a URI given to nbd_connect_uri(3) or
nbd_aio_connect_uri(3) makes the client read files of its own machine:
{tls-psk-file}, a file of pre-shared keys, and {tls-certificates}, a folder of
certificates and keys.

By default they are forbidden, and such a URI makes connecting fail with {EPERM}. The
path of a Unix domain socket does not count as a local file: to forbid those, use
nbd_set_uri_allow_transports(3).
`,
		SeeAlso: []string{"connect_uri", "set_tls_psk_file", "set_tls_certificates", "set_uri_allow_transports", "set_uri_allow_tls_priority"},
	},
	"connect_uri": {
		Short: "connect to the server and export that a URI names",
		Long: `
Takes the URI apart, makes the settings that it asks for, as nbd_set_export_name(3),
nbd_set_tls(3) and others would, connects to the server, and returns once the
handshake is over. Commands can follow then; in option mode (nbd_set_opt_mode(3)) the
negotiation is left to the caller, who may also choose another export. Some URIs:

	nbd://example.com
	nbd://example.com:10810/disk1
	nbds://alice@example.com/disk1?tls-hostname=storage
	nbd+unix:///disk1?socket=/run/nbd.sock
	nbds+unix://alice@/?socket=nbd.sock&tls-psk-file=keys.psk
	nbd+vsock:///disk1
	nbd+ssh://bob@example.com/?socket=/run/nbd.sock

The syntax is the one that the NBD project describes in
https://github.com/NetworkBlockDevice/nbd/blob/master/doc/uri.md, with additions
that other programs may not know: the transports vsock and ssh, and all parameters
but {socket}, {tls-hostname}, {tls-type} and {tls-verify-peer}. Programs also differ
in how they read export names: versions of qemu that parse URIs with glib take some
of them otherwise.

The scheme says what carries the connection, and the authority where it goes. Letter
case does not matter in a scheme:

	scheme      transport                authority
	nbd         TCP                      [user@][host][:port]
	nbd+unix    Unix domain socket       [user@]
	nbd+vsock   AF_VSOCK sockets         [user@][cid][:port]
	nbd+ssh     Secure Shell             [user@]host[:port]

Each has a form for TLS: {nbds}, {nbds+unix}, {nbds+vsock} and {nbds+ssh}. With these
connecting fails if the server does not offer TLS. With the others TLS is used as
nbd_set_tls(3) says, by default not at all. If they are missing, the host is
localhost, the CID 2, which is the host of a virtual machine, and the port 10809. An
IPv6 address stands in brackets. The user is the name for TLS, except that with ssh
it is the login name.

For ssh the authority names the SSH server. A missing user or port is what ssh's own
configuration says. The program ssh(1) must be installed here, and nc(1) on the other
machine; with {socket} that must be one that knows the option -U. Nc connects to the
NBD server at port 10809 of its machine, or to where {nbd-port} or {socket} say. Ssh
asks for passwords on the terminal if it needs any.

The export name is the path without its first slash: {nbd://host} and {nbd://host/}
mean the export with the empty name, and {nbd://host//a} the one called {/a}.
Sequences such as {%20} stand for bytes, everywhere but in the scheme. A plus is a
plus. A name has at most 4096 bytes, none of which is 0.

Parameters follow after a question mark, separated by an ampersand or a semicolon.
Letter case does not matter in their names. A boolean is one of 1, true, t, yes, y
and on, or 0, false, f, no, n and off:

- {socket=PATH}: the Unix domain socket, which is required with unix; with ssh, the
  one on the other machine; forbidden otherwise. A path that begins with {%00} is a
  name in Linux's abstract namespace
- {nbd-port=PORT}: with TCP and vsock, the port, in place of the one of the
  authority; with ssh, the port of the NBD server on the other machine, which cannot
  be combined with {socket}; not for unix
- {compress=BOOLEAN}: for ssh only, whether to compress; false by default
- {tls-hostname=NAME}: the name that the certificate must bear, as
  nbd_set_tls_hostname(3)
- {tls-verify-peer=BOOLEAN}: whether to verify the server's certificate, true by
  default, as nbd_set_tls_verify_peer(3)
- {tls-username=NAME}: the user name for TLS, in place of the one of the authority,
  as nbd_set_tls_username(3); with ssh, the only way to give it
- {tls-certificates=FOLDER}: certificates and keys, as nbd_set_tls_certificates(3)
- {tls-psk-file=FILE}: pre-shared keys, as nbd_set_tls_psk_file(3)
- {tls-priority=TEXT}: what TLS may use, as nbd_set_tls_priority(3)
- {tls-type=TYPE}: {anon}, {x509} or {psk}; anything else is an error, but which one
  is used follows from the other parameters
- {x-NAME=TEXT}: experimental parameters, which are ignored

A URI that does not follow these rules makes the call fail with {EINVAL}. That goes
for parameters that are unknown, given twice or of no use with the transport, for
known ones without a value, for a fragment (write {#} in a name as {%23}), and for
numbers out of range, where the C library has been more lenient.

URIs from sources that are not trusted should be limited by the calls below, on the
same handle and before connecting. To examine the text of a URI instead is error
prone. What is not permitted makes the call fail with {EPERM}:

- nbd_set_uri_allow_transports(3): the transports; all are permitted by default. To
  keep URIs from reaching sockets in the local file system, leave out unix
- nbd_set_uri_allow_tls(3): schemes with and without TLS; both are permitted by
  default
- nbd_set_uri_allow_local_file(3): {tls-certificates} and {tls-psk-file}; forbidden
  by default
- nbd_set_uri_allow_tls_priority(3): {tls-priority}; forbidden by default

Otherwise the call fails as nbd_connect_tcp(3), nbd_connect_unix(3) and
nbd_connect_vsock(3) do. Settings that were made for the URI stay when it fails.
nbd_get_uri(3) makes a URI of a connection, and nbd_is_uri(3) tells URIs from other
text.
`,
		SeeAlso: []string{"aio_connect_uri", "set_uri_allow_transports", "get_uri", "is_uri", "set_export_name"},
		Example: `
if (nbd_connect_uri (nbd, "nbd://localhost/disk1") == -1) {
  fprintf (stderr, "%s\n", nbd_get_error ());
  exit (EXIT_FAILURE);
}
`,
	},
	"connect_unix": {
		Short: "connect to a server at a Unix domain socket",
		Long: `
Connects to the Unix domain socket whose path is {unixsocket}, where a server on the
same machine listens, and returns once the handshake is over. Commands can follow
then; in option mode (nbd_set_opt_mode(3)) the negotiation is left to the caller. The
export is the one of nbd_set_export_name(3).

An empty path makes the call fail with {EINVAL}, and one that does not fit into a
socket address (107 bytes on Linux) with {ENAMETOOLONG}; to reach such a socket change
to its folder and use a relative path. If the server's queue of connections is full,
the call waits up to 20 seconds for a place in it. When connecting fails the handle
is dead: close it, and try again with a new one.
`,
		SeeAlso: []string{"aio_connect_unix", "connect_uri", "connect_tcp", "connect_socket", "set_export_name"},
		Example: `
if (nbd_connect_unix (nbd, "/run/nbd.sock") == -1) {
  fprintf (stderr, "%s\n", nbd_get_error ());
  exit (EXIT_FAILURE);
}
`,
	},
	"connect_vsock": {
		Short: "connect to a server at an AF_VSOCK address",
		Long: `
Connects through an AF_VSOCK socket, which needs no network, from a virtual machine
to a server, most often on its host, and returns once the handshake is over. Commands
can follow then; in option mode (nbd_set_opt_mode(3)) the negotiation is left to the
caller. The export is the one of nbd_set_export_name(3).

The {cid} says which machine: 2 is the host. The {port} is any number of 32 bits;
10809 is usual, and whoever runs the host knows otherwise. On Linux the ports below
1024 are reserved for privileged servers.

Not all systems have such sockets (nbd_supports_vsock(3)). When connecting fails the
handle is dead: close it, and try again with a new one.
`,
		SeeAlso: []string{"aio_connect_vsock", "supports_vsock", "connect_uri", "set_export_name"},
	},
	"connect_tcp": {
		Short: "connect to a server at a TCP port",
		Long: `
Looks up the {hostname}, connects to the server at its {port}, and returns once the
handshake is over. Commands can follow then; in option mode (nbd_set_opt_mode(3)) the
negotiation is left to the caller. The export is the one of nbd_set_export_name(3).

The hostname is a name or an IP address, an IPv6 address with or without brackets; if
it is empty it is localhost. If a name has several addresses they are tried in turn.
The port is text: a number such as {"10809"} or the name of a service such as
{"nbd"}. Anything else makes the call fail with {EINVAL}.

If no address answers the call fails with the error number of the first attempt, such
as {ECONNREFUSED}, and a message that has them all. The handle is then as before, and
connecting can be tried again. If the connection is made but the handshake fails the
handle is dead.
`,
		SeeAlso: []string{"aio_connect_tcp", "connect_uri", "set_export_name", "set_tls"},
		Example: `
if (nbd_connect_tcp (nbd, "localhost", "nbd") == -1) {
  fprintf (stderr, "%s\n", nbd_get_error ());
  exit (EXIT_FAILURE);
}
`,
	},
	"connect_socket": {
		Short: "use a socket that is connected already",
		Long: `
Speaks NBD over the socket {sock}, which the caller has created and connected to a
server, and returns once the handshake is over. Commands can follow then; in option
mode (nbd_set_opt_mode(3)) the negotiation is left to the caller. The export is the
one of nbd_set_export_name(3).

From success on the socket belongs to the handle, which makes it non-blocking and
closes it in the end; the caller must not use it any more. If the call fails because
{sock} is not a socket ({ENOTSOCK}) or not a descriptor ({EBADF}), or because of
settings for TLS that cannot be used, the handle is as before and the descriptor
stays the caller's. If it fails in the handshake the handle is dead and has closed the
socket.

The server's name is not known in this case, so that with TLS its certificate may
bear any name unless nbd_set_tls_hostname(3) was called, and nbd_get_uri(3) fails.
`,
		SeeAlso: []string{"aio_connect_socket", "connect_tcp", "connect_unix", "aio_connect"},
	},
	"connect_command": {
		Short: "start a server and speak to its standard input and output",
		Long: `
Starts the program {argv[0]}, looked for in the folders of $PATH unless it has a slash,
with the arguments {argv}, as a subprocess whose standard input and output are a
socket that leads to the handle. It returns once the handshake is over. Commands can
follow then; in option mode (nbd_set_opt_mode(3)) the negotiation is left to the
caller. The export is the one of nbd_set_export_name(3).

The program must be a server that serves one client there, as inetd would start it:
nbdkit(1) with option -s, or nbd-server(1) with port 0. For qemu-nbd(8) use
nbd_connect_systemd_socket_activation(3). Its standard error is the caller's. No shell
is involved.

nbd_close(3) ends the subprocess: it sends {SIGTERM}, waits up to 10 seconds, sends
{SIGKILL} if that was not enough, and collects the exit status. A server that outlives
a crash of the program is not wanted either; nbdkit has --exit-with-parent for that.

If there is nothing in {argv} the call fails with {EINVAL}, and if the program cannot
be started with an error number such as {ENOENT}; the handle is then as before. If the
handshake fails the handle is dead, and the subprocess is ended when it is closed.
`,
		SeeAlso: []string{"aio_connect_command", "connect_systemd_socket_activation", "kill_subprocess", "get_subprocess_pid", "close"},
		Example: `
char *argv[] = {
  "nbdkit", "-s", "--exit-with-parent", "memory", "1G", NULL
};
if (nbd_connect_command (nbd, argv) == -1) {
  fprintf (stderr, "%s\n", nbd_get_error ());
  exit (EXIT_FAILURE);
}
`,
	},
	"connect_systemd_socket_activation": {
		Short: "start a server that takes over a listening socket",
		Long: `
Starts the program {argv[0]} as a subprocess like nbd_connect_command(3), but lets it
inherit a listening Unix domain socket in the way of systemd's socket activation, and
connects to that socket. It returns once the handshake is over. Commands can follow
then; in option mode (nbd_set_opt_mode(3)) the negotiation is left to the caller. The
export is the one of nbd_set_export_name(3).

It is how to run qemu-nbd(8), for instance to open an image in qcow2 format. nbdkit(1)
can be started in both ways, and nbd-server(1) only with nbd_connect_command(3).

The server finds the socket as descriptor 3, and the variables {LISTEN_PID},
{LISTEN_FDS=1} and {LISTEN_FDNAMES} in its environment; the last has the name that was
set with nbd_set_socket_activation_name(3), or {unknown}. Its standard input is
/dev/null, and its standard output and error are the caller's standard error. The
socket is in a temporary folder that only the current user can enter, and which is
removed by nbd_close(3).

nbd_close(3) ends the subprocess as after nbd_connect_command(3), and failures are the
same. The program sh(1) is needed to start the server.
`,
		SeeAlso: []string{"aio_connect_systemd_socket_activation", "connect_command", "set_socket_activation_name", "kill_subprocess", "get_subprocess_pid"},
		Example: `
char *argv[] = { "qemu-nbd", "-f", "qcow2", "disk.qcow2", NULL };
if (nbd_connect_systemd_socket_activation (nbd, argv) == -1) {
  fprintf (stderr, "%s\n", nbd_get_error ());
  exit (EXIT_FAILURE);
}
`,
	},
	"set_socket_activation_name": {
		Short: "name the socket that an activated server gets",
		Long: `
Sets the name under which the server that nbd_connect_systemd_socket_activation(3)
starts finds its socket in the variable {LISTEN_FDNAMES}. Most servers do not look at
it; qemu-storage-daemon(1) uses it to find the socket that its command line refers to.

The {socket_name} consists of ASCII letters and digits, at most 32 of them. Other
characters make the call fail with {EINVAL}, and a longer name with {ENAMETOOLONG}.
Empty, which is the default, makes the server see {unknown}.
`,
		SeeAlso: []string{"get_socket_activation_name", "connect_systemd_socket_activation", "aio_connect_systemd_socket_activation"},
	},
	"get_socket_activation_name": {
		Short: "get the name of the socket that an activated server gets",
		Long: `
Gives what nbd_set_socket_activation_name(3) has set. The default is the empty string,
which an activated server sees as {unknown}.
`,
		SeeAlso: []string{"set_socket_activation_name", "connect_systemd_socket_activation"},
	},
	"is_read_only": {
		Short: "ask whether the export is read-only",
		Long: `
Says whether the export can only be read (NBD_FLAG_READ_ONLY). If so, nbd_pwrite(3),
nbd_zero(3), nbd_trim(3) and whatever else changes data fail.

It tells what the server told in the handshake, without asking it again. In option
mode (nbd_set_opt_mode(3)) it fails with {EINVAL} while nothing is known of the
export: nbd_opt_info(3) or nbd_opt_go(3) comes first.
`,
		SeeAlso: []string{"opt_info", "can_flush", "can_trim", "can_zero", "set_strict_mode"},
		Example: `
switch (nbd_is_read_only (nbd)) {
case -1:
  fprintf (stderr, "%s\n", nbd_get_error ());
  break;
case 0:
  printf ("can be written to\n");
  break;
default:
  printf ("read-only\n");
}
`,
	},
	"can_flush": {
		Short: "ask whether the server knows the flush command",
		Long: `
Says whether nbd_flush(3) and nbd_aio_flush(3) can be used (NBD_FLAG_SEND_FLUSH).

It tells what the server told in the handshake, without asking it again. In option
mode (nbd_set_opt_mode(3)) it fails with {EINVAL} while nothing is known of the
export: nbd_opt_info(3) or nbd_opt_go(3) comes first.
`,
		SeeAlso: []string{"flush", "aio_flush", "can_fua", "opt_info"},
	},
	"can_fua": {
		Short: "ask whether the server knows the flag FUA",
		Long: `
Says whether {LIBNBD_CMD_FLAG_FUA} can be given to commands that change data, such as
nbd_pwrite(3), nbd_zero(3) and nbd_trim(3) (NBD_FLAG_SEND_FUA). With it a command ends
only when its effect is on permanent storage.

It tells what the server told in the handshake, without asking it again. In option
mode (nbd_set_opt_mode(3)) it fails with {EINVAL} while nothing is known of the
export: nbd_opt_info(3) or nbd_opt_go(3) comes first.
`,
		SeeAlso: []string{"pwrite", "zero", "trim", "can_flush", "opt_info"},
	},
	"is_rotational": {
		Short: "ask whether the export is on a rotating disk",
		Long: `
Says whether random access is expensive, as on a hard disk or floppy disk
(NBD_FLAG_ROTATIONAL). False stands for the likes of solid state disks and memory, and
for servers that do not say.

It tells what the server told in the handshake, without asking it again. In option
mode (nbd_set_opt_mode(3)) it fails with {EINVAL} while nothing is known of the
export: nbd_opt_info(3) or nbd_opt_go(3) comes first.
`,
		SeeAlso: []string{"get_block_size", "is_read_only", "opt_info"},
	},
	"can_trim": {
		Short: "ask whether the server knows the trim command",
		Long: `
Says whether nbd_trim(3) and nbd_aio_trim(3) can be used (NBD_FLAG_SEND_TRIM).

It tells what the server told in the handshake, without asking it again. In option
mode (nbd_set_opt_mode(3)) it fails with {EINVAL} while nothing is known of the
export: nbd_opt_info(3) or nbd_opt_go(3) comes first.
`,
		SeeAlso: []string{"trim", "aio_trim", "can_zero", "opt_info"},
	},
	"can_zero": {
		Short: "ask whether the server knows the command to write zeroes",
		Long: `
Says whether nbd_zero(3) and nbd_aio_zero(3) can be used (NBD_FLAG_SEND_WRITE_ZEROES).
Without them zeroes have to be sent as data, with nbd_pwrite(3).

It tells what the server told in the handshake, without asking it again. In option
mode (nbd_set_opt_mode(3)) it fails with {EINVAL} while nothing is known of the
export: nbd_opt_info(3) or nbd_opt_go(3) comes first.
`,
		SeeAlso: []string{"zero", "aio_zero", "can_fast_zero", "can_trim", "opt_info"},
	},
	"can_fast_zero": {
		Short: "ask whether the server knows the flag FAST_ZERO",
		Long: `
Says whether {LIBNBD_CMD_FLAG_FAST_ZERO} can be given to nbd_zero(3) and
nbd_aio_zero(3) (NBD_FLAG_SEND_FAST_ZERO).

The flag does not make anything faster that works. It is there to learn quickly that
zeroes would take as long to write as any data: the server then fails at once, and
has not changed anything, so that the caller can decide whether to try again without
the flag, or to do something else.

It tells what the server told in the handshake, without asking it again. In option
mode (nbd_set_opt_mode(3)) it fails with {EINVAL} while nothing is known of the
export: nbd_opt_info(3) or nbd_opt_go(3) comes first.
`,
		SeeAlso: []string{"zero", "aio_zero", "can_zero", "opt_info"},
	},
	"can_block_status_payload": {
		Short: "ask whether the server can limit block status to some contexts",
		Long: `
Says whether nbd_block_status_filter(3) and nbd_aio_block_status_filter(3) can be used
(NBD_FLAG_BLOCK_STATUS_PAYLOAD): the server then takes a request for block status that
has a payload, marked with {LIBNBD_CMD_FLAG_PAYLOAD_LEN}. That is only possible where
nbd_get_extended_headers_negotiated(3) gives true.

It tells what the server told in the handshake, without asking it again. In option
mode (nbd_set_opt_mode(3)) it fails with {EINVAL} while nothing is known of the
export: nbd_opt_info(3) or nbd_opt_go(3) comes first.
`,
		SeeAlso: []string{"block_status_filter", "aio_block_status_filter", "get_extended_headers_negotiated", "can_meta_context", "opt_info"},
	},
	"can_df": {
		Short: "ask whether the server knows the flag DF for reads",
		Long: `
Says whether {LIBNBD_CMD_FLAG_DF} can be given to nbd_pread_structured(3) and
nbd_aio_pread_structured(3) (NBD_FLAG_SEND_DF), which asks the server to answer in one
piece. False also stands for servers that have no structured replies.

It tells what the server told in the handshake, without asking it again. In option
mode (nbd_set_opt_mode(3)) it fails with {EINVAL} while nothing is known of the
export: nbd_opt_info(3) or nbd_opt_go(3) comes first.
`,
		SeeAlso: []string{"pread_structured", "aio_pread_structured", "get_structured_replies_negotiated", "opt_info"},
	},
	"can_multi_conn": {
		Short: "ask whether several connections see the same data",
		Long: `
Says whether the server promises that clients with several connections to the export
find the same data on all of them, and that a flush on one covers what has been
written on the others (NBD_FLAG_CAN_MULTI_CONN).

Without that promise it is not safe to write through one handle while another is
connected to the same export: what was written may be missing elsewhere. So connect
one handle, ask this, and connect others only if the answer is true. To read an
export that nobody writes to, any number of connections is safe.

It tells what the server told in the handshake, without asking it again. In option
mode (nbd_set_opt_mode(3)) it fails with {EINVAL} while nothing is known of the
export: nbd_opt_info(3) or nbd_opt_go(3) comes first.
`,
		SeeAlso: []string{"flush", "is_read_only", "get_uri", "opt_info"},
	},
	"can_cache": {
		Short: "ask whether the server knows the cache command",
		Long: `
Says whether nbd_cache(3) and nbd_aio_cache(3) can be used (NBD_FLAG_SEND_CACHE).

It tells what the server told in the handshake, without asking it again. In option
mode (nbd_set_opt_mode(3)) it fails with {EINVAL} while nothing is known of the
export: nbd_opt_info(3) or nbd_opt_go(3) comes first.
`,
		SeeAlso: []string{"cache", "aio_cache", "opt_info"},
	},
	"can_meta_context": {
		Short: "ask whether a metadata context was selected",
		Long: `
Says whether the server has selected the metadata context {metacontext} for this
connection, so that nbd_block_status_64(3) tells about it. The name is compared byte
by byte. It can be one of the constants {LIBNBD_CONTEXT_BASE_ALLOCATION} and
{LIBNBD_CONTEXT_QEMU_ALLOCATION_DEPTH}, or any other. Only what was asked for can have
been selected, as a rule with nbd_add_meta_context(3) before connecting.

Every name that is given to nbd_block_status_filter(3) must be one for which this call
gives true.

It tells what is known from the handshake, without asking the server again. It fails
with {EINVAL} if contexts were added and structured replies negotiated, but the server
was not asked to select any or refused: in option mode nbd_opt_go(3), nbd_opt_info(3)
or nbd_opt_set_meta_context(3) does that. Without structured replies the answer is
false.
`,
		SeeAlso: []string{"add_meta_context", "block_status_64", "block_status_filter", "opt_set_meta_context"},
	},
	"get_protocol": {
		Short: "tell which variant of the handshake the server speaks",
		Long: `
Gives one of these, as found out when the handshake begins, without asking the
server again. Later versions may give others.

- {newstyle-fixed}: what current servers speak, with options
- {newstyle}: an export name and nothing else; also if
  nbd_set_handshake_flags(3) has turned the fixed variant off
- {oldstyle}: not even that: the server has one export, whatever name was set
`,
		SeeAlso: []string{"set_handshake_flags", "get_structured_replies_negotiated", "get_extended_headers_negotiated", "get_tls_negotiated"},
	},
	"get_size": {
		Short: "tell the size of the export",
		Long: `
Gives the size of the export in bytes. Offsets of commands run from 0 to one less than
this. nbdinfo(1) shows it with option --size.

It tells what the server told in the handshake, without asking it again. In option
mode (nbd_set_opt_mode(3)) it fails with {EINVAL} while nothing is known of the
export: nbd_opt_info(3) or nbd_opt_go(3) comes first.

A size that does not fit into a signed number of 64 bits is an error: {EOVERFLOW} in
the C library. This one takes it for a breach of the protocol ({EPROTO}) as soon as
the server tells it, in the handshake.
`,
		SeeAlso: []string{"get_block_size", "opt_info", "pread", "pwrite"},
		Example: `
int64_t size = nbd_get_size (nbd);
if (size == -1) {
  fprintf (stderr, "%s\n", nbd_get_error ());
  exit (EXIT_FAILURE);
}
printf ("%" PRIi64 " bytes\n", size);
`,
	},
	"get_block_size": {
		Short: "tell a size constraint of the server",
		Long: `
Gives one of the sizes, in bytes, that requests should keep to, or 0 if the server
did not tell it (NBD_INFO_BLOCK_SIZE). Some servers enforce them, for others they are
advice. They are asked for automatically unless nbd_set_request_block_size(3) turned
that off, which some servers take as a reason for other sizes. Constraints that
contradict each other or the protocol are ignored. The {size_type} is one of these,
and anything else is {EINVAL}:

- {LIBNBD_SIZE_MINIMUM}: offsets and lengths should be multiples of this, a power of
  two from 1 to 65536; servers often fail other requests with {EINVAL}. The size of the
  export is as a rule a multiple too; if not, its last bytes cannot be reached. If 0,
  512 is a safe assumption, although many servers take 1. By default requests that
  violate it are not sent at all, see {LIBNBD_STRICT_ALIGN} in nbd_set_strict_mode(3)
- {LIBNBD_SIZE_PREFERRED}: a power of two, which may exceed the size of the export.
  Requests that are multiples of it are efficient, while smaller ones may make the
  server read, change and write back. If 0, 4096 is a good choice
- {LIBNBD_SIZE_MAXIMUM}: the longest nbd_pread(3) or nbd_pwrite(3) that the server
  accepts; commands without data, such as nbd_zero(3), may be longer. This library
  does not read or write more than 64 MiB at once, whatever the server says. If 0,
  keep to 32 MiB: some servers hang up at more
- {LIBNBD_SIZE_PAYLOAD}: the longest write that this library sends on the connection,
  unless {LIBNBD_STRICT_PAYLOAD} is cleared with nbd_set_strict_mode(3). It does not
  come from the server, is never 0, and lies between 1 MiB and 64 MiB: it is
  {LIBNBD_SIZE_MAXIMUM} where that is in this range, and 32 MiB where that is 0

It tells what the server told in the handshake, without asking it again. In option
mode (nbd_set_opt_mode(3)) it fails with {EINVAL} while nothing is known of the
export: nbd_opt_info(3) or nbd_opt_go(3) comes first.
`,
		SeeAlso: []string{"get_size", "set_request_block_size", "set_strict_mode", "opt_info"},
	},
	"get_package_name": {
		Short: "tell the name of the library",
		Long: `
Gives {libnbd}, the name of the C library that this one stands in for, so that
programs which check it work. nbd_get_version_extra(3) tells the two apart.
`,
		SeeAlso: []string{"get_version", "get_version_extra"},
	},
	"get_version": {
		Short: "tell the version of libnbd",
		Long: `
Gives the version of the C library whose interface this one has, in the form
{MAJOR.MINOR.RELEASE}, three numbers such as {1.24.4}. The major number is 1 for the
interface that stays compatible; 0 was for experiments before it. An even minor number
is a stable version, an odd one leads to the next, and what is new in it may still
change. The release counts the corrections of a version.

A C program that wants to know whether a call exists had best test the macro
{LIBNBD_HAVE_NBD_...} with its name, rather than this.
`,
		SeeAlso: []string{"get_version_extra", "get_package_name"},
	},
	"get_version_extra": {
		Short: "tell which build of the library this is",
		Long: `
Gives text that has no fixed form and is meant for people. In this library it begins
with {gonbd}, followed by the version of it where that is known. Builds of the C
library tell here what their packagers have put in, such as the version of the package,
or the empty string.
`,
		SeeAlso: []string{"get_version", "get_package_name"},
	},
	"kill_subprocess": {
		Short: "send a signal to the server that was started",
		Long: `
Sends the signal {signum}, or {SIGTERM} if it is 0, to the subprocess that
nbd_connect_command(3), nbd_connect_systemd_socket_activation(3) or a URI for ssh has
started. signal(7) lists the numbers. It does not wait for the subprocess to end.

There is seldom a need for this, since nbd_close(3) ends the subprocess. If the handle
has none the call fails with {ESRCH}, and with {EINVAL} if there is no such signal.
`,
		SeeAlso: []string{"connect_command", "connect_systemd_socket_activation", "get_subprocess_pid", "close"},
	},
	"get_subprocess_pid": {
		Short: "tell the process ID of the server that was started",
		Long: `
Gives the process ID of the subprocess that nbd_connect_command(3),
nbd_connect_systemd_socket_activation(3) or a URI for ssh has started. It helps to
find errors: a debugger such as gdb(1) can be attached to it. Leave it to nbd_close(3)
to wait for the process.

If the handle has no subprocess the call fails with {ESRCH}. Not every platform has
subprocesses.
`,
		SeeAlso: []string{"kill_subprocess", "connect_command", "connect_systemd_socket_activation"},
	},
	"supports_tls": {
		Short: "ask whether the library can do TLS",
		Long: `
Says whether this build of the library can encrypt connections with TLS. The answer is
always true; builds of the C library may lack it.
`,
		SeeAlso: []string{"set_tls", "get_tls_negotiated", "supports_uri", "supports_vsock"},
	},
	"supports_vsock": {
		Short: "ask whether the library can use AF_VSOCK sockets",
		Long: `
Says whether this build of the library knows AF_VSOCK sockets. The answer is true on
Linux and false elsewhere. The kernel must support them too when it comes to
connecting: to reach a server on the same machine by the CID {VMADDR_CID_LOCAL}, for
instance, takes the module vsock_loopback.
`,
		SeeAlso: []string{"connect_vsock", "connect_uri", "supports_tls", "supports_uri"},
	},
	"supports_uri": {
		Short: "ask whether the library understands NBD URIs",
		Long: `
Says whether nbd_connect_uri(3) and nbd_get_uri(3) work in this build of the library.
The answer is always true; builds of the C library may lack them.
`,
		SeeAlso: []string{"connect_uri", "get_uri", "is_uri", "supports_tls"},
	},
	"get_uri": {
		Short: "make a URI of the connection",
		Long: `
Makes a URI with which nbd_connect_uri(3) should reach the same export of the same
server. It can be used to open further connections; nbdinfo(1) shows it with option
--uri.

The call fails with {EINVAL} if the handle does not know a name of the server, as after
nbd_connect_socket(3), nbd_connect_command(3) and nbd_aio_connect(3).

That there is a URI does not mean that it works elsewhere or later. It may have names
that only this machine knows. After nbd_connect_systemd_socket_activation(3) it has a
temporary socket, which is gone once the handle is closed. It may name local files for
TLS, which only a handle with nbd_set_uri_allow_local_file(3) accepts. Not everything
that can be set for a handle has a place in it.
`,
		SeeAlso: []string{"connect_uri", "is_uri", "set_export_name", "can_multi_conn"},
		Example: `
char *uri = nbd_get_uri (nbd);
if (uri) {
  printf ("%s\n", uri);
  free (uri);
}
`,
	},
	"is_uri": {
		Short: "guess whether some text is an NBD URI",
		Long: `
Says whether {uri} looks like an NBD URI: it begins with one of the schemes that
nbd_connect_uri(3) knows, followed by {://}. Letter case does not matter. The rest is
not examined, so nbd_connect_uri(3) may yet refuse it.

It is for programs, such as nbdcopy(1), whose arguments can be either a URI or
something else, such as the name of a file.
`,
		SeeAlso: []string{"connect_uri", "get_uri", "supports_uri"},
	},
	"set_keepalive": {
		Short: "say whether TCP connections are probed when idle",
		Long: `
Turns the socket option SO_KEEPALIVE on or off for TCP connections that the handle
makes. It is on by default: the system then sends probes when nothing has come for a
while, and the connection breaks if the server no longer answers, where a client would
otherwise wait for ever. How soon that is depends on the system; on Linux it is after
more than two hours, unless nbd_set_tcp_option(3) sets other times.

It has no effect on other kinds of connections, nor on a socket that is passed with
nbd_connect_socket(3).
`,
		SeeAlso: []string{"get_keepalive", "set_tcp_option", "connect_tcp", "connect_uri"},
	},
	"get_keepalive": {
		Short: "ask whether TCP connections are probed when idle",
		Long: `
Gives what nbd_set_keepalive(3) has set, true by default.
`,
		SeeAlso: []string{"set_keepalive", "set_tcp_option"},
	},
	"set_tcp_option": {
		Short: "set an option of the sockets of TCP connections",
		Long: `
Has the socket option {option} of level IPPROTO_TCP set to the integer {v} on TCP
connections that the handle makes, before they are used. tcp(7) lists the options and
their units. With nbd_set_keepalive(3) on, which is the default, {TCP_KEEPIDLE},
{TCP_KEEPINTVL} and {TCP_KEEPCNT} say how soon a dead server is noticed:
the seconds without traffic before the first probe, the seconds between probes, and
the number of probes.

The call can be repeated, and the options are set in that order, after {TCP_NODELAY},
which the library turns on by itself. Nothing is checked by this call: an option or
value that the system does not accept makes connecting fail with the error number of
setsockopt(2).

It has no effect on other kinds of connections, nor on a socket that is passed with
nbd_connect_socket(3).
`,
		SeeAlso: []string{"set_keepalive", "get_keepalive", "connect_tcp", "connect_uri"},
	},
}
