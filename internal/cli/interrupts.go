package cli

import (
	"context"
	"sync"
)

// interrupts is where Main leaves SIGINT for a tool with a prompt.
type interrupts struct {
	mu sync.Mutex
	ch chan struct{}
}

type interruptsKey struct{}

// Interrupts lets a tool with a prompt, where SIGINT ends a command and not
// the tool, have that signal to itself until it calls release: then a value
// can be received for each one, or for several. The context must be the one
// that Main gave the tool; with another one nothing is received.
func Interrupts(ctx context.Context) (received <-chan struct{}, release func()) {
	i, ok := ctx.Value(interruptsKey{}).(*interrupts)
	if !ok {
		return nil, func() {}
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.ch = make(chan struct{}, 1)
	return i.ch, func() {
		i.mu.Lock()
		defer i.mu.Unlock()
		i.ch = nil
	}
}

// take passes a signal on, if the tool has asked for it.
func (i *interrupts) take() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.ch == nil {
		return false
	}
	select {
	case i.ch <- struct{}{}:
	default: // there is one already
	}
	return true
}
