// Command nbdinfo shows what an NBD server tells about itself and its exports.
package main

import (
	"github.com/gonbd/gonbd/internal/cli"
	"github.com/gonbd/gonbd/internal/nbdinfo"
)

func main() { cli.Main("nbdinfo", nbdinfo.Run) }
