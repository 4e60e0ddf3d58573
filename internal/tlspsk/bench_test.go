package tlspsk

import (
	"crypto/tls"
	"io"
	"testing"
	"time"
)

// BenchmarkThroughput sends 256 KiB at a time over a Unix socket, from the
// client to the server and back. Both ends are in the process, and so on their
// processors: the time includes sealing and opening.
func BenchmarkThroughput(b *testing.B) {
	for _, suite := range CipherSuites() {
		for _, way := range []string{"write", "read"} {
			b.Run(tls.CipherSuiteName(suite)+"/"+way, func(b *testing.B) {
				cc := clientConfig()
				cc.CipherSuites = []uint16{suite}
				from, to := connect(b, cc, serverConfig())
				for _, c := range []*Conn{from, to} {
					if err := c.SetDeadline(time.Time{}); err != nil {
						b.Fatal(err)
					}
				}
				if way == "read" {
					from, to = to, from
				}
				const size = 256 << 10
				b.SetBytes(size)
				b.ReportAllocs()
				done := make(chan error, 1)
				go func() {
					p := make([]byte, size)
					for {
						if _, err := io.ReadFull(to, p); err != nil {
							done <- err
							return
						}
					}
				}()
				p := make([]byte, size)
				for b.Loop() {
					if _, err := from.Write(p); err != nil {
						b.Fatal(err)
					}
				}
				from.Close()
				if err := <-done; err != io.EOF {
					b.Fatal(err)
				}
			})
		}
	}
}

// BenchmarkSealOpen is the processor's work alone, on one core: everything of
// a connection but the socket.
func BenchmarkSealOpen(b *testing.B) {
	for _, suite := range CipherSuites() {
		b.Run(tls.CipherSuiteName(suite), func(b *testing.B) {
			cc := clientConfig()
			cc.CipherSuites = []uint16{suite}
			client, server := connect(b, cc, serverConfig())
			l := &loop{Conn: client.conn}
			client.conn, server.conn = l, l
			p := make([]byte, 256<<10)
			b.SetBytes(int64(len(p)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := client.Write(p); err != nil {
					b.Fatal(err)
				}
				if _, err := io.ReadFull(server, p); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
