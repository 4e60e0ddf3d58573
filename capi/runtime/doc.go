// Command runtime is the Go half of the C library: libnbd-go.so, which
// libnbd.so.0 loads when it is needed first. It exports one symbol, the table
// of its functions.
//
// It is built as a C shared library, by the Makefile's target capi, and is no
// program: run as one it does nothing.
package main

func main() {}
