package nbdattach

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/gonbd/gonbd/internal/cli"
	"github.com/gonbd/gonbd/internal/source"
	"github.com/gonbd/gonbd/nbd"
	"github.com/gonbd/gonbd/nbdkernel"
)

// saveTimeout is how long detaching waits for what was written to be saved
// when a signal ends the tool.
const saveTimeout = 30 * time.Second

// Run is the tool.
func Run(ctx context.Context, args []string, stdio cli.Stdio) error {
	o, err := parseOptions(args)
	if err != nil {
		return err
	}
	switch {
	case o.text != "":
		_, err = io.WriteString(stdio.Out, o.text)
		return err
	case o.detach:
		return nbdkernel.Detach(ctx, o.config.Device, o.force)
	case o.check:
		return check(o.config.Device, stdio)
	case o.list:
		return list(stdio)
	}
	return attach(ctx, o, stdio)
}

func attach(ctx context.Context, o *options, stdio cli.Stdio) error {
	log := cli.Logger("nbdattach", stdio.Err, o.verbose)
	o.config.Logger = log
	o.config.Dial = []nbd.Option{nbd.WithLogger(log), nbd.WithStderr(stdio.Err), source.Permissions()}
	d, err := nbdkernel.Attach(ctx, o.uri, o.config)
	if err != nil {
		return err
	}
	defer d.Close()
	_, err = fmt.Fprintln(stdio.Out, d.Path())
	if err == nil {
		if !o.persist {
			return nil
		}
		if err = d.Keep(ctx); ctx.Err() == nil {
			return err
		}
		err = nil // a signal is how this is meant to end
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTimeout)
	defer cancel()
	return errors.Join(err, d.Detach(ctx, true))
}

func check(device string, stdio cli.Stdio) error {
	s, err := nbdkernel.Lookup(device)
	switch {
	case err != nil:
		return err
	case !s.Attached:
		return &cli.ExitError{Code: cli.ExitFailure}
	}
	return printStatus(stdio.Out, s)
}

func list(stdio cli.Stdio) error {
	list, err := nbdkernel.List()
	for _, s := range list {
		if s.Attached {
			err = errors.Join(err, printStatus(stdio.Out, s))
		}
	}
	return err
}

func printStatus(w io.Writer, s nbdkernel.Status) error {
	mode := "rw"
	if s.ReadOnly {
		mode = "ro"
	}
	server := s.Server
	if server == "" {
		server = "-"
	}
	_, err := fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", s.Device, cli.FormatSize(s.Size), mode, server)
	return err
}
