// Command nbdfuse shows a disk, over NBD, as a file.
package main

import (
	"github.com/gonbd/gonbd/internal/cli"
	"github.com/gonbd/gonbd/internal/nbdfuse"
)

func main() { cli.Main("nbdfuse", nbdfuse.Run) }
