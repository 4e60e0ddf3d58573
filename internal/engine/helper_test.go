package engine

import (
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"testing"

	"github.com/gonbd/gonbd/internal/nbderr"
	"github.com/gonbd/gonbd/internal/wire"
)

// mode is how a server replies.
type mode int

const (
	simple mode = iota
	structured
	extended
)

var modes = []mode{simple, structured, extended}

func (m mode) String() string { return [...]string{"simple", "structured", "extended"}[m] }

// rig is a Conn with a scripted server behind it. It moves the bytes between
// them in pieces, and writes down what the Conn tells.
type rig struct {
	t     testing.TB
	c     *Conn
	peer  *peer
	react func(ev *Event) // what the driver does; may be nil
	trace []string
	heard []byte // all that the Conn received

	// How many of n bytes go at once; all if nil.
	sending, receiving func(n int) int
}

func newRig(t testing.TB, cfg Config, p *peer) *rig {
	r := &rig{t: t, c: New(cfg), peer: p}
	p.open()
	r.c.Connected()
	return r
}

// run moves bytes until nothing moves any more.
func (r *rig) run() *rig {
	for r.step() || r.peer.emitAll() {
	}
	return r
}

func (r *rig) step() (moved bool) {
	for ev := r.c.Next(); ev != nil; ev = r.c.Next() {
		moved = true
		r.trace = append(r.trace, describe(ev))
		if ev.Kind == EventStartTLS {
			r.peer.startTLS()
			r.c.TLSDone(nil)
		}
		if r.react != nil {
			r.react(ev)
		}
	}
	if sent := r.send(); sent > 0 {
		moved = true
	}
	if n := len(r.peer.out); n > 0 {
		if r.receiving != nil {
			n = r.receiving(n)
		}
		n = fill(r.c, r.peer.out[:n])
		r.heard = append(r.heard, r.peer.out[:n]...)
		r.peer.out = r.peer.out[n:]
		moved = moved || n > 0
	}
	return moved
}

func (r *rig) send() int {
	n := 0
	for _, b := range r.c.Outgoing() {
		n += len(b)
	}
	if n == 0 {
		return 0
	}
	if r.sending != nil {
		n = r.sending(n)
	}
	b := sendSome(r.c, n)
	r.peer.receive(b)
	return len(b)
}

// fill does what a readv of a driver does: it fills first one slice and then
// the other, as far as the bytes go.
func fill(c *Conn, p []byte) int {
	dst, ahead := c.Want()
	n := copy(dst, p)
	if n == len(dst) {
		n += copy(ahead, p[n:])
	}
	c.Filled(n)
	return n
}

// sendSome gives at most n of the bytes that are to be sent.
func sendSome(c *Conn, n int) []byte {
	var b []byte
	for _, v := range c.Outgoing() {
		b = append(b, v[:min(len(v), n-len(b))]...)
	}
	c.Sent(len(b))
	return b
}

// sendAll gives all that is to be sent.
func sendAll(c *Conn) []byte {
	var b []byte
	for c.Pending() {
		b = append(b, sendSome(c, 1<<30)...)
	}
	return b
}

// happened gives copies of the events that are there.
func happened(c *Conn) []Event {
	var all []Event
	for ev := c.Next(); ev != nil; ev = c.Next() {
		e := *ev
		e.Data, e.Extents = slices.Clone(e.Data), slices.Clone(e.Extents)
		all = append(all, e)
	}
	return all
}

// feed gives bytes of the server to c until it wants no more, and gives the
// events that come of them.
func feed(c *Conn, p []byte) []Event {
	all := happened(c)
	for len(p) > 0 {
		n := fill(c, p)
		if n == 0 {
			break
		}
		p = p[n:]
		all = append(all, happened(c)...)
	}
	return all
}

// describe writes an event in a line.
func describe(ev *Event) string {
	var b strings.Builder
	kinds := [...]string{"nothing", "start TLS", "negotiating", "ready", "export", "context", "option done", "data", "hole", "error", "extents", "done", "end"}
	b.WriteString(kinds[ev.Kind])
	if ev.Option != nil {
		fmt.Fprintf(&b, " %v", ev.Option.Code)
		if ev.Kind == EventOptionDone {
			fmt.Fprintf(&b, " count %d: %v", ev.Option.Count, ev.Option.Err)
		}
	}
	if ev.Kind == EventExport {
		fmt.Fprintf(&b, " %q %q", ev.Name, ev.Description)
	}
	if ev.Kind == EventContext {
		fmt.Fprintf(&b, " %d %q", ev.Context.ID, ev.Name)
	}
	if cmd := ev.Command; cmd != nil {
		fmt.Fprintf(&b, " %s %v", OpName(cmd.Type), cmd.User)
		switch ev.Kind {
		case EventDone:
			fmt.Fprintf(&b, " %08x: %v", crc32.ChecksumIEEE(cmd.Data), cmd.Err)
		case EventData, EventHole:
			fmt.Fprintf(&b, " %d bytes at %d, %08x", len(ev.Data), ev.Offset, crc32.ChecksumIEEE(ev.Data))
		case EventError:
			fmt.Fprintf(&b, " at %d", ev.Offset)
		case EventExtents:
			fmt.Fprintf(&b, " at %d, context %d %q %v", ev.Offset, ev.Context.ID, ev.Context.Name, ev.Extents)
		}
	}
	if ev.Err != nil {
		fmt.Fprintf(&b, ": %v", ev.Err)
	}
	return b.String()
}

