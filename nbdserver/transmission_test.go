package nbdserver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gonbd/gonbd/internal/wire"
)

// TestRequests has requests with the error that each ends with, in every mode
// of replies. All are sent on one connection, so that none may lose the
// stream.
func TestRequests(t *testing.T) {
	const size = 1 << 20
	big := uint64(33 << 20)
	type test struct {
		name    string
		r       wire.Request
		payload int
		errno   uint32
	}
	common := []test{
		{"read", wire.Request{Type: wire.CmdRead, Offset: 512, Length: 1024}, 0, 0},
		{"read all", wire.Request{Type: wire.CmdRead, Length: size}, 0, 0},
		{"read nothing", wire.Request{Type: wire.CmdRead, Offset: size}, 0, 0},
		{"read FUA", wire.Request{Type: wire.CmdRead, Flags: wire.CmdFlagFUA, Length: 1}, 0, 0},
		{"read beyond the end", wire.Request{Type: wire.CmdRead, Offset: size - 1, Length: 2}, 0, wire.EINVAL},
		{"read that overflows", wire.Request{Type: wire.CmdRead, Offset: math.MaxUint64, Length: 2}, 0, wire.EINVAL},
		{"read at a negative offset", wire.Request{Type: wire.CmdRead, Offset: 1 << 63, Length: 1}, 0, wire.EINVAL},
		{"read with unknown flag", wire.Request{Type: wire.CmdRead, Flags: 1 << 9, Length: 1}, 0, wire.EINVAL},
		{"read with NO_HOLE", wire.Request{Type: wire.CmdRead, Flags: wire.CmdFlagNoHole, Length: 1}, 0, wire.EINVAL},
		{"flush", wire.Request{Type: wire.CmdFlush}, 0, 0},
		{"flush of a range", wire.Request{Type: wire.CmdFlush, Length: 1}, 0, wire.EINVAL},
		{"trim", wire.Request{Type: wire.CmdTrim, Flags: wire.CmdFlagFUA, Length: size}, 0, 0},
		{"trim nothing", wire.Request{Type: wire.CmdTrim}, 0, 0},
		{"trim beyond the end", wire.Request{Type: wire.CmdTrim, Offset: 1, Length: size}, 0, wire.EINVAL},
		{"cache", wire.Request{Type: wire.CmdCache, Length: size}, 0, 0},
		{"cache beyond the end", wire.Request{Type: wire.CmdCache, Offset: size + 1}, 0, wire.EINVAL},
		{"zero", wire.Request{Type: wire.CmdWriteZeroes, Flags: wire.CmdFlagFUA | wire.CmdFlagNoHole | wire.CmdFlagFastZero, Length: size}, 0, 0},
		{"zero beyond the end", wire.Request{Type: wire.CmdWriteZeroes, Length: size + 1}, 0, wire.ENOSPC},
		{"zero with DF", wire.Request{Type: wire.CmdWriteZeroes, Flags: wire.CmdFlagDF, Length: 1}, 0, wire.EINVAL},
		{"resize", wire.Request{Type: 8, Length: 1}, 0, wire.EINVAL},
		{"unknown command", wire.Request{Type: 0xffff, Offset: math.MaxUint64, Length: 0xffffffff}, 0, wire.EINVAL},
		{"status without contexts", wire.Request{Type: wire.CmdBlockStatus, Length: size}, 0, wire.EINVAL},
	}
	write := func(flags wire.CommandFlags, off, n uint64) wire.Request {
		return wire.Request{Type: wire.CmdWrite, Flags: flags, Offset: off, Length: n}
	}
	const pl = wire.CmdFlagPayloadLen
	perMode := map[mode][]test{
		simple: {
			{"write", write(0, 100, 1000), 1000, 0},
			{"write FUA", write(wire.CmdFlagFUA, 0, size), size, 0},
			{"write nothing", write(0, size, 0), 0, 0},
			{"write beyond the end", write(0, size-1, 2), 2, wire.ENOSPC},
			{"write that overflows", write(0, math.MaxUint64, 5), 5, wire.ENOSPC},
			{"write with unknown flag", write(1<<15, 0, 5), 5, wire.EINVAL},
			{"write with PAYLOAD_LEN", write(pl, 0, 5), 5, wire.EINVAL},
			{"read with DF", wire.Request{Flags: wire.CmdFlagDF, Length: 5}, 0, wire.EINVAL},
			{"read with PAYLOAD_LEN", wire.Request{Flags: pl, Length: 5}, 0, wire.EINVAL},
		},
		structured: {
			{"write", write(0, 100, 1000), 1000, 0},
			{"write beyond the end", write(0, size-1, 2), 2, wire.ENOSPC},
			{"read with DF", wire.Request{Flags: wire.CmdFlagDF, Length: 5}, 0, 0},
		},
		extended: {
			{"write", write(pl, 100, 1000), 1000, 0},
			{"write nothing", write(pl, 0, 0), 0, 0},
			{"write without PAYLOAD_LEN, as of qemu 11", write(0, 0, 100), 100, 0},
			{"read with DF", wire.Request{Flags: wire.CmdFlagDF, Length: 5}, 0, 0},
			{"read with PAYLOAD_LEN", wire.Request{Flags: pl, Length: 5}, 5, wire.EINVAL},
			{"unknown command with payload", wire.Request{Type: 77, Flags: pl, Length: 100000}, 100000, wire.EINVAL},
			{"status with payload, unasked", wire.Request{Type: wire.CmdBlockStatus, Flags: pl, Length: 12}, 12, wire.EINVAL},
			{"zero 2^63", wire.Request{Type: wire.CmdWriteZeroes, Length: 1 << 63}, 0, wire.ENOSPC},
			{"trim 2^64-1", wire.Request{Type: wire.CmdTrim, Offset: 1, Length: math.MaxUint64}, 0, wire.EINVAL},
		},
	}
	for _, m := range modes {
		for _, immediate := range []bool{true, false} {
			t.Run(fmt.Sprintf("%v/immediate=%v", m, immediate), func(t *testing.T) {
				var backend Backend = NewMemory(size)
				if !immediate {
					backend = slow{backend.(*Memory)}
				}
				c, _, _ := open(t, &Server{Exports: []*Export{{Backend: backend}}}, m, "")
				for i, tt := range append(common, perMode[m]...) {
					tt.r.Cookie = uint64(i) << 40
					chunks, errno, _ := c.do(tt.r, make([]byte, tt.payload))
					if errno != tt.errno {
						t.Errorf("%s: %s, expected %s", tt.name, wire.ErrorName(errno), wire.ErrorName(tt.errno))
					}
					if last := chunks[len(chunks)-1]; errno != 0 && m != simple {
						if _, text, _, _ := wire.ParseError(last.payload); text == "" {
							t.Errorf("%s: the error has no text", tt.name)
						}
					}
				}
				if err := c.disconnect(); err != nil {
					t.Error(err)
				}
			})
		}
	}
	t.Run("too large", func(t *testing.T) {
		for m, want := range map[mode]uint32{simple: wire.EINVAL, structured: wire.EOVERFLOW, extended: wire.EOVERFLOW} {
			c, _, _ := open(t, memoryServer(1<<40), m, "")
			if _, errno, _ := c.do(wire.Request{Length: big}, nil); errno != want {
				t.Errorf("%v: %s, expected %s", m, wire.ErrorName(errno), wire.ErrorName(want))
			}
			c.request(c.writeRequest(0, int(big)), nil)
			if err := c.wait(); err == nil || !strings.Contains(err.Error(), "payload of 34603008 bytes") {
				t.Errorf("%v: error %v", m, err)
			}
		}
	})
}

