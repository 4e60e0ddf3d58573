package engine

import (
	"bytes"
	"math/rand/v2"
	"slices"

	"github.com/gonbd/gonbd/internal/wire"
)

// peer is a model of a server, without I/O as the engine is. It takes what
// the Conn sends and makes the replies that the protocol demands, or by chance
// others that it permits.
type peer struct {
	// What it is like.
	oldstyle bool
	flags    wire.HandshakeFlags
	export   wire.TransmissionFlags
	contexts []MetaContext
	names    []string // of its exports; nil: any
	answers  map[wire.Option]wire.Rep
	texts    map[wire.Option]string
	infos    [][]byte // what it tells about an export beside its size and flags
	disk     []byte
	chance   *rand.Rand // chops, reorders and refuses; nil: plain replies in order
	patient  bool       // it never refuses a write before all of it has come

	// How it stands.
	in, out              []byte
	phase                phase
	client               wire.ClientFlags
	structured, extended bool
	selected             []MetaContext
	waiting              [][][]byte // replies, of each the chunks that are not sent
	refused              bool       // the write that is coming in was refused already
	garbage              bool       // it received what it does not understand
	written              bool       // the disk is its own, and no more the common one

	// What it saw.
	options  []wire.Option
	data     [][]byte // of the options
	requests []wire.Request
	outcomes map[uint64]outcome // by cookie
}

type phase int

const (
	awaitFlags phase = iota
	awaitOptions
	awaitTLS
	awaitRequests
	over
)

// outcome is how the peer decided that a command should end.
type outcome struct {
	errno uint32
	data  []byte
}

// blank is what the disk of a new peer has on it.
var blank = pattern(1<<20, 0)

func newPeer() *peer {
	return &peer{
		flags:    wire.FlagFixedNewstyle | wire.FlagNoZeroes,
		export:   wire.FlagHasFlags | wire.FlagSendFlush,
		contexts: []MetaContext{{1, "base:allocation"}, {2, "x:y"}},
		disk:     blank,
		outcomes: map[uint64]outcome{},
	}
}

// open says what a server opens with.
func (p *peer) open() {
	if p.oldstyle {
		p.out = wire.AppendOldstyle(wire.AppendGreeting(p.out, wire.OldstyleMagic), uint64(len(p.disk)), 0, p.export)
		p.phase = awaitRequests
		return
	}
	p.out = wire.AppendHandshakeFlags(wire.AppendGreeting(p.out, wire.OptionMagic), p.flags)
}

// startTLS forgets, as the protocol demands.
func (p *peer) startTLS() {
	p.structured, p.extended, p.selected = false, false, nil
	p.phase = awaitOptions
	p.receive(nil)
}

func (p *peer) take(n int) []byte {
	b := p.in[:n]
	p.in = p.in[n:]
	return b
}

// receive takes bytes of the client.
func (p *peer) receive(b []byte) {
	p.in = append(p.in, b...)
	for p.parse() {
	}
}

func (p *peer) parse() bool {
	switch p.phase {
	case awaitFlags:
		if len(p.in) < wire.ClientFlagsSize {
			return false
		}
		p.client, _ = wire.ParseClientFlags(p.take(wire.ClientFlagsSize))
		p.phase = awaitOptions
		return true
	case awaitOptions:
		if len(p.in) < wire.OptionHeaderSize {
			return false
		}
		h, err := wire.ParseOptionHeader(p.in[:wire.OptionHeaderSize])
		if err != nil {
			p.garbage, p.phase = true, over
			return false
		}
		if len(p.in) < wire.OptionHeaderSize+int(h.Length) {
			return false
		}
		p.take(wire.OptionHeaderSize)
		p.option(h.Option, slices.Clone(p.take(int(h.Length))))
		return true
	case awaitRequests:
		return p.parseRequest()
	}
	return false
}

func (p *peer) rep(o wire.Option, t wire.Rep, data []byte) {
	p.out = wire.AppendOptionReply(p.out, o, t, data)
}

func (p *peer) option(o wire.Option, data []byte) {
	p.options, p.data = append(p.options, o), append(p.data, data)
	if t, ok := p.answers[o]; ok {
		p.rep(o, t, []byte(p.texts[o]))
		return
	}
	switch o {
	case wire.OptExportName:
		if p.names != nil && !slices.Contains(p.names, string(data)) {
			p.phase = over
			return
		}
		p.out = wire.AppendExportNameReply(p.out, uint64(len(p.disk)), p.export, p.client&wire.FlagCNoZeroes != 0)
		p.phase = awaitRequests
	case wire.OptAbort:
		p.rep(o, wire.RepAck, nil)
		p.phase = over
	case wire.OptList:
		for _, name := range p.names {
			p.rep(o, wire.RepServer, wire.AppendServer(nil, name, "about "+name))
		}
		p.rep(o, wire.RepAck, nil)
	case wire.OptStartTLS:
		p.rep(o, wire.RepAck, nil)
		p.phase = awaitTLS
	case wire.OptStructuredReply:
		p.structured = true
		p.rep(o, wire.RepAck, nil)
	case wire.OptExtendedHeaders:
		p.extended = true
		p.rep(o, wire.RepAck, nil)
	case wire.OptListMetaContext, wire.OptSetMetaContext:
		p.metaContexts(o, data)
	case wire.OptInfo, wire.OptGo:
		p.info(o, data)
	default:
		p.rep(o, wire.RepErrUnsup, []byte("never heard of it"))
	}
}

