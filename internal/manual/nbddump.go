package manual

import "slices"

var nbddump = &Page{
	Name:  "nbddump",
	Short: "print what an NBD export holds",
	Synopsis: []string{
		"[-n N] [-o N] [--color[=WHEN]] URI",
		"[-n N] [-o N] [--color[=WHEN]] [ COMMAND ARGUMENT... ]",
	},
	Description: `
nbddump prints the data of a network block device in hexadecimal digits and as characters.
Each line has the offset in hexadecimal, 16 bytes, and the same bytes as characters, with a
dot for each that cannot be printed. Lines that are equal to the one before are not printed;
a single line with {*} stands for all of them.

	0000000000: 45 46 49 20 50 41 52 54  00 00 01 00 5c 00 00 00 |EFI PART....\...|

Where the server tells which parts of the disk are holes or read as zeroes
({base:allocation}), these are not read but printed all the same, so a sparse disk of
terabytes is dumped as fast as what it holds. If a server offers this and then fails to
tell, a warning is printed, and the disk is read.`,
	Options: []Option{
		{Names: []string{"-n", "--length", "--limit"}, Arg: "N", Brief: "print up to N bytes",
			Text: `
Print up to N bytes and stop. The default is all to the end of the disk; 0 prints nothing. N
can have a suffix: see SIZES.`},
		{Names: []string{"-o", "--offset", "--skip"}, Arg: "N", Brief: "begin at offset N",
			Text: `
Begin at offset N in bytes. The default is 0. An offset beyond the end of the disk is an
error.`},
		{Names: []string{"--color"}, Spellings: []string{"--colour", "--colors", "--colours"}, Arg: "WHEN", Optional: true,
			Values: Values{Words: []string{"always", "auto", "never"}}, Brief: "colour the output",
			Text: `
Colour the output: {always}, which is meant where WHEN is left out, {never}, or {auto},
which is the default and means where the output is a terminal. The option can be spelled
{--colour}, {--colors} and {--colours} as well.`},
		{Names: []string{"--no-color"}, Spellings: []string{"--no-colour", "--no-colors", "--no-colours"}, Brief: "don't colour the output",
			Text: `
Don't colour the output: the same as {--color=never}, with the same other spellings.`},
		helpOption(),
		versionOption,
	},
	Operands:    []Operand{{"NBD", server}},
	Sections:    []Section{sizeSection, serverSection, tlsSection},
	Environment: slices.Concat(colorEnvironment, tlsEnvironment),
	Files:       tlsFiles,
	Exit: []Term{
		{"0", "All was printed."},
		{"1", "Something went wrong: standard error says what. What could be read before that is printed."},
		exitInterrupted,
		exitPipe,
	},
	Examples: []Example{
		{"The first sector of a disk:", `nbddump -n 512 nbd://localhost`},
		{"What a qcow2 file holds at the beginning of its second gigabyte:", `nbddump -o 1G -n 4K [ qemu-nbd -r -f qcow2 disk.qcow2 ]`},
		{"A pattern of nbdkit(1):", `nbddump [ nbdkit pattern 256 ]`},
	},
	Differences: `
The output is the same, byte for byte. Holes need not be read where libnbd's tool reads
them, and several reads are in flight.`,
	SeeAlso: []string{"nbdinfo(1)", "nbdcopy(1)", "nbdsh(1)", "hexdump(1)", "nbd_connect_uri(3)", "libnbd(3)"},
}
