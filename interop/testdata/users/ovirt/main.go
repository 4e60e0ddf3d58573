// Looks at an image by way of a server that it starts itself, as oVirt's
// image transfer does.
package main

import (
	"fmt"
	"os"

	"libguestfs.org/libnbd"
)

func main() {
	h, err := libnbd.Create()
	if err != nil {
		fail(err)
	}
	defer h.Close()
	if err := h.AddMetaContext("base:allocation"); err != nil {
		fail(err)
	}
	if err := h.ConnectSystemdSocketActivation(os.Args[1:]); err != nil {
		fail(err)
	}
	size, err := h.GetSize()
	if err != nil {
		fail(err)
	}
	fmt.Println("size", size)
	err = h.BlockStatus(size, 0, func(context string, offset uint64, entries []uint32, nerr *int) int {
		for i := 0; i < len(entries); i += 2 {
			fmt.Println(context, entries[i], entries[i+1])
		}
		return 0
	}, nil)
	if err != nil {
		fail(err)
	}
	buf := make([]byte, 4)
	if err := h.Pread(buf, 0, nil); err != nil {
		fail(err)
	}
	fmt.Printf("%q\n", buf)
	err = h.Pread(buf, size, nil)
	if e, ok := err.(*libnbd.LibnbdError); ok {
		fmt.Println(e.Op, int(e.Errno))
	}
	if err := h.Shutdown(nil); err != nil {
		fail(err)
	}
	if err := h.Close(); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
