package nbdinfo

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"syscall"

	"github.com/gonbd/gonbd/internal/cli"
	"github.com/gonbd/gonbd/nbd"
)

// Run is the tool. It writes to stdio.Out only once it has all that it was
// asked for.
func Run(ctx context.Context, args []string, stdio cli.Stdio) error {
	o, err := parseOptions(args)
	if err != nil {
		return err
	}
	switch {
	case o.help:
		_, err = io.WriteString(stdio.Out, usage)
		return err
	case o.listing != "":
		_, err = io.WriteString(stdio.Out, o.listing)
		return err
	case o.version:
		_, err = fmt.Fprintf(stdio.Out, "nbdinfo %[1]s\ngonbd %[1]s\n", cli.Version())
		return err
	}
	out := bufio.NewWriter(stdio.Out)
	t := &tool{options: o, server: newServer(o, stdio.Err), out: out, color: o.color.Use(stdio.Out)}
	err = t.run(ctx)
	return errors.Join(err, out.Flush())
}

// tool is one run of the program.
type tool struct {
	*options
	server *server
	out    *bufio.Writer
	color  bool
}

func (t *tool) run(ctx context.Context) error {
	switch t.mode {
	case modeSize:
		return t.printSize(ctx)
	case modeURI:
		return t.printURI(ctx)
	case modeAsk:
		return t.answer(ctx)
	case modeMap:
		return t.printMap(ctx)
	case modeList:
		return t.printList(ctx)
	}
	r, err := t.describe(ctx)
	if err != nil {
		if errors.Is(err, syscall.ENOENT) && isServerError(err) {
			err = fmt.Errorf("%w (to list all exports of the server, use --list)", err)
		}
		return err
	}
	t.print(r)
	return nil
}

func (t *tool) printSize(ctx context.Context) error {
	c, err := t.server.dial(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintln(t.out, c.Size())
	return c.Close()
}

// printURI connects too, as the C program does: a URI that is printed works.
func (t *tool) printURI(ctx context.Context) error {
	if t.server.uri == nil {
		return cli.Usagef("--uri needs an NBD URI: a server that is started in brackets has none that would outlive it")
	}
	if _, err := t.server.protocol(ctx); err != nil {
		return err
	}
	uri := t.server.canonicalURI()
	if t.json {
		uri = cli.Quote(uri)
	}
	fmt.Fprintln(t.out, uri)
	return nil
}

func isServerError(err error) bool {
	e, ok := errors.AsType[*nbd.Error](err)
	return ok && e.Kind == nbd.ServerError
}