func (p *peer) metaContexts(o wire.Option, data []byte) {
	q, err := wire.ParseMetaContextRequest(data)
	if err != nil || !p.structured && !p.extended {
		p.rep(o, wire.RepErrInvalid, nil)
		return
	}
	if o == wire.OptSetMetaContext {
		p.selected = nil
	}
	for _, ctx := range p.contexts {
		switch {
		case o == wire.OptSetMetaContext && slices.Contains(q.Queries, ctx.Name):
			p.selected = append(p.selected, ctx)
			p.rep(o, wire.RepMetaContext, wire.AppendMetaContext(nil, ctx.ID, ctx.Name))
		case o == wire.OptListMetaContext && (len(q.Queries) == 0 || slices.Contains(q.Queries, ctx.Name)):
			p.rep(o, wire.RepMetaContext, wire.AppendMetaContext(nil, 0, ctx.Name))
		}
	}
	p.rep(o, wire.RepAck, nil)
}

func (p *peer) info(o wire.Option, data []byte) {
	q, err := wire.ParseInfoRequest(data)
	switch {
	case err != nil:
		p.rep(o, wire.RepErrInvalid, nil)
		return
	case p.names != nil && !slices.Contains(p.names, q.Name):
		p.rep(o, wire.RepErrUnknown, []byte("not here"))
		return
	}
	p.rep(o, wire.RepInfo, wire.AppendInfoExport(nil, uint64(len(p.disk)), p.export))
	for _, info := range p.infos {
		p.rep(o, wire.RepInfo, info)
	}
	p.rep(o, wire.RepAck, nil)
	if o == wire.OptGo {
		p.phase = awaitRequests
	}
}

func (p *peer) parseRequest() bool {
	size := wire.RequestSize
	if p.extended {
		size = wire.ExtendedRequestSize
	}
	if len(p.in) < size {
		return false
	}
	r, err := wire.ParseRequest(p.in[:size], p.extended)
	if err != nil {
		p.garbage, p.phase = true, over
		return false
	}
	payload := 0
	if r.Type == wire.CmdWrite || p.extended && r.Flags&wire.CmdFlagPayloadLen != 0 {
		payload = int(r.Length)
	}
	if len(p.in) < size+payload {
		if r.Type == wire.CmdWrite && !p.refused && p.chance != nil && !p.patient && p.chance.IntN(4) == 0 {
			p.refused = true
			p.fail(&r, wire.ENOSPC)
		}
		return false
	}
	p.requests = append(p.requests, r)
	p.take(size)
	body := p.take(payload)
	if p.refused {
		p.refused = false
		return true
	}
	p.execute(&r, body)
	return true
}

func (p *peer) execute(r *wire.Request, body []byte) {
	if p.chance != nil && r.Type != wire.CmdDisc && p.chance.IntN(8) == 0 {
		p.fail(r, wire.EIO)
		return
	}
	switch r.Type {
	case wire.CmdDisc:
		p.phase = over
		return
	case wire.CmdRead:
		p.read(r)
		return
	case wire.CmdWrite:
		copy(p.own()[r.Offset:], body)
	case wire.CmdWriteZeroes, wire.CmdTrim:
		clear(p.own()[r.Offset:][:r.Length])
	case wire.CmdBlockStatus:
		p.status(r, body)
		return
	}
	p.outcomes[r.Cookie] = outcome{}
	if !p.extended && (!p.structured || p.chance != nil && p.chance.IntN(2) == 0) {
		p.queue([][]byte{wire.AppendReply(nil, &wire.Reply{Magic: wire.SimpleReplyMagic, Cookie: r.Cookie})})
		return
	}
	p.queue([][]byte{p.chunk(r, final, wire.ReplyNone, nil)})
}

// own gives the disk, to be written to.
func (p *peer) own() []byte {
	if !p.written {
		p.disk, p.written = slices.Clone(p.disk), true
	}
	return p.disk
}

// chunk makes a chunk in reply to r.
func (p *peer) chunk(r *wire.Request, flags wire.ReplyFlags, typ wire.ReplyType, payload []byte) []byte {
	h := wire.Reply{Magic: wire.StructuredReplyMagic, Flags: flags, Type: typ, Cookie: r.Cookie, Length: uint64(len(payload))}
	if p.extended {
		h.Magic, h.Offset = wire.ExtendedReplyMagic, r.Offset
	}
	return append(wire.AppendReply(nil, &h), payload...)
}

