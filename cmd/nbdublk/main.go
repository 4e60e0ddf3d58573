// Command nbdublk makes a block device, such as /dev/ublkb0, of an NBD server.
package main

import (
	"github.com/gonbd/gonbd/internal/cli"
	"github.com/gonbd/gonbd/internal/nbdublk"
)

func main() { cli.Main("nbdublk", nbdublk.Run) }
