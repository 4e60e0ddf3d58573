//go:build unix

package nbdcopy

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
)

// TestNamedPipe copies through a named pipe, both ends of which wait for each
// other.
func TestNamedPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Skip(err)
	}
	data := runs()
	back := &fake{data: make([]byte, len(data))}
	var wg sync.WaitGroup
	wg.Go(func() {
		dst, err := OpenDestination(t.Context(), path, OpenOptions{})
		if err != nil {
			t.Error(err)
			return
		}
		if _, err := Copy(t.Context(), dst, &fake{data: data}, Options{}); err != nil {
			t.Error(err)
		}
		if err := dst.Close(); err != nil {
			t.Error(err)
		}
	})
	src, err := OpenSource(t.Context(), path, OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	if _, err := Copy(t.Context(), back, src, Options{}); err != nil {
		t.Error(err)
	}
	wg.Wait()
	checkBytes(t, back.data, data)
}

// TestNamedPipeCancel ends the context while the other end is missing.
func TestNamedPipeCancel(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Skip(err)
	}
	errStop := errors.New("that was enough")
	for _, row := range []struct {
		name string
		open func(context.Context) error
	}{
		{"source", func(ctx context.Context) error {
			_, err := OpenSource(ctx, path, OpenOptions{})
			return err
		}},
		{"destination", func(ctx context.Context) error {
			_, err := OpenDestination(ctx, path, OpenOptions{})
			return err
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			cancel(errStop)
			if err := row.open(&unseen{Context: ctx}); !errors.Is(err, errStop) {
				t.Errorf("the error is %v, expected %v", err, errStop)
			}
		})
	}
	// An end that can do both waits for nobody, and lets go those who still
	// wait in the background.
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
}

// unseen is a context that has ended, which does not show at first sight.
type unseen struct {
	context.Context
	seen bool
}

func (c *unseen) Err() error {
	if !c.seen {
		c.seen = true
		return nil
	}
	return c.Context.Err()
}

// TestOpenCanceled checks that a file is not emptied when it is too late.
func TestOpenCanceled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := OpenDestination(ctx, path, OpenOptions{}); !errors.Is(err, context.Canceled) {
			t.Errorf("the error is %v", err)
		}
		synctest.Wait() // for what might go on in the background
	})
	if b, err := os.ReadFile(path); err != nil || string(b) != "precious" {
		t.Errorf("the file is %q, %v", b, err)
	}
}
