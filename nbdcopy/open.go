package nbdcopy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"

	"github.com/gonbd/gonbd/nbd"
	"github.com/gonbd/gonbd/nbduri"
)

// OpenOptions say how to open endpoints.
type OpenOptions struct {
	// Connections is how many connections to open to an NBD server that
	// allows several; 0 means DefaultConnections.
	Connections int

	// NoExtents keeps the client from asking an NBD server for extents.
	NoExtents bool

	// NBD are further options for NBD clients.
	NBD []nbd.Option
}

// DefaultConnections is as many connections as there are processors to serve
// them, but at least 2 and at most 4. More would only cost: on two processors,
// copies over 2 connections are faster than over 4.
func DefaultConnections() int { return min(max(2, runtime.GOMAXPROCS(0)), 4) }

func (o *OpenOptions) client(source bool) []nbd.Option {
	n := o.Connections
	if n == 0 {
		n = DefaultConnections()
	}
	opts := []nbd.Option{nbd.WithConnections(n)}
	if source && !o.NoExtents {
		opts = append(opts, nbd.WithMetaContexts(nbd.ContextBaseAllocation))
	}
	return append(opts, o.NBD...)
}

// OpenSource opens what a name stands for: an NBD URI, or a file or block
// device by its path.
func OpenSource(ctx context.Context, name string, o OpenOptions) (Source, error) {
	if nbduri.Is(name) {
		c, err := nbd.Dial(ctx, name, o.client(true)...)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		return NBD(c), nil
	}
	f, err := open(ctx, name, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	return disk(f)
}

// OpenDestination opens what a name stands for: an NBD URI, or a file or
// block device by its path, or nothing for "null:". A file that is not there
// is made; one that is there loses its contents.
func OpenDestination(ctx context.Context, name string, o OpenOptions) (Destination, error) {
	switch {
	case name == "null:":
		return Null(), nil
	case nbduri.Is(name):
		c, err := nbd.Dial(ctx, name, o.client(false)...)
		if err == nil {
			err = writable(c)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		return NBD(c), nil
	}
	// Opened for reading too, a pipe would not wait for its reader.
	f, err := open(ctx, name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return nil, err
	}
	d, err := disk(f)
	if err != nil {
		return nil, err
	}
	d.blank.Store(d.regular)
	return d, nil
}

// open is os.OpenFile, but if the context ends it does not wait on for the
// other end of a named pipe.
func open(ctx context.Context, name string, flag int) (*os.File, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	type result struct {
		f   *os.File
		err error
	}
	opened := make(chan result)
	go func() {
		f, err := os.OpenFile(name, flag, 0o666)
		select {
		case opened <- result{f, err}:
		case <-ctx.Done():
			f.Close() // if nil, this is an error that says so
		}
	}()
	select {
	case r := <-opened:
		return r.f, r.err
	case <-ctx.Done():
		return nil, fmt.Errorf("opening %s: %w", name, context.Cause(ctx))
	}
}

func disk(f *os.File) (*FileDisk, error) {
	d, err := File(f)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return d, nil
}

// OpenSourceCommand starts a command that serves NBD by socket activation,
// such as "nbdkit memory 1G", and connects to it. Closing the source ends it.
func OpenSourceCommand(ctx context.Context, argv []string, o OpenOptions) (Source, error) {
	d, err := command(ctx, argv, o.client(true))
	if err != nil {
		return nil, err
	}
	return d, nil
}

// OpenDestinationCommand is OpenSourceCommand for a destination.
func OpenDestinationCommand(ctx context.Context, argv []string, o OpenOptions) (Destination, error) {
	d, err := command(ctx, argv, o.client(false))
	if err == nil {
		err = writable(d.c)
	}
	if err != nil {
		return nil, err
	}
	return d, nil
}

// writable closes a client that cannot be written to, and says so.
func writable(c *nbd.Client) error {
	if !c.ReadOnly() {
		return nil
	}
	return errors.Join(fmt.Errorf("the server's export is read-only, and cannot be a destination: %w", fs.ErrPermission), c.Close())
}

func command(ctx context.Context, argv []string, opts []nbd.Option) (*NBDDisk, error) {
	c, err := nbd.DialSocketActivation(ctx, argv, opts...)
	if err != nil {
		return nil, err
	}
	return NBD(c), nil
}
