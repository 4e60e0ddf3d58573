package engine

import (
	"cmp"
	"errors"
	"slices"
	"syscall"

	"github.com/gonbd/gonbd/internal/nbderr"
	"github.com/gonbd/gonbd/internal/wire"
)

// TLSPolicy says what to do about TLS.
type TLSPolicy uint8

// TLS policies.
const (
	TLSDisable TLSPolicy = iota // never ask for it
	TLSAllow                    // ask, and go on without it if refused
	TLSRequire                  // ask, and end the connection if refused
)

// Config is what the handshake should reach. The Conn reads it when it needs
// it: a driver may change it between two options in option mode.
type Config struct {
	// ExportName is the export to choose; "" is the server's default.
	ExportName string

	TLS TLSPolicy

	// ExtendedHeaders, StructuredReplies say whether to ask for them.
	// Extended headers make structured replies needless, so those are asked
	// for only where the server refuses the former.
	ExtendedHeaders   bool
	StructuredReplies bool

	// MetaContexts are the queries to select metadata contexts with, just
	// before choosing the export.
	MetaContexts []string

	// BlockSize asks for the server's size constraints.
	BlockSize bool
	// FullInfo asks for the canonical name and the description.
	FullInfo bool

	// OptionMode stops before choosing an export, so that the driver can
	// submit options (nbd_set_opt_mode(3)).
	OptionMode bool

	// ClientFlags are the flags that the client may answer the server's
	// handshake flags with.
	ClientFlags wire.ClientFlags
}

// DefaultConfig asks for all that the protocol has, and no TLS.
func DefaultConfig() Config {
	return Config{
		ExtendedHeaders:   true,
		StructuredReplies: true,
		BlockSize:         true,
		FullInfo:          true,
		ClientFlags:       wire.FlagCFixedNewstyle | wire.FlagCNoZeroes,
	}
}

// Conn is one connection to an NBD server. See the package comment.
type Conn struct {
	cfg   Config
	state State
	err   error // why the connection is dead
	ev    Event

	receiver
	sender

	// The handshake.
	protocol    string
	serverFlags wire.HandshakeFlags
	clientFlags wire.ClientFlags
	tls         bool
	tlsDone     bool     // the driver has shaken hands, and it is not acted on yet
	tried       [16]bool // options of the automatic part already sent, by number
	negotiated  bool     // EventNegotiating has been told
	opt         *Option  // under way
	autoOpt     Option   // the Conn's own
	optReply    optionReply

	// What was negotiated.
	structured  bool
	extended    bool
	export      Export
	haveExport  bool
	contexts    []MetaContext
	contextsFor string // the export name that contexts were selected for
	selected    bool   // contexts is what the server answered
	// The transmission phase.
	slots     []*slot
	free      []uint32
	seq       uint64 // of the newest command
	inFlight  int
	reads     int    // in flight
	readBytes uint64 // that they ask for
	disc      bool   // the goodbye is queued
	reply     replyParser

	failed   []*Command // to be told as done
	failedAt int
	ended    bool // EventEnd has been told

	stats Stats
}

// New makes a Conn in StateStart.
func New(cfg Config) *Conn {
	c := &Conn{cfg: cfg}
	c.receiver.init()
	return c
}

// Config gives the configuration, to be changed between two options.
func (c *Conn) Config() *Config { return &c.cfg }

// Connecting says that the driver has begun to connect.
func (c *Conn) Connecting() {
	if c.state == StateStart {
		c.to(StateConnect)
	}
}

// Connected says that the driver is connected: the handshake begins. It does
// nothing on a Conn that has ended meanwhile.
func (c *Conn) Connected() {
	if c.state == StateStart || c.state == StateConnect {
		c.to(StateMagic)
	}
}

// State says where the connection stands.
func (c *Conn) State() State { return c.state }

// Class gives the coarse state as libnbd tells it: a connection that waits
// for no reply but has something to send is Processing.
func (c *Conn) Class() Class {
	if c.state == StateReady && c.Pending() {
		return Processing
	}
	return c.state.Class()
}

