//go:build linux

package handle

import (
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/gonbd/gonbd/internal/script"
	"github.com/gonbd/gonbd/internal/wire"
	"github.com/gonbd/gonbd/nbdserver"
)

func wantLog(t *testing.T, log []string, want ...string) {
	t.Helper()
	if !slices.Equal(log, want) {
		t.Errorf("the callbacks were called so:\n%s\nwant:\n%s", strings.Join(log, "\n"), strings.Join(want, "\n"))
	}
}

func baseAllocation(h *Handle) { h.AddMetaContext("base:allocation") }

// TestCallbackOrder checks the order of calls and frees, and who owns what
// when a call fails.
func TestCallbackOrder(t *testing.T) {
	var log []string
	rec := func(name string) recorder { return recorder{log: &log, name: name} }
	h := connected(t, memory(1<<20), baseAllocation)
	buf := make([]byte, 512)

	c, err := h.AioPreadStructured(buf, 0, &chunks{rec("chunk")}, &completion{rec("completion")}, 0)
	must(t, err)
	must(t, retire(t, h, c))
	wantLog(t, log, "chunk chunk", "completion done", "chunk free", "completion free")

	log = nil
	c, err = h.AioBlockStatus64(1<<20, 0, &extents64{rec("extent64")}, &completion{rec("completion")}, 0)
	must(t, err)
	must(t, retire(t, h, c))
	wantLog(t, log, "extent64 extent64", "completion done", "extent64 free", "completion free")

	log = nil
	must(t, h.PreadStructured(buf, 0, &chunks{rec("chunk")}, 0))
	wantLog(t, log, "chunk chunk", "chunk free")

	// A call that fails frees, and never calls.
	log = nil
	_, err = h.AioPreadStructured(buf, 1<<20, &chunks{rec("chunk")}, &completion{rec("completion")}, 0)
	wantErr(t, err, syscall.EINVAL, "nbd_aio_pread_structured: request out of bounds", ": Invalid argument")
	wantLog(t, log, "chunk free", "completion free")
	log = nil
	wantErr(t, h.PreadStructured(buf, 0, &chunks{rec("chunk")}, 1), syscall.EINVAL, "flags: invalid value for flag: 0x1")
	wantLog(t, log, "chunk free")
	log = nil
	must(t, h.Shutdown(0))
	_, err = h.AioFlush(&completion{rec("completion")}, 0)
	wantErr(t, err, syscall.EINVAL, "nbd_aio_flush: invalid state: CLOSED: the handle must be connected with the server")
	wantLog(t, log, "completion free")
}

// TestCallbackErrors lets callbacks fail commands.
func TestCallbackErrors(t *testing.T) {
	var log []string
	h := connected(t, memory(1<<20), baseAllocation)
	buf := make([]byte, 512)
	failing := func(errno int) recorder { return recorder{log: &log, result: -1, errno: errno} }

	wantErr(t, h.PreadStructured(buf, 0, &chunks{failing(0)}, 0), syscall.EPROTO, "nbd_pread_structured: read: command failed")
	wantErr(t, h.PreadStructured(buf, 0, &chunks{failing(int(syscall.EBADMSG))}, 0), syscall.EBADMSG)
	wantErr(t, h.BlockStatus(512, 0, &extents{failing(int(syscall.EIO))}, 0), syscall.EIO, "block-status: command failed", "Input/output error")
	wantErr(t, h.BlockStatus64(512, 0, &extents64{failing(0)}, 0), syscall.EPROTO)

	// A completion callback sees the error, and changes it.
	cb := &completion{failing(int(syscall.EDOM))}
	c, err := h.AioPreadStructured(buf, 0, &chunks{failing(int(syscall.EBADMSG))}, cb, 0)
	must(t, err)
	wantErr(t, retire(t, h, c), syscall.EDOM)
	if !slices.Equal(cb.saw, []int{int(syscall.EBADMSG)}) {
		t.Errorf("the completion callback saw %v", cb.saw)
	}
	// What it stores without returning -1 counts for nothing.
	c, err = h.AioPread(buf, 0, &completion{recorder{log: &log, errno: 5}}, 0)
	must(t, err)
	must(t, retire(t, h, c))

	// Returning 1 retires.
	c, err = h.AioPread(buf, 0, &completion{recorder{log: &log, result: 1}}, 0)
	must(t, err)
	for n := 1; n > 0; n, _ = h.AioInFlight() {
		h.Poll(-1)
	}
	if ok, err := h.AioCommandCompleted(c); ok || err != nil {
		t.Errorf("the command is still there: %v, %v", ok, err)
	}
}

