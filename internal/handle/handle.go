package handle

import (
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/gonbd/gonbd/internal/engine"
	"github.com/gonbd/gonbd/internal/sockio"
	"github.com/gonbd/gonbd/internal/tlsclient"
)

// Handle is one connection to an NBD server. Its methods may be called from
// several threads at once. Close must be called to free it.
type Handle struct {
	mu     sync.Mutex
	closed bool
	call   string // the call that holds the lock, for debugging messages

	settings
	name    string
	private uintptr
	debug   debugging

	eng       *engine.Conn
	tlsClient *tlsclient.Client
	conn      connection
	in        sockio.Vector
	out       sockio.Vector
	full      bool // the socket took no more
	mute      bool // the socket takes nothing any more; what comes is still read
	bye       bool // the sending side is shut down
	option    *option

	done      commandList // completed, and not retired
	spare     []*command
	scratch   int // where callbacks find and leave an errno
	entries   []Entry
	entries32 []uint32

	sleepers []*sleeper
	idle     []*sleeper
	progress uint64 // counts what happened, for sleepers

	interrupted bool // calls must not wait

	public publicState
}

var handles atomic.Uint64

// New makes a handle that is not connected. With LIBNBD_DEBUG=1 in the
// environment it prints debugging messages.
func New() *Handle {
	h := &Handle{settings: defaultSettings(), name: fmt.Sprintf("nbd%d", handles.Add(1))}
	h.conn.fd = -1
	h.eng = engine.New(engine.Config{})
	h.debug.on = Getenv("LIBNBD_DEBUG") == "1"
	h.publish()
	if h.debug.on {
		h.call = "nbd_create"
		h.debugf("created the handle")
	}
	return h
}

// Close closes the connection in whatever state it is, ends the subprocess if
// there is one and waits for it. Commands in flight complete with ENOTCONN.
// A call that sleeps in another thread ends with an error. Close can be
// called once; every other call after it fails with EBADF.
func (h *Handle) Close() error {
	h.mu.Lock()
	if h.closed {
		h.mu.Unlock()
		return &Error{Call: "nbd_close", Errno: syscall.EBADF, Msg: "nbd_close: the handle is closed: " + Strerror(syscall.EBADF)}
	}
	h.call = "nbd_close"
	if h.debug.on {
		h.debugf("closing the handle")
	}
	h.dropOption()
	h.eng.Close()
	h.dispatch()
	h.hangUp()
	for c := h.done.first; c != nil; {
		next := c.next
		h.retire(c)
		c = next
	}
	h.done = commandList{}
	child := h.conn.child
	h.conn.child = nil
	h.debug.close()
	h.closed = true
	h.publish()
	h.wakeAll()
	h.closeIdle()
	h.mu.Unlock()
	if child != nil {
		child.close()
	}
	return nil
}
