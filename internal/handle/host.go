package handle

import (
	"io"
	"os"
)

// What a handle takes of the process it lives in. The C library, whose process
// has an environment and standard error that Go does not know, replaces these
// before the first handle is made.
var (
	// Getenv is like os.Getenv.
	Getenv = os.Getenv
	// Environ is like os.Environ.
	Environ = os.Environ
	// Stderr is where debugging messages go that have no callback.
	Stderr io.Writer = os.Stderr
)
