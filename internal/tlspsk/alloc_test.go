package tlspsk

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"testing"
)

// loop is a connection that gives what was written to it, without allocating.
type loop struct {
	net.Conn
	buf []byte
}

func (l *loop) Write(p []byte) (int, error) {
	l.buf = append(l.buf, p...)
	return len(p), nil
}

func (l *loop) Read(p []byte) (int, error) {
	n := copy(p, l.buf)
	l.buf = l.buf[:copy(l.buf, l.buf[n:])]
	if n == 0 {
		return 0, errors.New("nothing there")
	}
	return n, nil
}

// TestAllocations: neither a small record nor many large ones cost an
// allocation, once the buffers have grown.
func TestAllocations(t *testing.T) {
	for _, suite := range CipherSuites() {
		t.Run(tls.CipherSuiteName(suite), func(t *testing.T) {
			cc := clientConfig()
			cc.CipherSuites = []uint16{suite}
			client, server := connect(t, cc, serverConfig())
			l := &loop{Conn: client.conn}
			client.conn, server.conn = l, l
			header, payload := make([]byte, 28), make([]byte, 256<<10)
			vector := [][]byte{header, payload}
			got := make([]byte, len(header)+len(payload))
			allocs := testing.AllocsPerRun(20, func() {
				if _, err := client.Write(header); err != nil {
					t.Fatal(err)
				}
				if _, err := io.ReadFull(server, got[:len(header)]); err != nil {
					t.Fatal(err)
				}
				if _, err := client.Writev(vector); err != nil {
					t.Fatal(err)
				}
				if _, err := io.ReadFull(server, got); err != nil {
					t.Fatal(err)
				}
				if server.Buffered() != 0 {
					t.Fatal("something is left")
				}
			})
			if allocs != 0 {
				t.Errorf("%v allocations, want none", allocs)
			}
		})
	}
}
