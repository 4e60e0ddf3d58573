//go:build !(386 || arm || mips || mipsle)

package sockio

func iovlen(n int) uint64 { return uint64(n) }
