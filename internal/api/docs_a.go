package api

// docsA is about handles, configuration, TLS and the handshake.
var docsA = map[string]Doc{
	"create": {
		Short: "make a handle",
		Long: `
Makes a handle, which stands for one connection to a server and is not connected yet.
Configure it, connect it with nbd_connect_uri(3) or another of the connecting calls,
and free it with nbd_close(3). Handles are independent of each other. One whose
connection has ended cannot be connected again.

The result is {NULL} if there is not enough memory, or if the library cannot start;
nbd_get_error(3) tells why.
`,
		SeeAlso: []string{"close", "connect_uri", "get_error", "aio_is_created"},
		Example: `
struct nbd_handle *nbd = nbd_create ();

if (nbd == NULL) {
  fprintf (stderr, "%s\n", nbd_get_error ());
  exit (EXIT_FAILURE);
}
/* ... */
nbd_close (nbd);
`,
	},
	"close": {
		Short: "free a handle",
		Long: `
Closes the connection, in whatever state the handle is, and frees the handle. {NULL}
is ignored. Commands in flight complete with {ENOTCONN}; their callbacks are called
and freed in this call. How commands ended that were not retired, by
nbd_aio_command_completed(3) or by a completion callback that returned 1, cannot be
learned any more.

Nothing is said to the server: for a polite end call nbd_shutdown(3) first.

A subprocess that the handle has started, for instance by nbd_connect_command(3), is
sent {SIGTERM}, and the call waits for it to end. One that takes longer than 10
seconds is killed.

No other thread may be in a call with the handle at that time, or make one later.
`,
		SeeAlso: []string{"create", "shutdown", "aio_command_completed", "kill_subprocess"},
	},
	"get_error": {
		Short: "tell why the last call failed",
		Long: `
Gives the message of the last failure in this thread, which begins with the name of
the call that failed. Ask for it right after that call and in the same thread. If the
thread's last call did not fail the result is {NULL}.

The string belongs to the library, and is valid until the thread's next call of it:
copy what is needed longer. Only nbd_get_errno(3) leaves it alone.
`,
		SeeAlso: []string{"get_errno", "create"},
	},
	"get_errno": {
		Short: "tell what the failure of the last call counts as",
		Long: `
Gives the error number of the last failure in this thread, one of {errno.h} such as
{EINVAL}. Ask for it right after the call that failed and in the same thread.

The result is 0 if the thread's last call did not fail. It may also be 0 if it did, as
not every failure has a number: whether a call failed is told by its own result only.
`,
		SeeAlso: []string{"get_error", "create"},
	},
	"set_debug": {
		Short: "print debugging messages or not",
		Long: `
Turns the handle's debugging messages on or off. They tell of each call with its
parameters and its result, and go to standard error, or to the callback of
nbd_set_debug_callback(3) if there is one.

New handles have them off, unless the environment has {LIBNBD_DEBUG=1}.
`,
		SeeAlso: []string{"get_debug", "set_debug_callback", "set_handle_name"},
	},
	"get_debug": {
		Short: "tell whether debugging messages are printed",
		Long: `
Gives what nbd_set_debug(3) has set last, or else what the environment made of it when
the handle was created.
`,
		SeeAlso: []string{"set_debug", "set_debug_callback"},
	},
	"set_debug_callback": {
		Short: "have debugging messages called back",
		Long: `
Has a callback called for each debugging message of the handle, instead of printing it
on standard error. Messages come only while nbd_set_debug(3) is on. The callback gets
{user_data}; in {context} the name of the function that the message is from, such as
{nbd_pread}; and in {msg} the message, without a newline. The strings are valid until
it returns.

It takes the place of the callback before, which is freed. It is freed itself when it
is replaced, cleared by nbd_clear_debug_callback(3), or the handle is closed. A
structure whose function is {NULL} stands for no callback.

The callback runs while the handle is locked, and must not call the library with the
same handle: it would wait for itself.
`,
		SeeAlso: []string{"clear_debug_callback", "set_debug", "set_handle_name"},
	},
	"clear_debug_callback": {
		Short: "have debugging messages printed again",
		Long: `
Takes away and frees the callback of nbd_set_debug_callback(3), and does nothing if
there is none. Messages, if they are on, go to standard error from then on.
`,
		SeeAlso: []string{"set_debug_callback", "set_debug"},
	},
	"stats_bytes_sent": {
		Short: "count the bytes sent",
		Long: `
Gives the number of bytes of the NBD protocol that this handle has sent to the server
so far, the handshake included; 0 before it is connected. They are counted before
encryption: TLS, and the layers below, send more than that.
`,
		SeeAlso: []string{"stats_chunks_sent", "stats_bytes_received", "stats_chunks_received"},
	},
	"stats_chunks_sent": {
		Short: "count the messages sent",
		Long: `
Gives the number of messages of the NBD protocol that this handle has sent to the
server so far, the handshake included: options and commands, each with the data that
belongs to it. It need not be the number of calls, nor that of packets: calls that are
refused send nothing, and connecting sends several options.
`,
		SeeAlso: []string{"stats_bytes_sent", "stats_chunks_received", "stats_bytes_received"},
	},
	"stats_bytes_received": {
		Short: "count the bytes received",
		Long: `
Gives the number of bytes of the NBD protocol that this handle has received from the
server so far, the handshake included; 0 before it is connected. They are counted after
decryption: with TLS more than that came over the network.
`,
		SeeAlso: []string{"stats_chunks_received", "stats_bytes_sent", "stats_chunks_sent"},
	},
	"stats_chunks_received": {
		Short: "count the messages received",
		Long: `
Gives the number of messages of the NBD protocol that this handle has received from the
server so far, the handshake included. With structured replies each chunk counts as
one, so that a single command may get several. It need not be the number of packets.
`,
		SeeAlso: []string{"stats_bytes_received", "stats_chunks_sent", "stats_bytes_sent"},
	},
	"set_handle_name": {
		Short: "name the handle",
		Long: `
Sets the name by which debugging messages that are printed call the handle. The
library copies it, and uses it for nothing else. New handles have names of their own,
{nbd1}, {nbd2} and so on.
`,
		SeeAlso: []string{"get_handle_name", "set_debug"},
	},
	"get_handle_name": {
		Short: "give the name of the handle",
		Long: `
Gives the name that nbd_set_handle_name(3) has set, or else the one that the library
made for the handle, which no other handle of the program was given.
`,
		SeeAlso: []string{"set_handle_name", "set_debug"},
	},
	"set_private_data": {
		Short: "keep a number for the program",
		Long: `
Keeps a number or a pointer for the program, and gives the one that was kept before, 0
at first. The library never looks at it. What a pointer points to remains the
program's: nbd_close(3) does not free it.
`,
		SeeAlso: []string{"get_private_data", "close"},
	},
	"get_private_data": {
		Short: "give the number kept for the program",
		Long: `
Gives the number or pointer that nbd_set_private_data(3) has stored in this handle
last, or 0 if there was none.
`,
		SeeAlso: []string{"set_private_data", "create"},
	},
	"get_handle_size": {
		Short: "estimate the memory of the handle",
		Long: `
Gives about how many bytes of memory the handle takes, mostly for its buffer. It is an
estimate for garbage collectors of other languages, which see only a pointer: commands
in flight and strings are not counted.
`,
		SeeAlso: []string{"create", "close"},
	},

	"set_export_name": {
		Short: "choose the export by name",
		Long: `
Sets the name of the export to ask the server for: up to 4096 bytes of UTF-8, though
servers may take fewer. New handles have the empty name, which stands for the server's
default export. A longer name fails with {ENAMETOOLONG}, and the old one stays.

The name must be set before connecting. Only in option mode (nbd_set_opt_mode(3)) it
can also be changed during the negotiation, before nbd_opt_go(3) and nbd_opt_info(3);
what the server told about another export is forgotten then. nbd_opt_list(3) finds out
which names a server has.

nbd_connect_uri(3) sets the name that is in the URI. Servers with the oldstyle
handshake have one export, and the name is ignored; other servers may ignore it too.
`,
		SeeAlso: []string{"get_export_name", "opt_list", "opt_go", "connect_uri", "get_canonical_export_name"},
	},
	"get_export_name": {
		Short: "give the name of the chosen export",
		Long: `
Gives the name that the server is, or will be, asked for: the one of
nbd_set_export_name(3) or of a URI, or an empty string. The server may have another
name for the same export, above all for its default one:
nbd_get_canonical_export_name(3) gives that.
`,
		SeeAlso: []string{"set_export_name", "get_canonical_export_name", "connect_uri"},
	},
	"set_request_block_size": {
		Short: "ask for size constraints or not",
		Long: `
Sets whether the server is asked for its size constraints (NBD_INFO_BLOCK_SIZE) when an
export is chosen. New handles ask. Turning it off is for tests of servers: it makes the
handle look like an old client, which a server may turn away because it might send
requests that are not aligned.

A server that is asked need not answer, and one that is not asked may tell all the
same. Whatever it told nbd_get_block_size(3) gives, and commands must keep to it unless
nbd_set_strict_mode(3) allows otherwise.
`,
		SeeAlso: []string{"get_request_block_size", "get_block_size", "set_strict_mode", "set_full_info"},
	},
	"get_request_block_size": {
		Short: "tell whether size constraints are asked for",
		Long: `
Gives what nbd_set_request_block_size(3) has set, or true. The constraints themselves
are given by nbd_get_block_size(3).
`,
		SeeAlso: []string{"set_request_block_size", "get_block_size"},
	},
	"set_full_info": {
		Short: "ask for name and description or not",
		Long: `
Sets whether the server is asked also for what is not needed to use an export: its
canonical name (NBD_INFO_NAME) and its description (NBD_INFO_DESCRIPTION). New handles
do not ask.

It is a hint only. A server may leave out either although it was asked, and tell either
although it was not. Size constraints have a setting of their own,
nbd_set_request_block_size(3).
`,
		SeeAlso: []string{"get_full_info", "get_canonical_export_name", "get_export_description", "opt_info", "set_request_block_size"},
	},
	"get_full_info": {
		Short: "tell whether name and description are asked for",
		Long: `
Gives what nbd_set_full_info(3) has set, or false.
`,
		SeeAlso: []string{"set_full_info", "get_canonical_export_name", "get_export_description"},
	},
	"get_canonical_export_name": {
		Short: "give the name that the server has for the export",
		Long: `
Gives the canonical name that the server told for the export. It may be the one that
was asked for, and most often differs where that was the default export's empty name.

The call fails with {ENOTSUP} if the server told no name; many do so only after
nbd_set_full_info(3). It fails with {EINVAL} while nothing is known of the export: in
option mode before a successful nbd_opt_info(3) or nbd_opt_go(3), and again after
nbd_set_export_name(3) has chosen another one.
`,
		SeeAlso: []string{"set_full_info", "get_export_name", "get_export_description", "opt_info"},
	},
	"get_export_description": {
		Short: "give the description of the export",
		Long: `
Gives the words by which the server describes the export to people. What they are is up
to whoever runs the server; qemu-nbd(8) has an option {-D} for them.

The call fails with {ENOTSUP} if the server told no description; many do so only after
nbd_set_full_info(3). It fails with {EINVAL} while nothing is known of the export: in
option mode before a successful nbd_opt_info(3) or nbd_opt_go(3), and again after
nbd_set_export_name(3) has chosen another one.
`,
		SeeAlso: []string{"set_full_info", "get_canonical_export_name", "opt_info", "opt_list"},
	},

	"set_tls": {
		Short: "choose whether to use TLS",
		Long: `
Sets the policy for TLS, by which the connection is encrypted and the two sides prove
who they are:

- {LIBNBD_TLS_DISABLE}: TLS is not asked for. New handles have this policy. It is also
the one for asking by hand in option mode, with nbd_opt_starttls(3).
- {LIBNBD_TLS_ALLOW}: TLS is asked for with NBD_OPT_STARTTLS, and if the server has none
the connection goes on in the clear. This is no protection: whoever can change what is
sent can make the server seem to have none. nbd_get_tls_negotiated(3) tells what came
of it.
- {LIBNBD_TLS_REQUIRE}: TLS is asked for, and connecting fails without it, with
{ENOTSUP} where the server has none.

With the last two policies connecting fails before anything is sent if a file that the
settings name cannot be used; and once the server has agreed to TLS a handshake that
fails, for instance because of a certificate, ends the connection with either.

nbd_connect_uri(3) sets {LIBNBD_TLS_REQUIRE} for URIs whose scheme begins with {nbds}.
What to use for TLS is set by nbd_set_tls_psk_file(3) and nbd_set_tls_username(3), or
by nbd_set_tls_certificates(3).
`,
		SeeAlso: []string{"get_tls", "get_tls_negotiated", "set_tls_certificates", "set_tls_psk_file", "opt_starttls"},
	},
	"get_tls": {
		Short: "tell the policy for TLS",
		Long: `
Gives the policy that nbd_set_tls(3) or a URI has set: {LIBNBD_TLS_DISABLE} at first,
{LIBNBD_TLS_ALLOW} or {LIBNBD_TLS_REQUIRE}. It is what was wished for; whether the
connection uses TLS is told by nbd_get_tls_negotiated(3).
`,
		SeeAlso: []string{"set_tls", "get_tls_negotiated"},
	},
	"get_tls_negotiated": {
		Short: "tell whether the connection is encrypted",
		Long: `
True if the connection uses TLS. This is worth asking with {LIBNBD_TLS_ALLOW}, which
goes on without TLS where there is none, and after nbd_opt_starttls(3). With
{LIBNBD_TLS_REQUIRE} there would be no connection otherwise.
`,
		SeeAlso: []string{"set_tls", "get_tls", "opt_starttls"},
	},
	"set_tls_certificates": {
		Short: "set the folder of certificates",
		Long: `
Sets the folder that has the files for TLS with certificates, in PEM:

- {ca-cert.pem}: the authorities whose certificates are trusted; it must be there
- {ca-crl.pem}: the certificates that they have revoked, if any
- {client-cert.pem} and {client-key.pem}: the client's own certificate and key, for
servers that want one
- {client-cert-0.pem} and {client-key-0.pem}, and so on: further ones

Without this call the folder is {/etc/pki/libnbd} for root, and for others the first
that exists of {$HOME/.pki/libnbd} and {$HOME/.config/pki/libnbd}. If there is no such
folder, or no {ca-cert.pem} in it, the authorities that the system trusts are.

The files are read on connecting, which fails if one cannot be used. Nothing is read
unless nbd_set_tls(3), a URI or nbd_opt_starttls(3) asks for TLS, nor if
nbd_set_tls_psk_file(3) has set a file of keys, which goes before certificates.
`,
		SeeAlso: []string{"set_tls", "set_tls_verify_peer", "set_tls_hostname", "set_tls_psk_file"},
	},
	"set_tls_verify_peer": {
		Short: "verify the server's certificate or not",
		Long: `
Sets whether the server's certificate is verified: it must come from a trusted
authority, be valid today, not be revoked, and bear the name of the server. New handles
verify. The name is the one that was dialled, or that of nbd_set_tls_hostname(3); where
there is neither, as with a Unix domain socket, any name will do.

Without verification TLS protects from those who listen, and not from those who pose as
the server. With pre-shared keys there are no certificates, and the setting changes
nothing: the key is the proof.
`,
		SeeAlso: []string{"get_tls_verify_peer", "set_tls_hostname", "set_tls_certificates", "set_tls"},
	},
	"get_tls_verify_peer": {
		Short: "tell whether the server's certificate is verified",
		Long: `
Gives what nbd_set_tls_verify_peer(3) or a URI has set, or true.
`,
		SeeAlso: []string{"set_tls_verify_peer", "set_tls"},
	},
	"set_tls_username": {
		Short: "set the user name for pre-shared keys",
		Long: `
Sets the name by which the client introduces itself where TLS uses pre-shared keys. It
chooses the key in the file of nbd_set_tls_psk_file(3), and connecting fails with
{ENOENT} if the file has no such name. It is sent in the clear.

Without this call, or with an empty name, it is the login name: what the environment
has in {LOGNAME}, or else the name of the process's user. Certificates have no use for
it.
`,
		SeeAlso: []string{"get_tls_username", "set_tls_psk_file", "set_tls"},
	},
	"get_tls_username": {
		Short: "give the user name for pre-shared keys",
		Long: `
Gives the name that nbd_set_tls_username(3) or a URI has set, or else the login name.
The call fails with {ENOENT} if that is not known.
`,
		SeeAlso: []string{"set_tls_username", "set_tls_psk_file"},
	},
	"set_tls_hostname": {
		Short: "set the name that the server's certificate must bear",
		Long: `
Sets the name, or IP address, that is looked for in the server's certificate, instead
of the one that was dialled. It is for connections through a proxy or a tunnel, whose
name is not that of the server behind, and for those that have no name, such as Unix
domain sockets (nbd_connect_unix(3)): without this call a certificate may bear any name
there. With an empty string, as in new handles, the name is the one that was dialled.
`,
		SeeAlso: []string{"get_tls_hostname", "set_tls_verify_peer", "set_tls_certificates", "connect_tcp", "connect_unix"},
	},
	"get_tls_hostname": {
		Short: "give the name that the server's certificate must bear",
		Long: `
Gives what nbd_set_tls_hostname(3) or a URI has set, or an empty string where the name
that is dialled counts.
`,
		SeeAlso: []string{"set_tls_hostname", "set_tls_verify_peer"},
	},
	"set_tls_psk_file": {
		Short: "set the file of pre-shared keys",
		Long: `
Sets the file that has the keys for TLS without certificates. Each line has a user
name, a colon, and a key in hexadecimal, as psktool(1) writes them; the server has the
same file. The key is that of nbd_set_tls_username(3). There is no default: without
this call certificates are used.

The file is read on connecting, which fails if it cannot be used. It should be readable
by its owner only; if others can read it too a debugging message says so. Pre-shared
keys need TLS 1.3. The setting means nothing unless nbd_set_tls(3), a URI or
nbd_opt_starttls(3) asks for TLS.
`,
		SeeAlso: []string{"set_tls_username", "set_tls", "set_tls_certificates"},
		Example: `
nbd_set_tls (nbd, LIBNBD_TLS_REQUIRE);
nbd_set_tls_psk_file (nbd, "/etc/nbd/keys.psk");
nbd_set_tls_username (nbd, "alice");
if (nbd_connect_tcp (nbd, "server", "10809") == -1)
  fprintf (stderr, "%s\n", nbd_get_error ());
`,
	},
	"set_tls_priority": {
		Short: "choose versions and groups of TLS",
		Long: `
Sets a priority string in the language of GnuTLS, which says what TLS may use. It is
{NORMAL} at first, and rarely needs to be anything else. This library knows a part of
the language:

- The string begins with {NORMAL}, {PFS}, {PERFORMANCE} or {SECURE128}, all of which
mean the same here.
- Behind colons follow {+} to permit something, or {-} or {!} to forbid it, and a name:
{VERS-TLS1.2}, {VERS-TLS1.3}, {VERS-ALL}, {GROUP-X25519}, {GROUP-SECP256R1},
{GROUP-SECP384R1}, {GROUP-SECP521R1} or {GROUP-ALL}.
- {%COMPAT}, {%SERVER_PRECEDENCE}, {%NO_TICKETS}, {%SAFE_RENEGOTIATION}, {%PROFILE_LOW}
and {%PROFILE_LEGACY}, key exchanges with pre-shared keys such as {+ECDHE-PSK}, and
forbidding versions before 1.2 are permitted and change nothing.

The string is stored as it is. Connecting with TLS fails with {EINVAL} if it has
anything else, as nothing is dropped silently, and with {ENOTSUP} if it leaves out what
pre-shared keys need: TLS 1.3, and {GROUP-X25519} or {GROUP-SECP256R1}.

Do not take the string from somebody who is not trusted: it can weaken TLS. The C
library may even read files that it names.
`,
		SeeAlso: []string{"get_tls_priority", "set_uri_allow_tls_priority", "set_tls"},
	},
	"get_tls_priority": {
		Short: "give the priority string",
		Long: `
Gives the string that nbd_set_tls_priority(3) or a URI has set, or {NORMAL}.
`,
		SeeAlso: []string{"set_tls_priority", "set_uri_allow_tls_priority"},
	},

	"set_request_extended_headers": {
		Short: "ask for extended headers or not",
		Long: `
Sets whether connecting asks the server for extended headers
(NBD_OPT_EXTENDED_HEADERS). New handles ask. With them the lengths of requests to
trim, to zero and for block status, and those of extents, have 64 bits; they include
structured replies.

Turning it off is for tests of servers, and for option mode, where
nbd_opt_extended_headers(3) asks by hand. They are not asked for either while
nbd_set_request_structured_replies(3) is off.
`,
		SeeAlso: []string{"get_request_extended_headers", "get_extended_headers_negotiated", "set_request_structured_replies", "opt_extended_headers"},
	},
	"get_request_extended_headers": {
		Short: "tell whether extended headers are asked for",
		Long: `
Gives what nbd_set_request_extended_headers(3) has set, or true. Whether the connection
uses extended headers is told by nbd_get_extended_headers_negotiated(3).
`,
		SeeAlso: []string{"set_request_extended_headers", "get_extended_headers_negotiated"},
	},
	"get_extended_headers_negotiated": {
		Short: "tell whether extended headers are in use",
		Long: `
True if client and server have agreed on extended headers. That lasts: a later
nbd_opt_extended_headers(3) that the server refuses, as it had one before, changes
nothing. Only nbd_opt_starttls(3) makes the negotiation begin anew.

Without extended headers the length of a command has 32 bits, although the parameter
has 64; with them the server may still have limits, which nbd_get_block_size(3) gives.
With them a metadata context may also have flags of 64 bits: nbd_block_status_64(3)
gives those, and nbd_block_status(3) cannot. The contexts that {LIBNBD_CONTEXT_}
constants name need 32 only.
`,
		SeeAlso: []string{"set_request_extended_headers", "opt_extended_headers", "get_structured_replies_negotiated", "block_status_64"},
	},
	"set_request_structured_replies": {
		Short: "ask for structured replies or not",
		Long: `
Sets whether connecting asks the server for structured replies
(NBD_OPT_STRUCTURED_REPLY). New handles ask. Metadata contexts, and so
nbd_block_status_64(3), need them, as do {LIBNBD_CMD_FLAG_DF} and replies to reads in
several chunks.

Turning it off is for tests of servers, and for option mode, where
nbd_opt_structured_reply(3) asks by hand. Extended headers are not asked for then
either, since they would include structured replies.
`,
		SeeAlso: []string{"get_request_structured_replies", "get_structured_replies_negotiated", "set_request_extended_headers", "opt_structured_reply", "can_df"},
	},
	"get_request_structured_replies": {
		Short: "tell whether structured replies are asked for",
		Long: `
Gives what nbd_set_request_structured_replies(3) has set, or true. Whether the
connection uses structured replies is told by nbd_get_structured_replies_negotiated(3).
`,
		SeeAlso: []string{"set_request_structured_replies", "get_structured_replies_negotiated"},
	},
	"get_structured_replies_negotiated": {
		Short: "tell whether structured replies are in use",
		Long: `
True if client and server have agreed on structured replies, or on extended headers,
which include them even if nobody asked for them by name. That lasts: a later
nbd_opt_structured_reply(3) that the server refuses, as it had one before, changes
nothing. Only nbd_opt_starttls(3) makes the negotiation begin anew.
`,
		SeeAlso: []string{"set_request_structured_replies", "opt_structured_reply", "get_extended_headers_negotiated"},
	},
	"set_request_meta_context": {
		Short: "select metadata contexts on the way or not",
		Long: `
Sets whether an export is chosen together with its metadata contexts: whether
connecting, or in option mode nbd_opt_go(3) and nbd_opt_info(3), first send
NBD_OPT_SET_META_CONTEXT with the names of nbd_add_meta_context(3). New handles do. It
matters only if there are such names, and structured replies or extended headers.

Turned off, nbd_opt_set_meta_context(3) can do it at a time of the caller's choice. That
saves an exchange where nbd_opt_go(3) follows nbd_opt_info(3) for the same export, since
what was selected stays; and where nbd_opt_list_meta_context(3) has told enough. If
nobody selects contexts nbd_can_meta_context(3) fails with {EINVAL} for the names that
were added, and nbd_block_status_64(3) with {ENOTSUP}.
`,
		SeeAlso: []string{"get_request_meta_context", "add_meta_context", "opt_set_meta_context", "opt_info", "can_meta_context"},
	},
	"get_request_meta_context": {
		Short: "tell whether metadata contexts are selected on the way",
		Long: `
Gives what nbd_set_request_meta_context(3) has set, or true. Whether the server agreed
to a context is told by nbd_can_meta_context(3).
`,
		SeeAlso: []string{"set_request_meta_context", "can_meta_context"},
	},
	"set_handshake_flags": {
		Short: "limit the flags of the handshake",
		Long: `
Sets which flags the client may answer the server's greeting with. A flag is used if
the server has it too. New handles permit all; fewer are for tests of servers, which
meet an older client then. {flags} may have:

- {LIBNBD_HANDSHAKE_FLAG_FIXED_NEWSTYLE}: the server answers options that it does not
know instead of hanging up. Without it nothing can be asked for but an export: no TLS,
no structured replies, no metadata contexts. {LIBNBD_TLS_REQUIRE} makes connecting fail
then.
- {LIBNBD_HANDSHAKE_FLAG_NO_ZEROES}: the server's answer to NBD_OPT_EXPORT_NAME, which
is sent to servers without NBD_OPT_GO, has no padding. Without it that is 124 bytes of
zeroes.

{LIBNBD_HANDSHAKE_FLAG_MASK} is all of them; other bits are refused with {EINVAL}. Later
versions may have more flags: to turn off one, take it away from what
nbd_get_handshake_flags(3) gives.
`,
		SeeAlso: []string{"get_handshake_flags", "get_protocol", "set_tls"},
	},
	"get_handshake_flags": {
		Short: "tell the flags of the handshake",
		Long: `
Gives the flags that nbd_set_handshake_flags(3) permits the client to use, or
{LIBNBD_HANDSHAKE_FLAG_MASK}. Later versions may have flags that a program does not know.
`,
		SeeAlso: []string{"set_handshake_flags", "get_protocol"},
	},
	"set_pread_initialize": {
		Short: "clear buffers of failed reads or not",
		Long: `
Sets whether the buffer of a read that fails is filled with zeroes, whether the read was
refused at once or failed later. New handles do so, for nbd_pread(3),
nbd_pread_structured(3) and their asynchronous forms. A program that overlooks the error
then cannot use, or give away, what was in its memory before: CVE-2022-0485 was that.

Turned off, a failed read leaves in the buffer what was there, or a part of the data.
Only the buffers of reads that fail are cleared, so that reads that succeed lose no time
by it.
`,
		SeeAlso: []string{"get_pread_initialize", "pread", "pread_structured", "aio_pread"},
	},
	"get_pread_initialize": {
		Short: "tell whether buffers of failed reads are cleared",
		Long: `
Gives what nbd_set_pread_initialize(3) has set, or true.
`,
		SeeAlso: []string{"set_pread_initialize", "pread"},
	},
	"set_strict_mode": {
		Short: "choose what is refused before it is sent",
		Long: `
Sets which checks a command must pass before anything is sent. New handles make all of
them. Leaving some out is for tests of servers: the server then gets what it may not
expect, and has to refuse it. {flags} may have:

- {LIBNBD_STRICT_COMMANDS}: the server offers the command and its flags. Otherwise the
call fails with {EINVAL}, or {EPERM} for a write to a read-only export.
- {LIBNBD_STRICT_FLAGS}: the flags are known, and belong to the command. Otherwise the
call fails with {EINVAL}. Without this mode a flag may change the server's reply so that
the connection ends or stalls. Flags beyond the protocol's 16 bits are always refused.
- {LIBNBD_STRICT_BOUNDS}: the range lies within the export. Otherwise the call fails with
{EINVAL}, or {ENOSPC} where it would change the export.
- {LIBNBD_STRICT_ZERO_SIZE}: the length is not 0. The protocol does not say what such a
command means; otherwise the call fails with {EINVAL}.
- {LIBNBD_STRICT_ALIGN}: offset and length are multiples of the server's minimum block
size ({LIBNBD_SIZE_MINIMUM} of nbd_get_block_size(3)), if it told one; the length need not
be if the range ends where the export does. Otherwise the call fails with {EINVAL}.
- {LIBNBD_STRICT_PAYLOAD}: a write is not longer than {LIBNBD_SIZE_PAYLOAD} of
nbd_get_block_size(3). Otherwise the call fails with {ERANGE}. Without this mode 64 MiB are
the limit, but some servers hang up at more than 32 MiB.
- {LIBNBD_STRICT_AUTO_FLAG}: {LIBNBD_CMD_FLAG_PAYLOAD_LEN} is sent where extended headers
want it and left out otherwise, whatever the caller gives. Without this mode it is sent
as given, and it is for the caller to get it right.

{LIBNBD_STRICT_MASK} is all of them; other bits are refused with {EINVAL}. Later versions
may have more modes: to turn off one, take it away from what nbd_get_strict_mode(3)
gives.
`,
		SeeAlso: []string{"get_strict_mode", "get_block_size", "pwrite", "block_status_filter"},
		Example: `
/* Let the server judge ranges beyond the end. */
uint32_t strict = nbd_get_strict_mode (nbd);
nbd_set_strict_mode (nbd, strict & ~LIBNBD_STRICT_BOUNDS);
`,
	},
	"get_strict_mode": {
		Short: "tell what is refused before it is sent",
		Long: `
Gives the modes that nbd_set_strict_mode(3) has set, or {LIBNBD_STRICT_MASK}. Later
versions may have modes that a program does not know.
`,
		SeeAlso: []string{"set_strict_mode", "get_block_size"},
	},
	"set_opt_mode": {
		Short: "stop the handshake for options",
		Long: `
Sets whether connecting stops before an export is chosen, in state negotiating
(nbd_aio_is_negotiating(3)). New handles do not stop. In option mode the caller sends
options one at a time: nbd_opt_list(3) and nbd_opt_info(3) to look round,
nbd_opt_set_meta_context(3) and others.

nbd_opt_go(3) ends the negotiation and makes the handle ready for commands. If it fails
the handle mostly goes on negotiating, and another export can be tried. To end the
connection instead call nbd_opt_abort(3) or nbd_shutdown(3).

By the time that connecting stops, TLS, extended headers and structured replies have
been asked for as usual. To do that by hand too, leave nbd_set_tls(3) at
{LIBNBD_TLS_DISABLE}, and turn off nbd_set_request_extended_headers(3) or
nbd_set_request_structured_replies(3), before connecting.

Servers with the oldstyle handshake have no options: the handle is ready at once, as
without option mode. With servers whose handshake is newstyle but not fixed
(nbd_get_protocol(3)) only nbd_opt_go(3) and nbd_opt_abort(3) can be sent; other
options fail with {ENOTSUP}.
`,
		SeeAlso: []string{"get_opt_mode", "aio_is_negotiating", "opt_go", "opt_abort", "opt_list"},
		Example: `
nbd_set_opt_mode (nbd, true);
if (nbd_connect_tcp (nbd, "server", "10809") == -1)
  goto fail;
if (nbd_aio_is_negotiating (nbd)) {
  nbd_opt_list (nbd, (nbd_list_callback) { .callback = show });
  nbd_opt_abort (nbd);
}
`,
	},
	"get_opt_mode": {
		Short: "tell whether the handshake stops for options",
		Long: `
Gives what nbd_set_opt_mode(3) has set, or false. It stays true when the negotiation is
over; nbd_aio_is_negotiating(3) tells whether it is going on.
`,
		SeeAlso: []string{"set_opt_mode", "aio_is_negotiating"},
	},
}
