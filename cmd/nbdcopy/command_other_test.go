//go:build !unix

package main

// writePid is of servers started by socket activation, which is not there.
func writePid(string) {}
