// Package capi has the tests of the C library, libnbd.so.0, which build.sh
// builds from the folders beside it: shim is the library itself, in C, and
// runtime the Go code that it loads. README.md says how they work together.
//
// The package has no code.
package capi
