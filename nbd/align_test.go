package nbd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"syscall"
	"testing"

	"github.com/gonbd/gonbd/internal/script"
	"github.com/gonbd/gonbd/internal/wire"
	"github.com/gonbd/gonbd/nbdserver"
)

// TestUnaligned does random operations on an export whose minimum block size
// forbids most of them, and on a slice.
func TestUnaligned(t *testing.T) {
	for _, block := range []uint32{1, 512, 4096} {
		for _, size := range []int64{64 << 10, 64<<10 + 777} {
			for _, old := range []bool{false, true} {
				t.Run(fmt.Sprintf("block=%d/size=%d/old=%v", block, size, old), func(t *testing.T) {
					s := server(&nbdserver.Export{Backend: nbdserver.NewMemory(size), BlockSize: nbdserver.BlockSize{Minimum: block, MaxPayload: 8192}})
					s.Disable.WriteZeroes, s.Disable.StructuredReply, s.Disable.ExtendedHeaders = old, old, old
					c := open(t, s)
					if want := size / int64(block) * int64(block); c.Size() != want {
						t.Fatalf("the size is %d, expected %d", c.Size(), want)
					}
					compareWithModel(t, c, rand.New(rand.NewPCG(uint64(block), uint64(size))), 300)
				})
			}
		}
	}
}

func compareWithModel(t *testing.T, c *Client, r *rand.Rand, steps int) {
	ctx := limited(t)
	model := make([]byte, c.Size())
	for i := range steps {
		off := r.Int64N(c.Size())
		n := r.Int64N(min(c.Size()-off, 20_000) + 1)
		switch op := r.IntN(4); op {
		case 0:
			p := make([]byte, n)
			if k, err := c.ReadAt(p, off); k != len(p) || err != nil {
				t.Fatalf("step %d: ReadAt of %d at %d: %d, %v", i, n, off, k, err)
			}
			same(t, fmt.Sprintf("step %d", i), p, model[off:off+n])
		case 1, 2:
			p := pattern(int(n), uint64(i))
			if k, err := c.WriteAtContext(ctx, p, off, FUA*Flags(op-1)); k != len(p) || err != nil {
				t.Fatalf("step %d: WriteAt of %d at %d: %d, %v", i, n, off, k, err)
			}
			copy(model[off:], p)
		case 3:
			if err := c.WriteZeroes(ctx, off, n); err != nil {
				t.Fatalf("step %d: WriteZeroes of %d at %d: %v", i, n, off, err)
			}
			clear(model[off : off+n])
		}
	}
	same(t, "in the end", readBack(t, c), model)
}

// TestUnreachableTail has a server whose export is no multiple of its block
// size: what cannot be reached must not be silently wrong.
func TestUnreachableTail(t *testing.T) {
	hello := script.Steps(
		script.Newstyle(wire.FlagFixedNewstyle),
		script.Answer(wire.OptExtendedHeaders, wire.RepErrUnsup, nil),
		script.Answer(wire.OptStructuredReply, wire.RepErrUnsup, nil),
		script.ExpectOption(wire.OptGo, nil),
		script.Send(
			wire.AppendOptionReply(nil, wire.OptGo, wire.RepInfo, wire.AppendInfoExport(nil, 1000, plainFlags|wire.FlagSendTrim|wire.FlagSendCache)),
			wire.AppendOptionReply(nil, wire.OptGo, wire.RepInfo, wire.AppendInfoBlockSize(nil, wire.BlockSize{Minimum: 512, Preferred: 512, MaxPayload: 4096})),
			wire.AppendOptionReply(nil, wire.OptGo, wire.RepAck, nil)))
	block := pattern(512, 5)
	c, wait := scripted(t, "unix", hello, Config{}, answer(wire.CmdRead, 0, block), answer(wire.CmdTrim, 0, nil), answer(wire.CmdCache, 0, nil),
		script.ExpectRequest(false, wire.CmdDisc, nil))
	ctx := limited(t)
	p := make([]byte, 100)
	for what, f := range map[string]func() error{
		"read":         func() error { _, err := c.ReadAt(p, 500); return err },
		"write":        func() error { _, err := c.WriteAt(p, 900); return err },
		"write zeroes": func() error { return c.WriteZeroes(ctx, 512, 488) },
	} {
		var e *Error
		if err := f(); !errors.Is(err, syscall.EINVAL) || !errors.As(err, &e) || e.Kind != ServerError {
			t.Errorf("%s of the tail: %v", what, err)
		}
	}
	if n, err := c.ReadAt(p, 412); n != 100 || err != nil {
		t.Errorf("read of what can be reached: %d, %v", n, err)
	}
	same(t, "what can be reached", p, block[412:])
	if err := c.Trim(ctx, 0, 1000); err != nil { // all but the tail
		t.Error(err)
	}
	if err := c.Trim(ctx, 700, 300); err != nil { // no whole block: nothing to do
		t.Error(err)
	}
	if err := c.Cache(ctx, 400, 600); err != nil {
		t.Error(err)
	}
	c.Close()
	if err := wait(); err != nil {
		t.Error(err)
	}
}

