package nbd

import (
	"cmp"
	"context"
	"net"
	"slices"
	"sync"
	"syscall"

	"github.com/gonbd/gonbd/internal/engine"
	"github.com/gonbd/gonbd/internal/wire"
)

// ListedExport is an export as a server lists it.
type ListedExport struct {
	Name        string
	Description string
}

// List lists the exports of the server that an NBD URI names. A server may
// keep exports to itself, or refuse: then the error is a ServerError.
func List(ctx context.Context, uri string, opts ...Option) ([]ListedExport, error) {
	n, err := Negotiate(ctx, uri, opts...)
	if err != nil {
		return nil, err
	}
	defer n.Close()
	list, err := n.List(ctx)
	if err != nil {
		return nil, err
	}
	return list, n.Abort(ctx)
}

// Negotiation is a connection in the handshake phase, between two options: it
// can ask a server about its exports before it chooses one, or none. Its
// methods may be called from several goroutines, and take turns.
type Negotiation struct {
	s   *session
	mu  sync.Mutex
	nc  net.Conn // nil once the negotiation has ended
	eng *engine.Conn
	// taken says that the connection, and the server if it was started, have
	// gone to a client.
	taken bool

	// closing ends the option under way, with Close as its cause.
	closing context.Context
	close   context.CancelCauseFunc
}

// Negotiate connects to the server that an NBD URI names, and stops before
// choosing an export ("option mode", nbd_set_opt_mode(3)). It fails with
// syscall.ENOTSUP if the server is too old for that: see Dial.
func Negotiate(ctx context.Context, uri string, opts ...Option) (*Negotiation, error) {
	s, err := newSession(ctx, uri, opts)
	if err != nil {
		return nil, err
	}
	return s.negotiation(ctx)
}

// NegotiateSocketActivation is Negotiate with a server that it starts: see
// DialSocketActivation.
func NegotiateSocketActivation(ctx context.Context, argv []string, opts ...Option) (*Negotiation, error) {
	s, err := activate(ctx, argv, newConfig(opts))
	if err != nil {
		return nil, err
	}
	return s.negotiation(ctx)
}

func (s *session) negotiation(ctx context.Context) (*Negotiation, error) {
	cfg := s.engineConfig()
	cfg.OptionMode = true
	nc, eng, err := s.open(ctx, cfg)
	if err == nil && eng.State() != engine.StateNegotiating {
		nc.Close()
		err = &Error{Kind: ServerError, Op: "negotiate", Errno: syscall.ENOTSUP,
			Msg: "the server speaks the " + eng.Protocol() + " protocol, which has nothing to negotiate"}
	}
	if err != nil {
		err = s.explain(err)
		s.close()
		return nil, err
	}
	n := &Negotiation{s: s, nc: nc, eng: eng}
	n.closing, n.close = context.WithCancelCause(context.Background())
	return n, nil
}

// Protocol says what was negotiated so far.
func (n *Negotiation) Protocol() Protocol { return protocolOf(n.eng) }

// do sends an option about an export, or "" where it is about none, and waits
// for its end. The events in between go to each.
func (n *Negotiation) do(ctx context.Context, export string, o *engine.Option, each func(*engine.Event)) error {
	if n.nc == nil {
		return closedError(o.Code.String())
	}
	n.eng.Config().ExportName = export
	if err := n.eng.SubmitOption(o); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(n.closing, func() { cancel(net.ErrClosed) })()
	nc, err := n.s.handshake(ctx, n.nc, n.eng, func(ev *engine.Event) bool {
		if ev.Kind == engine.EventOptionDone {
			return true
		}
		if each != nil {
			each(ev)
		}
		return false
	})
	if err != nil {
		n.nc = nil
		return n.s.explain(err)
	}
	n.nc = nc
	return o.Err
}

// List lists the server's exports (NBD_OPT_LIST).
func (n *Negotiation) List(ctx context.Context) ([]ListedExport, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	var list []ListedExport
	err := n.do(ctx, "", &engine.Option{Code: wire.OptList}, func(ev *engine.Event) {
		if ev.Kind == engine.EventExport {
			list = append(list, ListedExport{ev.Name, ev.Description})
		}
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}

// Info describes an export (NBD_OPT_INFO).
func (n *Negotiation) Info(ctx context.Context, name string) (Export, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.do(ctx, name, &engine.Option{Code: wire.OptInfo}, nil); err != nil {
		return Export{}, err
	}
	e, _ := n.eng.Export()
	return exportOf(name, e, nil), nil
}

// MetaContexts lists the metadata contexts of an export that match any of the
// queries, such as "base:" or "qemu:dirty-bitmap:", or all if there is no
// query (NBD_OPT_LIST_META_CONTEXT).
func (n *Negotiation) MetaContexts(ctx context.Context, name string, queries ...string) ([]string, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	var list []string
	err := n.do(ctx, name, &engine.Option{Code: wire.OptListMetaContext, Queries: queries}, func(ev *engine.Event) {
		if ev.Kind == engine.EventContext {
			list = append(list, ev.Name)
		}
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}

// Go chooses an export, and with it the metadata contexts that the
// configuration names or, if there are any, those that match the queries
// (NBD_OPT_SET_META_CONTEXT, NBD_OPT_GO). The negotiation ends, and the
// client takes over. If the server refuses, the negotiation can go on.
func (n *Negotiation) Go(ctx context.Context, name string, metaContexts ...string) (*Client, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(metaContexts) == 0 {
		metaContexts = n.s.cfg.MetaContexts
	}
	metaContexts = slices.Clone(metaContexts)
	n.eng.Config().MetaContexts = metaContexts
	if err := n.do(ctx, name, &engine.Option{Code: wire.OptGo, MetaContexts: true}, nil); err != nil {
		return nil, err
	}
	n.s.export, n.s.cfg.MetaContexts = name, metaContexts
	nc := n.nc
	n.nc, n.taken = nil, true
	return n.s.complete(ctx, nc, n.eng)
}

// Abort ends the negotiation politely (NBD_OPT_ABORT), and closes it.
func (n *Negotiation) Abort(ctx context.Context) error {
	n.mu.Lock()
	err := n.do(ctx, "", &engine.Option{Code: wire.OptAbort}, nil)
	n.mu.Unlock()
	return cmp.Or(err, n.Close())
}

// Close ends the negotiation at once; an option under way fails with
// net.ErrClosed. After Go it does nothing: the connection is the client's.
func (n *Negotiation) Close() error {
	n.close(net.ErrClosed)
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.taken {
		return nil
	}
	if n.nc != nil {
		n.nc.Close()
		n.nc = nil
	}
	return n.s.close()
}
