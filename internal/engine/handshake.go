package engine

import (
	"fmt"
	"strconv"
	"syscall"

	"github.com/gonbd/gonbd/internal/nbderr"
	"github.com/gonbd/gonbd/internal/wire"
)

func quote(s string) string { return strconv.Quote(s) }

// stepMagic takes the server's greeting ("Oldstyle negotiation", "Newstyle
// negotiation").
func (c *Conn) stepMagic() bool {
	b := c.take(wire.GreetingSize)
	if b == nil {
		return false
	}
	style, err := wire.ParseGreeting(b)
	if err != nil {
		c.violation(err)
		return true
	}
	if style == wire.OldstyleMagic {
		c.protocol = "oldstyle"
		c.to(StateOldstyle)
	} else {
		c.to(StateNewstyle)
	}
	return true
}

func (c *Conn) stepOldstyle() bool {
	b := c.take(wire.OldstyleSize)
	if b == nil {
		return false
	}
	c.stats.ChunksReceived++
	size, _, flags, err := wire.ParseOldstyle(b)
	if err != nil {
		c.violation(err)
		return true
	}
	if c.cfg.TLS == TLSRequire {
		c.die(c.noTLS("the server speaks the oldstyle protocol, which has no TLS"))
		return true
	}
	if c.cfg.ExportName != "" {
		c.export.Warnings = append(c.export.Warnings, "the server speaks the oldstyle protocol, which has one export: the name "+quote(c.cfg.ExportName)+" was ignored")
	}
	if c.setExport(size, flags) {
		c.ready()
	}
	return true
}

func (c *Conn) stepNewstyle() bool {
	b := c.take(wire.HandshakeFlagsSize)
	if b == nil {
		return false
	}
	c.stats.ChunksReceived++
	c.serverFlags, _ = wire.ParseHandshakeFlags(b)
	if c.serverFlags&wire.FlagFixedNewstyle != 0 {
		c.clientFlags |= wire.FlagCFixedNewstyle
	}
	if c.serverFlags&wire.FlagNoZeroes != 0 {
		c.clientFlags |= wire.FlagCNoZeroes
	}
	c.clientFlags &= c.cfg.ClientFlags
	c.protocol = "newstyle"
	if c.fixed() {
		c.protocol = "newstyle-fixed"
	}
	c.shut(wire.AppendClientFlags(c.open(), c.clientFlags))
	c.stats.ChunksSent++
	if !c.fixed() && c.cfg.TLS == TLSRequire {
		c.die(c.noTLS("the server does not speak the fixed newstyle protocol, which TLS needs"))
		return true
	}
	c.negotiate()
	return true
}

func (c *Conn) noTLS(why string) *nbderr.Error {
	return &nbderr.Error{Kind: nbderr.Server, Op: "TLS", Errno: syscall.ENOTSUP, Msg: "required, but " + why}
}

// fixed says whether options can be haggled over.
func (c *Conn) fixed() bool { return c.clientFlags&wire.FlagCFixedNewstyle != 0 }

// negotiate takes the next step of the automatic part of the negotiation:
// TLS first, so that what follows is protected; then the headers; then the
// export, or option mode.
func (c *Conn) negotiate() {
	due := func(o wire.Option, wanted bool) bool {
		if !wanted || c.tried[o] || !c.fixed() {
			return false
		}
		c.tried[o] = true
		return true
	}
	switch {
	case due(wire.OptStartTLS, c.cfg.TLS != TLSDisable):
		c.auto(wire.OptStartTLS)
	case due(wire.OptExtendedHeaders, c.cfg.ExtendedHeaders):
		c.auto(wire.OptExtendedHeaders)
	case due(wire.OptStructuredReply, c.cfg.StructuredReplies && !c.extended):
		c.auto(wire.OptStructuredReply)
	case c.cfg.OptionMode:
		c.to(StateNegotiating)
		if !c.negotiated {
			c.negotiated = true
			c.ev = Event{Kind: EventNegotiating}
		}
	default:
		c.autoOpt = Option{Code: wire.OptGo, MetaContexts: true}
		if err := c.checkNames(&c.autoOpt); err != nil {
			c.die(err)
			return
		}
		c.startOption(&c.autoOpt)
	}
}

// auto sends an option of the Conn's own.
func (c *Conn) auto(o wire.Option) {
	c.autoOpt = Option{Code: o}
	c.startOption(&c.autoOpt)
}

// setExport takes the size and flags of an export. It reports whether they
// are possible; if not, the connection is dead.
func (c *Conn) setExport(size uint64, flags wire.TransmissionFlags) bool {
	if size > 1<<63-1 {
		c.violation(fmt.Errorf("the server says that the export is %d bytes long, more than the %d that a file can be", size, uint64(1<<63-1)))
		return false
	}
	c.export.Size, c.export.Flags = size, flags
	c.haveExport = true
	return true
}

// ready enters the transmission phase.
func (c *Conn) ready() {
	// Bytes may already be buffered, if the server is rash: they are kept,
	// and judged as replies that nobody asked for.
	b := make([]byte, aheadSize)
	c.w = copy(b, c.buf[c.r:c.w])
	c.r, c.buf = 0, b
	if c.contextsFor != c.cfg.ExportName {
		c.contexts = nil
	}
	c.to(StateReady)
	c.ev = Event{Kind: EventReady}
}

// stepExportName takes the answer to NBD_OPT_EXPORT_NAME, which has a form of
// its own and no way to say no.
func (c *Conn) stepExportName() bool {
	n := wire.ExportNameReplySize
	if c.clientFlags&wire.FlagCNoZeroes == 0 {
		n += wire.ExportNameReplyPadding
	}
	b := c.take(n)
	if b == nil {
		return false
	}
	c.stats.ChunksReceived++
	size, flags, err := wire.ParseExportNameReply(b[:wire.ExportNameReplySize])
	if err != nil {
		c.violation(err)
		return true
	}
	if !c.setExport(size, flags) {
		return true
	}
	o := c.opt
	c.opt = nil
	c.ready()
	if o != &c.autoOpt {
		c.ev = Event{Kind: EventOptionDone, Option: o}
	}
	return true
}

// stepNegotiating watches for bytes that nobody asked for.
func (c *Conn) stepNegotiating() bool {
	if c.peek(1) == nil {
		return false
	}
	c.violation(fmt.Errorf("the server sent %d bytes although no option was under way", c.buffered()))
	return true
}

// TLSDone says how the TLS handshake of the driver ended. With err nil the
// negotiation goes on, over TLS, and what was learned before is forgotten
// ("NBD_OPT_STARTTLS").
func (c *Conn) TLSDone(err error) {
	if c.state != StateTLSHandshake {
		return
	}
	if err != nil {
		e := &nbderr.Error{Kind: nbderr.Transport, Op: "TLS handshake", Errno: syscall.EPROTO, Err: err}
		c.die(e)
		return
	}
	c.tls, c.tlsDone = true, true
	c.structured, c.extended = false, false
	c.ForgetExport()
}

// stepTLSHandshake goes on once TLSDone was called: only Next can tell what
// comes of it.
func (c *Conn) stepTLSHandshake() bool {
	if !c.tlsDone {
		return false
	}
	c.tlsDone = false
	c.finishOption(nil)
	return true
}