func (p *peer) fail(r *wire.Request, errno uint32) {
	p.outcomes[r.Cookie] = outcome{errno: errno}
	if !p.extended && (!p.structured || r.Type != wire.CmdRead && p.chance != nil && p.chance.IntN(2) == 0) {
		p.queue([][]byte{wire.AppendReply(nil, &wire.Reply{Magic: wire.SimpleReplyMagic, Error: errno, Cookie: r.Cookie})})
		return
	}
	typ, payload := wire.ReplyError, wire.AppendError(nil, errno, "by chance")
	switch {
	case p.chance != nil && r.Type != wire.CmdFlush && p.chance.IntN(2) == 0:
		typ, payload = wire.ReplyErrorOffset, wire.AppendErrorOffset(nil, errno, "by chance", r.Offset)
	case p.chance != nil && p.chance.IntN(3) == 0:
		typ, payload = 1<<15+77, append(payload, 1, 2, 3)
	}
	if p.chance != nil && p.chance.IntN(2) == 0 {
		p.queue([][]byte{p.chunk(r, 0, typ, payload), p.chunk(r, final, wire.ReplyNone, nil)})
		return
	}
	p.queue([][]byte{p.chunk(r, final, typ, payload)})
}

func (p *peer) read(r *wire.Request) {
	body := slices.Clone(p.disk[r.Offset:][:r.Length])
	p.outcomes[r.Cookie] = outcome{data: body}
	if !p.structured && !p.extended {
		p.queue([][]byte{append(wire.AppendReply(nil, &wire.Reply{Magic: wire.SimpleReplyMagic, Cookie: r.Cookie}), body...)})
		return
	}
	var chunks [][]byte
	for at := 0; at < len(body); {
		n := len(body) - at
		if p.chance != nil {
			n = 1 + p.chance.IntN(n)
		}
		part, offset := body[at:at+n], r.Offset+uint64(at)
		if len(bytes.Trim(part, "\x00")) == 0 {
			chunks = append(chunks, p.chunk(r, 0, wire.ReplyOffsetHole, wire.AppendOffsetHole(nil, offset, uint32(n))))
		} else {
			chunks = append(chunks, p.chunk(r, 0, wire.ReplyOffsetData, append(wire.AppendOffsetData(nil, offset), part...)))
		}
		at += n
	}
	if p.chance != nil {
		p.chance.Shuffle(len(chunks), func(i, j int) { chunks[i], chunks[j] = chunks[j], chunks[i] })
	}
	if len(chunks) == 0 || p.chance != nil && p.chance.IntN(2) == 0 {
		chunks = append(chunks, p.chunk(r, final, wire.ReplyNone, nil))
	} else {
		chunks[len(chunks)-1][5] |= byte(final)
	}
	p.queue(chunks)
}

// status tells that all of the disk up to the end of the request is one
// extent, or by chance two.
func (p *peer) status(r *wire.Request, body []byte) {
	length, wanted := r.Length, []uint32(nil)
	for _, ctx := range p.selected {
		wanted = append(wanted, ctx.ID)
	}
	if p.extended && r.Flags&wire.CmdFlagPayloadLen != 0 {
		length, wanted, _ = wire.ParseBlockStatusPayload(body)
	}
	if len(wanted) == 0 || length == 0 {
		p.fail(r, wire.EINVAL)
		return
	}
	p.outcomes[r.Cookie] = outcome{}
	var chunks [][]byte
	for i, id := range wanted {
		extents := []wire.Extent{{Length: length, Flags: uint64(id)}}
		if length > 1 && r.Flags&wire.CmdFlagReqOne == 0 && p.chance != nil && p.chance.IntN(2) == 0 {
			extents = []wire.Extent{{Length: 1, Flags: uint64(id)}, {Length: length - 1, Flags: 3}}
		}
		flags := wire.ReplyFlags(0)
		if i == len(wanted)-1 {
			flags = final
		}
		if p.extended {
			chunks = append(chunks, p.chunk(r, flags, wire.ReplyBlockStatusExt, wire.AppendBlockStatusExt(nil, id, extents)))
		} else {
			chunks = append(chunks, p.chunk(r, flags, wire.ReplyBlockStatus, wire.AppendBlockStatus(nil, id, extents)))
		}
	}
	p.queue(chunks)
}

// queue sends a reply, at once or when chance lets it.
func (p *peer) queue(chunks [][]byte) {
	p.waiting = append(p.waiting, chunks)
	if p.chance == nil {
		p.emitAll()
	}
}

// emit sends one chunk that waits.
func (p *peer) emit() bool {
	if len(p.waiting) == 0 {
		return false
	}
	i := 0
	if p.chance != nil {
		i = p.chance.IntN(len(p.waiting))
	}
	p.out = append(p.out, p.waiting[i][0]...)
	if p.waiting[i] = p.waiting[i][1:]; len(p.waiting[i]) == 0 {
		p.waiting = slices.Delete(p.waiting, i, i+1)
	}
	return true
}

func (p *peer) emitAll() (some bool) {
	for p.emit() {
		some = true
	}
	return some
}
