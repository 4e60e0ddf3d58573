// Package nbdinfo is the tool of that name: it shows what an NBD server tells
// about itself and its exports, as text, as JSON, or as an exit code.
//
// Its output is an interface that scripts rely on: nbdinfo(1) of libnbd 1.24
// describes it, and a test compares it with that program's byte by byte. Known
// differences are listed there.
//
// The package never writes to an export, and opens one connection where one
// suffices.
package nbdinfo