// slow is a Memory that doesn't say that it is fast.
type slow struct{ *Memory }

func (slow) Immediate() bool { return false }

func TestDataArrives(t *testing.T) {
	for _, m := range modes {
		t.Run(m.String(), func(t *testing.T) {
			memory := NewMemory(4 << 20)
			c, size, _ := open(t, &Server{Exports: []*Export{{Backend: memory}}}, m, "")
			if size != 4<<20 {
				t.Errorf("size %d", size)
			}
			for _, n := range []int{1, 511, 4096, 32 << 10, 32<<10 + 1, 200000, 1 << 20} {
				data := bytes.Repeat([]byte{byte(n), 2, 3, 5, 7, 11, 13}, n/7+1)[:n]
				off := uint64(1<<20 + n)
				c.expect(c.writeRequest(off, n), data, 0)
				got := make([]byte, n)
				if memory.ReadAt(got, int64(off)); !bytes.Equal(got, data) {
					t.Errorf("%d bytes were written wrong", n)
				}
				r := wire.Request{Type: wire.CmdRead, Cookie: 1, Offset: off, Length: uint64(n)}
				if _, errno, got := c.do(r, nil); errno != 0 || !bytes.Equal(got, data) {
					t.Errorf("%d bytes were read wrong (%d)", n, errno)
				}
			}
			c.expect(wire.Request{Type: wire.CmdWriteZeroes, Offset: 1<<20 + 1000, Length: 1 << 20}, nil, 0)
			if _, _, got := c.do(wire.Request{Offset: 1<<20 + 1000, Length: 1 << 20}, nil); !bytes.Equal(got, make([]byte, 1<<20)) {
				t.Error("zeroes are not")
			}
		})
	}
}