// polls counts how often the handle began to wait for its socket.
type polls chan struct{}

func (p polls) Debug(context, msg string) int {
	if strings.HasPrefix(msg, "poll start") {
		p <- struct{}{}
	}
	return 0
}

func (p polls) Free() {}

// TestStateInCallback asks for the state in a callback of a synchronous call,
// although the server sent the reply in two pieces, far apart.
func TestStateInCallback(t *testing.T) {
	h := create(t)
	waits := make(polls, 64)
	wait := scripted(t, h, append(greeting(1<<20), script.WithRequest(false, wire.CmdRead, func(r wire.Request) script.Step {
		return script.Steps(simple(r, 0), script.Stall(waits), script.Stall(waits), script.Send(make([]byte, 512)))
	}), script.ExpectEOF())...)
	must(t, h.handshake())
	must(t, h.SetDebugCallback(waits))
	must(t, h.SetDebug(true))
	var log []string
	var states []string
	cb := &chunks{recorder{log: &log, data: func(...any) {
		state, _ := h.ConnectionState()
		name, _, _ := strings.Cut(state, ":")
		states = append(states, name)
	}}}
	must(t, h.PreadStructured(make([]byte, 512), 0, cb, 0))
	must(t, h.SetDebug(false))
	if !slices.Equal(states, []string{"READY"}) {
		t.Errorf("the states were %q", states)
	}
	h.Close()
	wait()
}

// TestServerErrors has the server fail commands.
func TestServerErrors(t *testing.T) {
	h := create(t)
	wait := scripted(t, h, append(greeting(1<<20),
		script.WithRequest(false, wire.CmdRead, func(r wire.Request) script.Step {
			return simple(r, wire.EIO)
		}),
		script.WithRequest(false, wire.CmdRead, func(r wire.Request) script.Step {
			return simple(r, wire.EIO)
		}),
		script.ExpectEOF())...)
	must(t, h.handshake())
	var log []string
	buf := pattern(512, 1)
	wantErr(t, h.Pread(buf, 1024, 0), syscall.EIO, "nbd_pread: read: command failed: 512 bytes at offset 1024", ": Input/output error")
	for _, b := range buf {
		if b != 0 {
			t.Fatal("the buffer was not sanitized")
		}
	}
	must(t, h.SetPreadInitialize(false))
	buf = pattern(512, 1)
	cb := &completion{recorder{log: &log, name: "completion", result: 1}}
	c, err := h.AioPread(buf, 0, cb, 0)
	must(t, err)
	must(t, retireAll(h))
	if len(cb.saw) != 1 || cb.saw[0] != int(syscall.EIO) || c == 0 {
		t.Errorf("the callback saw %v", cb.saw)
	}
	if slices.Equal(buf, make([]byte, 512)) {
		t.Error("the buffer was sanitized without being asked to")
	}
	h.Close()
	wait()
}

// handshake waits for the end of a handshake that was begun.
func (h *Handle) handshake() error {
	for {
		if on, _ := h.AioIsConnecting(); !on {
			return nil
		}
		if _, err := h.Poll(-1); err != nil {
			return err
		}
	}
}

// retireAll polls until nothing is in flight.
func retireAll(h *Handle) error {
	for {
		n, err := h.AioInFlight()
		if n == 0 || err != nil {
			return err
		}
		if _, err := h.Poll(-1); err != nil {
			return err
		}
	}
}

