// Package nbddump is the tool of that name: it prints what an export holds, in
// hexadecimal digits and characters.
//
// Its output is that of nbddump(1) of libnbd 1.24, byte by byte, to which a
// test compares it. Known differences are listed there.
//
// The package never writes to an export.
package nbddump
