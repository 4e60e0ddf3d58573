//go:build linux

package handle

import (
	"syscall"
	"testing"

	"github.com/gonbd/gonbd/internal/script"
	"github.com/gonbd/gonbd/internal/wire"
	"github.com/gonbd/gonbd/nbdserver"
)

// limited is an export of 1 MiB in blocks of 512 bytes.
func limited() *nbdserver.Server {
	return &nbdserver.Server{Exports: []*nbdserver.Export{{Backend: nbdserver.NewMemory(1 << 20),
		BlockSize: nbdserver.BlockSize{Minimum: 512, Preferred: 4096, MaxPayload: 2 << 20}}}}
}

func TestStrict(t *testing.T) {
	h := connected(t, limited())
	big := make([]byte, 65<<20)
	for _, tt := range []struct {
		what  string
		err   error
		errno syscall.Errno
		text  string
	}{
		{"no bytes", h.Pread(nil, 0, 0), syscall.EINVAL, "nbd_pread: count cannot be 0: Invalid argument"},
		{"unknown flag", h.Pread(big[:512], 0, 1), syscall.EINVAL, "nbd_pread: flags: invalid value for flag: 0x1: Invalid argument"},
		{"a flag beyond 16 bits", h.Pread(big[:512], 0, 1<<16), syscall.EINVAL, "flags: invalid value for flag: 0x10000"},
		{"reading beyond the end", h.Pread(big[:512], 1<<20, 0), syscall.EINVAL, "request out of bounds"},
		{"reading far beyond the end", h.Pread(big[:512], 1<<63, 0), syscall.EINVAL, "request out of bounds"},
		{"an offset that wraps", h.Pread(big[:512], 1<<64-100, 0), syscall.EINVAL, "request out of bounds"},
		{"writing beyond the end", h.Pwrite(big[:512], 1<<20, 0), syscall.ENOSPC, "request out of bounds"},
		{"zeroing beyond the end", h.Zero(512, 1<<20, 0), syscall.ENOSPC, "request out of bounds"},
		{"unaligned length", h.Pread(big[:1], 0, 0), syscall.EINVAL, "request is unaligned"},
		{"unaligned offset", h.Pread(big[:512], 1, 0), syscall.EINVAL, "request is unaligned"},
	} {
		t.Run(tt.what, func(t *testing.T) { wantErr(t, tt.err, tt.errno, tt.text) })
	}
	must(t, h.SetStrictMode(strictAll&^strictBounds))
	wantErr(t, h.Pread(big[:512], 1<<20, 0), syscall.EINVAL, "read: command failed")
	must(t, h.SetStrictMode(strictAll&^(strictBounds|strictAlign)))
	wantErr(t, h.Pwrite(big[:3<<20], 0, 0), syscall.ERANGE, "maximum payload size is 2097152")
	must(t, h.SetStrictMode(strictAll&^(strictBounds|strictPayload|strictAlign)))
	wantErr(t, h.Pwrite(big, 0, 0), syscall.ERANGE, "maximum request size is 67108864")
	wantErr(t, h.Pread(big, 0, 0), syscall.ERANGE, "maximum request size is 67108864")
	wantErr(t, h.SetStrictMode(0x80), syscall.EINVAL, "nbd_set_strict_mode: flags: invalid value for flag: 0x80")
	wantErr(t, h.SetTls(9), syscall.EINVAL, "invalid state")
}

