package interop

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/gonbd/gonbd/internal/peers"
	"github.com/gonbd/gonbd/nbd"
)

func TestNbdkit(t *testing.T) {
	peers.Each(t, func(t *testing.T, tree peers.Tree) {
		for _, row := range []struct {
			name  string
			args  []string
			check func(t *testing.T, c *nbd.Client)
		}{
			{"memory", []string{"memory", "16M"}, nil},
			{"several connections", []string{"--threads=8", "memory", "16M"}, func(t *testing.T, c *nbd.Client) {
				if c.Connections() != 4 {
					t.Errorf("%d connections, expected 4", c.Connections())
				}
			}},
			{"no structured replies", []string{"--no-sr", "memory", "16M"}, func(t *testing.T, c *nbd.Client) {
				if c.Protocol().StructuredReplies {
					t.Error("structured replies were negotiated")
				}
			}},
			{"oldstyle", []string{"--oldstyle", "memory", "16M"}, func(t *testing.T, c *nbd.Client) {
				if got := c.Protocol().Handshake; got != "oldstyle" {
					t.Errorf("the protocol is %q", got)
				}
			}},
			{"newstyle", []string{"--mask-handshake=0", "memory", "16M"}, func(t *testing.T, c *nbd.Client) {
				if got := c.Protocol().Handshake; got != "newstyle" {
					t.Errorf("the protocol is %q", got)
				}
			}},
			{"minimum block size", []string{"--filter=blocksize-policy", "memory", "16M", "blocksize-minimum=4096", "blocksize-preferred=64K", "blocksize-maximum=1M", "blocksize-error-policy=error"},
				func(t *testing.T, c *nbd.Client) {
					if got, want := c.BlockSize(), (nbd.BlockSize{Minimum: 4096, Preferred: 64 << 10, MaxPayload: 1 << 20}); got != want {
						t.Errorf("the block size is %+v, expected %+v", got, want)
					}
				}},
			{"no zero, no FUA", []string{"--filter=nozero", "--filter=fua", "memory", "16M", "zeromode=none", "fuamode=discard"}, func(t *testing.T, c *nbd.Client) {
				if c.CanWriteZeroes() {
					t.Error("the server can write zeroes")
				}
			}},
			{"slow", []string{"--filter=delay", "memory", "16M", "rdelay=1ms", "wdelay=1ms"}, nil},
		} {
			t.Run(row.name, func(t *testing.T) {
				s := peers.NbdkitUnix(t, tree, row.args...)
				c := dial(t, s.URI(""), nbd.WithConnections(4))
				if c.Size() != 16<<20 {
					t.Fatalf("the size is %d", c.Size())
				}
				if row.check != nil {
					row.check(t, c)
				}
				if c.Protocol().Handshake == "oldstyle" {
					// nbdkit offers FUA and flush in the oldstyle handshake,
					// and then refuses them.
					transfers(t, c)
				} else {
					exercise(t, c)
				}
				shutdown(t, c)
			})
		}
	}, "nbdkit")
}

func TestNbdkitTCP(t *testing.T) {
	peers.Each(t, func(t *testing.T, tree peers.Tree) {
		s := peers.NbdkitTCP(t, tree, "memory", "16M")
		c := dial(t, s.URI(""), nbd.WithConnections(2))
		exercise(t, c)
		shutdown(t, c)
	}, "nbdkit")
}

func TestNbdkitFile(t *testing.T) {
	peers.Each(t, func(t *testing.T, tree peers.Tree) {
		file := filepath.Join(t.TempDir(), "disk")
		if err := os.WriteFile(file, nil, 0o666); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(file, 16<<20); err != nil {
			t.Fatal(err)
		}
		c := dial(t, peers.NbdkitUnix(t, tree, "file", file).URI(""), nbd.WithMetaContexts(nbd.ContextBaseAllocation))
		data := pattern(1, 128<<10)
		if _, err := c.WriteAt(data, 1<<20); err != nil {
			t.Fatal(err)
		}
		want := []nbd.Extent{{Offset: 0, Length: 1 << 20, Flags: 3}, {Offset: 1 << 20, Length: 128 << 10}, {Offset: 1<<20 + 128<<10, Length: 15<<20 - 128<<10, Flags: 3}}
		if got := extents(t, c, nbd.ContextBaseAllocation); !slices.Equal(got, want) {
			t.Errorf("the extents are %+v, expected %+v", got, want)
		}
		if err := c.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(file)
		if err != nil || !bytes.Equal(b[1<<20:][:len(data)], data) {
			t.Errorf("the file does not have what was written: %v", err)
		}
		exercise(t, c)
	}, "nbdkit")
}

