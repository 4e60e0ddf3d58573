package nbd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"syscall"
	"testing"

	"github.com/gonbd/gonbd/internal/script"
	"github.com/gonbd/gonbd/internal/wire"
	"github.com/gonbd/gonbd/nbdserver"
)

// TestRequests has a server that can everything show what reaches the disk.
func TestRequests(t *testing.T) {
	d := newDisk(1 << 20)
	c := open(t, server(&nbdserver.Export{Backend: d}))
	ctx := limited(t)
	e := c.Export()
	if c.ReadOnly() || !c.CanFlush() || !c.CanTrim() || !c.CanWriteZeroes() || !c.CanFastZero() || !c.CanCache() ||
		!e.CanFUA() || !e.CanDF() || e.CanMultiConn() || e.Rotational() || e.CanBlockStatusPayload() {
		t.Errorf("flags %#x", e.Flags)
	}
	tests := []struct {
		name string
		do   func() error
		want []call
	}{
		{"flush", func() error { return c.Flush(ctx) }, []call{{"flush", 0, 0}}},
		{"trim", func() error { return c.Trim(ctx, 4096, 8192) }, []call{{"trim", 4096, 8192}}},
		{"trim with FUA", func() error { return c.Trim(ctx, 0, 512, FUA) }, []call{{"trim", 0, 512}, {"flush", 0, 0}}},
		{"trim of nothing", func() error { return c.Trim(ctx, 1<<20, 0) }, nil},
		{"cache", func() error { return c.Cache(ctx, 1, 2) }, []call{{"cache", 1, 2}}},
		{"cache of nothing", func() error { return c.Cache(ctx, 0, 0) }, nil},
		{"zero", func() error { return c.WriteZeroes(ctx, 3, 1000) }, []call{{"zero", 3, 1000}}},
		{"zero with no hole", func() error { return c.WriteZeroes(ctx, 0, 512, NoHole) }, []call{{"zero nohole", 0, 512}}},
		{"fast zero", func() error { return c.WriteZeroes(ctx, 0, 512, FastZero) }, []call{{"zero fast", 0, 512}}},
		{"all flags", func() error { return c.WriteZeroes(ctx, 0, 512, FastZero|NoHole, FUA) }, []call{{"zero nohole fast", 0, 512}, {"flush", 0, 0}}},
		{"zero nothing", func() error { return c.WriteZeroes(ctx, 5, 0) }, nil},
		{"write", func() error { _, err := c.WriteAtContext(ctx, []byte("abc"), 7); return err }, []call{{"write", 7, 3}}},
		{"write with FUA", func() error { _, err := c.WriteAtContext(ctx, []byte("abc"), 0, FUA); return err }, []call{{"write", 0, 3}, {"flush", 0, 0}}},
		{"read", func() error { _, err := c.ReadAtContext(ctx, make([]byte, 9), 8); return err }, []call{{"read", 8, 9}}},
	}
	for _, tt := range tests {
		if err := tt.do(); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		d.expect(t, tt.name, tt.want...)
	}
}

