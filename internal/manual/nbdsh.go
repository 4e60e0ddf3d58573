package manual

import "slices"

var nbdsh = &Page{
	Name:  "nbdsh",
	Short: "a shell for NBD servers, and an interpreter of scripts about them",
	Synopsis: []string{
		"[OPTION...]",
		"[OPTION...] -c COMMAND",
		"[OPTION...] SCRIPT [ARGUMENT...]",
	},
	Description: `
nbdsh runs programs that talk to NBD servers in the libnbd API. Their language is Starlark,
whose syntax is Python's: see THE LANGUAGE. The module {nbd} is there, and an open handle
{h}, on which every function of libnbd(3) is a method: nbd_pread(3) is {h.pread}.

Without {-c} and SCRIPT nbdsh is a shell with a prompt, on a terminal; else it runs what is
on standard input. A script is a file, and can begin with {#!/usr/bin/env nbdsh}; the words
behind it are its arguments, {argv}.

The options {-c}, {-u}, {--opt-mode} and {--base-allocation} are done in the order in which
they are given, so {--base-allocation} must stand before {-u}. Options end at the first word
that is none.`,
	Options: []Option{
		{Names: []string{"--base-allocation"}, Brief: "ask for the metadata context base:allocation", Text: `
Ask for the metadata context {base:allocation} when connecting, which {h.block_status}
needs. It is short for {-c 'h.add_meta_context(nbd.CONTEXT_BASE_ALLOCATION)'}.`},
		{Names: []string{"-c", "--command"}, Arg: "COMMAND", Many: true, Values: Values{Words: []string{"-"}}, Brief: "run a command", Text: `
Run a command, or with {-} what standard input has, instead of the shell. The option may be
given several times; what one command has defined the next ones see.`},
		helpOption("-h"),
		{Names: []string{"-n", "--no-handle"}, Brief: "do not create the handle h", Text: `
Do not create the handle {h}. A program can make any number of handles, by {nbd.NBD()}.`},
		{Names: []string{"--opt-mode"}, Brief: "let options be negotiated before an export is opened", Text: `
Let options be negotiated before an export is opened: after connecting, calls such as
{h.opt_list} and {h.opt_info} can be made, until {h.opt_go} or {h.opt_abort}. It is short
for {-c 'h.set_opt_mode(True)'}.`},
		{Names: []string{"-u", "--uri"}, Arg: "URI", Values: Values{Server: true}, Brief: "connect the handle to a server", Text: `
Connect {h} to a server by its URI: see SERVERS. It is short for
{-c 'h.connect_uri("URI")'}.`},
		{Names: []string{"-v", "--verbose"}, Brief: "print debugging messages", Text: `
Print the debugging messages of handles on standard error.`},
		versionOption,
	},
	Leading:  true,
	Operands: []Operand{{"SCRIPT", Values{Files: true}}},
	Rest:     &Operand{"ARGUMENT", Values{Files: true}},
	Sections: []Section{
		{"The language", `
As in Python are functions and lambda, {if}, {for}, {while}, lists, dictionaries, sets,
tuples, comprehensions, slices, integers of any size, {bytes} and {bytearray} with their
methods, {print}, formatting by {%}, by {str.format} and by f-strings, {assert}, {is}, {**}
between two numbers, recursion, and keyword arguments. The modules {nbd}, {errno} and {sys}
(with {argv}, {exit} and {version}) are there, and may be imported.

What there is not:

- {try}, {except}, {raise} and {with}: see ERRORS
- generators: write brackets around a comprehension
- {class}, {global}, {nonlocal}, {del}, {async}, {match}, {:=}, decorators and annotations.
A function changes what is outside of it by changing a list or dictionary
- Python's modules, such as os, struct or time. A program can't read files, nor see the
time, nor start other programs than servers
- comparisons in a chain: write {0 <= x and x < n}
- several assignments at once: write {x = 1; y = x}
- strings side by side: write + between them
- going through a string by character: {s.elems()} does
- changing a list while a loop goes through it
- {sort} of lists: {sorted(list)} gives another list. {map}, {filter}, {zip} and {enumerate}
give lists`},
		{"Calls", `
Methods of a handle are called as in libnbd's module for Python: {h.pread(512, 0)} gives
bytes, {h.pwrite(data, 0)} takes bytes, and arguments that have a default, such as flags,
can be left out or given by their names, as in {h.pwrite(data, 0, flags=nbd.CMD_FLAG_FUA)}.
Constants are {nbd.CMD_FLAG_FUA}, {nbd.CONTEXT_BASE_ALLOCATION} and so on. Callbacks are
functions; one that fails makes the command fail. Data of asynchronous commands is in
{nbd.Buffer(512)} or {nbd.Buffer.from_bytearray(data)}.

{help(h.pread)} describes a call, {help(h)} and {help(nbd)} list all of them. The manual has
a page for each: nbd_pread(3).`},
		{"Errors", `
An error ends a program, with a message that names the call, and exit code 1. To go on
behind an error, let {nbd.catch} call the function: it gives a tuple of the result and None,
or of None and the error.

	data, error = nbd.catch(h.pread, 512, 0)
	if error and error.errnum == errno.EIO:
	    print(error.string)

The error has the attributes {string}, the message, {errno}, its name such as "EIO", and
{errnum}, its number; the latter two are None where there is no such number.
{fail("message")} makes an error.`},
		{"The prompt", `
Lines can be edited, and those before are there again by the arrow keys, also those of
earlier shells. The tabulator key completes names and calls. A block ends with an empty
line. Ctrl-C ends the command that runs, even if it waits for a server; the connection
stays, unless it was just being made. Servers that {h.connect_command} has started get that
signal too. Ctrl-D or {exit()} ends the shell.`},
		{"Servers", `
A URI says how the server is reached:

	nbd://HOST[:PORT]/EXPORT              TCP; the port is 10809 by default
	nbd+unix:///EXPORT?socket=PATH        a Unix domain socket
	nbd+vsock://CID[:PORT]/EXPORT         between a virtual machine and its host
	nbd+ssh://[USER@]HOST/EXPORT          through ssh(1), to a server beyond it

With {nbds} instead of {nbd} at the beginning TLS is required. nbd_connect_uri(3) has the
whole of it. A program can start a server of its own, which ends with its handle:
{h.connect_command} one that speaks on its standard input and output,
{h.connect_systemd_socket_activation} one that knows socket activation.`},
		tlsSection,
	},
	Environment: slices.Concat([]Term{
		{"LIBNBD_DEBUG", "If this is 1 handles print debugging messages, as with {--verbose}."},
		{"XDG_STATE_HOME", "The folder that has the history: see FILES."},
	}, tlsEnvironment),
	Files: slices.Concat([]Term{
		{"$HOME/.local/state/nbdsh/history", "The last lines that were entered at the prompt, 1000 at least; or {$XDG_STATE_HOME/nbdsh/history}. Only you can read it."},
	}, tlsFiles),
	Exit: []Term{
		{"0", "The programs have ended without an error; or the shell has."},
		{"1", "A program has failed, or the server could not be reached: standard error says why."},
		{"2", "An option does not exist, or options exclude each other."},
		{"N", "A program has called {exit(N)}."},
		{"130, 143", "It was ended by {SIGINT} (Ctrl-C, but not at the prompt) or {SIGTERM}."},
	},
	Examples: []Example{
		{"The size of an export:", `nbdsh -u nbd://localhost -c 'print(h.get_size())'`},
		{"Its first sector, in hexadecimal digits:", `nbdsh -u nbd://localhost -c 'print(h.pread(512, 0).hex())'`},
		{"Write, and have it be durable:", `nbdsh -u nbd://localhost -c 'h.pwrite(b"x" * 512, 1024, nbd.CMD_FLAG_FUA)'`},
		{"The extents of the first gigabyte, as many of them as the server tells at once:", `nbdsh --base-allocation -u nbd://localhost -c '
def show(context, offset, entries, error):
    print(context, offset, entries)
h.block_status(1 << 30, 0, show)'`},
		{"The exports of a server:", `nbdsh --opt-mode -u nbd://localhost -c '
h.opt_list(lambda name, description: print(name, description))
h.opt_abort()'`},
		{"A server of one's own, for a test:", `nbdsh -c 'h.connect_command(["nbdkit", "-s", "memory", "1G"])' -c 'print(h.can_trim())'`},
	},
	Differences: `
libnbd's nbdsh is Python; this one needs none, and programs in it can do less, which is said
above. The one-liners of libnbd's manual that need no modules of Python work unchanged. A
script can be named. Without a terminal and without {-c} standard input is a script: there
is no prompt, and an error ends it. A server that does not answer can't hang the end of the
shell. For programs in Python itself, libnbd's module for Python works on this project's
libnbd.so.0.`,
	SeeAlso: []string{"nbdinfo(1)", "nbddump(1)", "nbdcopy(1)", "nbd_connect_uri(3)", "nbd_pread(3)", "nbd_block_status(3)", "libnbd(3)"},
}