// Direction says which readiness the driver should wait for.
func (c *Conn) Direction() (read, write bool) {
	return states[c.state].reads, c.Pending() || c.state == StateConnect
}

// Err says why the connection is dead, or nil.
func (c *Conn) Err() error { return c.err }

// Export tells about the export that was last asked about or chosen.
func (c *Conn) Export() (*Export, bool) { return &c.export, c.haveExport }

// MetaContexts gives the contexts that the server selected. The slice is
// the Conn's.
func (c *Conn) MetaContexts() []MetaContext { return c.contexts }

// Structured says whether structured replies, or extended headers that imply
// them, were negotiated.
func (c *Conn) Structured() bool { return c.structured || c.extended }

// Extended says whether extended headers were negotiated.
func (c *Conn) Extended() bool { return c.extended }

// TLS says whether the connection is encrypted.
func (c *Conn) TLS() bool { return c.tls }

// HandshakeFlags gives the flags that the client and the server have agreed
// on, once the protocol is known.
func (c *Conn) HandshakeFlags() wire.ClientFlags { return c.clientFlags }

// Protocol names the handshake, as nbd_get_protocol(3) does: "oldstyle",
// "newstyle" or "newstyle-fixed", or "" before it is known.
func (c *Conn) Protocol() string { return c.protocol }

// InFlight gives the number of commands whose replies are outstanding,
// abandoned ones included.
func (c *Conn) InFlight() int { return c.inFlight }

// Disconnecting says whether Disconnect was called: no command can follow.
func (c *Conn) Disconnecting() bool { return c.disc }

// Stats gives the counters.
func (c *Conn) Stats() Stats { return c.stats }

// Next parses what has been received and gives the next event, or nil when
// more bytes are needed. The event is the Conn's and valid until the next
// call.
func (c *Conn) Next() *Event {
	c.ev = Event{}
	for {
		switch c.state {
		case StateClosed, StateDead:
			return c.nextAtEnd()
		}
		more := c.step()
		if c.ev.Kind != 0 {
			return &c.ev
		}
		if !more {
			return nil
		}
	}
}

// step makes the smallest progress that the bytes at hand allow. It reports
// whether it made any; if there is something to tell it has set c.ev.
func (c *Conn) step() bool {
	switch c.state {
	case StateMagic:
		return c.stepMagic()
	case StateOldstyle:
		return c.stepOldstyle()
	case StateNewstyle:
		return c.stepNewstyle()
	case StateOptExportName:
		return c.stepExportName()
	case StateTLSHandshake:
		return c.stepTLSHandshake()
	case StateNegotiating:
		return c.stepNegotiating()
	case StateOptStartTLS, StateOptExtendedHeaders, StateOptStructuredReply, StateOptList, StateOptListMetaContext,
		StateOptSetMetaContext, StateOptInfo, StateOptGo, StateOptAbort:
		return c.stepOptionReply()
	case StateReady, StateReplyHeader:
		return c.stepReplyHeader()
	case StateReplyData:
		return c.stepReplyData()
	case StateReplyChunk:
		return c.stepReplyChunk()
	case StateReplyExtents:
		return c.stepReplyExtents()
	case StateReplyEnd:
		c.endChunk()
		return true
	}
	return false
}

// EOF says that the peer will send no more. What that means depends on the
// state: the polite end of a connection, or an early one. Like Want, it must
// be called after Next has given nil: what was not parsed is thrown away.
func (c *Conn) EOF() {
	switch {
	case c.state == StateClosed || c.state == StateDead:
	case c.state == StateOptAbort:
		c.endOption(nil)
		c.to(StateClosed)
	case c.state == StateReady && c.buffered() == 0 && c.disc:
		c.close(errClosed("the connection was shut down before the reply came"))
	case c.state == StateReady && c.buffered() == 0:
		c.close(errClosed("the server closed the connection before the reply came"))
	default:
		c.die(c.earlyEOF())
	}
}

