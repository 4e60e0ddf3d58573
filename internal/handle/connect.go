package handle

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/gonbd/gonbd/internal/engine"
	"github.com/gonbd/gonbd/internal/nbderr"
	"github.com/gonbd/gonbd/nbduri"
)

// connection is the socket, and what is known of the way to it.
type connection struct {
	fd  int
	gen int // counts the sockets that there were

	target  nbduri.URI // for nbd_get_uri, if named
	named   bool
	what    string // for messages: "connect to localhost:10809"
	pending []address
	failed  []error
	again   bool // a failure leaves the handle as it was created
	failure error

	child *child
	tls   *tlsStream // once the server has agreed to TLS

	watch *atomic.Int32 // see Handle.WatchFD
}

// address is one to try: a raw struct sockaddr.
type address struct {
	name string // for messages where there are several
	raw  []byte
}

// beginNamed is begin where nbd_get_uri(3) can name the target.
func (h *Handle) beginNamed(target nbduri.URI, what string, addrs []address) error {
	h.conn.target, h.conn.named = target, true
	// libnbd lets callers of TCP try another time.
	h.conn.again = target.Transport == nbduri.TCP
	return h.begin(what, addrs)
}

// begin starts to connect to the first of some addresses that answers.
func (h *Handle) begin(what string, addrs []address) error {
	if err := h.readyTLS(); err != nil {
		h.conn.named, h.conn.again = false, false
		return err
	}
	h.configure()
	h.eng.Connecting()
	h.conn.what, h.conn.pending, h.conn.failed = what, addrs, nil
	h.tryNext()
	return h.refusal()
}

// tryNext tries addresses until one answers, or does not do so at once.
func (h *Handle) tryNext() {
	c := &h.conn
	for len(c.pending) > 0 {
		a := c.pending[0]
		c.pending = c.pending[1:]
		fd, done, err := dial(a.raw)
		if err != nil {
			c.note(a, err)
			continue
		}
		if err := h.tune(fd, a.raw); err != nil {
			closeFD(fd)
			c.note(a, err)
			continue
		}
		c.open(fd)
		if done {
			h.connected()
		}
		return
	}
	h.giveUp(c.whyNot())
}

// connectNext acts on the news that a connect has ended.
func (h *Handle) connectNext() {
	h.progress++
	err := connectResult(h.conn.fd)
	if err == errInProgress {
		return
	}
	if err == nil {
		h.connected()
		return
	}
	h.conn.failed = append(h.conn.failed, err)
	h.conn.close()
	h.tryNext()
}

func (h *Handle) connected() {
	h.conn.pending, h.conn.failed = nil, nil
	h.eng.Connected()
}

// giveUp ends the attempt to connect. Where libnbd lets the caller try again
// on the same handle it is as it was.
func (h *Handle) giveUp(err error) {
	h.progress++
	h.conn.close()
	if h.conn.again {
		h.eng = engine.New(engine.Config{})
		h.conn = connection{fd: -1, gen: h.conn.gen, failure: err, watch: h.conn.watch}
		return
	}
	h.fail(err)
}

// refusal gives the error that ended the attempt to connect, once, or that
// which ended the connection.
func (h *Handle) refusal() error {
	if err := h.conn.failure; err != nil {
		h.conn.failure = nil
		return err
	}
	return h.broken()
}

// settle is the end of every synchronous connect: it waits for the end of
// the handshake.
func (h *Handle) settle(err error) error {
	for err == nil && h.eng.Class() == engine.Connecting {
		if err = h.await(nil); err == nil {
			err = h.refusal()
		}
	}
	if err == nil && h.eng.Class() == engine.Closed {
		return &nbderr.Error{Kind: nbderr.Transport, Op: h.conn.what, Errno: syscall.ENOTCONN, Msg: "the connection was closed during the handshake"}
	}
	return err
}

func (c *connection) open(fd int) {
	c.fd = fd
	c.gen++
	if c.watch != nil {
		c.watch.Store(int32(fd))
	}
}

func (c *connection) close() {
	if c.fd >= 0 {
		if c.watch != nil {
			c.watch.Store(-1)
		}
		closeFD(c.fd)
		c.fd = -1
		c.gen++
	}
}

// WatchFD has the number of the socket kept in p, or -1 while there is none:
// a process that was forked from this one must close its copy, and cannot ask
// the handle.
func (h *Handle) WatchFD(p *atomic.Int32) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.conn.watch = p
	p.Store(int32(h.conn.fd))
}

func (c *connection) note(a address, err error) {
	if a.name != "" {
		err = fmt.Errorf("%s: %w", a.name, err)
	}
	c.failed = append(c.failed, err)
}

// whyNot makes one error of those of all addresses.
func (c *connection) whyNot() error {
	e := &nbderr.Error{Kind: nbderr.Transport, Op: c.what, Retry: true}
	var texts []string
	for _, err := range c.failed {
		if n, ok := errors.AsType[syscall.Errno](err); ok && e.Errno == 0 {
			e.Errno = n
		}
		texts = append(texts, err.Error())
	}
	if len(texts) > 1 {
		e.Msg = strings.Join(texts, "; ")
	}
	e.Err = c.failed[0]
	if len(texts) > 1 {
		e.Err = e.Errno
	}
	return e
}
