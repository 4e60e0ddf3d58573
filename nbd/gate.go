package nbd

import (
	"context"
	"sync"
)

// gate is a readers-writer lock that gives up when a context ends. A writer
// that waits keeps further readers out. The zero value is open.
type gate struct {
	mu      sync.Mutex
	readers int
	holds   int           // of the one writer
	writers int           // that wait
	changed chan struct{} // closed at the next change, if anyone waits for one
}

func (g *gate) rlock(ctx context.Context) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	for g.holds > 0 || g.writers > 0 {
		if err := g.await(ctx); err != nil {
			return err
		}
	}
	g.readers++
	return nil
}

func (g *gate) runlock() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.readers--
	g.tell()
}

func (g *gate) lock(ctx context.Context) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.writers++
	var err error
	for err == nil && (g.holds > 0 || g.readers > 0) {
		err = g.await(ctx)
	}
	g.writers--
	if err != nil {
		g.tell() // readers may wait for this writer only
		return err
	}
	g.holds = 1
	return nil
}

// hold keeps the lock, which is held for writing, until it is unlocked once
// more.
func (g *gate) hold() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.holds++
}

func (g *gate) unlock() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.holds--
	g.tell()
}

// await waits for a change. The mutex is held, but not while it waits.
func (g *gate) await(ctx context.Context) error {
	if g.changed == nil {
		g.changed = make(chan struct{})
	}
	changed := g.changed
	g.mu.Unlock()
	defer g.mu.Lock()
	select {
	case <-changed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (g *gate) tell() {
	if g.changed != nil {
		close(g.changed)
		g.changed = nil
	}
}
