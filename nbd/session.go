package nbd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/gonbd/gonbd/internal/engine"
	"github.com/gonbd/gonbd/internal/tlsclient"
	"github.com/gonbd/gonbd/internal/transport"
)

// session is what the connections of one client have in common: how to make
// them, and what to negotiate.
type session struct {
	cfg    *Config
	export string
	tls    *tlsclient.Client // nil: no TLS
	policy engine.TLSPolicy  // where there is TLS; required if not set
	dial   func(context.Context) (net.Conn, error)
	again  bool                  // dial works more than once
	proc   *transport.Subprocess // the server, if this session started it
	target string                // for the log
}

func (s *session) engineConfig() engine.Config {
	cfg := engine.DefaultConfig()
	cfg.ExportName = s.export
	cfg.MetaContexts = s.cfg.MetaContexts
	cfg.StructuredReplies = !s.cfg.NoStructuredReplies
	cfg.ExtendedHeaders = !s.cfg.NoExtendedHeaders && !s.cfg.NoStructuredReplies
	if s.tls != nil {
		cfg.TLS = cmp.Or(s.policy, engine.TLSRequire)
	}
	return cfg
}

func (s *session) warn(msg string, args ...any) {
	s.cfg.logger().Warn(msg, append(args, "server", s.target)...)
}

// explain adds what became of a server that the session started.
func (s *session) explain(err error) error {
	if err == nil || s.proc == nil {
		return err
	}
	return s.proc.Explain(err)
}

// close ends the server, if the session started it.
func (s *session) close() error {
	if s.proc == nil {
		return nil
	}
	return s.proc.Close()
}

// client makes a client with all its connections.
func (s *session) client(ctx context.Context) (*Client, error) {
	nc, eng, err := s.open(ctx, s.engineConfig())
	if err != nil {
		return nil, errors.Join(s.explain(err), s.close())
	}
	return s.complete(ctx, nc, eng)
}

// complete makes a client of the first connection, and opens the others.
func (s *session) complete(ctx context.Context, nc net.Conn, eng *engine.Conn) (*Client, error) {
	c := newClient(s, nc, eng)
	s.cfg.logger().Debug("nbd: connected", "server", s.target, "export", s.export, "size", c.export.Size, "protocol", c.protocol)
	e, _ := eng.Export()
	for _, w := range e.Warnings {
		s.warn("nbd: " + w)
	}
	want := s.cfg.Connections
	if want <= 1 || !s.again || !c.export.CanMultiConn() {
		return c, nil
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	var firstErr error
	for range want - 1 {
		wg.Go(func() {
			nc, eng, err := s.open(ctx, s.engineConfig())
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				err = c.join(nc, eng)
			}
			if err != nil && firstErr == nil {
				firstErr = err
			}
		})
	}
	wg.Wait()
	if firstErr != nil {
		err := s.explain(firstErr)
		c.Close()
		return nil, fmt.Errorf("opening %d more connections: %w", want-1, err)
	}
	return c, nil
}

// join adds a connection to the client, if it leads to the same export.
func (c *Client) join(nc net.Conn, eng *engine.Conn) error {
	e, _ := eng.Export()
	names := exportOf("", e, eng.MetaContexts()).MetaContexts
	if int64(e.Size) != c.export.Size || e.Flags != c.export.Flags || e.BlockSize != c.export.BlockSize ||
		protocolOf(eng) != c.protocol || !slices.Equal(names, c.export.MetaContexts) {
		nc.Close()
		return &Error{Kind: ServerError, Op: "connect", Errno: syscall.EIO,
			Msg: fmt.Sprintf("the server describes the export differently on another connection: %d bytes, flags %#x, sizes %v, metadata contexts %q, before %d, %#x, %v, %q",
				e.Size, e.Flags, e.BlockSize, names, c.export.Size, c.export.Flags, c.export.BlockSize, c.export.MetaContexts)}
	}
	c.conns = append(c.conns, newConn(nc, eng, c.session.warn))
	return nil
}

// open makes one connection and shakes hands.
func (s *session) open(ctx context.Context, cfg engine.Config) (net.Conn, *engine.Conn, error) {
	nc, err := s.dial(ctx)
	if err != nil {
		return nil, nil, err
	}
	eng := engine.New(cfg)
	eng.Connected()
	if nc, err = s.handshake(ctx, nc, eng, func(ev *engine.Event) bool {
		return ev.Kind == engine.EventReady || ev.Kind == engine.EventNegotiating
	}); err != nil {
		return nil, nil, err
	}
	return nc, eng, nil
}

// handshake moves bytes until an event satisfies until, or the connection
// ends; then it is closed. It gives the connection to go on with, which
// differs from the one given once TLS was negotiated.
func (s *session) handshake(ctx context.Context, nc net.Conn, eng *engine.Conn, until func(*engine.Event) bool) (net.Conn, error) {
	raw := nc
	stop := context.AfterFunc(ctx, func() {
		if raw.SetDeadline(aLongTimeAgo) != nil {
			raw.Close() // it knows no deadlines
		}
	})
	err := s.exchange(ctx, &nc, eng, until)
	if !stop() && err == nil {
		err = ctx.Err() // the deadline has been spoilt
	}
	if err != nil {
		nc.Close()
		if ctx.Err() != nil {
			return nil, canceled(ctx, "NBD handshake")
		}
		return nil, err
	}
	return nc, nil
}

func (s *session) exchange(ctx context.Context, nc *net.Conn, eng *engine.Conn, until func(*engine.Event) bool) error {
	for {
		for ev := eng.Next(); ev != nil; ev = eng.Next() {
			switch {
			case ev.Kind == engine.EventStartTLS:
				tc := s.tls.Conn(*nc)
				err := tc.HandshakeContext(ctx)
				if err == nil {
					*nc = tc
				}
				eng.TLSDone(err)
			case until(ev):
				return nil
			case ev.Kind == engine.EventEnd:
				// Last words: the polite goodbye of a negotiation that
				// failed. Nobody waits for what becomes of them.
				(*nc).SetWriteDeadline(time.Now().Add(time.Second))
				send(*nc, eng)
				if ev.Err == nil {
					return &Error{Kind: TransportError, Op: "NBD handshake", Errno: syscall.ENOTCONN, Msg: "the connection was closed"}
				}
				return ev.Err
			}
		}
		if err := send(*nc, eng); err != nil {
			eng.Fail(err)
			continue
		}
		dst, ahead := eng.Want()
		if len(dst) == 0 {
			dst = ahead
		}
		n, err := (*nc).Read(dst)
		eng.Filled(n)
		switch {
		case n > 0:
		case err == io.EOF:
			eng.EOF()
		case err != nil:
			eng.Fail(err)
		}
	}
}

// send writes all that is queued.
func send(nc net.Conn, eng *engine.Conn) error {
	for eng.Pending() {
		n, err := nc.Write(eng.Outgoing()[0])
		eng.Sent(n)
		if err != nil {
			return err
		}
	}
	return nil
}