// TestConcurrentReadModifyWrite has many writers of parts of the same blocks,
// among them aligned ones.
func TestConcurrentReadModifyWrite(t *testing.T) {
	const block, size, writers = 4096, 8 * 4096, 16
	c := open(t, server(&nbdserver.Export{Backend: nbdserver.NewMemory(size), BlockSize: nbdserver.BlockSize{Minimum: block}, MultiConn: true}), WithConnections(3))
	if c.Connections() != 3 {
		t.Fatalf("%d connections", c.Connections())
	}
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(1, uint64(w)))
			// Writer w owns the bytes whose offset is w modulo 256/16
			// stretches of 100 bytes, and block 7 belongs to the last.
			mine := bytes.Repeat([]byte{byte(w + 1)}, 100)
			for range 40 {
				off := int64(r.IntN(7*block/1600))*1600 + int64(w)*100
				if _, err := c.WriteAt(mine, off); err != nil {
					t.Error(err)
					return
				}
				if w == 0 {
					if _, err := c.WriteAt(make([]byte, block), 7*block); err != nil {
						t.Error(err)
						return
					}
				}
			}
			for off := int64(w) * 100; off < 7*block/1600*1600; off += 1600 {
				if _, err := c.WriteAt(mine, off); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	got := readBack(t, c)
	for i := range 7 * block / 1600 * 1600 {
		if want := byte(i%1600/100 + 1); got[i] != want {
			t.Fatalf("byte %d is %d, expected %d: a write was lost", i, got[i], want)
		}
	}
}

// TestBlockLockHeedsContext has a writer wait for another's block.
func TestBlockLockHeedsContext(t *testing.T) {
	release := make(chan struct{})
	d := newDisk(1 << 20)
	d.ask(func(c call) error {
		if c.op == "read" {
			<-release
		}
		return nil
	})
	c := open(t, server(&nbdserver.Export{Backend: d, BlockSize: nbdserver.BlockSize{Minimum: 512}}))
	first := make(chan error, 1)
	go func() { _, err := c.WriteAt([]byte("abc"), 5); first <- err }()
	await(t, "the first writer has the block", func() bool { return d.seen("read") == 1 })
	for what, f := range map[string]func(context.Context) error{
		"unaligned write":  func(ctx context.Context) error { _, err := c.WriteAtContext(ctx, []byte("x"), 1); return err },
		"aligned write":    func(ctx context.Context) error { _, err := c.WriteAtContext(ctx, make([]byte, 512), 512); return err },
		"unaligned zeroes": func(ctx context.Context) error { return c.WriteZeroes(ctx, 1, 1) },
		"aligned zeroes":   func(ctx context.Context) error { return c.WriteZeroes(ctx, 512, 512) },
	} {
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- f(ctx) }()
		cancel()
		within(t, what, func() {
			if err := <-done; !errors.Is(err, context.Canceled) {
				t.Errorf("%s: %v", what, err)
			}
		})
	}
	close(release)
	if err := <-first; err != nil {
		t.Error(err)
	}
	if n, err := c.WriteAt([]byte("def"), 8); n != 3 || err != nil {
		t.Errorf("afterwards: %d, %v", n, err)
	}
	got := make([]byte, 6)
	if _, err := c.ReadAt(got, 5); err != nil || string(got) != "abcdef" {
		t.Errorf("%q, %v", got, err)
	}
}

