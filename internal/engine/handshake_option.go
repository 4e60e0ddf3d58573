package engine

import (
	"fmt"
	"syscall"

	"github.com/gonbd/gonbd/internal/nbderr"
	"github.com/gonbd/gonbd/internal/wire"
)

// Option is an option of the handshake that a driver submits in option mode.
// From SubmitOption until its EventOptionDone it belongs to the Conn.
type Option struct {
	Code wire.Option

	// Queries are those of OptListMetaContext and OptSetMetaContext. The
	// export is the one that Config names.
	Queries []string

	// MetaContexts makes OptInfo and OptGo select Config.MetaContexts first,
	// where the replies that contexts need were negotiated.
	MetaContexts bool

	// User is the caller's, and never looked at.
	User any

	// Count is the number of exports or contexts that were told.
	Count int
	// Err is how the option ended: nil, or an *nbderr.Error.
	Err error

	done bool // ended, and still to be told
}

// Limits of what a server may answer to one option.
const (
	maxOptionReply = 64 << 10 // bytes of one reply
	maxReplies     = 100_000  // exports listed
	maxContexts    = 4096     // contexts listed or selected
	maxInfos       = 256      // pieces of information
)

// optionReply is the parser's record of the reply being received.
type optionReply struct {
	header  wire.OptionReplyHeader
	inside  bool // the header has been taken
	replies int
}

// SubmitOption queues an option, in StateNegotiating. If it returns an error
// the option was not accepted and no event will come; otherwise there will
// be just one EventOptionDone. After a successful OptGo the connection is in
// the transmission phase, after OptAbort it is closed.
func (c *Conn) SubmitOption(o *Option) error {
	refuse := func(errno syscall.Errno, msg string) error {
		return &nbderr.Error{Kind: nbderr.Local, Op: o.Code.String(), Errno: errno, Msg: msg}
	}
	if c.state != StateNegotiating || c.opt != nil {
		return refuse(syscall.EINVAL, "options can be sent only while negotiating: "+c.state.Meaning())
	}
	switch o.Code {
	case wire.OptGo:
	case wire.OptStartTLS, wire.OptExtendedHeaders, wire.OptStructuredReply, wire.OptList, wire.OptListMetaContext,
		wire.OptSetMetaContext, wire.OptInfo, wire.OptAbort:
		if !c.fixed() && o.Code != wire.OptAbort {
			return refuse(syscall.ENOTSUP, "the server does not speak the fixed newstyle protocol")
		}
		if o.Code == wire.OptStartTLS && c.tls {
			return refuse(syscall.EINVAL, "TLS was negotiated already")
		}
	default:
		return refuse(syscall.EINVAL, "not an option that can be sent")
	}
	if err := c.checkNames(o); err != nil {
		return err
	}
	o.Err, o.Count, o.done = nil, 0, false
	c.startOption(o)
	return nil
}

// checkNames says whether a string that the option would send is too long.
func (c *Conn) checkNames(o *Option) *nbderr.Error {
	names := append([]string{c.cfg.ExportName}, o.Queries...)
	if o.MetaContexts {
		names = append(names, c.cfg.MetaContexts...)
	}
	for _, s := range names {
		if len(s) > wire.MaxString {
			return &nbderr.Error{Kind: nbderr.Local, Op: o.Code.String(), Errno: syscall.ENAMETOOLONG,
				Msg: fmt.Sprintf("a name of %d bytes is longer than the %d that the protocol allows", len(s), wire.MaxString)}
		}
	}
	return nil
}

// startOption makes o the option under way and sends it, or what goes before
// it.
func (c *Conn) startOption(o *Option) {
	c.opt = o
	switch {
	case o.Code == wire.OptGo && !c.fixed():
		c.sendExportName()
	case o.MetaContexts && len(c.cfg.MetaContexts) > 0 && c.Structured():
		c.sendOption(wire.OptSetMetaContext)
	default:
		c.sendOption(o.Code)
	}
}

