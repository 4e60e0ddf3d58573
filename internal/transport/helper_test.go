package transport

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gonbd/gonbd/internal/nbderr"
)

// soon is a context that only ends if a test hangs.
func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// wantError checks err's kind, its Retry, and that its text has all parts.
func wantError(t *testing.T, err error, kind nbderr.Kind, retry bool, parts ...string) {
	t.Helper()
	e, ok := errors.AsType[*nbderr.Error](err)
	if !ok {
		t.Fatalf("error is %T %v, want an *nbderr.Error", err, err)
	}
	if e.Kind != kind || e.Retry != retry {
		t.Errorf("error %q: kind %v, retry %v; want %v, %v", err, e.Kind, e.Retry, kind, retry)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q lacks %q", err, part)
		}
	}
}

// echoes sends a few bytes and wants them back.
func echoes(t *testing.T, conn net.Conn) {
	t.Helper()
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, "marco"); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 5)
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != "marco" {
		t.Fatalf("read %q, %v; want the bytes sent", got, err)
	}
	raw, err := conn.(syscall.Conn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Control(func(uintptr) {}); err != nil {
		t.Errorf("Control of the raw connection: %v", err)
	}
}

// serveEcho serves connections of l until the test ends; it must have closed
// its own ends by then.
func serveEcho(t *testing.T, l net.Listener) {
	var serving sync.WaitGroup
	t.Cleanup(func() {
		l.Close()
		serving.Wait()
	})
	serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer conn.Close()
				// Bare, or the copy would keep pipes for splice(2) open.
				io.Copy(struct{ io.Writer }{conn}, struct{ io.Reader }{conn})
			})
		}
	})
}
