package nbdmodule

import (
	"io"
	"maps"
	"sync"
	"sync/atomic"

	"go.starlark.net/starlark"

	"github.com/gonbd/gonbd/internal/dialect"
	"github.com/gonbd/gonbd/internal/handle"
)

// Module is the module nbd, and knows the handles of its program.
type Module struct {
	*dialect.Module

	// Verbose turns the debugging messages of new handles on.
	Verbose bool

	stderr      io.Writer
	interrupted atomic.Bool

	mu      sync.Mutex
	handles []*NBD // not closed
}

// New makes the module. Callbacks that fail say so on stderr.
func New(stderr io.Writer) *Module {
	m := &Module{stderr: stderr}
	members := maps.Clone(constants)
	members["package_name"] = starlark.String("libnbd")
	members["NBD"] = dialect.NewClass("nbd.NBD", m.newNBD, nil)
	members["Buffer"] = bufferClass
	members["catch"] = starlark.NewBuiltin("catch", catch)
	m.Module = dialect.NewModule("nbd", members)
	return m
}

func (m *Module) newNBD(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	if err := starlark.UnpackArgs(b.Name(), args, kwargs); err != nil {
		return nil, err
	}
	return m.NewNBD(), nil
}

// NewNBD makes a handle.
func (m *Module) NewNBD() *NBD {
	n := &NBD{m: m, h: handle.New()}
	if m.Verbose {
		n.h.SetDebug(true) // which cannot fail
	}
	m.mu.Lock()
	m.handles = append(m.handles, n)
	m.mu.Unlock()
	if m.interrupted.Load() {
		n.h.Interrupt()
	}
	return n
}

// Interrupt makes the call that the program is in, if it waits for a server,
// and all further ones fail, until Resume. It may be called by any goroutine.
func (m *Module) Interrupt() {
	m.interrupted.Store(true)
	for _, n := range m.open() {
		n.h.Interrupt()
	}
}

// Resume lets the program make calls again.
func (m *Module) Resume() {
	m.interrupted.Store(false)
	for _, n := range m.open() {
		n.h.Resume()
	}
}

// Close closes all handles, and so ends the servers that they have started.
func (m *Module) Close() {
	for _, n := range m.open() {
		n.close()
	}
}

// open gives the handles that are not closed.
func (m *Module) open() []*NBD {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]*NBD(nil), m.handles...)
}
