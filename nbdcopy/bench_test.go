package nbdcopy

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/gonbd/gonbd/nbdserver"
)

// BenchmarkCopy copies 256 MiB without zeroes, to and from a server in this
// process.
func BenchmarkCopy(b *testing.B) {
	const size = 256 << 20
	data := noise(1, size)
	m := nbdserver.NewMemory(size)
	if _, err := m.WriteAt(data, 0); err != nil {
		b.Fatal(err)
	}
	path := filepath.Join(b.TempDir(), "source")
	if err := os.WriteFile(path, data, 0o666); err != nil {
		b.Fatal(err)
	}
	file, err := OpenSource(b.Context(), path, OpenOptions{})
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	server := serveDisk(b, &nbdserver.Export{Backend: m, MultiConn: true})
	for _, row := range []struct {
		name string
		dst  Destination
		src  Source
	}{
		{"NBDToNull", Null(), server},
		{"FileToNBD", server, file},
	} {
		b.Run(row.name, func(b *testing.B) {
			b.SetBytes(size)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Copy(b.Context(), row.dst, row.src, Options{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
