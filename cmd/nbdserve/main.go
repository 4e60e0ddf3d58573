// Command nbdserve serves a file, a block device or memory as a Network Block
// Device.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
)

func main() {
	err := run(context.Background(), os.Args[1:], stdio{os.Stdin, os.Stdout, os.Stderr})
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, "nbdserve:", err)
	if _, ok := errors.AsType[usageError](err); ok {
		fmt.Fprintln(os.Stderr, "Try 'nbdserve --help'.")
		os.Exit(2)
	}
	os.Exit(1)
}
