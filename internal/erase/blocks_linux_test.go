package erase

import (
	"os"
	"syscall"
	"testing"
)

// blocks is how many blocks of 512 bytes a file takes up.
func blocks(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t).Blocks
}
