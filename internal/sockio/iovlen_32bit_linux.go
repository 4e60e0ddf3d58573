//go:build 386 || arm || mips || mipsle

package sockio

func iovlen(n int) uint32 { return uint32(n) }