// TestPipelined sends many requests before it reads a reply.
func TestPipelined(t *testing.T) {
	for _, m := range modes {
		for _, immediate := range []bool{true, false} {
			t.Run(fmt.Sprintf("%v/immediate=%v", m, immediate), func(t *testing.T) {
				var backend Backend = NewMemory(4 << 20)
				if !immediate {
					backend = slow{backend.(*Memory)}
				}
				c, _, _ := open(t, &Server{Exports: []*Export{{Backend: backend}}, MaxRequests: 8, MaxMemory: 300000}, m, "")
				const n, each = 200, 10000
				go func() {
					for i := range n {
						r := c.writeRequest(uint64(i)*each, each)
						r.Cookie = uint64(i)
						c.request(r, bytes.Repeat([]byte{byte(i)}, each))
					}
				}()
				for range n {
					if k := c.receiveChunk(0); k.Error != 0 || k.Type != wire.ReplyNone {
						t.Fatalf("reply %+v", k)
					}
				}
				go func() {
					for i := range n {
						c.request(wire.Request{Cookie: uint64(i), Offset: uint64(i) * each, Length: each}, nil)
					}
				}()
				seen := make(map[uint64]bool)
				for range n {
					k := c.receiveChunk(each)
					if seen[k.Cookie] || len(k.payload) < each || k.payload[len(k.payload)-1] != byte(k.Cookie) {
						t.Fatalf("reply to %d: %d bytes, seen %v", k.Cookie, len(k.payload), seen[k.Cookie])
					}
					seen[k.Cookie] = true
				}
			})
		}
	}
}

// faults is a disk of 1 MiB whose operations are functions.
type faults struct {
	read  func(p []byte, off int64) (int, error)
	write func(p []byte, off int64) (int, error)
	sync  func() error
	trim  func(off, n int64) error
	zero  func(off, n int64, flags ZeroFlags) error
	cache func(off, n int64) error
}

func (f *faults) Size() int64                                           { return 1 << 20 }
func (f *faults) ReadAt(p []byte, off int64) (int, error)               { return f.read(p, off) }
func (f *faults) WriteAt(p []byte, off int64) (int, error)              { return f.write(p, off) }
func (f *faults) Sync() error                                           { return f.sync() }
func (f *faults) Trim(off, n int64) error                               { return f.trim(off, n) }
func (f *faults) WriteZeroes(off, n int64, flags ZeroFlags) error       { return f.zero(off, n, flags) }
func (f *faults) Cache(off, n int64) error                              { return f.cache(off, n) }
func (f *faults) Extents([]Extent, int64, int64, int) ([]Extent, error) { panic("extents") }

