// Nbdcopy copies to and from NBD servers, files, block devices and streams.
package main

import "github.com/gonbd/gonbd/internal/cli"

func main() { cli.Main("nbdcopy", run) }
