package api

// docsA is about handles, configuration, TLS and the handshake.
var docsA = map[string]Doc{
	"create": {"make a handle", `
Makes a handle, which is not connected. It returns {NULL} if there is no memory, or if the library cannot start. nbd_close(3) frees the handle.`, []string{"close", "connect_uri"}, ""},
	"close": {"free a handle", `
Closes the connection, in whatever state the handle is, and frees the handle; {NULL} is ignored. Commands in flight complete with {ENOTCONN}, and what was not retired is lost. If the handle has started a subprocess that is sent {SIGTERM}, and the call waits for its end.

No other thread may use the handle at that time or later. To say goodbye to the server first, call nbd_shutdown(3).`, []string{"create", "shutdown"}, ""},
	"get_error": {"tell why the last call failed", `
Gives the message of the last failed call in this thread. It begins with the name of the function. The string is the library's, and valid until the thread's next call of the library.`, []string{"get_errno", "create"}, ""},
	"get_errno": {"tell what the failure of the last call counts as", `
Gives the error number of the last failed call in this thread, as in {errno.h}, or 0 where there is none.`, []string{"get_error", "create"}, ""},
	"set_debug": {"print debugging messages or not", `
Turns debugging messages on or off: each call with its parameters and result, and what happens on the connection. They go to standard error, or to the callback of nbd_set_debug_callback(3). New handles print them if the environment has {LIBNBD_DEBUG=1}.`, []string{"get_debug", "set_debug_callback", "set_handle_name"}, ""},
	"get_debug": {"tell whether debugging messages are printed", `Gives what nbd_set_debug(3) or the environment has set.`, []string{"set_debug"}, ""},
	"set_debug_callback": {"have debugging messages called back", `
Has a callback called for each debugging message, with the name of the function that it is about and the message, instead of printing it. It takes the place of the callback before, which is freed. The callback must not call the library with the same handle. Messages come only while nbd_set_debug(3) is on.`, []string{"clear_debug_callback", "set_debug"}, ""},
	"clear_debug_callback":  {"have debugging messages printed again", `Takes away and frees the callback of nbd_set_debug_callback(3), if there is one.`, []string{"set_debug_callback", "set_debug"}, ""},
	"stats_bytes_sent":      {"count the bytes sent", stats("bytes", "sent to") + ` They are counted before encryption.`, []string{"stats_chunks_sent", "stats_bytes_received"}, ""},
	"stats_chunks_sent":     {"count the messages sent", stats("messages of the protocol (options and commands, with what belongs to them)", "sent to"), []string{"stats_bytes_sent", "stats_chunks_received"}, ""},
	"stats_bytes_received":  {"count the bytes received", stats("bytes", "received from") + ` They are counted after decryption.`, []string{"stats_chunks_received", "stats_bytes_sent"}, ""},
	"stats_chunks_received": {"count the messages received", stats("messages of the protocol (replies and chunks of them)", "received from"), []string{"stats_bytes_received", "stats_chunks_sent"}, ""},
	"set_handle_name":       {"name the handle", `Sets the name by which debugging messages call the handle. Without it the name is {nbd1}, {nbd2} and so on.`, []string{"get_handle_name", "set_debug"}, ""},
	"get_handle_name":       {"give the name of the handle", `Gives the name that nbd_set_handle_name(3) has set, or the one that was made for the handle.`, []string{"set_handle_name"}, ""},
	"set_private_data":      {"keep a number for the program", `Keeps a number, or a pointer, that the library never looks at, and gives the one that was kept before, 0 at first. What a pointer points to is not freed with the handle.`, []string{"get_private_data"}, ""},
	"get_private_data":      {"give the number kept for the program", `Gives what nbd_set_private_data(3) has set, or 0.`, []string{"set_private_data"}, ""},
	"get_handle_size":       {"estimate the memory of the handle", `Gives about how many bytes of memory the handle takes, for garbage collectors that want to know.`, []string{"create", "close"}, ""},
	"set_export_name": {"choose the export by name", `
Sets the name of the export to connect to: up to 4096 bytes of UTF-8, and "" for the server's default, which is what a new handle has. A longer name fails with {ENAMETOOLONG}. In option mode the name can be changed before nbd_opt_go(3) and nbd_opt_info(3); what was known of another export is forgotten then. Servers with the oldstyle handshake have only one export, and the name is ignored. nbd_connect_uri(3) sets the name of the URI.`, []string{"get_export_name", "opt_list", "connect_uri"}, ""},
	"get_export_name": {"give the name of the chosen export", `Gives the name that nbd_set_export_name(3) or a URI has set. The server may call the export otherwise: nbd_get_canonical_export_name(3).`, []string{"set_export_name", "get_canonical_export_name"}, ""},
	"set_request_block_size": {"ask for size constraints or not", `
Sets whether the handshake asks the server for its size constraints, which is on at first. A server may refuse clients that don't, since they may not keep to them; a server may also tell them unasked, and then they are kept to.`, []string{"get_request_block_size", "get_block_size", "set_strict_mode"}, ""},
	"get_request_block_size": {"tell whether size constraints are asked for", `Gives what nbd_set_request_block_size(3) has set.`, []string{"set_request_block_size", "get_block_size"}, ""},
	"set_full_info": {"ask for name and description or not", `
Sets whether the handshake asks for the export's canonical name and description, which is off at first. Servers may tell them unasked, or not at all.`, []string{"get_full_info", "get_canonical_export_name", "get_export_description"}, ""},
	"get_full_info": {"tell whether name and description are asked for", `Gives what nbd_set_full_info(3) has set.`, []string{"set_full_info"}, ""},
	"get_canonical_export_name": {"give the name that the server has for the export", `
Gives the canonical name that the server told, which may differ from the one that was asked for. It fails with {ENOTSUP} if the server told none, and with {EINVAL} before anything is known of the export. nbd_set_full_info(3) makes servers tell.`, []string{"set_full_info", "get_export_name", "get_export_description"}, ""},
	"get_export_description": {"give the description of the export", `
Gives the description that the server told. It fails with {ENOTSUP} if the server told none, and with {EINVAL} before anything is known of the export. nbd_set_full_info(3) makes servers tell.`, []string{"set_full_info", "get_canonical_export_name"}, ""},

	"set_tls": {"choose whether to use TLS", `
Sets the policy for TLS:

- {LIBNBD_TLS_DISABLE}: never ask for it; the policy of new handles
- {LIBNBD_TLS_ALLOW}: ask, and go on in the clear if the server has none. This protects from nobody who can change what is sent.
- {LIBNBD_TLS_REQUIRE}: ask, and fail without it

URIs whose scheme begins with {nbds} require it. What to use for TLS is set by nbd_set_tls_psk_file(3) or nbd_set_tls_certificates(3).`, []string{"get_tls", "get_tls_negotiated", "set_tls_certificates", "set_tls_psk_file"}, ""},
	"get_tls":            {"tell the policy for TLS", `Gives what nbd_set_tls(3) or a URI has set. Whether TLS is in use nbd_get_tls_negotiated(3) tells.`, []string{"set_tls", "get_tls_negotiated"}, ""},
	"get_tls_negotiated": {"tell whether the connection is encrypted", `True if TLS is in use on the connection.`, []string{"set_tls", "opt_starttls"}, ""},
	"set_tls_certificates": {"set the folder of certificates", `
Sets the folder that has the files for TLS with certificates:

- {ca-cert.pem}: the authorities that are trusted; it must be there
- {ca-crl.pem}: what they have revoked
- {client-cert.pem} and {client-key.pem}: the client's own, for servers that want one
- {client-cert-0.pem}, {client-key-0.pem} and so on: further ones

Without this call {/etc/pki/libnbd} is taken for root, and {$HOME/.pki/libnbd} or {$HOME/.config/pki/libnbd} for others. If there is no such folder the system's authorities are trusted. The files are read when connecting.`, []string{"set_tls", "set_tls_verify_peer", "set_tls_hostname"}, ""},
	"set_tls_verify_peer": {"verify the server's certificate or not", `
Sets whether the server's certificate must come from a trusted authority and bear the right name. It is on at first. Turned off, TLS protects from listeners only.`, []string{"get_tls_verify_peer", "set_tls_hostname", "set_tls_certificates"}, ""},
	"get_tls_verify_peer": {"tell whether the server's certificate is verified", `Gives what nbd_set_tls_verify_peer(3) has set.`, []string{"set_tls_verify_peer"}, ""},
	"set_tls_username":    {"set the user name for pre-shared keys", `Sets the name of the key in the file of nbd_set_tls_psk_file(3). The server sees it. Without this call it is the login name.`, []string{"get_tls_username", "set_tls_psk_file"}, ""},
	"get_tls_username":    {"give the user name for pre-shared keys", `Gives the name that nbd_set_tls_username(3) or a URI has set, or else the login name. It fails if that is not known.`, []string{"set_tls_username"}, ""},
	"set_tls_hostname": {"set the name that the server's certificate must bear", `
Sets the name that is looked for in the server's certificate, instead of the one that was dialled: for connections through a proxy or a Unix domain socket. Over a Unix domain socket without this call any name is accepted.`, []string{"get_tls_hostname", "set_tls_verify_peer", "set_tls_certificates"}, ""},
	"get_tls_hostname": {"give the name that the server's certificate must bear", `Gives what nbd_set_tls_hostname(3) or a URI has set, or an empty string.`, []string{"set_tls_hostname"}, ""},
	"set_tls_psk_file": {"set the file of pre-shared keys", `
Sets the file that has the keys for TLS without certificates: lines of a user name, a colon and the key in hexadecimal, as psktool(1) writes them. The file is read when connecting, and should be readable by its owner only.`, []string{"set_tls_username", "set_tls"}, ""},
	"set_tls_priority": {"choose versions and groups of TLS", `
Sets a priority string, in the language of GnuTLS, of which this library knows a part. It begins with {NORMAL}, {PFS}, {PERFORMANCE} or {SECURE128}; behind colons follow {+}, {-} or {!} and a name: {VERS-TLS1.2}, {VERS-TLS1.3}, {VERS-ALL}, {GROUP-X25519}, {GROUP-SECP256R1}, {GROUP-SECP384R1}, {GROUP-SECP521R1}, {GROUP-ALL}. {%COMPAT}, {%SERVER_PRECEDENCE} and {%NO_TICKETS} change nothing. Connecting fails with {EINVAL} for whatever else there is: nothing is dropped silently. At first it is {NORMAL}.`, []string{"get_tls_priority", "set_uri_allow_tls_priority"}, ""},
	"get_tls_priority": {"give the priority string", `Gives what nbd_set_tls_priority(3) or a URI has set.`, []string{"set_tls_priority"}, ""},

	"set_request_extended_headers": {"ask for extended headers or not", `
Sets whether the handshake asks for extended headers, which is on at first. With them requests and extents can be 4 GiB and longer, and structured replies are implied. They are not asked for if nbd_set_request_structured_replies(3) is off.`, []string{"get_request_extended_headers", "get_extended_headers_negotiated", "opt_extended_headers"}, ""},
	"get_request_extended_headers":    {"tell whether extended headers are asked for", `Gives what nbd_set_request_extended_headers(3) has set.`, []string{"set_request_extended_headers", "get_extended_headers_negotiated"}, ""},
	"get_extended_headers_negotiated": {"tell whether extended headers are in use", `True if client and server have agreed on extended headers. A later nbd_opt_extended_headers(3) that the server refuses changes nothing.`, []string{"set_request_extended_headers", "opt_extended_headers"}, ""},
	"set_request_structured_replies": {"ask for structured replies or not", `
Sets whether the handshake asks for structured replies, which is on at first. They are needed for block status, for sparse reads, and for errors with an explanation. Extended headers imply them.`, []string{"get_request_structured_replies", "get_structured_replies_negotiated", "opt_structured_reply"}, ""},
	"get_request_structured_replies":    {"tell whether structured replies are asked for", `Gives what nbd_set_request_structured_replies(3) has set.`, []string{"set_request_structured_replies"}, ""},
	"get_structured_replies_negotiated": {"tell whether structured replies are in use", `True if client and server have agreed on structured replies, or on extended headers, which imply them.`, []string{"set_request_structured_replies", "opt_structured_reply"}, ""},
	"set_request_meta_context": {"select metadata contexts on the way or not", `
Sets whether connecting, nbd_opt_go(3) and nbd_opt_info(3) first select the metadata contexts of nbd_add_meta_context(3), which is on at first. Turned off, nbd_opt_set_meta_context(3) does that by hand; what it has selected stays for nbd_opt_go(3). Without any context nbd_block_status_64(3) fails.`, []string{"get_request_meta_context", "add_meta_context", "opt_set_meta_context"}, ""},
	"get_request_meta_context": {"tell whether metadata contexts are selected on the way", `Gives what nbd_set_request_meta_context(3) has set.`, []string{"set_request_meta_context"}, ""},
	"set_handshake_flags": {"limit the flags of the handshake", `
Sets the flags that the client may answer the server's greeting with, for tests of servers. All are set at first:

- {LIBNBD_HANDSHAKE_FLAG_FIXED_NEWSTYLE}: without it there are no options but choosing an export, and so no TLS, structured replies or metadata contexts
- {LIBNBD_HANDSHAKE_FLAG_NO_ZEROES}: without it the server pads one of its answers

{LIBNBD_HANDSHAKE_FLAG_MASK} is all of them.`, []string{"get_handshake_flags", "get_protocol"}, ""},
	"get_handshake_flags": {"tell the flags of the handshake", `Gives what nbd_set_handshake_flags(3) has set.`, []string{"set_handshake_flags"}, ""},
	"set_pread_initialize": {"clear buffers of failed reads or not", `
Sets whether the buffer of a read that fails is cleared, which is on at first. It protects programs that overlook errors from using, or giving away, what was in the buffer before (CVE\-2022\-0485).`, []string{"get_pread_initialize", "pread"}, ""},
	"get_pread_initialize": {"tell whether buffers of failed reads are cleared", `Gives what nbd_set_pread_initialize(3) has set.`, []string{"set_pread_initialize"}, ""},
	"set_strict_mode": {"choose what is refused before it is sent", `
Sets which checks commands must pass before they are sent. All are on at first; turning some off is for tests of servers.

- {LIBNBD_STRICT_COMMANDS}: the server offers the command and its flags
- {LIBNBD_STRICT_FLAGS}: the command knows the flags. Flags beyond 16 bits are always refused.
- {LIBNBD_STRICT_BOUNDS}: the range lies within the export
- {LIBNBD_STRICT_ZERO_SIZE}: the length is not 0
- {LIBNBD_STRICT_ALIGN}: offset and length are multiples of the server's minimum block size, but for the end of an export that is not one itself
- {LIBNBD_STRICT_PAYLOAD}: a write is not longer than {LIBNBD_SIZE_PAYLOAD} of nbd_get_block_size(3). 64 MiB are always the most.
- {LIBNBD_STRICT_AUTO_FLAG}: {LIBNBD_CMD_FLAG_PAYLOAD_LEN} is set and cleared as the protocol wants it, whatever the caller says

{LIBNBD_STRICT_MASK} is all of them. To change one, change the result of nbd_get_strict_mode(3): later versions may have more.`, []string{"get_strict_mode", "get_block_size"}, ""},
	"get_strict_mode": {"tell what is refused before it is sent", `Gives what nbd_set_strict_mode(3) has set.`, []string{"set_strict_mode"}, ""},
	"set_opt_mode": {"stop the handshake for options", `
Sets whether connecting stops before an export is chosen, which is off at first. Then nbd_aio_is_negotiating(3) is true, options can be sent one at a time (nbd_opt_list(3), nbd_opt_info(3) and others), and nbd_opt_go(3) chooses the export or nbd_opt_abort(3) ends it all. Servers with the oldstyle handshake cannot negotiate: the handle is ready at once.`, []string{"get_opt_mode", "aio_is_negotiating", "opt_go", "opt_abort"}, ""},
	"get_opt_mode": {"tell whether the handshake stops for options", `Gives what nbd_set_opt_mode(3) has set.`, []string{"set_opt_mode"}, ""},
}

// stats describes a counter.
func stats(what, direction string) string {
	return "Gives the number of " + what + " that were " + direction + " the server on this handle's connection, the handshake included."
}
