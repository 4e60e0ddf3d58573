package nbddump

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/gonbd/gonbd/internal/cli"
	"github.com/gonbd/gonbd/internal/source"
	"github.com/gonbd/gonbd/nbd"
)

// Run is the tool. If reading fails, everything before is printed.
func Run(ctx context.Context, args []string, stdio cli.Stdio) error {
	o, err := parseOptions(args)
	if err != nil {
		return err
	}
	if o.text != "" {
		_, err = io.WriteString(stdio.Out, o.text)
		return err
	}
	c, err := source.Dial(ctx, o.source, nbd.WithStderr(stdio.Err), nbd.WithMetaContexts(nbd.ContextBaseAllocation))
	if err != nil {
		return err
	}
	defer c.Close()
	out := bufio.NewWriterSize(stdio.Out, 64<<10)
	err = dump(ctx, c, o, out, o.color.Use(stdio.Out), stdio.Err)
	if e := out.Flush(); !errors.Is(err, e) { // what failed before fails again
		err = errors.Join(err, e)
	}
	if err != nil {
		return err
	}
	return c.Close()
}

func dump(ctx context.Context, c *nbd.Client, o *options, out *bufio.Writer, color bool, stderr io.Writer) error {
	switch {
	case o.length == 0:
		return nil
	case o.offset > c.Size():
		return fmt.Errorf("the offset %d lies beyond the end of the export, which has %d bytes", o.offset, c.Size())
	}
	p := newPrinter(out, color, o.offset, c.Size())
	for piece, err := range source.Read(ctx, c, o.offset, min(o.length, c.Size()-o.offset), source.Options{
		Warn: func(err error) { fmt.Fprintf(stderr, "nbddump: warning: %v\n", err) },
		// While the server is slow, show what there is. An error stays.
		Wait: func() { _ = out.Flush() },
	}) {
		if err != nil {
			return err
		}
		if piece.Data == nil {
			err = p.zeroes(piece.Length)
		} else {
			err = p.data(piece.Data)
		}
		if err != nil {
			return err
		}
	}
	return p.end()
}
