// Package dialect is Starlark, come closer to Python: the language of nbdsh,
// whose users know Python and whose examples are written in it.
//
// Starlark has the syntax of Python, and less of it. The package adds what
// one-liners about disks need: bytes and bytearrays as Python has them, both
// ways of formatting with widths and bases, f-strings, print with its
// parameters, assert, ** between numbers, global names that behave as in
// Python, and its writing of values, so that a program prints here what it
// prints there.
//
// A program goes through three steps: translate.go replaces in its text what
// Starlark's parser would refuse, rewrite.go replaces in its tree what would
// mean something else, and Starlark runs it.
//
// The package knows nothing of NBD, but that its messages name the functions of
// module nbd that help, and never opens a file or a connection.
package dialect
