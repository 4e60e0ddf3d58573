// Command nbddump prints what a disk holds, over NBD, in hexadecimal.
package main

import (
	"github.com/gonbd/gonbd/internal/cli"
	"github.com/gonbd/gonbd/internal/nbddump"
)

func main() { cli.Main("nbddump", nbddump.Run) }
