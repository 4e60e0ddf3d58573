// Command nbdattach attaches NBD servers to the kernel's NBD client, as disks.
package main

import (
	"github.com/gonbd/gonbd/internal/cli"
	"github.com/gonbd/gonbd/internal/nbdattach"
)

func main() { cli.Main("nbdattach", nbdattach.Run) }