func TestMisuse(t *testing.T) {
	const size = 1 << 20
	all := server(&nbdserver.Export{Backend: newDisk(size)})
	none := server(&nbdserver.Export{Backend: newDisk(size)})
	none.Disable = nbdserver.Features{Flush: true, FUA: true, Trim: true, WriteZeroes: true, FastZero: true, Cache: true}
	slow := server(&nbdserver.Export{Backend: newDisk(size), BlockSize: nbdserver.BlockSize{Minimum: 512}})
	readOnly := server(&nbdserver.Export{Backend: newDisk(size), ReadOnly: true})
	ctx := limited(t)
	write := func(f ...Flags) func(c *Client) error {
		return func(c *Client) error { _, err := c.WriteAtContext(ctx, []byte("x"), 0, f...); return err }
	}
	zero := func(off, n int64, f ...Flags) func(c *Client) error {
		return func(c *Client) error { return c.WriteZeroes(ctx, off, n, f...) }
	}
	trim := func(off, n int64, f ...Flags) func(c *Client) error {
		return func(c *Client) error { return c.Trim(ctx, off, n, f...) }
	}
	cache := func(off, n int64) func(c *Client) error {
		return func(c *Client) error { return c.Cache(ctx, off, n) }
	}
	flush := func(c *Client) error { return c.Flush(ctx) }
	tests := []struct {
		name  string
		srv   *nbdserver.Server
		do    func(*Client) error
		errno syscall.Errno
	}{
		{"write: NoHole", all, write(NoHole), syscall.EINVAL},
		{"write: FastZero", all, write(FUA, FastZero), syscall.EINVAL},
		{"write: FUA without", none, write(FUA), syscall.ENOTSUP},
		{"write: read-only", readOnly, write(), syscall.EPERM},
		{"trim: NoHole", all, trim(0, 1, NoHole), syscall.EINVAL},
		{"trim: beyond", all, trim(1, size), syscall.ENOSPC},
		{"trim: overflow", all, trim(1, math.MaxInt64), syscall.ENOSPC},
		{"trim: negative", all, trim(0, -1), syscall.EINVAL},
		{"trim: not offered", none, trim(0, 1), syscall.ENOTSUP},
		{"trim: read-only", readOnly, trim(0, 1), syscall.ENOTSUP},
		{"zero: unknown flag", all, zero(0, 1, 1<<9), syscall.EINVAL},
		{"zero: beyond", all, zero(size, 1), syscall.ENOSPC},
		{"zero: negative", all, zero(-1, 1), syscall.EINVAL},
		{"zero: fast, not offered", none, zero(0, 1, FastZero), syscall.ENOTSUP},
		{"zero: fast, unaligned", slow, zero(1, 1, FastZero), syscall.ENOTSUP},
		{"zero: FUA without", none, zero(0, 1, FUA), syscall.ENOTSUP},
		{"zero: read-only", readOnly, zero(0, 1), syscall.EPERM},
		{"cache: beyond", all, cache(0, size+1), syscall.EINVAL},
		{"cache: negative", all, cache(-5, 1), syscall.EINVAL},
		{"cache: not offered", none, cache(0, 1), syscall.ENOTSUP},
		{"flush: not offered", none, flush, syscall.ENOTSUP},
	}
	clients := map[*nbdserver.Server]*Client{}
	for _, s := range []*nbdserver.Server{all, none, slow, readOnly} {
		clients[s] = open(t, s)
	}
	for _, tt := range tests {
		c := clients[tt.srv]
		before := c.Stats()
		err := tt.do(c)
		var e *Error
		if !errors.As(err, &e) || e.Kind != LocalError || !errors.Is(err, tt.errno) {
			t.Errorf("%s: %v, expected a local error %v", tt.name, err, tt.errno)
		}
		if c.Stats() != before {
			t.Errorf("%s: something was sent", tt.name)
		}
	}
}

func TestFUAByFlush(t *testing.T) {
	d := newDisk(1 << 20)
	s := server(&nbdserver.Export{Backend: d})
	s.Disable.FUA = true
	c := open(t, s)
	ctx := limited(t)
	if _, err := c.WriteAtContext(ctx, []byte("abc"), 0, FUA); err != nil {
		t.Error(err)
	}
	d.expect(t, "write", call{"write", 0, 3}, call{"flush", 0, 0})
	if err := c.Trim(ctx, 0, 512, FUA); err != nil {
		t.Error(err)
	}
	d.expect(t, "trim", call{"trim", 0, 512}, call{"flush", 0, 0})
	if err := c.WriteZeroes(ctx, 0, 512, FUA); err != nil {
		t.Error(err)
	}
	d.expect(t, "zero", call{"zero", 0, 512}, call{"flush", 0, 0})
	d.ask(func(c call) error {
		if c.op == "flush" {
			return syscall.EIO
		}
		return nil
	})
	if _, err := c.WriteAtContext(ctx, []byte("abc"), 0, FUA); !errors.Is(err, syscall.EIO) {
		t.Errorf("the flush fails: %v", err)
	}
}

