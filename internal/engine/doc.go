// Package engine is the client side of the NBD protocol as a state machine
// without I/O. It knows the protocol and nothing else: it never reads,
// writes, sleeps, logs, locks or starts a goroutine. A driver moves the bytes
// and decides about time; any number of drivers can share the one engine.
//
// A [Conn] is one connection. Its methods come in four groups.
//
//   - Submit: [Conn.Connected] starts the handshake, [Conn.SubmitOption] and
//     [Conn.Submit] queue options and commands, [Conn.Disconnect] says
//     goodbye, [Conn.Abandon] takes a buffer back from a command.
//   - Receive: [Conn.Want] names where the next bytes belong, [Conn.Filled]
//     says how many came, [Conn.EOF] that no more will come and [Conn.Fail]
//     that the connection broke.
//   - Send: [Conn.Outgoing] is what is to be sent, as a vector, and
//     [Conn.Sent] says how much of it was.
//   - Events: [Conn.Next] parses what has been received and tells what came
//     of it, one event at a time.
//
// [Conn.State] and [Conn.Direction] say where the conversation stands; the
// table in state.go lists every state.
//
// # The loop of a driver
//
//	for {
//		for ev := c.Next(); ev != nil; ev = c.Next() {
//			// Wake whoever waits for ev.Command or ev.Option.
//		}
//		if out := c.Outgoing(); out != nil {
//			c.Sent(writev(out))
//		}
//		dst, ahead := c.Want()
//		c.Filled(readv(dst, ahead))
//	}
//
// Sending and receiving are independent of each other: a driver whose write
// would block must go on reading, or two peers that both send large payloads
// wait for each other forever.
//
// # Whose memory
//
// The payload of a read goes straight into [Command.Data], and that of a
// write is sent from it: the slice belongs to the engine from Submit until
// the command's EventDone has been returned or Abandon was called. Want's
// second slice is the engine's look-ahead buffer: one readv can take the rest
// of a payload and the headers behind it. What an [Event] refers to is valid
// until the next call of Next.
//
// # What holds whatever the peer sends
//
// Every length that the peer claims is bounded before memory is allocated for
// it. Every command that Submit accepted gets exactly one EventDone, with an
// error if the connection ends first. A peer that breaks the protocol gets
// the connection killed with an error that names what was expected and what
// was seen; where only the meaning of one reply is wrong and the stream is
// still in step, only that command fails.
//
// A Conn is not safe for concurrent use.
package engine
