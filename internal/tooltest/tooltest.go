// Package tooltest runs tools for their tests: in the tests' own process, and
// as processes of their own on a server that hangs, for what signals and dying
// servers do to them. The tests' program is both then, the tool and the
// server: see Main.
//
// It is for tests only.
package tooltest

import (
	"bytes"
	"strings"
	"testing"

	"github.com/gonbd/gonbd/internal/cli"
	"github.com/gonbd/gonbd/internal/peers"
)

// Tools are tools by their names.
type Tools map[string]cli.Run

// Run runs a tool in this process. The first argument is its name.
func (tools Tools) Run(t testing.TB, stdin string, args ...string) peers.Outcome {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := cli.Finish(t.Context(), args[0], tools[args[0]], args[1:], cli.Stdio{In: strings.NewReader(stdin), Out: &stdout, Err: &stderr})
	return peers.Outcome{Stdout: stdout.String(), Stderr: stderr.String(), Code: code}
}
