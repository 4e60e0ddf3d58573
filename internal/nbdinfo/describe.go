package nbdinfo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"syscall"

	"github.com/gonbd/gonbd/nbd"
)

// report is what there is to print about a server.
type report struct {
	protocol nbd.Protocol
	exports  []export
}

// export is what there is to print about an export.
type export struct {
	nbd.Export
	uri        string // "" if there is none
	contexts   []string
	content    string
	hasContent bool
}

// describe describes the export that was asked for, on one connection; only
// an oldstyle server needs another.
func (t *tool) describe(ctx context.Context) (*report, error) {
	n, err := t.server.negotiate(ctx)
	if isOldstyle(err) {
		c, err := t.server.dial(ctx)
		if err != nil {
			return nil, err
		}
		return t.describeClient(ctx, c, nil)
	}
	if err != nil {
		return nil, err
	}
	defer n.Close()
	contexts, err := metaContexts(ctx, n, t.server.export())
	if err != nil {
		return nil, err
	}
	// With a context selected, qemu-nbd tells of block status payloads.
	c, err := n.Go(ctx, t.server.export(), contexts[:min(1, len(contexts))]...)
	if err != nil {
		return nil, err
	}
	return t.describeClient(ctx, c, contexts)
}

// describeClient describes the export of a client, and closes it.
func (t *tool) describeClient(ctx context.Context, c *nbd.Client, contexts []string) (*report, error) {
	defer c.Close()
	e := export{Export: c.Export(), uri: t.server.canonicalURI(), contexts: contexts}
	if t.options.content {
		if err := e.readContent(ctx, c); err != nil {
			return nil, err
		}
	}
	return &report{c.Protocol(), []export{e}}, c.Close()
}

// name is the server's name for the export, or else the one it was asked for.
func (e *export) name() string {
	if e.CanonicalName != "" {
		return e.CanonicalName
	}
	return e.Name
}

// metaContexts lists the metadata contexts of an export. A server that doesn't
// tell has none.
func metaContexts(ctx context.Context, n *nbd.Negotiation, name string) ([]string, error) {
	if !fixed(n) {
		return nil, nil
	}
	contexts, err := n.MetaContexts(ctx, name)
	if err != nil && !isServerError(err) {
		return nil, err
	}
	return contexts, nil
}

// printList describes all exports of the server. One that can't be described
// doesn't keep the others from being printed.
func (t *tool) printList(ctx context.Context) error {
	n, err := t.server.negotiate(ctx)
	if err != nil {
		if isOldstyle(err) {
			err = fmt.Errorf("%w: its exports can't be listed", err)
		}
		return err
	}
	defer n.Close()
	list, err := n.List(ctx)
	if err != nil {
		return err
	}
	r := report{protocol: n.Protocol()}
	var errs []error
	for _, listed := range list {
		e, err := t.describeListed(ctx, n, listed)
		switch {
		case err == nil:
			r.exports = append(r.exports, e)
		case isServerError(err):
			errs = append(errs, fmt.Errorf("export %s: %w", strconv.Quote(listed.Name), err))
		default:
			return err
		}
	}
	if err := goodbye(ctx, n); err != nil {
		return err
	}
	// Only now, because a server may serve one client at a time.
	for i := range r.exports {
		if e := &r.exports[i]; t.options.content || e.Size == 0 {
			if err := t.openListed(ctx, e); err != nil {
				return err
			}
		}
	}
	t.print(&r)
	return errors.Join(errs...)
}

// describeListed describes an export of the list: the description is the
// list's.
func (t *tool) describeListed(ctx context.Context, n *nbd.Negotiation, listed nbd.ListedExport) (export, error) {
	s := t.server.named(listed.Name)
	x, err := n.Info(ctx, listed.Name)
	if errors.Is(err, syscall.ENOTSUP) {
		// Servers of before 2016 don't know NBD_OPT_INFO.
		var c *nbd.Client
		if c, err = s.dial(ctx); err == nil {
			x, err = c.Export(), c.Close()
		}
	}
	if err != nil {
		return export{}, err
	}
	contexts, err := metaContexts(ctx, n, listed.Name)
	if err != nil {
		return export{}, err
	}
	x.Description = listed.Description
	return export{Export: x, uri: s.canonicalURI(), contexts: contexts}, nil
}

// openListed opens an export of the list, over a connection of its own, to see
// its size and probe its content. nbd-server says that a size is 0 until an
// export is opened.
func (t *tool) openListed(ctx context.Context, e *export) error {
	c, err := t.server.named(e.Name).dial(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	e.Size = c.Size()
	if !t.options.content {
		return nil
	}
	return e.readContent(ctx, c)
}

// readContent probes the content of the export. That it can't be read or
// recognised is no error: there is less to print then.
func (e *export) readContent(ctx context.Context, c *nbd.Client) error {
	head := make([]byte, min(e.Size, contentSize))
	if _, err := c.ReadAtContext(ctx, head, 0); err == nil || err == io.EOF {
		e.content, e.hasContent = recognise(ctx, head)
	}
	return ctx.Err()
}
