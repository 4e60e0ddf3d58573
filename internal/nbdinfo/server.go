package nbdinfo

import (
	"context"
	"errors"
	"io"
	"slices"
	"syscall"

	"github.com/gonbd/gonbd/internal/source"
	"github.com/gonbd/gonbd/nbd"
	"github.com/gonbd/gonbd/nbduri"
)

// server is how to reach the server: it has a URI, or is started by a command.
type server struct {
	uri     *nbduri.URI
	command []string
	options []nbd.Option
}

func newServer(o *options, stderr io.Writer) *server {
	return &server{
		uri:     o.uri,
		command: o.source.Command,
		options: []nbd.Option{nbd.WithStderr(stderr), source.Permissions()},
	}
}

// export is the name of the export that the URI asks for.
func (s *server) export() string {
	if s.uri == nil {
		return ""
	}
	return s.uri.Export
}

// canonicalURI is the URI as nbd_get_uri(3) prints it, without experimental
// parameters; "" if there is none.
func (s *server) canonicalURI() string {
	if s.uri == nil {
		return ""
	}
	u := *s.uri
	u.Extra = nil
	return u.String()
}

// named is the server with another export. Its URI is that export's.
func (s *server) named(export string) *server {
	n := *s
	if s.uri != nil {
		u := *s.uri
		u.Export = export
		n.uri = &u
	} else {
		n.options = append(slices.Clip(s.options), nbd.WithExport(export))
	}
	return &n
}

// dial connects to the export, with the metadata contexts that are asked for.
func (s *server) dial(ctx context.Context, contexts ...string) (*nbd.Client, error) {
	options := append(slices.Clip(s.options), nbd.WithMetaContexts(contexts...))
	if s.uri == nil {
		return nbd.DialSocketActivation(ctx, s.command, options...)
	}
	return nbd.Dial(ctx, s.uri.String(), options...)
}

// negotiate connects to the server without choosing an export. It fails with
// errOldstyle if the server can't do that.
func (s *server) negotiate(ctx context.Context) (n *nbd.Negotiation, err error) {
	if s.uri == nil {
		n, err = nbd.NegotiateSocketActivation(ctx, s.command, s.options...)
	} else {
		n, err = nbd.Negotiate(ctx, s.uri.String(), s.options...)
	}
	if err != nil && errors.Is(err, syscall.ENOTSUP) {
		return nil, &oldstyleError{err}
	}
	return n, err
}

// oldstyleError says that the server knows no negotiation. It may still let
// itself be dialled.
type oldstyleError struct{ error }

func (e *oldstyleError) Unwrap() error { return e.error }

func isOldstyle(err error) bool {
	_, ok := errors.AsType[*oldstyleError](err)
	return ok
}

// protocol connects only to see what is negotiated.
func (s *server) protocol(ctx context.Context) (nbd.Protocol, error) {
	n, err := s.negotiate(ctx)
	if isOldstyle(err) {
		c, err := s.dial(ctx)
		if err != nil {
			return nbd.Protocol{}, err
		}
		return c.Protocol(), c.Close()
	}
	if err != nil {
		return nbd.Protocol{}, err
	}
	return n.Protocol(), goodbye(ctx, n)
}

// goodbye ends a negotiation. A server that hangs up without an answer is
// no error.
func goodbye(ctx context.Context, n *nbd.Negotiation) error {
	if !fixed(n) {
		// NBD_OPT_ABORT is for servers that can answer.
		return n.Close()
	}
	if err := n.Abort(ctx); ctx.Err() != nil {
		return err
	}
	return nil
}

// fixed says whether the server can be asked about its exports.
func fixed(n *nbd.Negotiation) bool { return n.Protocol().Handshake == "newstyle-fixed" }