// sendOption sends the option with this code on behalf of the one under way.
func (c *Conn) sendOption(code wire.Option) {
	var data []byte
	switch code {
	case wire.OptListMetaContext, wire.OptSetMetaContext:
		queries := c.opt.Queries
		if c.opt.Code != code {
			queries = c.cfg.MetaContexts
		}
		data = wire.AppendMetaContextRequest(nil, wire.MetaContextRequest{Name: c.cfg.ExportName, Queries: queries})
		if code == wire.OptSetMetaContext {
			c.contexts, c.contextsFor, c.selected = nil, c.cfg.ExportName, false
		}
	case wire.OptInfo, wire.OptGo:
		r := wire.InfoRequest{Name: c.cfg.ExportName}
		if c.cfg.BlockSize {
			r.Infos = append(r.Infos, wire.InfoBlockSize)
		}
		if c.cfg.FullInfo {
			r.Infos = append(r.Infos, wire.InfoName, wire.InfoDescription)
		}
		data = wire.AppendInfoRequest(nil, r)
		c.export, c.haveExport = Export{}, false
	}
	c.shut(wire.AppendOption(c.open(), code, data))
	c.stats.ChunksSent++
	c.optReply = optionReply{}
	c.to(stateOf(code))
}

func stateOf(code wire.Option) State {
	switch code {
	case wire.OptStartTLS:
		return StateOptStartTLS
	case wire.OptExtendedHeaders:
		return StateOptExtendedHeaders
	case wire.OptStructuredReply:
		return StateOptStructuredReply
	case wire.OptList:
		return StateOptList
	case wire.OptListMetaContext:
		return StateOptListMetaContext
	case wire.OptSetMetaContext:
		return StateOptSetMetaContext
	case wire.OptInfo:
		return StateOptInfo
	case wire.OptGo:
		return StateOptGo
	case wire.OptAbort:
		return StateOptAbort
	}
	return StateOptExportName
}

func codeOf(s State) wire.Option {
	for o := wire.OptExportName; o <= wire.OptExtendedHeaders; o++ {
		if o != wire.OptPeekExport && stateOf(o) == s {
			return o
		}
	}
	return 0
}

func (c *Conn) sendExportName() {
	c.shut(wire.AppendOption(c.open(), wire.OptExportName, []byte(c.cfg.ExportName)))
	c.stats.ChunksSent++
	c.export, c.haveExport = Export{}, false
	c.to(StateOptExportName)
}

// stepOptionReply takes a reply to the option that was sent last.
func (c *Conn) stepOptionReply() bool {
	p := &c.optReply
	sent := codeOf(c.state)
	if !p.inside {
		b := c.take(wire.OptionReplyHeaderSize)
		if b == nil {
			return false
		}
		h, err := wire.ParseOptionReplyHeader(b)
		switch {
		case err != nil:
			c.violation(err)
			return true
		case h.Option != sent:
			c.violation(fmt.Errorf("expected a reply to %v, saw one to %v", sent, h.Option))
			return true
		case h.Length > maxOptionReply:
			c.violation(fmt.Errorf("the reply %v to %v is said to be %d bytes long, more than the %d allowed here", h.Type, sent, h.Length, maxOptionReply))
			return true
		}
		p.header, p.inside = h, true
	}
	data := c.take(int(p.header.Length))
	if data == nil && p.header.Length > 0 {
		return false
	}
	p.inside = false
	p.replies++
	c.stats.ChunksReceived++
	switch {
	case p.header.Type.IsError():
		c.optionFailed(sent, c.optionError(sent, p.header.Type, data))
	case p.header.Type == wire.RepAck:
		c.optionAcked(sent, data)
	default:
		if err := c.optionInfo(sent, p.header.Type, data); err != nil {
			c.violation(err)
		}
	}
	return true
}