func TestBackendErrors(t *testing.T) {
	const size = 64 << 10
	errorOf := func(err error) *faults {
		return &faults{
			read:  func([]byte, int64) (int, error) { return 0, err },
			write: func([]byte, int64) (int, error) { return 0, err },
			sync:  func() error { return err },
			trim:  func(int64, int64) error { return err },
			zero:  func(int64, int64, ZeroFlags) error { return err },
			cache: func(int64, int64) error { return err },
		}
	}
	panics := &faults{
		read: func([]byte, int64) (int, error) { panic("read") }, write: func([]byte, int64) (int, error) { panic("write") },
		sync: func() error { panic("sync") }, trim: func(int64, int64) error { panic("trim") },
		zero: func(int64, int64, ZeroFlags) error { panic("zero") }, cache: func(int64, int64) error { panic("cache") },
	}
	for _, tt := range []struct {
		name    string
		backend *faults
		errno   uint32
		text    string
	}{
		{"EIO", errorOf(syscall.EIO), wire.EIO, syscall.EIO.Error()},
		{"ENOSPC", errorOf(fmt.Errorf("quota: %w", syscall.EDQUOT)), wire.ENOSPC, "quota"},
		{"unknown", errorOf(errors.New("it broke\nin two")), wire.EIO, "it broke in two"},
		{"path", errorOf(fmt.Errorf("x: %w", &fs.PathError{Op: "pread", Path: "/secret", Err: syscall.EIO})), wire.EIO, syscall.EIO.Error()},
		{"panic", panics, wire.EIO, "backend failed"},
	} {
		for _, m := range modes {
			t.Run(tt.name+"/"+m.String(), func(t *testing.T) {
				contexts := []string{}
				if m != simple {
					contexts = append(contexts, baseAllocation)
				}
				c, _, _ := open(t, &Server{Exports: []*Export{{Backend: tt.backend}}}, m, "", contexts...)
				requests := []wire.Request{
					{Type: wire.CmdRead, Length: size}, {Type: wire.CmdFlush}, {Type: wire.CmdTrim, Length: size},
					{Type: wire.CmdCache, Length: size}, {Type: wire.CmdWriteZeroes, Length: size}, c.writeRequest(0, 3),
				}
				for _, r := range requests {
					payload := 0
					if r.Type == wire.CmdWrite {
						payload = 3
					}
					chunks, errno, _ := c.do(r, make([]byte, payload))
					if errno != tt.errno {
						t.Errorf("%v: %s, expected %s", r.Type, wire.ErrorName(errno), wire.ErrorName(tt.errno))
					}
					if m != simple {
						if _, text, _, err := wire.ParseError(chunks[0].payload); !strings.Contains(text, tt.text) || strings.Contains(text, "secret") {
							t.Errorf("%v: text %q, %v", r.Type, text, err)
						}
					}
				}
				if m != simple {
					c.expect(wire.Request{Type: wire.CmdBlockStatus, Length: size}, nil, wire.EIO)
				}
			})
		}
	}
}

// TestPartialRead expects the data before an error, and where the error is.
func TestPartialRead(t *testing.T) {
	b := &faults{read: func(p []byte, off int64) (int, error) { return copy(p, "abc"), syscall.EIO }}
	for _, m := range []mode{structured, extended} {
		c, _, _ := open(t, &Server{Exports: []*Export{{Backend: b}}}, m, "")
		chunks, _, data := c.do(wire.Request{Offset: 1000, Length: 8, Flags: wire.CmdFlagFUA}, nil)
		if len(chunks) != 2 || string(data[:3]) != "abc" || chunks[1].Type != wire.ReplyErrorOffset {
			t.Fatalf("%v: %+v", m, chunks)
		}
		if errno, _, off, err := wire.ParseErrorOffset(chunks[1].payload); errno != wire.EIO || off != 1003 || err != nil {
			t.Errorf("%v: error %d at %d, %v", m, errno, off, err)
		}
	}
	c, _, _ := open(t, &Server{Exports: []*Export{{Backend: b}}}, simple, "")
	c.expect(wire.Request{Length: 8}, nil, wire.EIO)
}

// TestLyingReadAt has counts that io.ReaderAt doesn't allow.
func TestLyingReadAt(t *testing.T) {
	for _, n := range []int{-1, 0, 4, 9} {
		b := &faults{read: func([]byte, int64) (int, error) { return n, nil }}
		c, _, _ := open(t, &Server{Exports: []*Export{{Backend: b}}}, simple, "")
		c.expect(wire.Request{Length: 8}, nil, wire.EIO)
	}
}

// journal notes what is done to a disk.
type journal struct {
	*plain
	notes   []string
	zeroErr error
}