// describeAll writes events in lines.
func describeAll(events []Event) string {
	var lines []string
	for i := range events {
		lines = append(lines, describe(&events[i]))
	}
	return strings.Join(lines, "\n")
}

// connect gives a Conn in the transmission phase, with an export of 1 MiB and
// the metadata contexts 1 "base:allocation" and 2 "x:y" where there can be
// any.
func connect(t testing.TB, m mode) *Conn {
	t.Helper()
	cfg := DefaultConfig()
	cfg.ExtendedHeaders = m == extended
	cfg.StructuredReplies = m != simple
	cfg.MetaContexts = []string{"base:allocation", "x:y"}
	r := newRig(t, cfg, newPeer()).run()
	if r.c.State() != StateReady {
		t.Fatalf("the connection is %v: %v", r.c.State(), r.c.Err())
	}
	return r.c
}

// submit submits commands and sends them.
func submit(t testing.TB, c *Conn, cmds ...*Command) {
	t.Helper()
	for _, cmd := range cmds {
		if err := c.Submit(cmd); err != nil {
			t.Fatal(err)
		}
	}
	sendAll(c)
}

// simpleReply makes a simple reply.
func simpleReply(cmd *Command, errno uint32, data []byte) []byte {
	return append(wire.AppendReply(nil, &wire.Reply{Magic: wire.SimpleReplyMagic, Error: errno, Cookie: cmd.Cookie()}), data...)
}

// chunk makes a chunk of a structured or extended reply.
func chunk(m mode, cmd *Command, flags wire.ReplyFlags, typ wire.ReplyType, payload []byte) []byte {
	h := wire.Reply{Magic: wire.StructuredReplyMagic, Flags: flags, Type: typ, Cookie: cmd.Cookie(), Length: uint64(len(payload))}
	if m == extended {
		h.Magic, h.Offset = wire.ExtendedReplyMagic, cmd.Offset
	}
	return append(wire.AppendReply(nil, &h), payload...)
}

const final = wire.ReplyFlagDone

func none(m mode, cmd *Command) []byte { return chunk(m, cmd, final, wire.ReplyNone, nil) }

func data(m mode, cmd *Command, flags wire.ReplyFlags, offset uint64, data []byte) []byte {
	return chunk(m, cmd, flags, wire.ReplyOffsetData, append(wire.AppendOffsetData(nil, offset), data...))
}

func hole(m mode, cmd *Command, flags wire.ReplyFlags, offset uint64, size uint32) []byte {
	return chunk(m, cmd, flags, wire.ReplyOffsetHole, wire.AppendOffsetHole(nil, offset, size))
}

// ok makes a reply of success without a payload, of any mode.
func ok(m mode, cmd *Command) []byte {
	if m == simple {
		return simpleReply(cmd, 0, nil)
	}
	return none(m, cmd)
}

// status makes a block status chunk of the kind that m has.
func status(m mode, cmd *Command, flags wire.ReplyFlags, context uint32, extents ...wire.Extent) []byte {
	if m == extended {
		return chunk(m, cmd, flags, wire.ReplyBlockStatusExt, wire.AppendBlockStatusExt(nil, context, extents))
	}
	return chunk(m, cmd, flags, wire.ReplyBlockStatus, wire.AppendBlockStatus(nil, context, extents))
}

func join(parts ...[]byte) []byte { return slices.Concat(parts...) }

// pattern makes n bytes that no other place of a stream has.
func pattern(n int, seed byte) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7+i>>8) ^ seed
	}
	return b
}

// wantError checks that err is of a kind, and says something.
func wantError(t testing.TB, err error, kind nbderr.Kind, parts ...string) {
	t.Helper()
	e, ok := errors.AsType[*nbderr.Error](err)
	if !ok {
		t.Errorf("the error is %v, want an *nbderr.Error", err)
		return
	}
	if e.Kind != kind {
		t.Errorf("the error %q is of the kind %v, want %v", err, e.Kind, kind)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error\n%q should say\n%q", err, part)
		}
	}
}