// optionInfo takes a reply that is neither the last nor an error.
func (c *Conn) optionInfo(sent wire.Option, t wire.Rep, data []byte) error {
	limit := maxContexts
	switch {
	case sent == wire.OptList && t == wire.RepServer:
		name, description, err := wire.ParseServer(data)
		if err != nil {
			return err
		}
		limit = maxReplies
		c.opt.Count++
		c.ev = Event{Kind: EventExport, Option: c.opt, Name: name, Description: description}
	case (sent == wire.OptListMetaContext || sent == wire.OptSetMetaContext) && t == wire.RepMetaContext:
		id, name, err := wire.ParseMetaContext(data)
		if err != nil {
			return err
		}
		ctx := MetaContext{id, name}
		if sent == wire.OptSetMetaContext {
			for _, old := range c.contexts {
				if old.ID == id {
					return fmt.Errorf("the server gave the ID %d to two metadata contexts, %s and %s", id, quote(old.Name), quote(name))
				}
			}
			c.contexts = append(c.contexts, ctx)
		}
		if c.opt.Code == sent {
			c.opt.Count++
			c.ev = Event{Kind: EventContext, Option: c.opt, Name: name, Context: ctx}
		}
	case (sent == wire.OptInfo || sent == wire.OptGo) && t == wire.RepInfo:
		limit = maxInfos
		if err := c.exportInfo(data); err != nil {
			return err
		}
	default:
		return fmt.Errorf("%v is no answer to %v", t, sent)
	}
	if c.optReply.replies > limit {
		return fmt.Errorf("the server sent more than %d replies to %v", limit, sent)
	}
	return nil
}

// exportInfo takes the data of NBD_REP_INFO.
func (c *Conn) exportInfo(data []byte) error {
	info, data, err := wire.ParseInfo(data)
	if err != nil {
		return err
	}
	switch info {
	case wire.InfoExport:
		size, flags, err := wire.ParseInfoExport(data)
		if err != nil {
			return err
		}
		c.setExport(size, flags)
	case wire.InfoName:
		c.export.Name, err = wire.ParseInfoString(info, data)
		c.export.HasName = true
	case wire.InfoDescription:
		c.export.Description, err = wire.ParseInfoString(info, data)
		c.export.HasDesc = true
	case wire.InfoBlockSize:
		bs, err := wire.ParseInfoBlockSize(data)
		if err != nil {
			return err
		}
		if err := bs.Check(); err != nil {
			c.export.Warnings = append(c.export.Warnings, "the server's size constraints were ignored: "+err.Error())
			return nil
		}
		c.export.BlockSize = bs
	}
	return err
}

// optionAcked takes NBD_REP_ACK.
func (c *Conn) optionAcked(sent wire.Option, data []byte) {
	if len(data) > 0 {
		c.violation(fmt.Errorf("NBD_REP_ACK to %v should have no data, has %d bytes", sent, len(data)))
		return
	}
	switch sent {
	case wire.OptStartTLS:
		if n := c.buffered(); n > 0 {
			// They were not protected by TLS, and would be taken for
			// something that is: an attack known from SMTP and IMAP.
			c.violation(fmt.Errorf("the server sent %d bytes in the clear after it agreed to TLS", n))
			return
		}
		c.to(StateTLSHandshake)
		c.ev = Event{Kind: EventStartTLS}
	case wire.OptExtendedHeaders:
		c.extended = true
		c.finishOption(nil)
	case wire.OptStructuredReply:
		c.structured = true
		c.finishOption(nil)
	case wire.OptSetMetaContext:
		c.selected = true
		if c.opt.Code != sent {
			c.sendOption(c.opt.Code)
			return
		}
		c.finishOption(nil)
	case wire.OptInfo, wire.OptGo:
		if !c.haveExport {
			c.violation(fmt.Errorf("the server accepted %v without NBD_INFO_EXPORT", sent))
			return
		}
		if sent == wire.OptInfo {
			c.finishOption(nil)
			return
		}
		o := c.opt
		c.opt = nil
		c.ready()
		if o != &c.autoOpt {
			c.ev = Event{Kind: EventOptionDone, Option: o}
		}
	case wire.OptAbort:
		c.endOption(nil)
		c.to(StateClosed)
	default:
		c.finishOption(nil)
	}
}

