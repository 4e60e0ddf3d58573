package nbd

import (
	"context"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/gonbd/gonbd/internal/engine"
	"github.com/gonbd/gonbd/internal/sockio"
)

// Limits of what one connection takes on before callers wait for room.
const (
	maxInFlight = 4096
	maxUnsent   = 64 << 20 // bytes
)

// unixSendBuffer is room for a few large writes in flight. On a Unix socket the
// sender's buffer is the only one: with the usual 208 KiB a write of 256 KiB is
// a matter of several system calls and waits.
const unixSendBuffer = 1 << 20

// conn drives one engine.Conn in the transmission phase.
//
// On a raw socket it works by leader and followers. Callers submit their
// requests and wait; whoever waits while nobody leads becomes the leader, and
// does the I/O for all until its own request is done, when it wakes a
// follower to lead. So a lone caller talks to the socket itself, without a
// goroutine in between, and many callers share system calls. Nobody reads
// while nobody waits.
//
// Any other net.Conn, such as TLS, is served by two goroutines, a reader and
// a writer, and all callers are followers.
type conn struct {
	nc     net.Conn
	rc     syscall.RawConn // nil: served by goroutines
	logger func(msg string, args ...any)

	mu      sync.Mutex
	eng     *engine.Conn
	fd      uintptr
	ended   bool // the engine has told of the end
	closed  bool // nc has been, or is being, closed
	byUs    bool // by close, and not because the connection ended
	waiters list // followers
	others  int  // how many of them want something else than a reply

	// Raw sockets.
	leading     bool
	leader      *request
	parked      bool // the leader waits for the socket to become readable
	interrupted bool // the leader's context has ended, and a read deadline is set
	pumping     bool // a goroutine waits for the socket to become writable
	in, out     sockio.Vector
	woke        bool // the leader has woken a follower since it last gave way
	saidAll     bool // the goodbye has been sent
	readFn      func(fd uintptr) bool
	writeFn     func(fd uintptr) bool

	// Other connections.
	sendable *sync.Cond
}

// request is a command and whoever waits for it.
type request struct {
	cmd     engine.Command
	done    bool
	wants   want
	ch      chan struct{}
	extents *extentReply // where those of a block status go

	prev, next *request
	listed     bool
}

// want is what a request waits for.
type want uint8

const (
	wantReply want = iota
	wantRoom       // to be submitted
	wantIdle       // that no request is in flight
	wantEnd        // the end of the connection
)

var requests = sync.Pool{New: func() any {
	r := &request{ch: make(chan struct{}, 1)}
	r.cmd.User = r
	return r
}}

func newRequest() *request { return requests.Get().(*request) }

// free gives the request back. It must not be in flight.
func (r *request) free() {
	select {
	case <-r.ch:
	default:
	}
	r.cmd = engine.Command{User: r}
	r.done, r.wants, r.extents = false, wantReply, nil
	requests.Put(r)
}

func (r *request) wake() {
	select {
	case r.ch <- struct{}{}:
	default:
	}
}

// newConn starts to drive eng, which must be ready, over nc.
func newConn(nc net.Conn, eng *engine.Conn, logger func(string, ...any)) *conn {
	c := &conn{nc: nc, eng: eng, logger: logger}
	nc.SetDeadline(time.Time{}) // that of the handshake, or of the caller's
	if u, ok := nc.(*net.UnixConn); ok {
		u.SetWriteBuffer(unixSendBuffer) // the system may give less
	}
	if sc, ok := nc.(syscall.Conn); ok && sockio.Supported && !eng.TLS() {
		if rc, err := sc.SyscallConn(); err == nil && rc.Control(func(fd uintptr) { c.fd = fd }) == nil {
			c.rc = rc
			c.readFn, c.writeFn = c.onReadable, c.onWritable
		}
	}
	if c.rc == nil {
		c.sendable = sync.NewCond(&c.mu)
	}
	// A server that has said something already has said too much.
	c.dispatch()
	if c.rc == nil {
		go c.readLoop()
		go c.writeLoop()
	}
	return c
}

// do sends a request and waits for its end.
func (c *conn) do(ctx context.Context, r *request) error {
	c.mu.Lock()
	err := c.submit(ctx, r)
	if err == nil {
		err = c.finish(ctx, r)
	}
	c.mu.Unlock()
	return err
}

// load says how busy the connection is, or -1 if it has ended.
func (c *conn) load() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended || c.closed {
		return -1
	}
	return c.eng.InFlight()
}

// contextIDs gives the IDs that the metadata context has on this connection.
func (c *conn) contextIDs(name string) []uint32 {
	var ids []uint32
	for _, m := range c.eng.MetaContexts() { // which do not change any more
		if m.Name == name {
			ids = append(ids, m.ID)
		}
	}
	return ids
}

func (c *conn) hasRoom() bool {
	return c.ended || c.eng.InFlight() < maxInFlight && c.eng.Unsent() < maxUnsent
}

// satisfied says whether r waits for nothing any more.
func (c *conn) satisfied(r *request) bool {
	switch r.wants {
	case wantRoom:
		return c.hasRoom()
	case wantIdle:
		return c.ended || c.eng.InFlight() == 0
	case wantEnd:
		return c.ended
	}
	return r.done
}

// submit queues a request, waiting for room if need be. The lock is held.
func (c *conn) submit(ctx context.Context, r *request) error {
	op := engine.OpName(r.cmd.Type)
	if ctx.Err() != nil {
		return canceled(ctx, op)
	}
	if !c.hasRoom() {
		if err := c.waitFor(ctx, r, wantRoom); err != nil {
			return canceled(ctx, op)
		}
	}
	if c.byUs {
		return closedError(op)
	}
	if err := c.eng.Submit(&r.cmd); err != nil {
		return err
	}
	c.queued()
	return nil
}