func errClosed(msg string) *nbderr.Error {
	return &nbderr.Error{Kind: nbderr.Transport, Errno: syscall.ENOTCONN, Msg: msg, Retry: true}
}

func (c *Conn) earlyEOF() *nbderr.Error {
	e := &nbderr.Error{Kind: nbderr.Transport, Errno: syscall.ENOTCONN, Retry: true,
		Msg: "the server closed the connection while " + c.state.Meaning()}
	switch c.state {
	case StateMagic:
		e.Msg += " (is it an NBD server, and does it accept this client?)"
	case StateOptExportName:
		e.Msg = "the server closed the connection instead of giving export " + quote(c.cfg.ExportName) +
			": it may not exist, or need TLS (NBD_OPT_EXPORT_NAME cannot say why)"
		e.Errno = syscall.ENOENT
		e.Retry = false
	}
	return e
}

// Fail says that the connection broke. The err is wrapped in the errors of
// the commands in flight.
func (c *Conn) Fail(err error) {
	switch c.state {
	case StateClosed, StateDead:
		return
	case StateOptAbort:
		// Some servers answer the goodbye by resetting the connection.
		c.EOF()
		return
	case StateReady:
		if c.disc && c.buffered() == 0 {
			// As here: over TLS, since its own goodbye comes unread.
			c.EOF()
			return
		}
	}
	e := &nbderr.Error{Kind: nbderr.Transport, Errno: syscall.ENOTCONN, Retry: true, Err: err}
	if errno, ok := nbderr.ErrnoOf(err); ok {
		e.Errno = errno
	}
	if inner, ok := errors.AsType[*nbderr.Error](err); ok {
		e = inner
	}
	c.die(e)
}

// Close ends the connection from this side, without a word to the peer.
// Commands in flight fail.
func (c *Conn) Close() {
	if c.state == StateClosed || c.state == StateDead {
		return
	}
	c.close(&nbderr.Error{Kind: nbderr.Transport, Errno: syscall.ENOTCONN, Msg: "the connection was closed before the reply came", Retry: true})
}

// violation kills the connection because the peer broke the protocol.
func (c *Conn) violation(err error) {
	c.die(&nbderr.Error{Kind: nbderr.Protocol, Errno: syscall.EPROTO, Msg: err.Error()})
}

func (c *Conn) die(err *nbderr.Error) {
	if c.state == StateDead {
		return
	}
	c.err = err
	c.dropOutgoing()
	c.failAll(err)
	c.to(StateDead)
}

func (c *Conn) close(err *nbderr.Error) {
	c.dropOutgoing()
	c.failAll(err)
	c.to(StateClosed)
}

// failAll ends everything that is under way with err.
func (c *Conn) failAll(err *nbderr.Error) {
	c.endOption(err)
	c.stopReceiving()
	var slots []*slot
	for _, s := range c.slots {
		if s.cookie == 0 {
			continue
		}
		if s.cmd != nil {
			slots = append(slots, s)
		} else {
			c.release(s)
		}
	}
	slices.SortFunc(slots, func(a, b *slot) int { return cmp.Compare(a.cookie, b.cookie) })
	for _, s := range slots {
		cmd := s.cmd
		if s.err == nil {
			s.fail(*err)
		}
		cmd.Err = s.err
		c.release(s)
		c.failed = append(c.failed, cmd)
	}
}

// nextAtEnd tells what is left to tell once the connection has ended.
func (c *Conn) nextAtEnd() *Event {
	switch {
	case c.optEnded():
	case c.failedAt < len(c.failed):
		c.ev = Event{Kind: EventDone, Command: c.failed[c.failedAt]}
		c.failed[c.failedAt] = nil
		c.failedAt++
	case !c.ended:
		c.ended = true
		c.ev = Event{Kind: EventEnd, Err: c.err}
	default:
		return nil
	}
	return &c.ev
}
