//go:build unix

package transport

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gonbd/gonbd/internal/nbderr"
	"golang.org/x/sys/unix"
)

// shortDir is a folder whose path leaves room for the name of a socket.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "tr")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func listenEcho(t *testing.T, address string) {
	t.Helper()
	l, err := net.Listen("unix", address)
	if err != nil {
		t.Fatal(err)
	}
	serveEcho(t, l)
}

func TestDialUnix(t *testing.T) {
	t.Chdir(shortDir(t))
	abs, err := filepath.Abs("sock")
	if err != nil {
		t.Fatal(err)
	}
	listenEcho(t, "sock")
	listenEcho(t, "./@at")
	for _, path := range []string{"sock", abs, "./sock", "@at"} {
		t.Run(path, func(t *testing.T) {
			conn, err := DialUnix(soon(t), path)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			echoes(t, conn)
		})
	}
}

func TestDialUnixAbstract(t *testing.T) {
	name := "\x00gonbd-" + filepath.Base(shortDir(t))
	if runtime.GOOS != "linux" {
		_, err := DialUnix(soon(t), name)
		if !errors.Is(err, errors.ErrUnsupported) {
			t.Fatalf("error %v, want ErrUnsupported", err)
		}
		return
	}
	listenEcho(t, name)
	conn, err := DialUnix(soon(t), name)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	echoes(t, conn)

	_, err = DialUnix(soon(t), name+"no")
	wantError(t, err, nbderr.Transport, true, "dial unix @gonbd-", "refused")
	_, err = DialUnix(soon(t), "\x00"+strings.Repeat("x", 108))
	wantError(t, err, nbderr.Local, false, "108 bytes, expected at most 107")
}

func TestDialUnixLongPath(t *testing.T) {
	dir := filepath.Join(shortDir(t), strings.Repeat("d", 100))
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, strings.Repeat("s", 100))
	short := filepath.Join(filepath.Dir(dir), "s")
	listenEcho(t, short)
	if err := os.Rename(short, path); err != nil {
		t.Fatal(err)
	}
	conn, err := DialUnix(soon(t), path)
	if runtime.GOOS != "linux" {
		wantError(t, err, nbderr.Local, false, "bytes", "shorter path")
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	echoes(t, conn)
	_, err = DialUnix(soon(t), path+"no")
	wantError(t, err, nbderr.Transport, true, "no such file")
}

func TestDialUnixErrors(t *testing.T) {
	dir := shortDir(t)
	stale := filepath.Join(dir, "stale")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: stale, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	plain := filepath.Join(dir, "plain")
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path  string
		kind  nbderr.Kind
		retry bool
		want  string
	}{
		{"", nbderr.Local, false, "empty"},
		{"\x00", nbderr.Local, false, "empty"},
		{"a\x00b", nbderr.Local, false, "NUL"},
		{filepath.Join(dir, "none"), nbderr.Transport, true, "no such file"},
		{stale, nbderr.Transport, true, "connection refused"},
		{filepath.Join(plain, "x"), nbderr.Transport, false, "not a directory"},
	} {
		_, err := DialUnix(soon(t), c.path)
		wantError(t, err, c.kind, c.retry, "dial unix ", c.want)
	}
}

// fullListener is a socket that listens, accepts nothing, and whose queue is
// full. It is Linux that says EAGAIN then, and not ECONNREFUSED.
func fullListener(t *testing.T, path string) (fd int) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("a full queue refuses connections here")
	}
	fd, err := streamSocket()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		filler, err := streamSocket()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Close(filler) })
		if err := unix.SetNonblock(filler, true); err != nil {
			t.Fatal(err)
		}
		err = unix.Connect(filler, &unix.SockaddrUnix{Name: path})
		if err == unix.EAGAIN {
			return fd
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Fatal("the queue doesn't fill up")
	return fd
}

// timerless is a context whose timer does not run at its deadline, as that of
// a busy machine may not for a while.
type timerless struct {
	context.Context
	deadline time.Time
}

func (c timerless) Deadline() (time.Time, bool) { return c.deadline, true }

func TestDialUnixQueue(t *testing.T) {
	path := filepath.Join(shortDir(t), "s")
	fd := fullListener(t, path)

	for _, timer := range []bool{true, false} {
		// Long enough for a first try on a busy machine.
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		if !timer {
			deadline, _ := ctx.Deadline()
			ctx = timerless{t.Context(), deadline}
		}
		_, err := DialUnix(ctx, path)
		cancel()
		wantError(t, err, nbderr.Transport, true, "queue is full")
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, syscall.ETIMEDOUT) {
			t.Errorf("error %v is not DeadlineExceeded and ETIMEDOUT", err)
		}
	}

	ctx, cancelNow := context.WithCancel(t.Context())
	waiting := make(chan error)
	go func() {
		_, err := DialUnix(ctx, path)
		waiting <- err
	}()
	cancelNow()
	err := <-waiting
	wantError(t, err, nbderr.Transport, false)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v is not context.Canceled", err)
	}

	dialled := make(chan error)
	go func() {
		conn, err := DialUnix(soon(t), path)
		if err == nil {
			conn.Close()
		}
		dialled <- err
	}()
	nfd, _, err := unix.Accept(fd)
	if err != nil {
		t.Fatal(err)
	}
	unix.Close(nfd)
	if err := <-dialled; err != nil {
		t.Errorf("with room in the queue: %v", err)
	}
}
