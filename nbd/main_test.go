package nbd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gonbd/gonbd/nbdserver"
)

// helperVariable makes the test program a server: what it serves is the
// variable's value, see helperServer.
const helperVariable = "GONBD_NBD_TEST_SERVER"

func TestMain(m *testing.M) {
	if what := os.Getenv(helperVariable); what != "" {
		os.Exit(helperServer(what))
	}
	code := m.Run()
	if left := leftovers(); code == 0 && left != "" {
		fmt.Fprintf(os.Stderr, "goroutines of the package outlive the tests:\n%s\n", left)
		code = 1
	}
	os.Exit(code)
}

// helperServer is a server in a process of its own. It serves the socket that
// is its standard input ("stdio"), or that it inherits by socket activation
// ("serve"), or it fails ("die").
func helperServer(what string) int {
	s := &nbdserver.Server{Exports: []*nbdserver.Export{{Backend: nbdserver.NewMemory(1 << 30), MultiConn: true}, {Name: "other", Backend: nbdserver.NewMemory(4096)}}}
	switch what {
	case "die":
		fmt.Fprintln(os.Stderr, "no disk today")
		return 3
	case "stdio":
		nc, err := net.FileConn(os.Stdin)
		if err == nil {
			err = s.ServeConn(context.Background(), nc)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return 0
	}
	l, err := net.FileListener(os.NewFile(3, "listener"))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if err := s.Serve(context.Background(), l); !errors.Is(err, nbdserver.ErrServerClosed) {
		fmt.Fprintln(os.Stderr, err)
	}
	return 0
}

// leftovers gives the stacks of goroutines that this package, its engine or
// the transport run and that do not end by themselves soon, or "".
func leftovers() string {
	deadline := time.Now().Add(5 * time.Second)
	for {
		buf := make([]byte, 1<<20)
		buf = buf[:runtime.Stack(buf, true)]
		var left []string
		for g := range strings.SplitSeq(string(buf), "\n\n") {
			if strings.Contains(g, "gonbd/nbd.(*") || strings.Contains(g, "internal/transport.") || strings.Contains(g, "gonbd/nbdserver.(*") {
				left = append(left, g)
			}
		}
		if len(left) == 0 || time.Now().After(deadline) {
			return strings.Join(left, "\n\n")
		}
		time.Sleep(time.Millisecond)
	}
}
