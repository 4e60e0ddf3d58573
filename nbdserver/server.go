package nbdserver

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/gonbd/gonbd/internal/wire"
)

// ErrServerClosed is what Serve and ServeConn return after Shutdown or Close.
var ErrServerClosed = errors.New("nbdserver: server closed")

// Server serves exports. Its zero value serves none; the fields are set
// before the first call of Serve or ServeConn and then left alone. All
// methods may be called from any goroutine.
type Server struct {
	// Exports are served by their names. A client that asks for a name that
	// none has is refused, unless Resolve knows better.
	Exports []*Export

	// Resolve, if not nil, is asked for the names that Exports doesn't have,
	// once or more for each connection. The Export it returns may have
	// another name, which clients are told as the canonical one. ctx ends
	// with the connection. An error refuses the client; its text is sent.
	Resolve func(ctx context.Context, info ConnInfo, name string) (*Export, error)

	// List, if not nil, says what clients are told when they ask for a list
	// of exports; without it that is Exports. ctx ends with the connection.
	List func(ctx context.Context, info ConnInfo) ([]ListEntry, error)

	// Logger is told what happens: connections and requests that fail, and
	// at level Debug what clients do. If it is nil, nothing is logged.
	Logger *slog.Logger

	// MaxConns is the number of connections at a time; those beyond are
	// closed at once. 0 means 1024, a negative number no limit.
	MaxConns int

	// MaxRequests is the number of requests in flight of a connection, those
	// whose replies the client hasn't read included. The server reads no
	// further requests until there is room. 0 means 64.
	MaxRequests int

	// MaxMemory is the number of bytes that the data of requests in flight
	// of a connection may take up. One request is always let through. 0
	// means 64 MiB.
	MaxMemory int64

	// MaxPayload is the longest read or write in bytes, at least 4096. 0
	// means 32 MiB, which every client may expect of a server.
	MaxPayload uint32

	// HandshakeTimeout is the time that a client has from connecting to its
	// first request. 0 means a minute, a negative number no limit.
	HandshakeTimeout time.Duration

	// Disable turns features off.
	Disable Features

	// TLS is the configuration for clients that ask for TLS, which needs a
	// certificate; ClientAuth and ClientCAs of it authenticate them. Clients
	// of oldstyle and plain newstyle handshakes cannot ask.
	TLS *tls.Config

	// PSK gives the pre-shared key of a user, for TLS without certificates.
	// It may be called for several clients at once. Only one of TLS and PSK
	// may be set.
	PSK func(identity string) (key []byte, ok bool)

	// RequireTLS refuses whatever a client asks for before TLS.
	RequireTLS bool

	// startTLS upgrades a connection after NBD_OPT_STARTTLS, instead of TLS
	// and PSK.
	startTLS func(context.Context, net.Conn) (net.Conn, error)

	mu        sync.Mutex
	listeners map[net.Listener]bool
	conns     map[*conn]bool
	closing   bool          // by Shutdown or Close
	idle      chan struct{} // closed when closing and the last of conns is gone
	lastID    uint64
}

// Features names parts of the protocol, each by what a client would notice
// of its absence. They are the parameter of [Server.Disable].
type Features struct {
	Newstyle        bool // without it the handshake is oldstyle: one export, no options
	FixedNewstyle   bool // without it NBD_OPT_EXPORT_NAME is the only option
	NoZeroes        bool // without it 124 zeroes follow the reply to NBD_OPT_EXPORT_NAME
	List            bool // NBD_OPT_LIST; without it the policy forbids it
	Go              bool // NBD_OPT_INFO and NBD_OPT_GO, and thereby ExtendedHeaders
	StructuredReply bool // NBD_OPT_STRUCTURED_REPLY
	ExtendedHeaders bool // NBD_OPT_EXTENDED_HEADERS
	MetaContext     bool // NBD_OPT_LIST_META_CONTEXT and NBD_OPT_SET_META_CONTEXT

	Flush              bool // NBD_FLAG_SEND_FLUSH
	FUA                bool // NBD_FLAG_SEND_FUA
	Trim               bool // NBD_FLAG_SEND_TRIM
	WriteZeroes        bool // NBD_FLAG_SEND_WRITE_ZEROES, and thereby FastZero
	FastZero           bool // NBD_FLAG_SEND_FAST_ZERO
	DF                 bool // NBD_FLAG_SEND_DF
	Cache              bool // NBD_FLAG_SEND_CACHE
	BlockStatusPayload bool // NBD_FLAG_BLOCK_STATUS_PAYLOAD
}

// ConnInfo says who is connected.
type ConnInfo struct {
	ID         uint64 // counts the connections of the server
	LocalAddr  net.Addr
	RemoteAddr net.Addr
}

// ListEntry is an export as NBD_OPT_LIST tells of it.
type ListEntry struct {
	Name        string
	Description string // may be empty
}