func TestZeroesByWriting(t *testing.T) {
	const size = 1 << 20
	for _, block := range []uint32{1, 4096} {
		d := newDisk(size)
		s := server(&nbdserver.Export{Backend: d, BlockSize: nbdserver.BlockSize{Minimum: block}})
		s.Disable.WriteZeroes = true
		c := open(t, s)
		want := pattern(size, 6)
		if _, err := c.WriteAt(want, 0); err != nil {
			t.Fatal(err)
		}
		if err := c.WriteZeroes(limited(t), 5000, 700_001, NoHole, FUA); err != nil {
			t.Fatal(err)
		}
		clear(want[5000 : 5000+700_001])
		same(t, "zeroed by writing", readBack(t, c), want)
		d.ask(func(c call) error {
			if c.op == "write" && c.off > 300_000 {
				return syscall.ENOSPC
			}
			return nil
		})
		if err := c.WriteZeroes(limited(t), 0, size); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("a write fails: %v", err)
		}
	}
}

// TestLongEffects has a server refuse what is longer than its maximum
// payload, although there is no payload, as old ones do.
func TestLongEffects(t *testing.T) {
	const size = 200 << 20
	for _, errno := range []uint32{wire.EINVAL, wire.EOVERFLOW} {
		for _, typ := range []wire.Command{wire.CmdTrim, wire.CmdWriteZeroes, wire.CmdCache} {
			var total, requests uint64
			serve := func(nc io.ReadWriter) error {
				for {
					b := make([]byte, wire.RequestSize)
					if _, err := io.ReadFull(nc, b); err != nil {
						return err
					}
					r, err := wire.ParseRequest(b, false)
					if err != nil || r.Type == wire.CmdDisc {
						return err
					}
					if r.Type != typ || r.Offset != total {
						return fmt.Errorf("saw %v at %d, expected %v at %d", r.Type, r.Offset, typ, total)
					}
					requests++
					answer := uint32(0)
					if r.Length > 32<<20 {
						answer = errno
					} else {
						total += r.Length
					}
					if _, err := nc.Write(simple(r.Cookie, answer, nil)); err != nil {
						return err
					}
				}
			}
			c, wait := scripted(t, "unix", hello(size, plainFlags|wire.FlagSendTrim|wire.FlagSendWriteZeroes|wire.FlagSendCache), Config{},
				stepOf(serve))
			ctx := limited(t)
			var err error
			switch typ {
			case wire.CmdTrim:
				err = c.Trim(ctx, 0, size)
			case wire.CmdWriteZeroes:
				err = c.WriteZeroes(ctx, 0, size)
			default:
				err = c.Cache(ctx, 0, size)
			}
			if err != nil {
				t.Errorf("%v: %v", typ, err)
			}
			c.Close()
			if err := wait(); err != nil {
				t.Error(err)
			}
			if total != size || requests != 1+7 {
				t.Errorf("%v: %d bytes in %d requests", typ, total, requests)
			}
		}
	}
}

// TestEffectFails has errors that shorter requests would not mend.
func TestEffectFails(t *testing.T) {
	flags := plainFlags | wire.FlagSendTrim
	c, wait := scripted(t, "unix", hello(200<<20, flags), Config{},
		answer(wire.CmdTrim, wire.EIO, nil),
		answer(wire.CmdTrim, wire.EINVAL, nil),
		answer(wire.CmdTrim, wire.EINVAL, nil), answer(wire.CmdTrim, wire.EINVAL, nil),
		script.ExpectRequest(false, wire.CmdDisc, nil))
	ctx := limited(t)
	if err := c.Trim(ctx, 0, 200<<20); !errors.Is(err, syscall.EIO) {
		t.Error(err)
	}
	if err := c.Trim(ctx, 0, 4096); !errors.Is(err, syscall.EINVAL) {
		t.Error(err)
	}
	if err := c.Trim(ctx, 0, 200<<20); !errors.Is(err, syscall.EINVAL) {
		t.Error(err)
	}
	c.Close()
	if err := wait(); err != nil {
		t.Error(err)
	}
}

// TestLongEffectsByHeaders trims more than 4 GiB with and without 64-bit
// lengths.
func TestLongEffectsByHeaders(t *testing.T) {
	const size = 10 << 30
	for _, old := range []bool{false, true} {
		d := newDisk(size)
		c := open(t, server(&nbdserver.Export{Backend: d}), func(cfg *Config) { cfg.NoExtendedHeaders = old })
		if err := c.Trim(limited(t), 0, size); err != nil {
			t.Fatal(err)
		}
		var sum int64
		for _, call := range d.since() {
			sum += call.n
		}
		if sum != size {
			t.Errorf("extended headers %v: %d bytes trimmed", !old, sum)
		}
	}
}

