package nbdserver

import (
	"errors"
	"fmt"

	"github.com/gonbd/gonbd/internal/wire"
)

// Limits on what a client may send in a handshake.
const (
	maxOptions      = 4096
	maxOptionData   = 64 << 10 // longer ones are answered with NBD_REP_ERR_TOO_BIG
	maxOptionLength = 16 << 20 // longer ones are not even read
)

// negotiated is what options have changed. It starts afresh when TLS does.
type negotiated struct {
	structured bool // simple replies otherwise
	extended   bool // takes precedence over structured
	tls        bool

	// contexts are those of the last NBD_OPT_SET_META_CONTEXT, for the
	// export that it named.
	contexts       []metaContext
	contextsExport string
}

// handshake brings the client to an export. It ends with c.disk set, or an
// error.
func (c *conn) handshake() error {
	off := &c.srv.Disable
	if off.Newstyle {
		return c.oldstyle()
	}
	var offer wire.HandshakeFlags
	if !off.FixedNewstyle {
		offer |= wire.FlagFixedNewstyle
	}
	if !off.NoZeroes {
		offer |= wire.FlagNoZeroes
	}
	if err := c.send(wire.AppendHandshakeFlags(wire.AppendGreeting(nil, wire.OptionMagic), offer)); err != nil {
		return err
	}
	b, err := c.in.message(wire.ClientFlagsSize)
	if err != nil {
		return err
	}
	flags, err := wire.ParseClientFlags(b)
	if err != nil {
		return err
	}
	if unknown := flags &^ wire.ClientFlags(offer); unknown != 0 {
		return fmt.Errorf("nbdserver: the client answered the handshake flags %#x with %#x: %#x was not offered", offer, flags, unknown)
	}
	h := haggle{conn: c, noZeroes: flags&wire.FlagCNoZeroes != 0, fixed: flags&wire.FlagCFixedNewstyle != 0}
	for range maxOptions {
		if err := h.option(); err != nil || c.disk != nil {
			return err
		}
	}
	return fmt.Errorf("nbdserver: the client sent %d options and still didn't choose an export", maxOptions)
}

// oldstyle is the handshake that is over once it has begun.
func (c *conn) oldstyle() error {
	d, err := c.find("")
	if err != nil && len(c.srv.Exports) == 1 {
		d, err = c.find(c.srv.Exports[0].Name) // an oldstyle client has no names
	}
	if err != nil {
		return err
	}
	c.choose(d, "")
	b := wire.AppendGreeting(nil, wire.OldstyleMagic)
	return c.send(wire.AppendOldstyle(b, d.size, 0, c.flags()))
}

// choose makes d the export of the transmission phase. name is what the
// client calls it.
func (c *conn) choose(d *disk, name string) {
	c.disk = d
	if c.neg.contextsExport != name {
		c.neg.contexts = nil
	}
	c.log.Debug("export chosen", "name", d.export.Name, "size", d.size, "flags", c.flagsFor(d),
		"structured", c.neg.structured, "extended", c.neg.extended, "contexts", len(c.neg.contexts))
}

// flags are the transmission flags of the connection.
func (c *conn) flags() wire.TransmissionFlags { return c.flagsFor(c.disk) }

// flagsFor are the transmission flags of d for this client.
func (c *conn) flagsFor(d *disk) wire.TransmissionFlags {
	f, off := d.flags, &c.srv.Disable
	if (c.neg.structured || c.neg.extended) && !off.DF {
		f |= wire.FlagSendDF
	}
	if c.neg.extended && len(c.neg.contexts) > 0 && !off.BlockStatusPayload {
		f |= wire.FlagBlockStatusPayload
	}
	return f
}

// haggle is the option haggling of a newstyle handshake.
type haggle struct {
	*conn
	noZeroes bool // the client's flags
	fixed    bool
	replies  []byte
}

// option receives and answers one option.
func (h *haggle) option() error {
	b, err := h.in.message(wire.OptionHeaderSize)
	if err != nil {
		return err
	}
	o, err := wire.ParseOptionHeader(b)
	if err != nil {
		return fmt.Errorf("nbdserver: %w", err)
	}
	switch {
	case h.srv.Disable.FixedNewstyle && o.Option != wire.OptExportName:
		return fmt.Errorf("nbdserver: the client sent %v, but the handshake is newstyle, not fixed newstyle", o.Option)
	case o.Length > maxOptionLength || o.Option == wire.OptExportName && o.Length > wire.MaxString:
		return fmt.Errorf("nbdserver: the client sent %v with %d bytes of data, more than the server reads", o.Option, o.Length)
	case o.Length > maxOptionData:
		if err := h.in.discard(uint64(o.Length)); err != nil {
			return err
		}
		return h.finish(o.Option, h.refuse(wire.RepErrTooBig, "%d bytes of data are more than the %d that this server takes", o.Length, maxOptionData))
	}
	data := make([]byte, o.Length)
	if err := h.in.fill(data); err != nil {
		return err
	}
	h.log.Debug("option", "option", o.Option, "length", o.Length)

	inClear := h.srv.RequireTLS && !h.neg.tls
	switch o.Option {
	case wire.OptExportName:
		if inClear {
			// There is no way to say no to this option.
			return errors.New("nbdserver: the client sent NBD_OPT_EXPORT_NAME without TLS, which is required")
		}
		return h.exportName(string(data))
	case wire.OptAbort:
		// The client may have gone without waiting for the answer.
		h.finish(o.Option, answer{})
		return errAbort
	}
	if h.isStopping() {
		return h.finish(o.Option, h.refuse(wire.RepErrShutdown, "the server is shutting down"))
	}
	if inClear && o.Option != wire.OptStartTLS {
		return h.finish(o.Option, h.refuse(wire.RepErrTLSReqd, "this server requires TLS"))
	}
	switch o.Option {
	case wire.OptStartTLS:
		return h.tls(data)
	case wire.OptInfo, wire.OptGo:
		a, d, name := h.info(o.Option, data)
		if err := h.finish(o.Option, a); err != nil {
			return err
		}
		if o.Option == wire.OptGo && d != nil {
			h.choose(d, name)
		}
		return nil
	}
	return h.finish(o.Option, h.answer(o.Option, data))
}

// answer is the reply that ends an option: NBD_REP_ACK if rep is 0.
type answer struct {
	rep  wire.Rep
	text string
}

// refuse makes the answer that refuses an option, and logs it.
func (h *haggle) refuse(rep wire.Rep, format string, args ...any) answer {
	a := answer{rep, fmt.Sprintf(format, args...)}
	h.log.Debug("option refused", "reply", a.rep, "text", a.text)
	return a
}

// reply adds a reply before the last one.
func (h *haggle) reply(o wire.Option, rep wire.Rep, data []byte) error {
	h.replies = wire.AppendOptionReply(h.replies, o, rep, data)
	if len(h.replies) < maxOptionData {
		return nil
	}
	return h.sendReplies()
}

// finish sends the last reply to an option.
func (h *haggle) finish(o wire.Option, a answer) error {
	if a.rep == 0 {
		a.rep = wire.RepAck
	}
	h.replies = wire.AppendOptionReply(h.replies, o, a.rep, []byte(a.text[:min(len(a.text), wire.MaxString)]))
	return h.sendReplies()
}

func (h *haggle) sendReplies() error {
	err := h.send(h.replies)
	h.replies = h.replies[:0]
	return err
}

// send writes a piece of the handshake.
func (c *conn) send(b []byte) error {
	if _, err := c.netConn().Write(b); err != nil {
		return fmt.Errorf("nbdserver: writing the handshake: %w", err)
	}
	return nil
}
