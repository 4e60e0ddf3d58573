package manual

import "slices"

// questions are what nbdinfo --can asks.
var questions = Values{Words: []string{
	"block-status-payload", "cache", "connect", "df", "extended-headers", "fast-zero", "flush", "fua", "multi-conn", "read",
	"read-only", "rotational", "structured-reply", "tls", "trim", "write", "zero",
}}

var nbdinfo = &Page{
	Name:  "nbdinfo",
	Short: "show what an NBD server tells about itself and its exports",
	Synopsis: []string{
		"[--json] [--no-content] NBD",
		"--list [--content] [--json] NBD",
		"--size NBD",
		"--uri [--json] URI",
		"--can FLAG NBD",
		"--is FLAG NBD",
		"--has FLAG NBD",
		"--map[=CONTEXT] [--totals] [--json] NBD",
	},
	Description: `
nbdinfo connects to an NBD server and prints what it tells: how it is spoken to, how large
an export is, and what it can do. NBD is a URI, or a server to be started,
{[ COMMAND ARGUMENT... ]}: see SERVERS. Nothing is ever written to an export.

Without other options one export is described, that which the URI names. {--list} describes
all exports of the server; {--size}, {--uri}, {--can} and its relatives, and {--map} answer
single questions. Only one of these can be asked for at a time.`,
	Options: []Option{
		{Names: []string{"--can", "--is", "--has"}, Spellings: []string{"--have"}, Arg: "FLAG", Values: questions, Brief: "ask whether the server or export can, is or has FLAG", Text: `
Print nothing, and exit with 0 if the answer is yes, with 2 if it is no, and with 1 if it
cannot be told, because the server could not be reached for example. The three options, and
{--have}, are the same; they are there to be read aloud. The FLAGS are listed below in
QUESTIONS.`},
		{Names: []string{"--cannot", "--isnt", "--hasnt"}, Spellings: []string{"--can-not", "--cant", "--isnot", "--is-not", "--hasnot", "--has-not", "--havent", "--havenot", "--have-not"},
			Arg: "FLAG", Values: questions, Brief: "ask for the contrary", Text: `
The same with yes and no exchanged: 0 means that the server can not, is not or has not, and
2 that it can, is or has. More spellings are understood: {--can-not}, {--cant}, {--is-not},
{--isnot}, {--has-not}, {--hasnot}, {--have-not}, {--havenot} and {--havent}.`},
		{Names: []string{"--color"}, Spellings: []string{"--colour", "--colors", "--colours"}, Brief: "colour the output", Text: `
Colour the output even if it is no terminal. Also {--colour}, {--colors} and {--colours}.`},
		{Names: []string{"--no-color"}, Spellings: []string{"--no-colour", "--no-colors", "--no-colours"}, Brief: "do not colour the output", Text: `
Don't colour the output. Without either option it is coloured on a terminal. Also
{--no-colour}, {--no-colors} and {--no-colours}.`},
		{Names: []string{"--content"}, Brief: "with --list, tell what the exports hold", Text: `
With {--list}, read the first 8192 bytes of each export and let file(1) say what they are.
The description of a single export does so anyway.`},
		{Names: []string{"--no-content"}, Brief: "do not tell what the export holds", Text: `
Don't do so. Then no data is read.`},
		{Names: []string{"--json"}, Brief: "write JSON", Text: `
Write JSON, for programs, instead of text. See JSON. With {--size} and questions it changes
nothing.`},
		{Names: []string{"-L", "--list"}, Brief: "describe all exports of the server", Text: `
Describe all exports of the server. The name of the export in the URI is not used. If one of
them cannot be described, the others are, and the exit code is 1. Servers may refuse to
list, or leave out what they serve to those who know its name.`},
		{Names: []string{"--map"}, Arg: "CONTEXT", Optional: true, Values: Values{Words: []string{"base:allocation", "qemu:", "qemu:allocation-depth", "qemu:dirty-bitmap:"}},
			Brief: "show extents", Text: `
Show the extents of the export: which parts are data, and which are holes. CONTEXT is the
metadata context to show, and {base:allocation} if it is left out. One that ends with a
colon, such as {qemu:}, stands for all contexts of the server that begin so. See MAPS.`},
		{Names: []string{"--totals"}, Spellings: []string{"--total"}, Brief: "with --map, sum up the extents of each type", Text: `
With {--map}, print how many bytes the extents of each type make up together, and how much
of the export that is in percent. Also {--total}.`},
		{Names: []string{"--size"}, Brief: "print the size in bytes", Text: `
Print the size of the export in bytes, and nothing else.`},
		{Names: []string{"--uri"}, Brief: "print the canonical URI", Text: `
Print the URI in its canonical form, after having connected to it. Parameters that begin
with {x-} are left out. A server in brackets has no URI, and is refused.`},
		helpOption(),
		versionOption,
	},
	Operands: []Operand{{"NBD", server}},
	Sections: []Section{
		{"Output", `
The first line tells how the server is spoken to: {newstyle-fixed} is the handshake of all
servers of today, {newstyle} and {oldstyle} are older; with or without TLS; and the kind of
packets, {extended} (requests of 64 bits), {structured}, or {simple}. For each export follow
its name in quotation marks, and

- {description}: the server's text about it, if there is any
- {export-size}: in bytes, and in a larger unit where that is exact
- {content}: what its beginning looks like to file(1), if that is installed
- {uri}: its URI, unless the server was started in brackets
- {contexts}: the metadata contexts that {--map} can show
- {is_rotational}: it is a disk that turns, for which reading in order is faster
- {is_read_only}: it cannot be written to
- {can_block_status_payload}: extents can be asked of some of several contexts
- {can_cache}: it can be told what will be read soon
- {can_df}: it can be asked for the answer to a read in one piece
- {can_fast_zero}: it can be told to zero only if that is fast
- {can_flush}: it can be told to make durable what was written
- {can_fua}: and so for a single write
- {can_multi_conn}: several connections see the same data, so that work can be shared
- {can_trim}: parts can be discarded
- {can_zero}: parts can be zeroed without sending zeroes
- {block_size_minimum}, {block_size_preferred}, {block_size_maximum}: what requests must be
multiples of, had better be, and the longest that may be sent; each only if the server tells

On terminals abilities are green, and what the server lacks is red. Text of the server is
made safe to print: characters that control a terminal are replaced.`},
		{"Questions", `
These are the flags for {--can} and its relatives. Letter case, hyphens and underscores
don't matter.

- {connect}: the server can be reached, and shakes hands
- {read}: always yes, if the server can be reached
- {tls}: the connection is encrypted
- {structured-reply}: structured replies are in use
- {extended-headers}: extended headers are in use
- {read-only}: the export cannot be written to; {write} is the contrary
- {rotational}, {block-status-payload}, {cache}, {df}, {fast-zero}, {flush}, {fua},
{multi-conn}, {trim} and {zero}: what the description has under such names

{connect}, {read}, {tls}, {structured-reply} and {extended-headers} are about the server,
and no export is opened for them.`},
		{"Maps", `
A map has a line for each extent: its offset and length in bytes, its type as a number, and
what that means. Neighbouring extents of one type are not always one line, because it is the
server who cuts them.

- {base:allocation}: 0 is {data}, 1 a {hole} that may read as anything, 2 {zero}, which is
allocated and reads as zeroes, 3 {hole,zero}, both
- {qemu:dirty-bitmap:NAME}: 0 is {clean}, 1 is {dirty}
- {qemu:allocation-depth}: 0 is {absent}, 1 {local}, a larger number {backing depth N}
- other contexts: only the number is shown

With {--totals} each line has the sum in bytes, the percentage, the type, and what that
means. If there are several contexts, {context="NAME":} stands before the lines of each.`},
		{"JSON", `
The description is one object. It has {protocol} (text), {TLS}, {structured} and {extended}
(true or false), and {exports}, an array of objects. Those have the members of OUTPUT, but
{export-name} for the name, {export-size} in bytes as a number, and {export-size-str} as
people read it.

A map is an array of objects with {offset}, {length}, {type}, and {description} where the
meaning of the type is known; with {--totals}, of objects with {size}, {percent}, {type} and
{description}. If there are several contexts each object has {context} too.

More members may come in later versions.`},
		serverSection,
		tlsSection,
	},
	Environment: slices.Concat(colorEnvironment, tlsEnvironment, []Term{{"TMPDIR", `
Where the beginning of an export is kept while file(1) looks at it.`}}),
	Files: tlsFiles,
	Exit: []Term{
		{"0", "All went well; or the answer to the question is yes."},
		{"1", "Something went wrong: standard error says what."},
		{"2", "The answer to the question is no."},
		exitInterrupted,
		exitPipe,
	},
	Examples: []Example{
		{"What is there:", `nbdinfo --list nbd://example.com`},
		{"Whether an export can be trimmed:", `if nbdinfo --can trim "nbd+unix:///?socket=/run/nbd.sock"; then echo yes; fi`},
		{"Which parts of a qcow2 file hold data:", `nbdinfo --map [ qemu-nbd -r -f qcow2 disk.qcow2 ]`},
		{"How much of it:", `nbdinfo --map --totals [ qemu-nbd -r -f qcow2 disk.qcow2 ]`},
		{"Sizes for a program:", `nbdinfo --list --json nbd://localhost | jq '.exports[]."export-size"'`},
	},
	Differences: `
The output is the same, byte for byte, with few exceptions. A list in which an export could
not be described is JSON too. Servers of old that know no options but the name of an export
are described. What a server tells only to those who ask for metadata contexts is shown.
Text of the server cannot control the terminal.`,
	SeeAlso: []string{"nbdcopy(1)", "nbddump(1)", "nbdsh(1)", "file(1)", "nbd_connect_uri(3)", "nbd_block_status_64(3)", "libnbd(3)"},
}