func TestNbdkitSparseRandom(t *testing.T) {
	peers.Each(t, func(t *testing.T, tree peers.Tree) {
		c := dial(t, peers.NbdkitUnix(t, tree, "sparse-random", "size=1G", "seed=1", "percent=5", "runlength=65536").URI(""),
			nbd.WithConnections(2), nbd.WithMetaContexts(nbd.ContextBaseAllocation))
		list := extents(t, c, nbd.ContextBaseAllocation)
		if len(list) < 10 {
			t.Fatalf("only %d extents", len(list))
		}
		var data, zero int64
		buf := make([]byte, 1<<20)
		for _, e := range list {
			b := buf[:min(e.Length, int64(len(buf)))]
			if _, err := c.ReadAt(b, e.Offset); err != nil {
				t.Fatal(err)
			}
			isZero := len(bytes.Trim(b, "\x00")) == 0
			if e.Zero() {
				zero += e.Length
				if !isZero {
					t.Fatalf("the extent at %d is said to be zero, and is not", e.Offset)
				}
			} else {
				data += e.Length
				if isZero {
					t.Fatalf("the extent at %d is said to be data, and is zero", e.Offset)
				}
			}
		}
		if data == 0 || zero == 0 {
			t.Errorf("%d bytes of data, %d of zeroes", data, zero)
		}
		// A part of the map is the same as that part of the whole.
		const off, n = 123456789, 98765432
		var part []nbd.Extent
		for e, err := range c.Extents(t.Context(), off, n, nbd.ContextBaseAllocation) {
			if err != nil {
				t.Fatal(err)
			}
			part = append(part, e)
		}
		var want []nbd.Extent
		for _, e := range list {
			from, to := max(e.Offset, off), min(e.Offset+e.Length, off+n)
			if from < to {
				want = append(want, nbd.Extent{Offset: from, Length: to - from, Flags: e.Flags})
			}
		}
		if !slices.Equal(part, want) {
			t.Errorf("the extents of a part are %+v, expected %+v", part, want)
		}
	}, "nbdkit")
}

// TestNbdkitErrors has the server fail each kind of request, with its own
// text where the protocol carries it.
func TestNbdkitErrors(t *testing.T) {
	peers.Each(t, func(t *testing.T, tree peers.Tree) {
		c := dial(t, peers.NbdkitUnix(t, tree, "eval", "get_size=echo 16M",
			"can_write=exit 0", "can_trim=exit 0", "can_zero=exit 0", "can_flush=exit 0", "can_extents=exit 0", "can_cache=echo native",
			"pread=echo 'EIO the disk is on fire' >&2; exit 1",
			"pwrite=cat >/dev/null; echo 'ENOSPC no room at all' >&2; exit 1",
			"trim=echo 'EPERM hands off' >&2; exit 1",
			"zero=echo 'EIO cannot zero' >&2; exit 1",
			"flush=echo 'EIO cannot flush' >&2; exit 1",
			"cache=echo 'ENOMEM cannot cache' >&2; exit 1",
			"extents=echo 'EIO cannot map' >&2; exit 1",
		).URI(""), nbd.WithMetaContexts(nbd.ContextBaseAllocation))
		ctx := testContext(t)
		buf := make([]byte, 4096)
		for _, row := range []struct {
			name string
			want syscall.Errno
			call func() error
		}{
			{"read", syscall.EIO, func() error { _, err := c.ReadAt(buf, 4096); return err }},
			{"write", syscall.ENOSPC, func() error { _, err := c.WriteAt(buf, 4096); return err }},
			{"trim", syscall.EPERM, func() error { return c.Trim(ctx, 4096, 4096) }},
			{"write zeroes", syscall.EIO, func() error { return c.WriteZeroes(ctx, 4096, 4096) }},
			{"flush", syscall.EIO, func() error { return c.Flush(ctx) }},
			{"cache", syscall.ENOMEM, func() error { return c.Cache(ctx, 4096, 4096) }},
			{"block status", syscall.EIO, func() error {
				for _, err := range c.Extents(ctx, 0, 4096, nbd.ContextBaseAllocation) {
					return err
				}
				return nil
			}},
		} {
			err := row.call()
			var e *nbd.Error
			if !errors.As(err, &e) || !errors.Is(err, row.want) || e.Kind != nbd.ServerError || e.Retry {
				t.Errorf("%s: %v (%#v), expected %v from the server", row.name, err, e, row.want)
				continue
			}
			if !strings.HasPrefix(err.Error(), row.name) || row.name != "flush" && row.name != "block status" && !strings.Contains(err.Error(), "4096 bytes at offset 4096") {
				t.Errorf("the error of %s is %q", row.name, err)
			}
		}
		if n := c.Stats().MessagesReceived; n == 0 {
			t.Error("no messages were counted")
		}
	}, "nbdkit")
}

