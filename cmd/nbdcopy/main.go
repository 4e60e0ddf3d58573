// Nbdcopy copies to and from NBD servers, files, block devices and streams.
package main

import (
	"os"
	"os/signal"
	"syscall"

	"github.com/gonbd/gonbd/internal/cli"
)

func main() {
	// Writing to a pipe that nobody reads must end in an error, not in the
	// signal, or servers that were started would be left behind. Were it
	// ignored, those would inherit that.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	cli.Main("nbdcopy", run)
}
