package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"

	"github.com/gonbd/gonbd/internal/cli"
	"github.com/gonbd/gonbd/internal/source"
	"github.com/gonbd/gonbd/nbd"
	"github.com/gonbd/gonbd/nbdcopy"
)

func run(ctx context.Context, args []string, stdio cli.Stdio) (err error) {
	o, err := parse(args)
	if err != nil {
		return err
	}
	switch {
	case o.help:
		_, err := io.WriteString(stdio.Out, o.usage())
		return err
	case o.listing != "":
		_, err := io.WriteString(stdio.Out, o.listing)
		return err
	case o.version:
		_, err := io.WriteString(stdio.Out, versionText())
		return err
	}
	if o.threads > 0 {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(o.threads))
	}
	logger := cli.Logger("nbdcopy", stdio.Err, o.verbose)
	o.open.NBD = []nbd.Option{nbd.WithLogger(logger), nbd.WithStderr(stdio.Err), source.Permissions()}
	o.copy.Warn = func(err error) { fmt.Fprintf(stdio.Err, "nbdcopy: warning: %v\n", err) }

	hash, err := o.hashWriter(stdio.Out)
	if err != nil {
		return err
	}
	defer hash.Close()
	p, err := newProgress(o, stdio.Err)
	if err != nil {
		return err
	}
	o.copy.Progress = p.show

	src, err := openSource(ctx, o, stdio)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closing("source", src)) }()
	dst, err := openDestination(ctx, o, stdio)
	if err != nil {
		return err
	}
	if o.threads == 0 && os.Getenv("GOMAXPROCS") == "" {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(processors(o, src, dst)))
	}
	result, err := nbdcopy.Copy(ctx, dst, src, o.copy)
	p.end()
	if err == nil && result.BlockHash != nil {
		// Standard output, which may be the destination, is open yet.
		_, err = fmt.Fprintf(hash, "%x\n", result.BlockHash)
		err = errors.Join(err, hash.Close())
	}
	// An error at the end of writing may show only when closing.
	err = errors.Join(err, closing("destination", dst))
	if err == nil {
		logger.Debug("nbdcopy: done", "size", result.Size, "data", result.Data, "zero", result.Zero)
	}
	return err
}

// processors is how many a copy has use for. Where it only moves bytes between
// sockets, half of them do: they wait most of the time, which more of them do
// at a higher price, and servers nearby want some too. Files keep a processor
// waiting; encryption and hashes keep it busy.
func processors(o *options, src nbdcopy.Source, dst nbdcopy.Destination) int {
	all := runtime.GOMAXPROCS(0)
	if o.copy.BlockHash == nil && sockets(src) && (sockets(dst) || dst == nbdcopy.Null()) {
		return (all + 1) / 2
	}
	return all
}

// sockets says whether an endpoint is a server, without TLS.
func sockets(endpoint any) bool {
	d, ok := endpoint.(*nbdcopy.NBDDisk)
	return ok && !d.Client().Protocol().TLS
}

func closing(what string, c io.Closer) error {
	if err := c.Close(); err != nil {
		return fmt.Errorf("closing the %s: %w", what, err)
	}
	return nil
}

func openSource(ctx context.Context, o *options, stdio cli.Stdio) (nbdcopy.Source, error) {
	switch {
	case o.src.IsCommand():
		return nbdcopy.OpenSourceCommand(ctx, o.src.Command, o.open)
	case o.src.Arg == "-":
		return nbdcopy.Reader(stdio.In), nil
	}
	return nbdcopy.OpenSource(ctx, o.src.Arg, o.open)
}

func openDestination(ctx context.Context, o *options, stdio cli.Stdio) (nbdcopy.Destination, error) {
	switch {
	case o.dst.IsCommand():
		return nbdcopy.OpenDestinationCommand(ctx, o.dst.Command, o.open)
	case o.dst.Arg == "-":
		return nbdcopy.Writer(stdio.Out), nil
	case sameFile(o.src, o.dst, stdio.In):
		return nil, fmt.Errorf("%s and %s are the same file: copying would destroy it", o.src.Arg, o.dst.Arg)
	}
	return nbdcopy.OpenDestination(ctx, o.dst.Arg, o.open)
}

// sameFile says whether a source, perhaps standard input, and a destination
// are one regular file or device.
func sameFile(src, dst cli.Source, stdin io.Reader) bool {
	if src.IsCommand() {
		return false
	}
	var ai os.FileInfo
	var errA error
	if src.Arg != "-" {
		ai, errA = os.Stat(src.Arg)
	} else if f, ok := stdin.(*os.File); ok {
		ai, errA = f.Stat()
	} else {
		return false
	}
	bi, errB := os.Stat(dst.Arg)
	return errA == nil && errB == nil && os.SameFile(ai, bi) && ai.Mode()&(os.ModeNamedPipe|os.ModeCharDevice|os.ModeSocket) == 0
}
