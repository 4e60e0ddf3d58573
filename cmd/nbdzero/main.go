// Command nbdzero makes a disk read as zeroes, over NBD.
package main

import (
	"github.com/gonbd/gonbd/internal/cli"
	"github.com/gonbd/gonbd/internal/erase"
)

func main() { cli.Main("nbdzero", erase.Zero) }