// TestExtents32 cuts long extents, and refuses a status of 64 bits.
func TestExtents32(t *testing.T) {
	h := create(t)
	h.SetRequestMetaContext(true)
	baseAllocation(h)
	reply := func(r wire.Request, e ...wire.Extent) script.Step {
		data := wire.AppendBlockStatusExt(nil, 7, e)
		return script.Send(wire.AppendReply(nil, &wire.Reply{Magic: wire.ExtendedReplyMagic, Flags: wire.ReplyFlagDone, Type: wire.ReplyBlockStatusExt,
			Cookie: r.Cookie, Offset: r.Offset, Length: uint64(len(data))}), data)
	}
	wait := scripted(t, h,
		script.Newstyle(wire.FlagFixedNewstyle|wire.FlagNoZeroes),
		script.Answer(wire.OptExtendedHeaders, wire.RepAck, nil),
		script.ExpectOption(wire.OptSetMetaContext, nil),
		script.Send(wire.AppendOptionReply(nil, wire.OptSetMetaContext, wire.RepMetaContext, wire.AppendMetaContext(nil, 7, "base:allocation"))),
		script.Send(wire.AppendOptionReply(nil, wire.OptSetMetaContext, wire.RepAck, nil)),
		script.Go(1<<40, wire.FlagHasFlags),
		script.WithRequest(true, wire.CmdBlockStatus, func(r wire.Request) script.Step {
			return reply(r, wire.Extent{Length: 1 << 20, Flags: 1}, wire.Extent{Length: 1 << 39, Flags: 3}, wire.Extent{Length: 4096, Flags: 0})
		}),
		script.WithRequest(true, wire.CmdBlockStatus, func(r wire.Request) script.Step {
			return reply(r, wire.Extent{Length: 1 << 20, Flags: 1}, wire.Extent{Length: 1 << 20, Flags: 1 << 32})
		}),
		script.ExpectEOF())
	must(t, h.handshake())
	var log []string
	var got [][]uint32
	cb := &extents{recorder{log: &log, data: func(a ...any) { got = append(got, a[2].([]uint32)) }}}
	must(t, h.BlockStatus(1<<39, 0, cb, 0))
	wantErr(t, h.BlockStatus(1<<39, 0, cb, 0), syscall.EOVERFLOW, "block-status")
	want := [][]uint32{{1 << 20, 1, 4227858432, 3}, {1 << 20, 1}}
	if len(got) != 2 || !slices.Equal(got[0], want[0]) || !slices.Equal(got[1], want[1]) {
		t.Errorf("the extents are %v, want %v", got, want)
	}
	if !slices.Equal(cb.saw, []int{0, int(syscall.EOVERFLOW)}) {
		t.Errorf("the callback saw the errors %v", cb.saw)
	}
	h.Close()
	wait()
}

// TestOptionCallbacks lists exports and contexts.
func TestOptionCallbacks(t *testing.T) {
	s := memory(1 << 20)
	s.Exports = append(s.Exports, &nbdserver.Export{Name: "b", Description: "the second", Backend: nbdserver.NewMemory(512)})
	h := connected(t, s, func(h *Handle) { h.SetOptMode(true) }, baseAllocation)
	var log []string
	n, err := h.OptList(&listing{recorder{log: &log, name: "l"}})
	must(t, err)
	if n != 2 {
		t.Errorf("the server listed %d", n)
	}
	wantLog(t, log, "l list ", "l list b", "l free")
	log = nil
	must(t, h.AioOptList(&listing{recorder{log: &log, name: "l"}}, &completion{recorder{log: &log, name: "c"}}))
	for on := true; on; on, _ = h.AioIsConnecting() {
		h.Poll(-1)
	}
	wantLog(t, log, "l list ", "l list b", "c done", "l free", "c free")
	log = nil
	n, err = h.OptListMetaContext(&listing{recorder{log: &log, name: "l"}})
	if n != 1 || err != nil {
		t.Errorf("%d contexts: %v", n, err)
	}
	wantLog(t, log, "l context base:allocation", "l free")
	// The end of the handle frees what is under way, and calls nothing.
	log = nil
	must(t, h.AioOptList(&listing{recorder{log: &log, name: "l"}}, &completion{recorder{log: &log, name: "c"}}))
	h.Close()
	wantLog(t, log, "l free", "c free")
}