// queued sees to it that what was queued is sent. A leader who does not wait
// for the socket, and one who is about to lead, will do it.
func (c *conn) queued() {
	switch {
	case c.rc == nil:
		c.sendable.Signal()
	case c.leading && c.parked:
		c.flush()
	}
}

// finish waits for a request's end. The lock is held.
func (c *conn) finish(ctx context.Context, r *request) error {
	if err := c.wait(ctx, r); err != nil {
		c.eng.Abandon(&r.cmd)
		return canceled(ctx, engine.OpName(r.cmd.Type))
	}
	if e, ok := r.cmd.Err.(*Error); ok && e.Kind == TransportError && c.byUs {
		return closedError(engine.OpName(r.cmd.Type))
	}
	return r.cmd.Err
}

// wait waits until r is satisfied, leading if nobody does. It fails if the
// context ends first. The lock is held, but not while it waits.
func (c *conn) wait(ctx context.Context, r *request) error {
	var err error
	for !c.satisfied(r) && err == nil {
		if c.rc != nil && !c.leading && !c.ended {
			c.lead(ctx, r)
			if !c.satisfied(r) {
				err = ctx.Err()
			}
			continue
		}
		if r.wants != wantReply {
			c.others++
		}
		c.waiters.push(r)
		c.mu.Unlock()
		select {
		case <-r.ch:
		case <-ctx.Done():
		}
		c.mu.Lock()
		c.waiters.remove(r)
		if r.wants != wantReply {
			c.others--
		}
		if !c.satisfied(r) {
			err = ctx.Err()
		}
	}
	c.promote()
	return err
}

// waitFor waits for something else than the reply to r, which is not in
// flight.
func (c *conn) waitFor(ctx context.Context, r *request, w want) error {
	r.wants = w
	err := c.wait(ctx, r)
	r.wants = wantReply
	return err
}

// promote wakes a follower to lead, if nobody does.
func (c *conn) promote() {
	if c.rc != nil && !c.leading && c.waiters.head != nil {
		c.waiters.head.wake()
	}
}

// dispatch tells requests of what happened. The lock is held.
func (c *conn) dispatch() {
	for ev := c.eng.Next(); ev != nil; ev = c.eng.Next() {
		switch ev.Kind {
		case engine.EventDone:
			r := ev.Command.User.(*request)
			r.done = true
			if r != c.leader {
				c.woke = true
				r.wake()
			}
		case engine.EventExtents:
			if r := ev.Command.User.(*request); r.extents != nil {
				r.extents.add(ev)
			}
		case engine.EventEnd:
			c.ended = true
			switch {
			case c.closed:
			case ev.Err != nil:
				c.logger("nbd: connection ended", "err", ev.Err)
			case !c.eng.Disconnecting():
				c.logger("nbd: connection ended by the server")
			}
			c.hangUp()
		}
	}
	c.wakeOthers()
}

// wakeOthers wakes those that have got what they want, if that is not a reply.
func (c *conn) wakeOthers() {
	if c.others == 0 {
		return
	}
	for r := c.waiters.head; r != nil; r = r.next {
		if r.wants != wantReply && c.satisfied(r) {
			r.wake()
		}
	}
}

// hangUp closes the connection once. Closing waits for calls under way, of
// which the caller may be one: so a goroutine does it. The lock is held.
func (c *conn) hangUp() {
	if c.closed {
		return
	}
	c.closed = true
	if c.sendable != nil {
		c.sendable.Broadcast()
	}
	go c.nc.Close()
}

// close ends the connection at once. If nothing is in flight, the server is
// told.
func (c *conn) close() {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return
	}
	if c.eng.InFlight() == 0 && c.eng.Disconnect() == nil {
		c.say()
	}
	c.closed, c.byUs = true, true
	c.eng.Close()
	c.dispatch()
	if c.sendable != nil {
		c.sendable.Broadcast()
	}
	c.mu.Unlock()
	// Its error would tell of nothing that the requests have not told of:
	// TLS fails to say goodbye to a server that has hung up.
	c.nc.Close()
}

// say sends what is queued if that is possible without waiting long.
func (c *conn) say() {
	if c.rc != nil {
		if !c.pumping {
			c.flush()
		}
		return
	}
	c.nc.SetWriteDeadline(time.Now().Add(time.Second))
	for c.eng.Pending() {
		n, err := c.nc.Write(c.eng.Outgoing()[0])
		if err != nil {
			return
		}
		c.eng.Sent(n)
	}
}

// shutdown waits for the requests in flight, takes leave of the server, and
// waits until it hangs up, all until the context ends.
func (c *conn) shutdown(ctx context.Context) error {
	c.mu.Lock()
	err := c.drain(ctx)
	c.mu.Unlock()
	c.close()
	return err
}

func (c *conn) drain(ctx context.Context) error {
	r := newRequest()
	defer r.free()
	if err := c.waitFor(ctx, r, wantIdle); err != nil {
		return canceled(ctx, "shutdown")
	}
	if c.ended {
		return c.eng.Err()
	}
	if err := c.eng.Disconnect(); err != nil {
		return err
	}
	c.queued()
	if err := c.waitFor(ctx, r, wantEnd); err != nil {
		return canceled(ctx, "shutdown")
	}
	return c.eng.Err()
}

// fail ends the connection because of an I/O error. The lock is held.
func (c *conn) fail(err error) {
	c.eng.Fail(err)
	c.dispatch()
}
