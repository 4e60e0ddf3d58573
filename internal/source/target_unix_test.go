//go:build unix

package source

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/gonbd/gonbd/nbdserver"
)

// TestTargetDial dials those targets that need no other program.
func TestTargetDial(t *testing.T) {
	s := &nbdserver.Server{Exports: []*nbdserver.Export{{Backend: nbdserver.NewMemory(1 << 20), MultiConn: true}}}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- s.Serve(context.Background(), l) }()
	defer func() { s.Close(); <-done }()
	host, port, _ := net.SplitHostPort(l.Addr().String())
	nc, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	f, err := nc.(*net.TCPConn).File()
	nc.Close()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for args, connections := range map[string]int{
		"--tcp " + host + " " + port:      3,
		"nbd://" + l.Addr().String():      3,
		fmt.Sprintf("--fd %d", dup(t, f)): 1,
	} {
		target, err := ParseTarget(strings.Fields(args))
		if err != nil {
			t.Fatal(err)
		}
		c, err := target.Dial(t.Context(), 3)
		if err != nil {
			t.Errorf("%s: %v", args, err)
			continue
		}
		if c.Connections() != connections || c.Size() != 1<<20 {
			t.Errorf("%s: %d connections, want %d", args, c.Connections(), connections)
		}
		c.Close()
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	target, err := ParseTarget([]string{"--fd", fmt.Sprint(dup(t, null))})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := target.Dial(t.Context(), 1); err == nil || !strings.Contains(err.Error(), "should be a socket") {
		t.Errorf("a file: %v", err)
	}
}

// dup gives a descriptor that belongs to nobody yet.
func dup(t *testing.T, f *os.File) int {
	t.Helper()
	fd, err := syscall.Dup(int(f.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	return fd
}
