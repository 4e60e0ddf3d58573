//go:build !(linux || darwin || dragonfly || freebsd || netbsd || openbsd || windows)

package cli

// isTerminal can't tell on this platform.
func isTerminal(uintptr) bool { return false }
