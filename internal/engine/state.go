package engine

// State is where a connection stands in the protocol.
type State uint8

// States, in about the order in which a connection takes them.
const (
	StateStart State = iota
	StateConnect
	StateMagic
	StateOldstyle
	StateNewstyle
	StateOptStartTLS
	StateTLSHandshake
	StateOptExtendedHeaders
	StateOptStructuredReply
	StateNegotiating
	StateOptList
	StateOptListMetaContext
	StateOptSetMetaContext
	StateOptInfo
	StateOptGo
	StateOptExportName
	StateOptAbort
	StateReady
	StateReplyHeader
	StateReplyData
	StateReplyChunk
	StateReplyExtents
	StateReplyEnd
	StateClosed
	StateDead

	numStates
)

// Class is the coarse state that libnbd shows its callers (libnbd(3),
// "Handle states").
type Class uint8

// Classes of states.
const (
	Created     Class = iota // before connecting
	Connecting               // connecting and shaking hands
	Negotiating              // in option mode, between two options
	Ready                    // in the transmission phase, between two messages
	Processing               // in the midst of a message
	Closed                   // shut down by either side, politely
	Dead                     // broken
)

// String names the class as libnbd(3) does.
func (c Class) String() string {
	return [...]string{"created", "connecting", "negotiating", "ready", "processing", "closed", "dead"}[c]
}

// stateInfo is a row of the state table.
type stateInfo struct {
	name    string // as nbd_connection_state(3) would print it
	meaning string
	class   Class
	reads   bool // bytes of the peer are expected or tolerated
	next    []State
}

// options are the states in which an option of the caller is under way.
var options = []State{StateOptStartTLS, StateOptExtendedHeaders, StateOptStructuredReply, StateOptList,
	StateOptListMetaContext, StateOptSetMetaContext, StateOptInfo, StateOptGo, StateOptExportName, StateOptAbort}

// states is the one table of the machine. From it come the poll direction,
// what errors say, and the diagram in ARCHITECTURE.md; a test proves that no
// other transition is ever taken, and that each of these is. Every state but
// Closed and Dead may also go to Dead, and by Conn.Close to Closed.
var states = [numStates]stateInfo{
	StateStart: {"START", "nothing has happened yet", Created, false,
		[]State{StateConnect, StateMagic}},
	StateConnect: {"CONNECT", "the driver is connecting", Connecting, false,
		[]State{StateMagic}},
	StateMagic: {"MAGIC", "waiting for the server's greeting", Connecting, true,
		[]State{StateOldstyle, StateNewstyle}},
	StateOldstyle: {"OLDSTYLE", "receiving an oldstyle handshake", Connecting, true,
		[]State{StateReady}},
	StateNewstyle: {"NEWSTYLE", "receiving the handshake flags", Connecting, true,
		[]State{StateOptStartTLS, StateOptExtendedHeaders, StateOptStructuredReply, StateNegotiating,
			StateOptGo, StateOptExportName}},
	StateOptStartTLS: {"NEWSTYLE.OPT_STARTTLS", "asking for TLS", Connecting, true,
		[]State{StateTLSHandshake, StateOptExtendedHeaders, StateOptStructuredReply, StateNegotiating, StateOptGo}},
	StateTLSHandshake: {"NEWSTYLE.TLS_HANDSHAKE", "the driver is shaking hands for TLS", Connecting, false,
		[]State{StateOptExtendedHeaders, StateOptStructuredReply, StateNegotiating, StateOptGo}},
	StateOptExtendedHeaders: {"NEWSTYLE.OPT_EXTENDED_HEADERS", "asking for extended headers", Connecting, true,
		[]State{StateOptStructuredReply, StateNegotiating, StateOptSetMetaContext, StateOptGo}},
	StateOptStructuredReply: {"NEWSTYLE.OPT_STRUCTURED_REPLY", "asking for structured replies", Connecting, true,
		[]State{StateNegotiating, StateOptSetMetaContext, StateOptGo}},
	StateNegotiating: {"NEGOTIATING", "option mode: waiting for the caller", Negotiating, true, options},
	StateOptList: {"NEWSTYLE.OPT_LIST", "listing exports", Connecting, true,
		[]State{StateNegotiating}},
	StateOptListMetaContext: {"NEWSTYLE.OPT_LIST_META_CONTEXT", "listing metadata contexts", Connecting, true,
		[]State{StateNegotiating}},
	StateOptSetMetaContext: {"NEWSTYLE.OPT_SET_META_CONTEXT", "choosing metadata contexts", Connecting, true,
		[]State{StateNegotiating, StateOptInfo, StateOptGo}},
	StateOptInfo: {"NEWSTYLE.OPT_INFO", "asking about an export", Connecting, true,
		[]State{StateNegotiating}},
	StateOptGo: {"NEWSTYLE.OPT_GO", "choosing an export", Connecting, true,
		[]State{StateNegotiating, StateReady, StateOptExportName}},
	StateOptExportName: {"NEWSTYLE.OPT_EXPORT_NAME", "choosing an export, the old way", Connecting, true,
		[]State{StateReady}},
	StateOptAbort: {"NEWSTYLE.OPT_ABORT", "ending the negotiation", Connecting, true,
		[]State{StateClosed}},
	StateReady: {"READY", "in the transmission phase, between two replies", Ready, true,
		[]State{StateReplyHeader, StateReplyData, StateReplyChunk, StateReplyExtents, StateClosed}},
	StateReplyHeader: {"REPLY.HEADER", "receiving the header of a reply", Processing, true,
		[]State{StateReady, StateReplyData, StateReplyChunk, StateReplyExtents}},
	StateReplyData: {"REPLY.DATA", "receiving the payload of a read", Processing, true,
		[]State{StateReady, StateReplyEnd}},
	StateReplyChunk: {"REPLY.CHUNK", "receiving the fixed part of a chunk", Processing, true,
		[]State{StateReady, StateReplyData, StateReplyEnd}},
	StateReplyExtents: {"REPLY.EXTENTS", "receiving the extents of a block status chunk", Processing, true,
		[]State{StateReady, StateReplyEnd}},
	StateReplyEnd: {"REPLY.END", "telling of the end of a reply", Processing, true,
		[]State{StateReady}},
	StateClosed: {"CLOSED", "ended politely", Closed, false, nil},
	StateDead:   {"DEAD", "broken, or ended early", Dead, false, nil},
}

// String names the state as nbd_connection_state(3) would.
func (s State) String() string { return states[s].name }

// Meaning says in a few words what the state is.
func (s State) Meaning() string { return states[s].meaning }

// Class gives the coarse state, as far as it depends on the state alone: see
// Conn.Class.
func (s State) Class() Class { return states[s].class }

// transitionHook, if set by a test, sees every transition taken.
var transitionHook func(from, to State)

func (c *Conn) to(s State) {
	if s == c.state {
		return
	}
	if transitionHook != nil {
		transitionHook(c.state, s)
	}
	c.state = s
}