// TestStrictCommands asks for what the server does not offer.
func TestStrictCommands(t *testing.T) {
	h := create(t)
	wait := scripted(t, h, append(greeting(1<<40),
		script.WithRequest(false, wire.CmdTrim, func(r wire.Request) script.Step { return simple(r, wire.EINVAL) }),
		script.ExpectEOF())...)
	must(t, h.handshake())
	buf := make([]byte, 512)
	wantErr(t, h.Trim(512, 0, 0), syscall.EINVAL, "nbd_trim: server does not support trim operations")
	wantErr(t, h.Zero(512, 0, 0), syscall.EINVAL, "nbd_zero: server does not support zero operations")
	wantErr(t, h.Cache(512, 0, 0), syscall.EINVAL, "nbd_cache: server does not support cache operations")
	wantErr(t, h.Pwrite(buf, 0, 1), syscall.EINVAL, "nbd_pwrite: server does not support the FUA flag")
	wantErr(t, h.PreadStructured(buf, 0, nil, 4), syscall.EINVAL, "server does not support the DF flag")
	wantErr(t, h.BlockStatus(512, 0, nil, 0), syscall.ENOTSUP, "nbd_block_status: server does not support structured replies")
	wantErr(t, h.BlockStatusFilter(512, 0, nil, nil, 0), syscall.ENOTSUP, "server does not support extended headers")
	must(t, h.SetStrictMode(0))
	wantErr(t, h.Trim(512, 0, 0), syscall.EINVAL, "nbd_trim: trim: command failed")
	wantErr(t, h.Trim(1<<33, 0, 0), syscall.ERANGE, "maximum request size is 4294967295")
	h.Close()
	wait()

	ro := &nbdserver.Server{Exports: []*nbdserver.Export{{Backend: nbdserver.NewMemory(1 << 20), ReadOnly: true}}}
	h = connected(t, ro)
	wantErr(t, h.Pwrite(buf, 0, 0), syscall.EPERM, "nbd_pwrite: server does not support write operations: Operation not permitted")
}

// TestAutoFlag sees what NBD_CMD_FLAG_PAYLOAD_LEN becomes.
func TestAutoFlag(t *testing.T) {
	for _, tt := range []struct {
		strict uint32
		given  uint32
		want   wire.CommandFlags
	}{
		{strictAll, 0, 0},
		{strictAll, uint32(wire.CmdFlagPayloadLen), 0},
		{strictAll &^ strictAutoFlag, 0, 0},
		{strictAll &^ strictAutoFlag, uint32(wire.CmdFlagPayloadLen), wire.CmdFlagPayloadLen},
	} {
		h := create(t)
		wait := scripted(t, h, append(greeting(1<<20),
			script.WithRequest(false, wire.CmdWrite, func(r wire.Request) script.Step {
				if r.Flags != tt.want {
					t.Errorf("strict 0x%x, flags 0x%x: sent flags 0x%x, want 0x%x", tt.strict, tt.given, r.Flags, tt.want)
				}
				return script.Steps(script.ExpectFunc(int(r.Length), func([]byte) error { return nil }), simple(r, 0))
			}),
			script.ExpectEOF())...)
		must(t, h.handshake())
		must(t, h.SetStrictMode(tt.strict))
		must(t, h.Pwrite(make([]byte, 8), 0, tt.given))
		h.Close()
		wait()
	}
}

// TestUnalignedEnd reads what lies behind the last full block.
func TestUnalignedEnd(t *testing.T) {
	h := create(t)
	steps := greeting(0)
	steps = append(steps[:len(steps)-1],
		script.ExpectOption(wire.OptGo, nil),
		script.Send(
			wire.AppendOptionReply(nil, wire.OptGo, wire.RepInfo, wire.AppendInfoExport(nil, 1124, wire.FlagHasFlags)),
			wire.AppendOptionReply(nil, wire.OptGo, wire.RepInfo, wire.AppendInfoBlockSize(nil, wire.BlockSize{Minimum: 512, Preferred: 4096, MaxPayload: 1 << 20})),
			wire.AppendOptionReply(nil, wire.OptGo, wire.RepAck, nil)),
		script.WithRequest(false, wire.CmdRead, func(r wire.Request) script.Step {
			return script.Steps(simple(r, 0), script.Send(make([]byte, r.Length)))
		}),
		script.ExpectEOF())
	wait := scripted(t, h, steps...)
	must(t, h.handshake())
	must(t, h.Pread(make([]byte, 612), 512, 0))
	wantErr(t, h.Pread(make([]byte, 99), 1024, 0), syscall.EINVAL, "request is unaligned")
	h.Close()
	wait()
}
