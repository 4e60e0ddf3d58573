package erase

import (
	"context"
	"fmt"
	"io"

	"github.com/gonbd/gonbd/internal/cli"
	"github.com/gonbd/gonbd/internal/source"
	"github.com/gonbd/gonbd/nbd"
)

// Discard is the tool nbddiscard.
func Discard(ctx context.Context, args []string, stdio cli.Stdio) error {
	return run(ctx, "nbddiscard", false, args, stdio)
}

// Zero is the tool nbdzero.
func Zero(ctx context.Context, args []string, stdio cli.Stdio) error {
	return run(ctx, "nbdzero", true, args, stdio)
}

func run(ctx context.Context, name string, zero bool, args []string, stdio cli.Stdio) error {
	o, err := parseOptions(name, zero, args)
	if err != nil {
		return err
	}
	if o.text != "" {
		_, err = io.WriteString(stdio.Out, o.text)
		return err
	}
	dial := []nbd.Option{nbd.WithStderr(stdio.Err)}
	if o.check || o.verbose {
		dial = append(dial, nbd.WithMetaContexts(nbd.ContextBaseAllocation))
	}
	if o.verbose {
		dial = append(dial, nbd.WithLogger(cli.Logger(name, stdio.Err, true)))
	}
	c, err := source.Dial(ctx, o.source, dial...)
	if err != nil {
		return err
	}
	defer c.Close()
	t := &tool{options: o, name: name, c: c, stdio: stdio}
	if err := t.run(ctx); err != nil {
		return err
	}
	return c.Close()
}

// tool is one run of a program.
type tool struct {
	*options
	name  string
	c     *nbd.Client
	stdio cli.Stdio
}

func (t *tool) run(ctx context.Context) error {
	if t.verbose {
		// In these words, as scripts may know them from the C program.
		if err := t.print("extended headers = %s\nblock status = %s\n", pythonic(t.c.Protocol().ExtendedHeaders), pythonic(source.HasExtents(t.c))); err != nil {
			return err
		}
	}
	if err := t.supported(); err != nil {
		return err
	}
	off, n := t.offset, t.length
	switch size := t.c.Size(); {
	case off >= size && t.offsetGiven:
		return t.warn("offset at or beyond the end of the disk")
	case t.length > size-off:
		n = size - off
		if t.lengthGiven {
			if err := t.warn("offset + length is beyond the end of the disk"); err != nil {
				return err
			}
		}
	}
	if t.check {
		return t.checkRange(ctx, off, n)
	}
	if err := t.warnOfRest(off, n); err != nil {
		return err
	}
	if !t.yes {
		if err := t.ask(ctx, off, n); err != nil {
			return err
		}
	}
	return t.erase(ctx, off, n)
}

// supported says what the server lacks.
func (t *tool) supported() error {
	switch {
	case t.check && !t.zero && !source.HasExtents(t.c):
		return fmt.Errorf("this server does not support the block status operation, without which it can't be told whether its disk is sparse")
	case t.check:
	case t.c.ReadOnly():
		return fmt.Errorf("this server's export is read-only, and does not support being erased")
	case t.zero && !t.c.CanWriteZeroes():
		return fmt.Errorf("this server does not support the zero operation (nbdcopy could write zeroes to it)")
	case t.fast && !t.c.CanFastZero():
		return fmt.Errorf("this server does not support fast zeroing (leave out --fast-zero to zero at any speed)")
	case !t.zero && !t.c.CanTrim():
		return fmt.Errorf("this server does not support the trim operation, which is discarding (nbdzero may work)")
	}
	return nil
}

func (t *tool) print(format string, args ...any) error {
	_, err := fmt.Fprintf(t.stdio.Out, format, args...)
	return err
}

func (t *tool) warn(format string, args ...any) error {
	if t.quiet {
		return nil
	}
	return t.print("warning: "+format+"\n", args...)
}

func pythonic(b bool) string {
	if b {
		return "True"
	}
	return "False"
}