func (j *journal) note(format string, args ...any) {
	j.notes = append(j.notes, fmt.Sprintf(format, args...))
}
func (j *journal) WriteAt(p []byte, off int64) (int, error) {
	j.note("write %d %d", off, len(p))
	return j.plain.WriteAt(p, off)
}
func (j *journal) Sync() error { j.note("sync"); return nil }
func (j *journal) Trim(off, n int64) error {
	j.note("trim %d %d", off, n)
	return errors.ErrUnsupported
}
func (j *journal) Cache(off, n int64) error { j.note("cache"); return errors.ErrUnsupported }
func (j *journal) WriteZeroes(off, n int64, flags ZeroFlags) error {
	j.note("zero %d %d %d", off, n, flags)
	return j.zeroErr
}

type durable struct{ *journal }

func (d durable) WriteAtFUA(p []byte, off int64) (int, error) {
	d.note("fua")
	return len(p), nil
}

func TestCapabilities(t *testing.T) {
	const fua = wire.CmdFlagFUA
	for _, tt := range []struct {
		name    string
		r       wire.Request
		zeroErr error
		want    string
		errno   uint32
	}{
		{"write", wire.Request{Type: wire.CmdWrite, Length: 2}, nil, "write 0 2", 0},
		{"write FUA", wire.Request{Type: wire.CmdWrite, Flags: fua, Length: 2}, nil, "write 0 2;sync", 0},
		{"trim is a hint", wire.Request{Type: wire.CmdTrim, Flags: fua, Offset: 5, Length: 2}, nil, "trim 5 2;sync", 0},
		{"cache is a hint", wire.Request{Type: wire.CmdCache, Flags: fua, Offset: 5, Length: 2}, nil, "cache", 0},
		{"flush", wire.Request{Type: wire.CmdFlush}, nil, "sync", 0},
		{"zero", wire.Request{Type: wire.CmdWriteZeroes, Length: 9}, nil, "zero 0 9 0", 0},
		{"zero FUA NO_HOLE", wire.Request{Type: wire.CmdWriteZeroes, Flags: fua | wire.CmdFlagNoHole, Length: 9}, nil, "zero 0 9 1;sync", 0},
		{"zero unsupported", wire.Request{Type: wire.CmdWriteZeroes, Flags: fua, Length: 9}, errors.ErrUnsupported, "zero 0 9 0;write 0 9;sync", 0},
		{"fast zero unsupported", wire.Request{Type: wire.CmdWriteZeroes, Flags: fua | wire.CmdFlagFastZero, Length: 9}, errors.ErrUnsupported, "zero 0 9 2", wire.ENOTSUP},
		{"zero fails", wire.Request{Type: wire.CmdWriteZeroes, Length: 9}, syscall.ENOSPC, "zero 0 9 0", wire.ENOSPC},
		{"nothing FUA", wire.Request{Type: wire.CmdWriteZeroes, Flags: fua}, nil, "", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			j := &journal{plain: &plain{}, zeroErr: tt.zeroErr}
			c, _, _ := open(t, &Server{Exports: []*Export{{Backend: j}}}, simple, "")
			payload := make([]byte, 0, 2)
			if tt.r.Type == wire.CmdWrite {
				payload = payload[:2]
			}
			c.expect(tt.r, payload, tt.errno)
			c.disconnect()
			if got := strings.Join(j.notes, ";"); got != tt.want {
				t.Errorf("did %q, expected %q", got, tt.want)
			}
		})
	}
	d := durable{&journal{plain: &plain{}}}
	c, _, _ := open(t, &Server{Exports: []*Export{{Backend: d}}}, simple, "")
	c.expect(wire.Request{Type: wire.CmdWrite, Flags: fua, Length: 2}, []byte("xx"), 0)
	c.disconnect()
	if got := strings.Join(d.notes, ";"); got != "fua" {
		t.Errorf("FUA write did %q", got)
	}
}