// TestNbdkitCancel abandons a read that takes long, and goes on using the
// connection.
func TestNbdkitCancel(t *testing.T) {
	peers.Each(t, func(t *testing.T, tree peers.Tree) {
		dir := t.TempDir()
		gate, begun := filepath.Join(dir, "gate"), filepath.Join(dir, "begun")
		s := peers.NbdkitUnix(t, tree, "eval", "get_size=echo 16M", "thread_model=echo parallel",
			`pread=case $4 in 0) echo > `+begun+`; while [ ! -e `+gate+` ]; do sleep 0.01; done;; esac; dd if=/dev/zero count=$3 iflag=count_bytes | tr '\0' x`)
		c := dial(t, s.URI(""))
		ctx, cancel := context.WithCancel(testContext(t))
		buf := make([]byte, 4096)
		done := make(chan error)
		go func() {
			_, err := c.ReadAtContext(ctx, buf, 0)
			done <- err
		}()
		awaitFile(t, begun)
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Fatalf("the read ended with %v", err)
		}
		other := make([]byte, 4096)
		if _, err := c.ReadAt(other, 8192); err != nil || other[0] != 'x' {
			t.Fatalf("the next read: %q, %v", other[:1], err)
		}
		if err := os.WriteFile(gate, nil, 0o666); err != nil {
			t.Fatal(err)
		}
		// Shutdown waits for the reply of the abandoned read.
		shutdown(t, c)
		if buf[0] != 0 {
			t.Error("the late reply was written into the buffer that had been given back")
		}
	}, "nbdkit")
}

// TestNbdkitDies has the server end with requests in flight.
func TestNbdkitDies(t *testing.T) {
	peers.Each(t, func(t *testing.T, tree peers.Tree) {
		s := peers.NbdkitUnix(t, tree, "--filter=delay", "memory", "16M", "rdelay=60")
		c := dial(t, s.URI(""))
		const callers = 5
		errs := make(chan error)
		before := c.Stats().MessagesSent
		for range callers {
			go func() {
				_, err := c.ReadAt(make([]byte, 4096), 0)
				errs <- err
			}()
		}
		await(t, "the requests are sent", func() bool { return c.Stats().MessagesSent == before+callers })
		s.Kill()
		for range callers {
			err := <-errs
			var e *nbd.Error
			if !errors.As(err, &e) || e.Kind != nbd.TransportError || !e.Retry {
				t.Errorf("a read ended with %v (%#v)", err, e)
			}
		}
		if _, err := c.ReadAt(make([]byte, 512), 0); err == nil {
			t.Error("a read on a dead connection succeeded")
		}
	}, "nbdkit")
}

func TestSubprocess(t *testing.T) {
	peers.Bookworm.Need(t, "nbdkit")
	t.Run("command", func(t *testing.T) {
		c, err := nbd.DialCommand(testContext(t), []string{"nbdkit", "-s", "memory", "16M"})
		if err != nil {
			t.Fatal(err)
		}
		exercise(t, c)
		shutdown(t, c)
	})
	t.Run("socket activation", func(t *testing.T) {
		c, err := nbd.DialSocketActivation(testContext(t), []string{"nbdkit", "memory", "16M"}, nbd.WithConnections(3))
		if err != nil {
			t.Fatal(err)
		}
		if c.Connections() != 3 {
			t.Errorf("%d connections", c.Connections())
		}
		exercise(t, c)
		shutdown(t, c)
	})
	t.Run("last words", func(t *testing.T) {
		var quiet strings.Builder
		_, err := nbd.DialSocketActivation(testContext(t), []string{"nbdkit", "memory", "not-a-size"}, nbd.WithStderr(&quiet))
		if err == nil || !strings.Contains(err.Error(), "not-a-size") || !strings.Contains(err.Error(), "exited with status 1") {
			t.Errorf("the error is %v", err)
		}
	})
}
