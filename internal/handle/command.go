package handle

import (
	"errors"
	"syscall"

	"github.com/gonbd/gonbd/internal/engine"
	"github.com/gonbd/gonbd/internal/nbderr"
	"github.com/gonbd/gonbd/internal/wire"
)

// command is a command of the transmission phase, from its call until it is
// retired.
type command struct {
	engine.Command

	completion Completion
	chunk      Chunk
	extent     Extent
	extent64   Extent64

	// sync says that a call waits for the command: that call owns the
	// callbacks, and takes the command when done is set.
	sync bool
	done bool

	ids      []uint32 // for Contexts, kept for the next use
	cookie   uint64
	callback syscall.Errno // the first error of a callback
	err      error

	prev, next *command // in Handle.done
}

// commandList is a list in order of completion.
type commandList struct{ first, last *command }

func (l *commandList) add(c *command) {
	c.prev, c.next = l.last, nil
	if l.last == nil {
		l.first = c
	} else {
		l.last.next = c
	}
	l.last = c
}

func (l *commandList) remove(c *command) {
	if c.prev == nil {
		l.first = c.next
	} else {
		c.prev.next = c.next
	}
	if c.next == nil {
		l.last = c.prev
	} else {
		c.next.prev = c.prev
	}
	c.prev, c.next = nil, nil
}

// newCommand gives a command that is not in use.
func (h *Handle) newCommand(t wire.Command) *command {
	var c *command
	if n := len(h.spare); n > 0 {
		c = h.spare[n-1]
		h.spare = h.spare[:n-1]
	} else {
		c = new(command)
		c.User = c
	}
	c.Type = t
	return c
}

// recycle takes back a command that is over.
func (h *Handle) recycle(c *command) {
	const most = 1024
	*c = command{ids: c.ids[:0]}
	c.User = c
	if len(h.spare) < most {
		h.spare = append(h.spare, c)
	}
}

// submit hands a command to the engine, and sends what the socket takes. If
// it returns an error the command is recycled, and its callbacks are still
// the caller's.
func (h *Handle) submit(c *command) (uint64, error) {
	if err := h.eng.Submit(&c.Command); err != nil {
		h.recycle(c)
		return 0, err
	}
	cookie := c.Cookie()
	c.cookie = cookie
	if !h.full {
		h.send()
	}
	return cookie, nil
}

// issue is the end of every asynchronous call.
func (h *Handle) issue(c *command, completion Completion) (uint64, error) {
	c.completion = completion
	return h.submit(c)
}

// finish is the end of every synchronous call: it waits for the command.
func (h *Handle) finish(c *command) error {
	c.sync = true
	if _, err := h.submit(c); err != nil {
		return err
	}
	for !c.done {
		if err := h.await(c); err != nil {
			// The buffer and the callbacks are the caller's again.
			h.eng.Abandon(&c.Command)
			return err
		}
	}
	err := c.failure()
	h.recycle(c)
	return err
}

// complete takes the end of a command from the engine.
func (h *Handle) complete(c *command) {
	errno := errnoOf(c.Err)
	c.err = c.Err
	if c.err == nil && c.callback != 0 {
		errno = c.callback
		c.err = c.refused(errno)
	}
	if c.err != nil && c.Type == wire.CmdRead && h.preadInitialize {
		// Whoever forgets to look at the error shall not find what was in
		// the buffer before (CVE-2022-0485).
		clear(c.Data)
	}
	if c.sync {
		c.done = true
		return
	}
	retired := false
	if c.completion != nil {
		h.scratch = int(errno)
		switch c.completion.Complete(&h.scratch) {
		case 1:
			retired = true
		case -1:
			if n := syscall.Errno(h.scratch); n != 0 && n != errno {
				c.err = c.refused(n)
			}
		}
	}
	c.Data = nil
	if retired {
		h.retire(c)
		return
	}
	h.done.add(c)
}

// retire frees a completed command, and its callbacks: not before, since
// programs look at what belongs to a callback until then.
func (h *Handle) retire(c *command) {
	h.freeCallbacks(c)
	h.recycle(c)
}

// refused is the error of a command that a callback made fail.
func (c *command) refused(errno syscall.Errno) error {
	e := &nbderr.Error{Kind: nbderr.Local, Errno: errno, Msg: "refused by a callback"}
	if c.Type != wire.CmdFlush {
		e.Offset, e.Length, e.HasRange = c.Offset, c.Length, true
	}
	return e
}

// failure gives the error that the command ended with, or nil.
func (c *command) failure() error {
	if c.err == nil {
		return nil
	}
	return commandFailed(engine.OpName(c.Type), c.err, errnoOf(c.err))
}

func (h *Handle) freeCallbacks(c *command) {
	if c.chunk != nil {
		c.chunk.Free()
	}
	if c.extent != nil {
		c.extent.Free()
	}
	if c.extent64 != nil {
		c.extent64.Free()
	}
	if c.completion != nil {
		c.completion.Free()
	}
	c.chunk, c.extent, c.extent64, c.completion = nil, nil, nil, nil
}

// errnoOf gives what a command's error counts as. A command that the end of
// the connection stranded counts as ENOTCONN, whatever that end was
// (nbd_aio_in_flight(3)).
func errnoOf(err error) syscall.Errno {
	if err == nil {
		return 0
	}
	if e, ok := errors.AsType[*nbderr.Error](err); ok && e.Kind == nbderr.Transport {
		return syscall.ENOTCONN
	}
	if n, ok := nbderr.ErrnoOf(err); ok && n != 0 {
		return n
	}
	return syscall.EIO
}

func (h *Handle) aioCommandCompleted(cookie uint64) (bool, error) {
	if cookie == 0 {
		return false, fault(syscall.EINVAL, "invalid aio cookie 0")
	}
	c := h.done.first
	for c != nil && c.cookie != cookie {
		c = c.next
	}
	if c == nil {
		return false, nil
	}
	h.done.remove(c)
	err := c.failure()
	h.retire(c)
	return err == nil, err
}

func (h *Handle) aioPeekCommandCompleted() (uint64, error) {
	if h.done.first != nil {
		return h.done.first.cookie, nil
	}
	if h.eng.InFlight() > 0 {
		return 0, nil
	}
	return 0, fault(syscall.EINVAL, "no commands are in flight")
}

func (h *Handle) aioInFlight() (int, error) { return h.eng.InFlight(), nil }
