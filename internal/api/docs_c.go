package api

// docsC is about commands, asynchronous calls, and poll loops.
var docsC = map[string]Doc{
	"pread": {"read from the export", `
Reads {count} bytes from {offset} with NBD_CMD_READ into {buf}, and returns when all have come. It is all or nothing. {count} may be up to 64 MiB, and what the server allows (nbd_get_block_size(3)); more is refused with {ERANGE}. {flags} must be 0.

If the call fails {buf} holds zeroes or a part of the data, or, after nbd_set_pread_initialize(3) with false, anything.`, []string{"aio_pread", "pread_structured", "get_block_size", "pwrite"}, ""},
	"pread_structured": {"read from the export, chunk by chunk", `
Reads like nbd_pread(3), and calls back for each chunk of the server's reply as it arrives. The chunk callback gets the part of {buf} that was filled, its {offset} in the export, and a status:

- {LIBNBD_READ_DATA}: the server sent this data
- {LIBNBD_READ_HOLE}: the server said that these bytes are zero
- {LIBNBD_READ_ERROR}: reading failed at {offset}; there is no data, and {error} has the server's error

Chunks may come in any order. The callback makes the call fail by storing an error number in {error} and returning -1; without a number the error is {EPROTO}. It goes on being called. {flags} may be {LIBNBD_CMD_FLAG_DF}, which asks for a single chunk where nbd_can_df(3) says that the server can.`, []string{"aio_pread_structured", "pread", "can_df"}, ""},
	"pwrite": {"write to the export", `
Writes the {count} bytes of {buf} at {offset} with NBD_CMD_WRITE, and returns when the server has confirmed it. It is refused with {EPERM} if the export is read-only (nbd_is_read_only(3)), with {ENOSPC} beyond its end, and with {ERANGE} if it is longer than {LIBNBD_SIZE_PAYLOAD} of nbd_get_block_size(3).

{flags} may have {LIBNBD_CMD_FLAG_FUA}: the data is on permanent storage when the call returns, if nbd_can_fua(3). {LIBNBD_CMD_FLAG_PAYLOAD_LEN} is set and cleared as the protocol needs it, unless {LIBNBD_STRICT_AUTO_FLAG} is off.`, []string{"aio_pwrite", "flush", "can_fua", "is_read_only"}, ""},
	"shutdown": {"say goodbye to the server", `
Ends the connection politely, with NBD_CMD_DISC or in option mode with NBD_OPT_ABORT, and waits until the server has hung up. Commands in flight are completed first if the server answers them; the others fail with {ENOTCONN}. nbd_close(3) alone ends the connection too, without a word.

With {LIBNBD_SHUTDOWN_ABANDON_PENDING} in {flags}, commands of which nothing was sent yet are not sent any more.`, []string{"aio_disconnect", "aio_opt_abort", "close"}, ""},
	"flush": {"make writes durable", `
Sends NBD_CMD_FLUSH: when the call returns, all writes that were completed before are on permanent storage. It needs nbd_can_flush(3). {flags} must be 0.`, []string{"aio_flush", "can_flush", "can_fua"}, ""},
	"trim": {"discard a part of the export", `
Tells the server with NBD_CMD_TRIM that {count} bytes at {offset} are not needed any more. It may free their storage; what is read there afterwards is not defined. It needs nbd_can_trim(3). More than 4 GiB - 1 needs extended headers. {flags} may be {LIBNBD_CMD_FLAG_FUA}.`, []string{"aio_trim", "zero", "can_trim"}, ""},
	"cache": {"prefetch a part of the export", `
Asks the server with NBD_CMD_CACHE to have {count} bytes at {offset} ready for reads to come. It needs nbd_can_cache(3), and the server may do nothing. {flags} must be 0.`, []string{"aio_cache", "can_cache", "pread"}, ""},
	"zero": {"write zeroes", `
Makes {count} bytes at {offset} zero with NBD_CMD_WRITE_ZEROES, without sending them. It needs nbd_can_zero(3). More than 4 GiB - 1 needs extended headers. {flags} may have:

- {LIBNBD_CMD_FLAG_FUA}: be durable on return (nbd_can_fua(3))
- {LIBNBD_CMD_FLAG_NO_HOLE}: keep the storage allocated
- {LIBNBD_CMD_FLAG_FAST_ZERO}: fail with {ENOTSUP} rather than be as slow as a write (nbd_can_fast_zero(3))`, []string{"aio_zero", "can_zero", "can_fast_zero", "trim"}, ""},
	"block_status": {"tell what the parts of the export are, in 32 bits", `
Asks with NBD_CMD_BLOCK_STATUS about {count} bytes from {offset}. For each metadata context that was negotiated (nbd_add_meta_context(3)) the callback gets its name, the offset, and {nr_entries} numbers: pairs of an extent's length in bytes and its status, one after the other from the offset on. The server may tell of less than was asked for, and the last extent may go beyond it.

Extents of 4 GiB and more are cut, and what follows them left out; a status that needs 64 bits is the error {EOVERFLOW}. nbd_block_status_64(3) has neither limit. {flags} may be {LIBNBD_CMD_FLAG_REQ_ONE}: one extent for each context. The callback fails the call as that of nbd_pread_structured(3) does.`, []string{"block_status_64", "aio_block_status", "add_meta_context", "can_meta_context"}, ""},
	"block_status_64": {"tell what the parts of the export are", `
Asks with NBD_CMD_BLOCK_STATUS about {count} bytes from {offset}. For each metadata context that was negotiated (nbd_add_meta_context(3)) the callback gets its name, the offset, and an array of {nr_entries} structures {nbd_extent}, which have the length in bytes and the flags of extents, one after the other from the offset on. In {base:allocation} the flags are {LIBNBD_STATE_HOLE} and {LIBNBD_STATE_ZERO}.

The server may tell of less than was asked for, and the last extent may go beyond it: ask again from where it ended. Contexts may differ in how far they reach. {flags} may be {LIBNBD_CMD_FLAG_REQ_ONE}: one extent for each context. The callback fails the call as that of nbd_pread_structured(3) does.`, []string{"block_status", "block_status_filter", "aio_block_status_64", "add_meta_context"}, ""},
	"block_status_filter": {"tell what the parts of the export are, by some contexts", `
Like nbd_block_status_64(3), for the metadata contexts in {contexts} only. Each must have been negotiated, else the error is {EINVAL}. It needs extended headers and nbd_can_block_status_payload(3).`, []string{"block_status_64", "aio_block_status_filter", "can_block_status_payload"}, ""},
	"poll": {"wait for the server, and act", `
Waits until the handle's socket is ready, or another thread has moved the handle along, or {timeout} milliseconds are over; -1 waits for ever. Then it does what nbd_aio_notify_read(3) or nbd_aio_notify_write(3) would do. It returns 1 if anything happened and 0 if the time is over.

Other threads can use the handle meanwhile. Without anything in flight, a wait without a timeout may never end. It fails with {EINVAL} if the handle waits for nothing.`, []string{"poll2", "aio_get_direction", "aio_in_flight"}, ""},
	"poll2": {"wait for the server or another descriptor, and act", `
Like nbd_poll(3), but it also returns when the file descriptor {fd} is readable: an eventfd, for instance, by which another thread wakes this one. A negative {fd} is none.`, []string{"poll", "aio_get_fd"}, ""},

	"aio_connect":                           {"begin to connect to a socket address", connecting("an address of any family: {addr} is a struct sockaddr of {addrlen} bytes") + ` There is no synchronous counterpart.`, []string{"aio_is_connecting", "connect_socket", "aio_notify_write"}, ""},
	"aio_connect_uri":                       {"begin to connect to an NBD URI", connecting("the server that an NBD URI names, as nbd_connect_uri(3) describes"), []string{"connect_uri", "aio_is_connecting"}, ""},
	"aio_connect_unix":                      {"begin to connect to a Unix domain socket", connecting("the Unix domain socket at a path"), []string{"connect_unix", "aio_is_connecting"}, ""},
	"aio_connect_vsock":                     {"begin to connect over AF_VSOCK", connecting("a port of the machine with the given CID, over AF_VSOCK"), []string{"connect_vsock", "aio_is_connecting"}, ""},
	"aio_connect_tcp":                       {"begin to connect over TCP", connecting("a host and port. The name is looked up before the call returns; its addresses are tried one after the other"), []string{"connect_tcp", "aio_is_connecting"}, ""},
	"aio_connect_socket":                    {"begin to speak NBD on a connected socket", connecting("nothing: the socket is connected already. If the call succeeds the socket belongs to the handle"), []string{"connect_socket", "aio_is_connecting"}, ""},
	"aio_connect_command":                   {"begin to connect to a command", connecting("a subprocess, on its standard input and output, which the call starts"), []string{"connect_command", "aio_is_connecting"}, ""},
	"aio_connect_systemd_socket_activation": {"begin to connect to an activated server", connecting("a server that the call starts by systemd's protocol for socket activation"), []string{"connect_systemd_socket_activation", "aio_is_connecting"}, ""},

	"aio_opt_go":                        {"begin to choose the export", optioning("nbd_opt_go(3)") + ` If the server agreed the handle is ready, and if it refused it is negotiating again.`, []string{"opt_go", "aio_is_negotiating", "aio_is_ready"}, ""},
	"aio_opt_abort":                     {"begin to give up the negotiation", `Sends what nbd_opt_abort(3) sends, and does not wait. The handle is closed once nbd_aio_is_closed(3) says so.`, []string{"opt_abort", "aio_is_closed"}, ""},
	"aio_opt_starttls":                  {"begin to ask for TLS", optioning("nbd_opt_starttls(3)"), []string{"opt_starttls", "get_tls_negotiated"}, ""},
	"aio_opt_extended_headers":          {"begin to ask for extended headers", optioning("nbd_opt_extended_headers(3)"), []string{"opt_extended_headers", "get_extended_headers_negotiated"}, ""},
	"aio_opt_structured_reply":          {"begin to ask for structured replies", optioning("nbd_opt_structured_reply(3)"), []string{"opt_structured_reply", "get_structured_replies_negotiated"}, ""},
	"aio_opt_list":                      {"begin to list the exports", optioning("nbd_opt_list(3)") + listed, []string{"opt_list", "aio_is_connecting"}, ""},
	"aio_opt_info":                      {"begin to ask about an export", optioning("nbd_opt_info(3)"), []string{"opt_info", "aio_is_connecting"}, ""},
	"aio_opt_list_meta_context":         {"begin to list metadata contexts", optioning("nbd_opt_list_meta_context(3)") + listed, []string{"opt_list_meta_context", "aio_opt_list_meta_context_queries"}, ""},
	"aio_opt_list_meta_context_queries": {"begin to list the metadata contexts that queries match", optioning("nbd_opt_list_meta_context_queries(3)") + listed, []string{"opt_list_meta_context_queries", "aio_opt_list_meta_context"}, ""},
	"aio_opt_set_meta_context":          {"begin to select metadata contexts", optioning("nbd_opt_set_meta_context(3)") + listed, []string{"opt_set_meta_context", "can_meta_context"}, ""},
	"aio_opt_set_meta_context_queries":  {"begin to select the metadata contexts that queries match", optioning("nbd_opt_set_meta_context_queries(3)") + listed, []string{"opt_set_meta_context_queries", "can_meta_context"}, ""},

	"aio_pread":               {"begin to read from the export", issuing("nbd_pread(3)") + ` {buf} belongs to the library until the command has completed: only then does it hold the data, and it must not be freed before.`, []string{"pread", "aio_command_completed", "aio_in_flight"}, ""},
	"aio_pread_structured":    {"begin to read from the export, chunk by chunk", issuing("nbd_pread_structured(3)") + ` {buf} belongs to the library until the command has completed.`, []string{"pread_structured", "aio_pread"}, ""},
	"aio_pwrite":              {"begin to write to the export", issuing("nbd_pwrite(3)") + ` {buf} must stay as it is until the command has completed.`, []string{"pwrite", "aio_command_completed", "aio_in_flight"}, ""},
	"aio_flush":               {"begin to make writes durable", issuing("nbd_flush(3)") + ` It covers the writes that have completed before it is issued.`, []string{"flush", "aio_command_completed"}, ""},
	"aio_trim":                {"begin to discard a part of the export", issuing("nbd_trim(3)"), []string{"trim", "aio_command_completed"}, ""},
	"aio_cache":               {"begin to prefetch a part of the export", issuing("nbd_cache(3)"), []string{"cache", "aio_command_completed"}, ""},
	"aio_zero":                {"begin to write zeroes", issuing("nbd_zero(3)"), []string{"zero", "aio_command_completed"}, ""},
	"aio_block_status":        {"begin to ask about parts of the export, in 32 bits", issuing("nbd_block_status(3)"), []string{"block_status", "aio_block_status_64"}, ""},
	"aio_block_status_64":     {"begin to ask about parts of the export", issuing("nbd_block_status_64(3)"), []string{"block_status_64", "aio_command_completed"}, ""},
	"aio_block_status_filter": {"begin to ask about parts of the export, by some contexts", issuing("nbd_block_status_filter(3)"), []string{"block_status_filter", "aio_block_status_64"}, ""},
	"aio_disconnect": {"say goodbye to the server without waiting", `
Queues NBD_CMD_DISC behind the commands that are queued already. No command can be issued after it. There is no answer: the handle is closed when the server has hung up, which nbd_aio_is_closed(3) tells. Commands that are in flight then complete with {ENOTCONN}; it is better to wait for them first. {flags} must be 0.`, []string{"shutdown", "aio_is_closed", "aio_in_flight"}, ""},

	"aio_get_fd": {"give the socket to poll", `
Gives the file descriptor of the connection, for a poll loop of the caller's own. Nothing else may be done with it. It may change while connecting, where a host has several addresses, and is gone once the handle is closed or dead; then the call fails with {EINVAL}.`, []string{"aio_get_direction", "aio_notify_read", "poll"}, ""},
	"aio_get_direction": {"tell what to poll the socket for", `
Tells what the handle waits for next: {LIBNBD_AIO_DIRECTION_READ}, {LIBNBD_AIO_DIRECTION_WRITE}, both ({LIBNBD_AIO_DIRECTION_BOTH}), or 0 for neither. Every call, and every other thread's call, may change it: ask anew before each wait. If both are due and ready, nbd_aio_notify_read(3) is the one to call.

A ready handle always waits for reading. It may be called from a callback.`, []string{"aio_get_fd", "aio_notify_read", "aio_notify_write"}, ""},
	"aio_notify_read": {"tell the handle that its socket is readable", `
Reads what has come, runs the callbacks that are due, and sends what follows, until the socket would block. It fails with {EINVAL} if the handle does not wait for reading, and with the reason if the connection breaks.`, []string{"aio_notify_write", "aio_get_direction"}, ""},
	"aio_notify_write": {"tell the handle that its socket is writable", `
Sends what is to be sent until the socket would block, or takes note that connecting has ended. It fails with {EINVAL} if the handle does not wait for writing, and with the reason if the connection breaks.`, []string{"aio_notify_read", "aio_get_direction"}, ""},
	"aio_is_created":     {"tell whether the handle was never connected", `True before the handle has begun to connect, and after nbd_connect_tcp(3) or nbd_aio_connect_tcp(3) has failed to.`, []string{"aio_is_connecting", "connection_state"}, ""},
	"aio_is_connecting":  {"tell whether the handle is connecting", `True while the handle connects, shakes hands, or waits for the answer to an option.`, []string{"aio_is_created", "aio_is_negotiating", "aio_is_ready"}, ""},
	"aio_is_negotiating": {"tell whether an option can be sent", `True in option mode (nbd_set_opt_mode(3)) while no option is under way. Servers with the oldstyle handshake never get there.`, []string{"set_opt_mode", "opt_go", "aio_is_connecting"}, ""},
	"aio_is_ready":       {"tell whether commands can be issued", `True while the handle is connected to an export and not in the midst of a message. Commands may be in flight.`, []string{"aio_is_processing", "aio_in_flight"}, ""},
	"aio_is_processing":  {"tell whether the handle is in the midst of a message", `True while the handle is connected to an export, and a request has not been sent or a reply not been received to its end. Commands can be issued then too.`, []string{"aio_is_ready", "aio_get_direction"}, ""},
	"aio_is_dead":        {"tell whether the connection has broken", `True after the connection has broken, or could not be made. The handle can only be closed.`, []string{"aio_is_closed", "connection_state"}, ""},
	"aio_is_closed":      {"tell whether the connection has ended", `True after the connection has ended politely, from whichever side. The handle can only be closed.`, []string{"aio_is_dead", "aio_disconnect", "shutdown"}, ""},
	"aio_command_completed": {"tell whether a command has completed, and retire it", `
Returns true if the command with the {cookie} has completed with success, and false if it is in flight, or not known. If it has completed with an error the call fails with that error. A completed command is retired by the call: its cookie is not known afterwards.`, []string{"aio_peek_command_completed", "aio_in_flight", "poll"}, ""},
	"aio_peek_command_completed": {"give a completed command", `
Gives the cookie of that completed command which has waited longest to be retired, or 0 if commands are in flight and none has completed. It fails with {EINVAL} if there are none. nbd_aio_command_completed(3) retires the command.`, []string{"aio_command_completed", "aio_in_flight"}, ""},
	"aio_in_flight": {"count the commands in flight", `
Gives the number of commands that have been issued and not been answered yet.`, []string{"aio_command_completed", "aio_peek_command_completed"}, ""},
	"connection_state": {"name the state of the handle", `
Gives a string that names and explains the state, for messages. The names may change: programs should ask nbd_aio_is_ready(3) and its siblings. It may be called from a callback.`, []string{"aio_is_ready", "aio_is_dead"}, ""},
}

// connecting describes an asynchronous connect.
func connecting(what string) string {
	return "Begins to connect to " + what + `. The call does not wait: nbd_aio_is_connecting(3) is true until the handshake has ended, well or not, and the caller's poll loop moves it along (nbd_poll(3)).

In the end the handle is ready, or with nbd_set_opt_mode(3) negotiating, or dead.`
}

// listed describes the callback of an option that lists.
const listed = " The list or context callback runs once for each piece of the answer."

// optioning describes an asynchronous option.
func optioning(sync string) string {
	return "Sends what " + sync + ` sends, and does not wait: nbd_aio_is_connecting(3) is true until the answer has come. The completion callback gets the error, if any, in {error}; what it returns does not matter. Without one, an error cannot be told.`
}

// issuing describes an asynchronous command.
func issuing(sync string) string {
	return "Issues the command of " + sync + `, which describes the parameters, and returns its cookie without waiting. The completion callback, if there is one, runs when the command has completed, with the error in {error}; it may run before this call returns. If it returns 1 the command is retired; else nbd_aio_command_completed(3) does that. If this call fails the callback does not run.`
}
