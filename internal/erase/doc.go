// Package erase is the tools nbddiscard and nbdzero, which are one program in
// two roles: they discard what an export holds, or make it read as zeroes, or
// check whether that is already so.
//
// Options, output and exit codes are those of nbddiscard(1) of libnbd 1.24, to
// which a test compares them. Known differences are listed there.
//
// The package never writes anything but zeroes, and with --check nothing at
// all.
package erase