// TestInconsistentFastZero has a server that offers fast zeroing and no
// zeroing.
func TestInconsistentFastZero(t *testing.T) {
	c, _ := scripted(t, "unix", hello(1<<20, plainFlags|wire.FlagSendFastZero), Config{}, script.ExpectRequest(false, wire.CmdDisc, nil))
	if err := c.WriteZeroes(limited(t), 0, 512, FastZero); !errors.Is(err, syscall.ENOTSUP) {
		t.Error(err)
	}
}

func TestStatsAndDescription(t *testing.T) {
	s := &nbdserver.Server{Exports: []*nbdserver.Export{{Name: "disk", Description: "a disk", Backend: nbdserver.NewMemory(4096), Rotational: true, ReadOnly: true,
		BlockSize: nbdserver.BlockSize{Minimum: 512, Preferred: 1024, MaxPayload: 2048}}}}
	c := open(t, s, WithExport("disk"), WithMetaContexts("base:allocation"))
	e := c.Export()
	if e.Name != "disk" || e.Description != "a disk" || e.Size != 4096 || !e.Rotational() || !c.ReadOnly() || len(e.MetaContexts) != 1 {
		t.Errorf("the export is %+v", e)
	}
	e.MetaContexts[0] = "mine"
	if c.Export().MetaContexts[0] != "base:allocation" {
		t.Error("Export gives away the client's own slice")
	}
	if want := (BlockSize{Minimum: 512, Preferred: 1024, MaxPayload: 2048}); c.BlockSize() != want {
		t.Errorf("BlockSize is %+v", c.BlockSize())
	}
	if want := (Protocol{Handshake: "newstyle-fixed", StructuredReplies: true, ExtendedHeaders: true}); c.Protocol() != want {
		t.Errorf("Protocol is %+v", c.Protocol())
	}
	before := c.Stats()
	if before.BytesSent == 0 || before.BytesReceived == 0 || before.MessagesSent == 0 || before.MessagesReceived == 0 {
		t.Errorf("after the handshake: %+v", before)
	}
	if _, err := c.ReadAt(make([]byte, 1024), 0); err != nil {
		t.Fatal(err)
	}
	after := c.Stats()
	if sent, messages := after.BytesSent-before.BytesSent, after.MessagesSent-before.MessagesSent; sent != wire.ExtendedRequestSize || messages != 1 {
		t.Errorf("a read sent %d bytes in %d messages", sent, messages)
	}
	if got := after.BytesReceived - before.BytesReceived; got < 1024 {
		t.Errorf("a read received %d bytes", got)
	}
}

func TestProtocols(t *testing.T) {
	for _, tt := range []struct {
		name    string
		disable nbdserver.Features
		opts    []Option
		want    Protocol
	}{
		{"oldstyle", nbdserver.Features{Newstyle: true}, nil, Protocol{Handshake: "oldstyle"}},
		{"newstyle", nbdserver.Features{FixedNewstyle: true}, nil, Protocol{Handshake: "newstyle"}},
		{"no go", nbdserver.Features{Go: true, NoZeroes: true}, nil, Protocol{Handshake: "newstyle-fixed", StructuredReplies: true}},
		{"simple", nbdserver.Features{}, []Option{WithoutStructuredReplies()}, Protocol{Handshake: "newstyle-fixed"}},
		{"structured", nbdserver.Features{}, []Option{WithoutExtendedHeaders()}, Protocol{Handshake: "newstyle-fixed", StructuredReplies: true}},
		{"extended", nbdserver.Features{}, nil, Protocol{Handshake: "newstyle-fixed", StructuredReplies: true, ExtendedHeaders: true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := memory(1 << 20)
			s.Disable = tt.disable
			c := open(t, s, tt.opts...)
			if c.Protocol() != tt.want {
				t.Errorf("%+v, expected %+v", c.Protocol(), tt.want)
			}
			want := pattern(100_000, 7)
			if _, err := c.WriteAt(want, 5); err != nil {
				t.Fatal(err)
			}
			got := make([]byte, len(want))
			if _, err := c.ReadAt(got, 5); err != nil {
				t.Fatal(err)
			}
			same(t, "read", got, want)
			if err := c.Shutdown(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
}