// TestEmulatedZeroes writes more zeroes than fit one buffer, and refuses what
// would take hours.
func TestEmulatedZeroes(t *testing.T) {
	b := &struct {
		Backend
		writer
	}{}
	memory := NewMemory(1 << 40)
	b.Backend, b.writer = memory, writer{memory}
	memory.WriteAt(bytes.Repeat([]byte{1}, 2<<20), 0)
	c, _, _ := open(t, &Server{Exports: []*Export{{Backend: b}}}, extended, "")
	c.expect(wire.Request{Type: wire.CmdWriteZeroes, Offset: 1, Length: 1 << 20}, nil, 0)
	got := make([]byte, 1<<20+2)
	memory.ReadAt(got, 0)
	if want := append(append([]byte{1}, make([]byte, 1<<20)...), 1); !bytes.Equal(got, want) {
		t.Error("not zeroed, or too much")
	}
	c.expect(wire.Request{Type: wire.CmdWriteZeroes, Length: 1 << 33}, nil, wire.EOVERFLOW)
	c.expect(wire.Request{Type: wire.CmdWriteZeroes, Flags: wire.CmdFlagFastZero, Length: 1 << 33}, nil, wire.ENOTSUP)
}

type writer struct{ m *Memory }

func (w writer) WriteAt(p []byte, off int64) (int, error) { return w.m.WriteAt(p, off) }

func TestReadOnly(t *testing.T) {
	for _, m := range modes {
		c, _, _ := open(t, &Server{Exports: []*Export{{Backend: NewMemory(4096), ReadOnly: true}}}, m, "")
		c.expect(c.writeRequest(0, 100), make([]byte, 100), wire.EPERM)
		c.expect(wire.Request{Type: wire.CmdTrim, Length: 1}, nil, wire.EPERM)
		c.expect(wire.Request{Type: wire.CmdWriteZeroes, Length: 1}, nil, wire.EPERM)
		c.expect(wire.Request{Type: wire.CmdRead, Length: 4096}, nil, 0)
	}
}

func TestBlockSize(t *testing.T) {
	e := &Export{Backend: NewMemory(10000), BlockSize: BlockSize{Minimum: 512, Preferred: 4096, MaxPayload: 8192}}
	c, size, _ := open(t, &Server{Exports: []*Export{e}}, structured, "")
	if size != 9728 {
		t.Errorf("size %d, expected 9728", size)
	}
	c.expect(wire.Request{Offset: 512, Length: 1024}, nil, 0)
	c.expect(wire.Request{Offset: 511, Length: 1024}, nil, wire.EINVAL)
	c.expect(wire.Request{Offset: 512, Length: 1023}, nil, wire.EINVAL)
	c.expect(wire.Request{Length: 8192 + 512}, nil, wire.EOVERFLOW)
	c.expect(c.writeRequest(0, 8192+512), make([]byte, 8192+512), wire.EINVAL)
	c.expect(c.writeRequest(0, 8192), make([]byte, 8192), 0)
	c.expect(wire.Request{Type: wire.CmdTrim, Length: 9728}, nil, 0)
}

func TestSparseReads(t *testing.T) {
	memory := NewMemory(16 * pageSize)
	memory.WriteAt([]byte("data"), 2*pageSize)
	memory.WriteAt([]byte("more"), 5*pageSize)
	e := &Export{Backend: memory, SparseReads: true}
	types := func(chunks []chunk) (s string) {
		for _, k := range chunks {
			s += map[wire.ReplyType]string{wire.ReplyNone: "n", wire.ReplyOffsetData: "d", wire.ReplyOffsetHole: "h"}[k.Type]
		}
		return s
	}
	for _, tt := range []struct {
		flags  wire.CommandFlags
		off, n uint64
		want   string
	}{
		{0, 0, pageSize, "h"},
		{0, 0, 8 * pageSize, "hdhdh"},
		{0, 2 * pageSize, pageSize, "d"},
		{0, 2*pageSize - 4096, 8192, "hd"},
		{0, 2*pageSize - 100, 8192, "d"}, // too short a hole
		{0, 2 * pageSize, pageSize + 100, "d"},
		{wire.CmdFlagDF, 0, 8 * pageSize, "d"},
	} {
		for _, m := range []mode{structured, extended} {
			c, _, _ := open(t, &Server{Exports: []*Export{e}}, m, "")
			chunks, errno, got := c.do(wire.Request{Flags: tt.flags, Offset: tt.off, Length: tt.n}, nil)
			want := make([]byte, tt.n)
			memory.ReadAt(want, int64(tt.off))
			if errno != 0 || types(chunks) != tt.want || !bytes.Equal(got, want) {
				t.Errorf("%v: %d bytes at %d, flags %#x: error %d, chunks %q, expected %q", m, tt.n, tt.off, tt.flags, errno, types(chunks), tt.want)
			}
		}
	}
	c, _, _ := open(t, &Server{Exports: []*Export{e}}, simple, "")
	if _, errno, data := c.do(wire.Request{Length: 8 * pageSize}, nil); errno != 0 || len(data) != 8*pageSize {
		t.Errorf("simple reply: error %d, %d bytes", errno, len(data))
	}
}

