package nbdserver

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"github.com/gonbd/gonbd/internal/nbderr"
)

// resolved keeps the export that a client named last, so that it finds what
// it was told of.
type resolved struct {
	name string
	disk *disk
	free func() // Export.Release, if it is to be called
}

func (r *resolved) release() {
	if r.free != nil {
		r.free()
	}
	*r = resolved{}
}

// find finds the export that clients call name.
func (c *conn) find(name string) (*disk, error) {
	if c.resolve.disk != nil && c.resolve.name == name {
		return c.resolve.disk, nil
	}
	c.resolve.release()
	if err := checkString(name); err != nil {
		return nil, fmt.Errorf("nbdserver: the name of the export %w", err)
	}
	for _, e := range c.srv.Exports {
		if e.Name == name {
			return c.keep(name, e, nil)
		}
	}
	if c.srv.Resolve == nil {
		return nil, fmt.Errorf("nbdserver: there is no export %q", nbderr.Printable(name))
	}
	e, err := c.srv.Resolve(c.ctx, c.info, name)
	if err != nil {
		return nil, fmt.Errorf("nbdserver: export %q: %w", nbderr.Printable(name), err)
	}
	if e == nil {
		return nil, fmt.Errorf("nbdserver: there is no export %q", nbderr.Printable(name))
	}
	return c.keep(name, e, e.Release)
}

func (c *conn) keep(name string, e *Export, free func()) (*disk, error) {
	c.resolve = resolved{free: free}
	d, err := e.open(c.srv.maxPayload(), &c.srv.Disable)
	if err != nil {
		c.resolve.release()
		c.log.Error("export can't be served", "err", err)
		return nil, fmt.Errorf("nbdserver: export %q can't be served", nbderr.Printable(name))
	}
	c.resolve.name, c.resolve.disk = name, d
	return d, nil
}

// clientText is what a client is told of an error. Names of files are none of
// its business: errors of package os lose them.
func clientText(err error) string {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err.Error()
	}
	if e, ok := errors.AsType[*os.LinkError](err); ok {
		return e.Err.Error()
	}
	if e, ok := errors.AsType[syscall.Errno](err); ok && e == err {
		return e.Error()
	}
	text := err.Error()
	const prefix = "nbdserver: "
	if len(text) > len(prefix) && text[:len(prefix)] == prefix {
		text = text[len(prefix):]
	}
	return nbderr.Printable(text)
}
