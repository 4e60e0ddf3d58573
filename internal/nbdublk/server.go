package nbdublk

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/gonbd/gonbd/internal/ublk"
	"github.com/gonbd/gonbd/nbd"
)

// server answers the kernel's requests by those of an NBD client.
type server struct {
	c   *nbd.Client
	log *slog.Logger

	answered atomic.Int64 // requests

	mu   sync.Mutex
	err  error         // the one that ended it
	dead chan struct{} // closed when there is no connection any more
}

func newServer(c *nbd.Client, log *slog.Logger) *server {
	return &server{c: c, log: log, dead: make(chan struct{})}
}

// handle is a ublk.Handler.
func (s *server) handle(r *ublk.Request) syscall.Errno {
	defer s.answered.Add(1)
	err := s.do(r)
	// A connection may have ended, and others live on: each try takes one of
	// those. All requests may be done twice.
	for tries := 0; tries < s.c.Connections() && isOf(err, nbd.TransportError, nbd.ProtocolError); tries++ {
		err = s.do(r)
	}
	if err == nil {
		return 0
	}
	s.log.Debug("nbdublk: a request has failed", "op", r.Op, "offset", r.Offset, "length", r.Length, "err", err)
	if isOf(err, nbd.TransportError) {
		s.fail(err)
	}
	// Of other errors the kernel would make what they don't mean.
	for _, errno := range []syscall.Errno{syscall.ENOSPC, syscall.EOPNOTSUPP} {
		if errors.Is(err, errno) {
			return errno
		}
	}
	return syscall.EIO
}

// isOf says whether an error is one of those kinds.
func isOf(err error, kinds ...nbd.ErrorKind) bool {
	e, ok := errors.AsType[*nbd.Error](err)
	return ok && slices.Contains(kinds, e.Kind)
}

// fail keeps the first error that ends everything.
func (s *server) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
		close(s.dead)
	}
}

func (s *server) do(r *ublk.Request) error {
	ctx := context.Background()
	var flags nbd.Flags
	if r.Flags&ublk.FlagFUA != 0 {
		flags |= nbd.FUA
	}
	switch r.Op {
	case ublk.OpRead:
		_, err := s.c.ReadAtContext(ctx, r.Data, r.Offset)
		return err
	case ublk.OpWrite:
		_, err := s.c.WriteAtContext(ctx, r.Data, r.Offset, flags)
		return err
	case ublk.OpFlush:
		return s.c.Flush(ctx)
	case ublk.OpDiscard:
		return s.c.Trim(ctx, r.Offset, r.Length, flags)
	case ublk.OpWriteZeroes:
		if r.Flags&ublk.FlagNoUnmap != 0 {
			flags |= nbd.NoHole
		}
		return s.c.WriteZeroes(ctx, r.Offset, r.Length, flags)
	}
	return &nbd.Error{Kind: nbd.LocalError, Op: "ublk", Errno: syscall.ENOTSUP, Msg: "the kernel asks for something unknown"}
}