// abandoned gives a client whose unaligned write of "first" at offset 5 was
// cancelled while the server writes the block back, and the server's disk,
// full of "!", which goes on when released.
func abandoned(t *testing.T) (c *Client, d *disk, release func()) {
	const block = 512
	goOn := make(chan struct{})
	d = newDisk(1 << 20)
	d.Memory.WriteAt(bytes.Repeat([]byte("!"), block), 0)
	d.ask(func(c call) error {
		if c.op == "write" && d.seen("write") == 1 {
			<-goOn
		}
		return nil
	})
	release = sync.OnceFunc(func() { close(goOn) })
	c = open(t, server(&nbdserver.Export{Backend: d, BlockSize: nbdserver.BlockSize{Minimum: block}}))
	t.Cleanup(release) // first, for the server waits for it
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { _, err := c.WriteAtContext(ctx, []byte("first"), 5); done <- err }()
	await(t, "the block is written back", func() bool { return d.seen("write") == 1 })
	cancel()
	within(t, "the cancelled write", func() {
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	return c, d, release
}

// TestAbandonedWriteBack writes to a block whose cancelled write has not ended
// at the server: that must stay.
func TestAbandonedWriteBack(t *testing.T) {
	for name, later := range map[string]func(*Client) error{
		"unaligned write":  func(c *Client) error { _, err := c.WriteAt([]byte("later"), 100); return err },
		"unaligned zeroes": func(c *Client) error { return c.WriteZeroes(context.Background(), 100, 5) },
		"aligned write":    func(c *Client) error { _, err := c.WriteAt(make([]byte, 512), 0); return err },
		"aligned zeroes":   func(c *Client) error { return c.WriteZeroes(context.Background(), 0, 512) },
	} {
		t.Run(name, func(t *testing.T) {
			c, d, release := abandoned(t)
			second := make(chan error, 1)
			go func() { second <- later(c) }()
			await(t, "the second write has returned, or waits for the first", func() bool {
				c.blocks.mu.Lock()
				defer c.blocks.mu.Unlock()
				return len(second) == 1 || c.blocks.changed != nil
			})
			release()
			within(t, "the second write", func() {
				if err := <-second; err != nil {
					t.Error(err)
				}
			})
			if err := c.Shutdown(limited(t)); err != nil {
				t.Error(err)
			}
			got := make([]byte, 5)
			d.Memory.ReadAt(got, 100)
			if string(got) == "!!!!!" {
				t.Error("the second write was undone by the first, which had been cancelled")
			}
		})
	}
}

// TestAbandonedWriteBackEnds has a client end meanwhile: Shutdown waits for
// the server, and Close does not.
func TestAbandonedWriteBackEnds(t *testing.T) {
	t.Run("Shutdown", func(t *testing.T) {
		c, d, release := abandoned(t)
		done := make(chan error, 1)
		go func() { done <- c.Shutdown(limited(t)) }()
		await(t, "the client is leaving", c.leaving.Load)
		select {
		case <-c.idle:
			t.Error("a write is under way, but counts as none")
		default:
		}
		release()
		if err := <-done; err != nil {
			t.Error(err)
		}
		got := make([]byte, 5)
		if d.Memory.ReadAt(got, 5); string(got) != "first" {
			t.Errorf("%q was written", got)
		}
	})
	t.Run("Close", func(t *testing.T) {
		c, _, _ := abandoned(t)
		second := make(chan error, 1)
		go func() { _, err := c.WriteAt([]byte("later"), 100); second <- err }()
		await(t, "the second write waits for the first", func() bool {
			c.blocks.mu.Lock()
			defer c.blocks.mu.Unlock()
			return c.blocks.changed != nil
		})
		within(t, "closing", func() {
			c.Close()
			if err := <-second; !errors.Is(err, net.ErrClosed) {
				t.Error(err)
			}
		})
	})
}

// TestUnalignedFails has each of the steps of an unaligned request fail.
func TestUnalignedFails(t *testing.T) {
	d := newDisk(1 << 20)
	c := open(t, server(&nbdserver.Export{Backend: d, BlockSize: nbdserver.BlockSize{Minimum: 512}}))
	p := make([]byte, 1024)
	for _, tt := range []struct {
		fails call
		n     int // of the write
	}{
		{call{"read", 0, 512}, 0},
		{call{"write", 0, 512}, 0},
		{call{"write", 512, 512}, 412},
		{call{"read", 1024, 512}, 924},
		{call{"write", 1024, 512}, 924},
	} {
		d.ask(func(c call) error {
			if c == tt.fails {
				return syscall.EIO
			}
			return nil
		})
		if n, err := c.WriteAt(p, 100); n != tt.n || !errors.Is(err, syscall.EIO) {
			t.Errorf("%v fails: %d, %v, expected %d", tt.fails, n, err, tt.n)
		}
		if tt.fails.op == "read" {
			n, err := c.ReadAt(p, 100)
			if n != tt.n || !errors.Is(err, syscall.EIO) {
				t.Errorf("%v fails: ReadAt %d, %v, expected %d", tt.fails, n, err, tt.n)
			}
			if err := c.WriteZeroes(limited(t), 100, 1024); !errors.Is(err, syscall.EIO) {
				t.Errorf("%v fails: WriteZeroes %v", tt.fails, err)
			}
		}
	}
	d.ask(nil)
	if _, err := io.ReadFull(io.NewSectionReader(c, 3, 2000), make([]byte, 2000)); err != nil {
		t.Error(err)
	}
}

func TestRoundUp(t *testing.T) {
	const most = 1<<63 - 1
	for _, tt := range []struct{ n, to, want int64 }{{0, 512, 0}, {1, 512, 512}, {512, 512, 512}, {most, 1, most}, {most, 512, most}, {most - 600, 512, most - 511}, {most - 10, 4096, most}} {
		if got := roundUp(tt.n, tt.to); got != tt.want {
			t.Errorf("roundUp(%d, %d) = %d, expected %d", tt.n, tt.to, got, tt.want)
		}
	}
}
