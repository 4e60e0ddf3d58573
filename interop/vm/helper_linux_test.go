package vm

import (
	"bytes"
	"context"
	"encoding/binary"
	"math/rand/v2"
	"net"
	"testing"
	"time"

	"github.com/gonbd/gonbd/nbdserver"
)

// diskSize is the size of the disks that are served.
const diskSize = 64 << 20

// patience is how long anything may take before it counts as hanging.
const patience = 30 * time.Second

// soon gives a context that nobody should see the end of.
func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// serve runs a server until the end of the test.
func serve(t *testing.T, s *nbdserver.Server, l net.Listener) {
	t.Helper()
	done := make(chan error)
	go func() { done <- s.Serve(context.Background(), l) }()
	t.Cleanup(func() {
		s.Close()
		<-done
	})
}

// pattern makes data that nothing else looks like. It is quick even where the
// processor is emulated, which crypto/rand is not.
func pattern(n int, seed uint64) []byte {
	b := make([]byte, n+7)
	source := rand.NewPCG(seed, 0)
	for i := 0; i < n; i += 8 {
		binary.LittleEndian.PutUint64(b[i:], source.Uint64())
	}
	return b[:n]
}

// contents reads a part of a disk that is served, past all servers.
func contents(t *testing.T, disk nbdserver.Backend, offset int64, n int) []byte {
	t.Helper()
	b := make([]byte, n)
	if _, err := disk.ReadAt(b, offset); err != nil {
		t.Fatal(err)
	}
	return b
}

// equal compares bytes, and says where they differ.
func equal(t *testing.T, what string, got, want []byte) {
	t.Helper()
	if bytes.Equal(got, want) {
		return
	}
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			t.Fatalf("%s differs at byte %d of %d: %#x, want %#x", what, i, len(want), got[i], want[i])
		}
	}
	t.Fatalf("%s has %d bytes, want %d", what, len(got), len(want))
}