func TestDisconnectFinishesRequests(t *testing.T) {
	started, proceed := make(chan bool), make(chan bool)
	b := &faults{read: func(p []byte, off int64) (int, error) {
		started <- true
		<-proceed
		return len(p), nil
	}}
	for _, end := range []string{"NBD_CMD_DISC", "half-closed"} {
		c, _, _ := open(t, &Server{Exports: []*Export{{Backend: b}}}, simple, "")
		c.request(wire.Request{Cookie: 9, Length: 5}, nil)
		<-started
		if end == "half-closed" {
			c.nc.(interface{ CloseWrite() error }).CloseWrite()
		} else {
			c.request(wire.Request{Type: wire.CmdDisc}, nil)
		}
		proceed <- true
		if k := c.receiveChunk(5); k.Cookie != 9 || k.Error != 0 {
			t.Errorf("%s: reply %+v", end, k)
		}
		c.expectEnd()
		if err := c.wait(); err != nil {
			t.Errorf("%s: %v", end, err)
		}
	}
}

func TestShutdown(t *testing.T) {
	// On a busy machine too it is not over before the requests below are sent.
	defer func(d time.Duration) { drainTime = d }(drainTime)
	drainTime = 2 * time.Second
	started, proceed := make(chan bool), make(chan bool)
	b := &faults{read: func(p []byte, off int64) (int, error) {
		started <- true
		<-proceed
		return len(p), nil
	}}
	s := &Server{Exports: []*Export{{Backend: b}}}
	busy, _, _ := open(t, s, structured, "")
	idle, _, _ := open(t, s, structured, "")
	haggling := connect(t, s)
	haggling.greet()
	haggling.option(wire.OptList, nil)
	writing, _, _ := open(t, s, structured, "")
	busy.request(wire.Request{Cookie: 1, Length: 5}, nil)
	<-started
	writing.request(wire.Request{Type: wire.CmdWrite, Cookie: 2, Length: 1000}, make([]byte, 400))

	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Shutdown without time: %v", err)
	}
	busy.request(wire.Request{Cookie: 3, Length: 5}, nil)
	if k := busy.receiveChunk(0); k.Cookie != 3 || !k.Type.IsError() {
		t.Errorf("request during shutdown: %+v", k)
	} else if errno, _, _, _ := wire.ParseError(k.payload); errno != wire.ESHUTDOWN {
		t.Errorf("request during shutdown: %s", wire.ErrorName(errno))
	}
	if got := haggling.option(wire.OptStructuredReply, nil); got[0].rep != wire.RepErrShutdown {
		t.Errorf("option during shutdown: %v", got)
	}
	idle.expectEnd()
	if err := idle.wait(); !errors.Is(err, ErrServerClosed) {
		t.Errorf("idle connection: %v", err)
	}
	writing.send(make([]byte, 600)) // the rest may take its time, more than idle connections have
	if k := writing.receiveChunk(0); k.Cookie != 2 {
		t.Errorf("request of which half had arrived: %+v", k)
	}
	close(proceed)
	if k := busy.receiveChunk(5); k.Cookie != 1 || k.Type != wire.ReplyOffsetData {
		t.Errorf("request in flight: %+v", k)
	}
	if err := s.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	nc, served := socketPair(t)
	defer nc.Close()
	if err := s.ServeConn(context.Background(), served); !errors.Is(err, ErrServerClosed) {
		t.Errorf("connection after shutdown: %v", err)
	}
}