// optionFailed takes an error reply.
func (c *Conn) optionFailed(sent wire.Option, err *nbderr.Error) {
	unsupported := c.optReply.header.Type == wire.RepErrUnsup
	switch {
	case sent == wire.OptStartTLS && c.opt == &c.autoOpt && c.cfg.TLS == TLSRequire:
		e := c.noTLS("the server refused it")
		e.Err = err
		c.giveUp(e)
	case sent == wire.OptSetMetaContext && c.opt.Code != sent:
		// Contexts are worth asking for, and not worth failing for: what
		// needs one finds that there is none.
		c.contexts = nil
		c.sendOption(c.opt.Code)
	case sent == wire.OptSetMetaContext:
		c.contexts = nil
		c.finishOption(err)
	case sent == wire.OptGo && unsupported && !c.extended:
		c.sendExportName()
	case sent == wire.OptAbort:
		c.endOption(nil)
		c.to(StateClosed)
	case sent == wire.OptGo && c.opt == &c.autoOpt:
		c.giveUp(err)
	default:
		if sent == wire.OptGo || sent == wire.OptInfo {
			c.export, c.haveExport = Export{}, false
		}
		c.finishOption(err)
	}
}

// giveUp ends a negotiation that has failed, with the polite goodbye that
// the protocol asks for as last words.
func (c *Conn) giveUp(err *nbderr.Error) {
	c.die(err)
	c.shut(wire.AppendOption(c.open(), wire.OptAbort, nil))
}

// finishOption ends the option under way, and goes on.
func (c *Conn) finishOption(err *nbderr.Error) {
	if c.opt == &c.autoOpt {
		c.opt = nil
		c.negotiate()
		return
	}
	c.endOption(err)
	c.to(StateNegotiating)
	c.optEnded()
}

// endOption ends the option under way; optEnded will tell.
func (c *Conn) endOption(err *nbderr.Error) {
	if c.opt == nil || c.opt.done {
		return
	}
	if c.opt == &c.autoOpt {
		c.opt = nil
		return
	}
	if err != nil {
		c.opt.Err = err
		if err.Op == "" {
			e := *err
			e.Op = c.opt.Code.String()
			c.opt.Err = &e
		}
	}
	c.opt.done = true
}

// optEnded tells that an option has ended, if one has.
func (c *Conn) optEnded() bool {
	if c.opt == nil || !c.opt.done {
		return false
	}
	c.ev = Event{Kind: EventOptionDone, Option: c.opt}
	c.opt.done = false
	c.opt = nil
	return true
}

// What the error replies mean, and what they count as.
var optionErrors = map[wire.Rep]struct {
	errno syscall.Errno
	text  string
}{
	wire.RepErrUnsup:         {syscall.ENOTSUP, "the server does not know this option"},
	wire.RepErrPolicy:        {syscall.EPERM, "the server's policy forbids it"},
	wire.RepErrInvalid:       {syscall.EINVAL, "the server found the request invalid"},
	wire.RepErrPlatform:      {syscall.ENOTSUP, "not supported on the server's platform"},
	wire.RepErrTLSReqd:       {syscall.ENOTSUP, "the server requires TLS: use an nbds URI, or allow TLS"},
	wire.RepErrUnknown:       {syscall.ENOENT, "no such export"},
	wire.RepErrShutdown:      {syscall.ESHUTDOWN, "the server is shutting down"},
	wire.RepErrBlockSizeReqd: {syscall.EINVAL, "the server requires that its size constraints are asked for"},
	wire.RepErrTooBig:        {syscall.EINVAL, "the request or its reply is too large"},
	wire.RepErrExtHeaderReqd: {syscall.ENOTSUP, "the server requires extended headers"},
}

func (c *Conn) optionError(sent wire.Option, t wire.Rep, data []byte) *nbderr.Error {
	e := &nbderr.Error{Kind: nbderr.Server, Op: sent.String(), Rep: t, ServerText: nbderr.Printable(string(data))}
	if known, ok := optionErrors[t]; ok {
		e.Errno, e.Msg = known.errno, t.String()+": "+known.text
	} else {
		e.Errno, e.Msg = syscall.EINVAL, t.String()
	}
	if t == wire.RepErrUnknown {
		e.Msg += " as " + quote(c.cfg.ExportName)
	}
	e.Retry = t == wire.RepErrShutdown
	return e
}
