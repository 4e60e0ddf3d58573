package manual

// nbddiscard and nbdzero are one program in two roles.
var (
	nbddiscard = erasePage("nbddiscard", "discard what an NBD export holds", `
nbddiscard discards the data of a network block device, or of a part of it: the server is
told that it is not needed any more (by the trim operation), and may give the space back to
others. What the range reads as afterwards is not defined: often zeroes, but it may be what
was there before. To be sure of zeroes use nbdzero(1), or the option {--zero}, which is the
same. To get rid of secrets use neither: servers may keep old data where no client can see
it.

Discarding is a hint that a server may ignore, in part or whole. One that knows whole blocks
only leaves alone what the range has of others at its ends; nbddiscard warns of that.`)
	nbdzero = erasePage("nbdzero", "make an NBD export read as zeroes", `
nbdzero makes a network block device, or a part of it, read as zeroes. No zeroes are sent:
the server is told to zero, which is mostly fast and may make holes. To give space back
without caring for what is read afterwards, use nbddiscard(1). To get rid of secrets use
neither: servers may keep old data where no client can see it.`)
)

func erasePage(name, short, description string) *Page {
	p := &Page{
		Name:     name,
		Short:    short,
		Synopsis: []string{"[OPTION...] URI", "[OPTION...] [ COMMAND ARGUMENT... ]"},
		Description: description + `

All data in the range is lost. On a terminal you are asked whether you mean it; without a
terminal {--yes} must be given. At the end the server is told to make durable what was done,
if it offers that.

A request covers nearly 4 gigabytes, and all of the range if the server knows extended
headers. Several are in flight.`,
		Options: []Option{
			{Names: []string{"-c", "--check"}, Brief: "change nothing, tell whether it is done already", Text: `
Change nothing, and exit with 0 if all of the range is sparse already (all holes), and with
1 if it is not. With {--zero}, and with nbdzero(1) always, exit with 0 if it reads as
zeroes. Where there is data its first offset is printed. The server is asked for its
extents; where these can't tell whether something is zero, it is read. Whether a disk is
sparse only the extents can tell, so the server must offer them.`},
			{Names: []string{"--fast-zero"}, Brief: "zero, but fail where that would be slow", Text: `
Zero, but fail where that would be as slow as writing. The server must offer that. What was
zeroed before the failure stays zeroed.`},
			helpOption("-h"),
			{Names: []string{"-l", "--length"}, Arg: "LENGTH", Brief: "erase only so many bytes", Text: `
Erase only so many bytes, instead of all to the end of the disk. If there are not so many, a
warning is printed and all that there are are erased. See SIZES.`},
			{Names: []string{"-o", "--offset"}, Arg: "OFFSET", Brief: "begin at OFFSET", Text: `
Begin there, instead of at the beginning of the disk. If that is at the end of the disk or
beyond, a warning is printed and nothing is done. See SIZES.`},
			{Names: []string{"-q", "--quiet"}, Brief: "print no warnings", Text: `
Print no warnings, and not where {--check} finds data.`},
			{Names: []string{"-v", "--verbose"}, Brief: "tell what happens", Text: `
Tell what happens.`},
			versionOption,
			{Names: []string{"-y", "--yes"}, Brief: "do not ask, erase", Text: `
Don't ask, erase.`},
			{Names: []string{"-z", "--zero"}, Brief: "zero instead of discarding", Text: `
Zero instead of discarding. nbdzero(1) always does.`},
		},
		Operands:    []Operand{{"NBD", server}},
		Sections:    []Section{sizeSection, serverSection, tlsSection},
		Environment: tlsEnvironment,
		Files:       tlsFiles,
		Exit: []Term{
			{"0", "All of the range was erased, or with {--check} need not be; or the range is empty."},
			{"1", `
Something went wrong: standard error says what. Or the question was answered by anything but
yes. Or {--check} has found data.`},
			{"2", "An option does not exist, or there are too many words."},
			{"130, 143", `
It was ended by {SIGINT} (Ctrl-C) or {SIGTERM}. A part of the range may have been erased. A
second signal ends it at once.`},
			exitPipe,
		},
		Examples: []Example{
			{"After a question, all of a disk:", name + " nbd://localhost"},
			{"Half a gigabyte of it, without a question:", name + ` --yes -o 1G -l 512M "nbd+unix:///?socket=/run/nbd.sock"`},
			{"Only if that is not so yet:", name + ` --check nbd://localhost || ` + name + ` --yes nbd://localhost`},
		},
		Differences: `
Options, output and exit codes are the same, with these exceptions. Without a terminal and
without {--yes} nothing is erased, and nobody is asked. Sizes need no suffix. {--check}
names the first byte that is not zero, instead of the extent that it lies in, and with
{--zero} reads where the server has no extents. Ends of the range that are no whole blocks
of the server are zeroed by reading and writing them.`,
		SeeAlso: []string{"nbdinfo(1)", "nbdcopy(1)", "nbdsh(1)", "blkdiscard(8)", "fallocate(1)", "nbd_trim(3)", "nbd_zero(3)", "nbd_connect_uri(3)", "libnbd(3)"},
	}
	other := "nbddiscard(1)"
	if name == "nbddiscard" {
		other = "nbdzero(1)"
	}
	p.SeeAlso = append([]string{other}, p.SeeAlso...)
	return p
}
