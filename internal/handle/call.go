package handle

import (
	"fmt"
	"strconv"
	"strings"
	"syscall"

	"github.com/gonbd/gonbd/internal/engine"
)

// stateSet is a set of handle states, as internal/api has them: 0 is all.
type stateSet uint8

const (
	stateCreated stateSet = 1 << iota
	stateConnecting
	stateNegotiating
	stateConnected
	stateClosed
	stateDead
)

// stateOf gives the state of a class.
func stateOf(c engine.Class) stateSet {
	switch c {
	case engine.Created:
		return stateCreated
	case engine.Connecting:
		return stateConnecting
	case engine.Negotiating:
		return stateNegotiating
	case engine.Ready, engine.Processing:
		return stateConnected
	case engine.Closed:
		return stateClosed
	}
	return stateDead
}

// needs says in words which states a set has.
func (s stateSet) needs() string {
	var words []string
	for i, w := range []string{"newly created", "connecting", "negotiating", "connected with the server", "shut down", "dead"} {
		if s&(1<<i) != 0 {
			words = append(words, w)
		}
	}
	return "the handle must be " + strings.Join(words, ", or ")
}

// callInfo is what the wrappers know of a call.
type callInfo struct {
	name   string // "nbd_pread"
	states stateSet
}

// enter begins a call: it locks the handle, and checks that the call is
// permitted in its state. If it returns an error the handle is unlocked.
func (h *Handle) enter(id callID) error {
	c := &calls[id]
	h.mu.Lock()
	if h.closed {
		h.mu.Unlock()
		return wrap(c.name, fault(syscall.EBADF, "the handle is closed"))
	}
	h.call = c.name
	if c.states == 0 || c.states&stateOf(h.eng.Class()) != 0 {
		return nil
	}
	state := stateOf(h.eng.Class())
	e := fault(syscall.EINVAL, "invalid state: %s: %s", h.stateName(), c.states.needs())
	e.State = true
	if state == stateCreated {
		e.Errno = syscall.ENOTCONN
	}
	if h.debug.on {
		h.debugf("enter:")
	}
	return h.leave(id, e)
}

// leave ends a call: it gives the error its context, tells other threads what
// has changed, and unlocks the handle.
func (h *Handle) leave(id callID, err error) error {
	if err != nil {
		err = wrap(calls[id].name, err)
		if h.debug.on {
			h.debugf("leave: error=%q", err.Error())
		}
	}
	h.unlock()
	return err
}

// unlock publishes the state, wakes who sleeps and must know, and unlocks.
func (h *Handle) unlock() {
	h.publish()
	if len(h.sleepers) > 0 {
		h.wake()
	}
	h.mu.Unlock()
}

// debugging says whether to make the debugging lines of a call.
func (h *Handle) debugging() bool { return h.debug.on }

// traceEnter prints a call's parameters.
func (h *Handle) traceEnter(format string, args ...any) {
	if format != "" {
		format = " " + format
	}
	h.debugf("enter:"+format, args...)
}

// traceRet prints a call's result.
func (h *Handle) traceRet(format string, args ...any) {
	h.debugf("leave: ret="+format, args...)
}

// debugf prints a debugging message.
func (h *Handle) debugf(format string, args ...any) {
	h.debug.print(h.name, h.call, fmt.Sprintf(format, args...))
}

// truth, presence and quoteList are for the parameters in debugging messages.
func truth(b bool) int {
	if b {
		return 1
	}
	return 0
}

func presence(there bool) string {
	if there {
		return "<fun>"
	}
	return "NULL"
}

func quoteList(list []string) string {
	quoted := make([]string, len(list))
	for i, s := range list {
		quoted[i] = strconv.Quote(s)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}
