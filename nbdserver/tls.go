package nbdserver

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"

	"github.com/gonbd/gonbd/internal/tlspsk"
)

// LoadKeys reads a file of pre-shared keys, with a line "user:key" for each
// user and the key in hexadecimal, as psktool writes it. It gives the function
// for [Server.PSK]. If others than the file's owner can read it, it warns in
// the log.
func LoadKeys(path string, log *slog.Logger) (func(identity string) (key []byte, ok bool), error) {
	keys, exposed, err := tlspsk.LoadKeys(path)
	if err != nil {
		return nil, err
	}
	if exposed && log != nil {
		log.Warn("others than its owner can read the file of pre-shared keys: chmod 600 it", "file", path)
	}
	return func(identity string) ([]byte, bool) {
		key, ok := keys.Lookup(identity)
		return key, ok
	}, nil
}

// hasTLS says whether clients can have TLS.
func (s *Server) hasTLS() bool { return s.TLS != nil || s.PSK != nil || s.startTLS != nil }

// checkTLS says what is wrong with the fields about TLS.
func (s *Server) checkTLS() error {
	switch {
	case s.TLS != nil && s.PSK != nil:
		return errors.New("nbdserver: both TLS and PSK are set: a client could not tell which it gets")
	case s.RequireTLS && !s.hasTLS():
		return errors.New("nbdserver: RequireTLS is set, but neither TLS nor PSK")
	case s.RequireTLS && (s.Disable.Newstyle || s.Disable.FixedNewstyle):
		return errors.New("nbdserver: RequireTLS is set, but the fixed newstyle handshake, which TLS needs, is turned off")
	}
	return nil
}

// upgrade makes a connection a TLS connection.
func (s *Server) upgrade(ctx context.Context, nc net.Conn) (net.Conn, error) {
	if s.startTLS != nil {
		return s.startTLS(ctx, nc)
	}
	var secure interface {
		net.Conn
		HandshakeContext(context.Context) error
	}
	if s.PSK != nil {
		secure = tlspsk.Server(nc, &tlspsk.ServerConfig{Lookup: func(identity string) (tlspsk.Key, bool) {
			key, ok := s.PSK(identity)
			return key, ok
		}})
	} else {
		secure = tls.Server(nc, s.TLS)
	}
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	return secure, nil
}
