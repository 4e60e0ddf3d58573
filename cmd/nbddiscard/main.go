// Command nbddiscard discards what a disk holds, over NBD.
package main

import (
	"github.com/gonbd/gonbd/internal/cli"
	"github.com/gonbd/gonbd/internal/erase"
)

func main() { cli.Main("nbddiscard", erase.Discard) }
