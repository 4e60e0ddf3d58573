package nbdserver_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"strings"

	"github.com/gonbd/gonbd/nbdserver"
)

// A program serves a disk in memory, until it has no more use for it.
func Example() {
	s := &nbdserver.Server{
		Exports: []*nbdserver.Export{{
			Name:        "scratch",
			Description: "gone tomorrow",
			Backend:     nbdserver.NewMemory(1 << 30),
			MultiConn:   true,
			SparseReads: true,
		}},
	}
	l, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	served := make(chan error)
	go func() { served <- s.Serve(context.Background(), l) }()

	// Clients may connect to nbd://localhost:PORT/scratch now.

	if err := s.Shutdown(context.Background()); err != nil {
		fmt.Println(err)
	}
	fmt.Println(<-served)
	// Output: nbdserver: server closed
}

// rot13 is a disk that can be read only, of letters turned by 13.
type rot13 struct{ *strings.Reader }

func (r rot13) ReadAt(p []byte, off int64) (int, error) {
	n, err := r.Reader.ReadAt(p, off)
	copy(p, bytes.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z':
			return 'a' + (r-'a'+13)%26
		case 'A' <= r && r <= 'Z':
			return 'A' + (r-'A'+13)%26
		}
		return r
	}, p[:n]))
	return n, err
}

// Anything with ReadAt and Size is a Backend.
func ExampleBackend() {
	var b nbdserver.Backend = rot13{strings.NewReader("Uryyb, jbeyq!")}
	p := make([]byte, b.Size())
	b.ReadAt(p, 0)
	fmt.Printf("%s\n", p)
	// Output: Hello, world!
}

// Resolve finds exports that nobody has listed, or refuses them.
func ExampleServer_resolve() {
	s := &nbdserver.Server{
		Resolve: func(ctx context.Context, info nbdserver.ConnInfo, name string) (*nbdserver.Export, error) {
			var size int64
			if _, err := fmt.Sscanf(name, "zeroes-%d", &size); err != nil || size < 0 {
				return nil, fmt.Errorf("the name should be zeroes- and a number of bytes")
			}
			return &nbdserver.Export{Name: name, Backend: nbdserver.NewMemory(size), ReadOnly: true}, nil
		},
	}
	fmt.Println(s.Close())
	// Output: <nil>
}
