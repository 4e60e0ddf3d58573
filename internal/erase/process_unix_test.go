//go:build unix

package erase

import (
	"testing"

	"github.com/gonbd/gonbd/internal/tooltest"
	"github.com/gonbd/gonbd/nbdserver"
)

func TestMain(m *testing.M) {
	tools.Main(m, func(hang func()) nbdserver.Backend { return &hanging{hang} })
}

// hanging never answers what would change or read it.
type hanging struct{ hang func() }

func (h *hanging) Size() int64 { return 1 << 20 }

func (h *hanging) ReadAt([]byte, int64) (int, error)  { h.hang(); return 0, nil }
func (h *hanging) WriteAt([]byte, int64) (int, error) { h.hang(); return 0, nil }
func (h *hanging) Trim(int64, int64) error            { h.hang(); return nil }

func (h *hanging) WriteZeroes(int64, int64, nbdserver.ZeroFlags) error { h.hang(); return nil }

var atWork = [][]string{{"nbddiscard", "-y"}, {"nbdzero", "-y"}, {"nbdzero", "-c"}}

// Signals end the tools while their server is at work, and the server with them.
func TestSignals(t *testing.T) { tooltest.Signals(t, atWork...) }

// A server that dies ends the tools with an error.
func TestServerDies(t *testing.T) { tools.ServerDies(t, atWork...) }
