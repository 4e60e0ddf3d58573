// Reads an export from end to end, as migratekit does, and tells its digest.
package main

import (
	"crypto/sha256"
	"fmt"
	"os"

	"libguestfs.org/libnbd"
)

func main() {
	h, err := libnbd.Create()
	if err != nil {
		panic(err)
	}
	defer h.Close()
	if err := h.ConnectUri(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "failed to connect:", err)
		os.Exit(1)
	}
	size, err := h.GetSize()
	if err != nil {
		panic(err)
	}
	sum := sha256.New()
	for offset := uint64(0); offset < size; {
		buf := make([]byte, min(64<<20, size-offset))
		if err := h.Pread(buf, offset, nil); err != nil {
			panic(err)
		}
		sum.Write(buf)
		offset += uint64(len(buf))
	}
	fmt.Printf("%x\n", sum.Sum(nil))
}