// Serve accepts connections from l and serves them until ctx is done, which
// ends them at once, or Shutdown or Close is called. It closes l, and returns
// when all of its connections have ended: with ctx's error, ErrServerClosed,
// or the error that l failed with.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	defer l.Close()
	if err := s.check(); err != nil {
		return err
	}
	if !s.addListener(l) {
		return ErrServerClosed
	}
	defer s.removeListener(l)
	defer context.AfterFunc(ctx, func() { l.Close() })()

	var conns sync.WaitGroup
	defer conns.Wait()
	var pause time.Duration
	for {
		nc, err := l.Accept()
		if err == nil {
			pause = 0
			conns.Go(func() { s.ServeConn(ctx, nc) }) // which logs its error
			continue
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case s.isClosing():
			return ErrServerClosed
		case !retryAccept(err):
			return fmt.Errorf("nbdserver: accept: %w", err)
		}
		// Out of file descriptors or the like: others may give some back.
		pause = min(max(2*pause, 5*time.Millisecond), time.Second)
		s.logger().Error("accept failed, will try again", "err", err, "pause", pause)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}

// retryAccept reports whether Accept may work again later.
func retryAccept(err error) bool {
	// net.Error.Temporary is deprecated for its vagueness, but there is no
	// other name, on all platforms, for the errors of accept that pass.
	t, ok := errors.AsType[interface {
		error
		Temporary() bool
	}](err)
	return ok && t.Temporary()
}

// ServeConn serves one client until it disconnects, ctx is done, or Shutdown
// or Close is called. It closes nc, and returns when all of the client's
// requests have ended: with nil if the client ended the connection between
// two messages, with an error that says why the server did otherwise.
//
// Read deadlines of nc must work for Shutdown and HandshakeTimeout to.
func (s *Server) ServeConn(ctx context.Context, nc net.Conn) error {
	if err := s.check(); err != nil {
		nc.Close()
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c, err := s.newConn(ctx, cancel, nc)
	if err != nil {
		nc.Close()
		s.logger().Warn("connection refused", "remote", nc.RemoteAddr(), "err", err)
		return err
	}
	defer s.removeConn(c)
	return c.serve()
}

// Shutdown stops the server gracefully: it closes all listeners, lets the
// requests in flight finish, answers those that arrive meanwhile with
// ESHUTDOWN, and closes the connections. It returns when all have ended, or
// with ctx's error when that is done; the connections then go on ending, and
// Close hurries them.
func (s *Server) Shutdown(ctx context.Context) error {
	idle := s.stop(func(c *conn) { c.shutdown() })
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close stops the server at once: it closes all listeners and connections.
// It doesn't wait for requests that a Backend is busy with.
func (s *Server) Close() error {
	s.stop(func(c *conn) { c.abort(ErrServerClosed) })
	return nil
}

// stop refuses new connections and calls end for those there are. The
// channel it returns is closed when they have ended.
func (s *Server) stop(end func(*conn)) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closing {
		s.closing = true
		s.idle = make(chan struct{})
		if len(s.conns) == 0 {
			close(s.idle)
		}
	}
	for l := range s.listeners {
		l.Close()
	}
	for c := range s.conns {
		end(c)
	}
	return s.idle
}

func (s *Server) isClosing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closing
}

func (s *Server) addListener(l net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return false
	}
	if s.listeners == nil {
		s.listeners = make(map[net.Listener]bool)
	}
	s.listeners[l] = true
	return true
}

func (s *Server) removeListener(l net.Listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.listeners, l)
}

func (s *Server) newConn(ctx context.Context, cancel context.CancelFunc, nc net.Conn) (*conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return nil, ErrServerClosed
	}
	if most := cmp.Or(s.MaxConns, 1024); most > 0 && len(s.conns) >= most {
		return nil, fmt.Errorf("nbdserver: there are %d connections already, as many as MaxConns allows", len(s.conns))
	}
	s.lastID++
	c := newConn(ctx, cancel, s, nc, s.lastID)
	if s.conns == nil {
		s.conns = make(map[*conn]bool)
	}
	s.conns[c] = true
	return c, nil
}

func (s *Server) removeConn(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	if s.closing && len(s.conns) == 0 {
		close(s.idle)
	}
}

// check says what is wrong with the server's fields.
func (s *Server) check() error {
	if s.MaxPayload != 0 && s.MaxPayload < wire.DefaultPreferredBlock {
		return fmt.Errorf("nbdserver: MaxPayload is %d, should be 0 or at least %d", s.MaxPayload, wire.DefaultPreferredBlock)
	}
	if s.MaxRequests < 0 || s.MaxMemory < 0 {
		return fmt.Errorf("nbdserver: MaxRequests is %d and MaxMemory %d, should be 0 or more", s.MaxRequests, s.MaxMemory)
	}
	if err := s.checkTLS(); err != nil {
		return err
	}
	seen := make(map[string]bool)
	for i, e := range s.Exports {
		if e == nil {
			return fmt.Errorf("nbdserver: Exports[%d] is nil", i)
		}
		if err := e.check(); err != nil {
			return err
		}
		if _, err := e.constraints(s.maxPayload()); err != nil {
			return err
		}
		if seen[e.Name] {
			return fmt.Errorf("nbdserver: two exports have the name %q", e.Name)
		}
		seen[e.Name] = true
	}
	return nil
}

func (s *Server) logger() *slog.Logger {
	if s.Logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return s.Logger
}

func (s *Server) maxPayload() uint32 { return cmp.Or(s.MaxPayload, wire.DefaultMaxPayload) }
func (s *Server) maxRequests() int   { return cmp.Or(s.MaxRequests, 64) }
func (s *Server) maxMemory() int64   { return cmp.Or(s.MaxMemory, 64<<20) }

func (s *Server) handshakeTimeout() time.Duration {
	return cmp.Or(s.HandshakeTimeout, time.Minute)
}
