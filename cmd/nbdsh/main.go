// Command nbdsh is a shell for NBD servers: the libnbd API from Starlark,
// whose syntax is Python's.
package main

import (
	"github.com/gonbd/gonbd/internal/cli"
	"github.com/gonbd/gonbd/internal/nbdsh"
)

func main() { cli.Main("nbdsh", nbdsh.Run) }
