// Package source is the export that a tool works on: how it is dialled, by
// what stands on the command line, and how it is read from one end to the
// other.
//
// The package never writes to an export, and prints nothing.
package source

import (
	"context"
	"slices"

	"github.com/gonbd/gonbd/internal/cli"
	"github.com/gonbd/gonbd/nbd"
	"github.com/gonbd/gonbd/nbduri"
)

// Dial connects to the export that a URI names, or to the server that a
// command in brackets starts by socket activation.
func Dial(ctx context.Context, s cli.Source, options ...nbd.Option) (*nbd.Client, error) {
	if s.IsCommand() {
		return nbd.DialSocketActivation(ctx, s.Command, options...)
	}
	return nbd.Dial(ctx, s.Arg, append(slices.Clip(options), Permissions())...)
}

// Permissions lets a URI do all it can: whoever writes a command line may name
// local files in it, such as those for TLS.
func Permissions() nbd.Option {
	return nbd.WithPermissions(nbduri.Permissions{
		Transports: nbduri.AllowAll, TLS: nbduri.TLSAllow, LocalFile: true, TLSPriority: true,
	})
}

// HasExtents says whether the export tells where it has data and holes: the
// client was dialled with base:allocation, and the server offers it.
func HasExtents(c *nbd.Client) bool {
	return slices.Contains(c.Export().MetaContexts, nbd.ContextBaseAllocation)
}
