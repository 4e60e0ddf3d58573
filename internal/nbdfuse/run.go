package nbdfuse

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"github.com/gonbd/gonbd/internal/cli"
	"github.com/gonbd/gonbd/nbd"
)

// Run is the tool. It returns when the mount point has been unmounted, the
// context has ended, or the server is lost, and leaves no mount behind.
func Run(ctx context.Context, args []string, stdio cli.Stdio) error {
	o, err := parseOptions(args)
	if err != nil {
		return err
	}
	if o.text != "" {
		_, err = io.WriteString(stdio.Out, o.text)
		return err
	}
	at, err := findMountpoint(o.mountpoint)
	if err != nil {
		return err
	}
	if err := supported(); err != nil {
		return err
	}
	ready := func() error { return nil }
	if o.pidfile != "" {
		// Opened now: the mount may hide it, and an error comes early.
		folder, err := os.OpenRoot(filepath.Dir(o.pidfile))
		if err != nil {
			return fmt.Errorf("--pidfile: %w", err)
		}
		defer folder.Close()
		ready = func() error { return errors.Join(writePidfile(folder, o.pidfile), folder.Close()) }
	}
	dial := []nbd.Option{nbd.WithStderr(stdio.Err), nbd.WithMetaContexts(nbd.ContextBaseAllocation)}
	if o.verbose {
		dial = append(dial, nbd.WithLogger(cli.Logger("nbdfuse", stdio.Err, true)))
	}
	c, err := o.server.Dial(ctx, o.connections, dial...)
	if err != nil {
		return err
	}
	defer c.Close()
	if o.verbose {
		fmt.Fprintf(stdio.Err, "nbdfuse: connections=%d\n", c.Connections())
	}
	return serve(ctx, c, at, o, ready, stdio.Err)
}

// writePidfile writes the process ID to a file in that folder. Programs wait
// for it, so that it must not be there earlier.
func writePidfile(folder *os.Root, path string) error {
	f, err := folder.Create(filepath.Base(path))
	if err != nil { // perhaps it is a link that leads out of the folder
		f, err = os.Create(path)
	}
	if err != nil {
		return err
	}
	_, err = f.WriteString(strconv.Itoa(os.Getpid()))
	return errors.Join(err, f.Close())
}
