package nbd

import (
	"bytes"
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/gonbd/gonbd/internal/script"
	"github.com/gonbd/gonbd/internal/wire"
)

// TestLyingHandshake has servers that say what no server should.
func TestLyingHandshake(t *testing.T) {
	greeting := script.Newstyle(wire.FlagFixedNewstyle | wire.FlagNoZeroes)
	noHeaders := script.Steps(greeting, script.Answer(wire.OptExtendedHeaders, wire.RepErrUnsup, nil), script.Answer(wire.OptStructuredReply, wire.RepErrUnsup, nil))
	reply := func(rep wire.Rep, data []byte) []byte { return wire.AppendOptionReply(nil, wire.OptGo, rep, data) }
	flood := make([]byte, 0, 1<<16)
	for range 300 {
		flood = append(flood, reply(wire.RepInfo, wire.AppendInfoExport(nil, 1, 1))...)
	}
	tests := []struct {
		name  string
		steps script.Step
		kind  ErrorKind
		want  string
	}{
		{"not NBD", script.Send([]byte("SSH-2.0-OpenSSH_9.2p1\r\n")), ProtocolError, "is not an NBD server"},
		{"unknown style", script.Send(wire.AppendGreeting(nil, 12345)), ProtocolError, "magic of the newstyle handshake"},
		{"option reply magic", script.Steps(greeting, script.ExpectOption(wire.OptExtendedHeaders, nil), script.Send(make([]byte, 20))), ProtocolError, "expected the magic 0x3e889045565a9, saw 0x0"},
		{"another option's reply", script.Steps(greeting, script.ExpectOption(wire.OptExtendedHeaders, nil), script.Send(wire.AppendOptionReply(nil, wire.OptList, wire.RepAck, nil))), ProtocolError, "expected a reply to NBD_OPT_EXTENDED_HEADERS, saw one to NBD_OPT_LIST"},
		{"huge reply", script.Steps(noHeaders, script.ExpectOption(wire.OptGo, nil), script.Send(append(reply(wire.RepInfo, nil)[:16], 0xff, 0xff, 0xff, 0xff))), ProtocolError, "4294967295 bytes long"},
		{"ack without info", script.Steps(noHeaders, script.Answer(wire.OptGo, wire.RepAck, nil)), ProtocolError, "without NBD_INFO_EXPORT"},
		{"huge export", script.Steps(noHeaders, script.Go(1<<63, 1)), ProtocolError, "9223372036854775808 bytes long"},
		{"flood of information", script.Steps(noHeaders, script.ExpectOption(wire.OptGo, nil), script.Send(flood)), ProtocolError, "more than 256"},
		{"unknown export", script.Steps(noHeaders, script.Answer(wire.OptGo, wire.RepErrUnknown, []byte("try \x1b[31mdisk2"))), ServerError, "try \uFFFD[31mdisk2"},
		{"policy", script.Steps(noHeaders, script.Answer(wire.OptGo, wire.RepErrPolicy, []byte("not you"))), ServerError, "not you"},
		{"TLS required", script.Steps(greeting, script.Answer(wire.OptExtendedHeaders, wire.RepErrTLSReqd, nil), script.Answer(wire.OptStructuredReply, wire.RepErrTLSReqd, nil), script.Answer(wire.OptGo, wire.RepErrTLSReqd, nil)), ServerError, "requires TLS"},
	}
	for _, tt := range tests {
		eachKind(t, func(t *testing.T, kind string) {
			nc, wait := play(t, kind, tt.steps)
			c, err := NewClient(limited(t), nc, Config{})
			var e *Error
			if !errors.As(err, &e) || e.Kind != tt.kind || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s: %v", tt.name, err)
			}
			if c != nil {
				t.Error("there is a client")
			}
			wait()
		})
	}
}

// TestHandshakeEndsEarly cuts the handshake of a server at every byte.
func TestHandshakeEndsEarly(t *testing.T) {
	// What the client sends does not depend on how its server's bytes come.
	var whole []byte
	whole = wire.AppendHandshakeFlags(wire.AppendGreeting(whole, wire.OptionMagic), wire.FlagFixedNewstyle)
	whole = wire.AppendOptionReply(whole, wire.OptExtendedHeaders, wire.RepErrUnsup, []byte("no"))
	whole = wire.AppendOptionReply(whole, wire.OptStructuredReply, wire.RepAck, nil)
	whole = wire.AppendOptionReply(whole, wire.OptGo, wire.RepInfo, wire.AppendInfoExport(nil, 4096, plainFlags))
	whole = wire.AppendOptionReply(whole, wire.OptGo, wire.RepAck, nil)
	for n := range len(whole) + 1 {
		nc, wait := play(t, "unix", script.SendChopped(7, whole[:n]), script.CloseWrite(), func(nc net.Conn) error {
			buf := make([]byte, 4096)
			for {
				if _, err := nc.Read(buf); err != nil {
					return nil
				}
			}
		})
		c, err := NewClient(limited(t), nc, Config{})
		var e *Error
		if n == len(whole) {
			if err != nil {
				t.Errorf("all %d bytes: %v", n, err)
			} else {
				c.Close()
			}
		} else if !errors.As(err, &e) || e.Kind != TransportError || !strings.Contains(err.Error(), "closed the connection") {
			t.Errorf("after %d bytes: %v", n, err)
		}
		wait()
	}
}

// TestLyingReplies has servers answer a read, and then all that is in flight
// has to fail with a clear error, without waiting.
func TestLyingReplies(t *testing.T) {
	type lie func(r wire.Request) []byte
	offsetData := func(off uint64, n int) []byte { return append(wire.AppendOffsetData(nil, off), make([]byte, n)...) }
	tests := []struct {
		name       string
		structured bool
		lie        lie
		want       string
	}{
		{"magic", false, func(r wire.Request) []byte { return make([]byte, 16) }, "expected the magic"},
		{"cookie", false, func(r wire.Request) []byte { return simple(r.Cookie+1, 0, nil) }, "which no command in flight has"},
		{"cookie of another time", false, func(r wire.Request) []byte { return simple(0, 0, nil) }, "which no command in flight has"},
		{"answer twice", false, func(r wire.Request) []byte {
			return append(simple(r.Cookie, 0, make([]byte, r.Length)), simple(r.Cookie, 0, nil)...)
		}, "which no command in flight has"},
		{"structured", false, func(r wire.Request) []byte { return chunkOf(r.Cookie, wire.ReplyFlagDone, wire.ReplyNone, nil) }, "structured replies were not negotiated"},
		{"simple", true, func(r wire.Request) []byte { return simple(r.Cookie, 0, make([]byte, r.Length)) }, "simple reply to a read although"},
		{"oversized", true, func(r wire.Request) []byte {
			return chunkOf(r.Cookie, 0, wire.ReplyOffsetData, offsetData(r.Offset, int(r.Length)+1))
		}, "more than the 512 asked for"},
		{"outside", true, func(r wire.Request) []byte {
			return chunkOf(r.Cookie, 0, wire.ReplyOffsetData, offsetData(r.Offset+1, int(r.Length)))
		}, "lies outside of it"},
		{"before", true, func(r wire.Request) []byte {
			return chunkOf(r.Cookie, 0, wire.ReplyOffsetData, offsetData(r.Offset-1, 10))
		}, "lies outside of it"},
		{"hole outside", true, func(r wire.Request) []byte {
			return chunkOf(r.Cookie, 0, wire.ReplyOffsetHole, wire.AppendOffsetHole(nil, r.Offset, 1<<31))
		}, "lies outside of it"},
		{"overlap", true, func(r wire.Request) []byte {
			c := chunkOf(r.Cookie, 0, wire.ReplyOffsetData, offsetData(r.Offset, 100))
			return append(c, c...)
		}, "two chunks overlap"},
		{"extents", true, func(r wire.Request) []byte {
			return chunkOf(r.Cookie, 0, wire.ReplyBlockStatus, wire.AppendBlockStatus(nil, 1, []wire.Extent{{Length: 1}}))
		}, "is no answer"},
		{"unknown type", true, func(r wire.Request) []byte { return chunkOf(r.Cookie, 0, 77, nil) }, "is not known"},
		{"endless error", true, func(r wire.Request) []byte {
			return chunkOf(r.Cookie, 0, wire.ReplyError, nil)
		}, "should be between"},
		{"flood", true, func(r wire.Request) []byte {
			return bytes.Repeat(chunkOf(r.Cookie, 0, wire.ReplyError, wire.AppendError(nil, wire.EIO, "")), 1<<18+1)
		}, "more than 262144 chunks"},
	}
	for _, tt := range tests {
		eachKind(t, func(t *testing.T, kind string) {
			begin := hello(1<<20, plainFlags)
			if tt.structured {
				begin = helloContext(1<<20, plainFlags, false)
			}
			second := make(chan struct{})
			c, wait := scripted(t, kind, begin, Config{},
				script.WithRequest(false, wire.CmdRead, func(r wire.Request) script.Step {
					close(second)
					return script.Steps(script.ExpectRequest(false, wire.CmdFlush, nil), script.Send(tt.lie(r)), func(nc net.Conn) error {
						nc.Read(make([]byte, 1)) // the client hangs up
						return nil
					})
				}))
			flushed := make(chan error, 1)
			go func() {
				<-second
				flushed <- c.Flush(limited(t))
			}()
			_, err := c.ReadAtContext(limited(t), make([]byte, 512), 4096)
			if tt.name != "answer twice" && tt.name != "flood" { // which begin as true replies
				var e *Error
				if !errors.As(err, &e) || e.Kind != ProtocolError || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("%s: the read: %v", tt.name, err)
				}
			}
			if err := <-flushed; err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s: the flush: %v", tt.name, err)
			}
			within(t, "the server", func() { wait() })
		})
	}
}

// TestMissingData has the server leave out a part of a read: only that fails.
func TestMissingData(t *testing.T) {
	eachKind(t, func(t *testing.T, kind string) {
		c, wait := scripted(t, kind, helloContext(1<<20, plainFlags, false), Config{},
			script.WithRequest(false, wire.CmdRead, func(r wire.Request) script.Step {
				return script.Send(chunkOf(r.Cookie, wire.ReplyFlagDone, wire.ReplyOffsetData, append(wire.AppendOffsetData(nil, r.Offset), 1, 2, 3)))
			}),
			answer(wire.CmdFlush, 0, nil),
			script.ExpectRequest(false, wire.CmdDisc, nil))
		n, err := c.ReadAtContext(limited(t), make([]byte, 512), 0)
		if n != 0 || err == nil || !strings.Contains(err.Error(), "without the 509 bytes at offset 3") {
			t.Errorf("%d, %v", n, err)
		}
		if err := c.Flush(limited(t)); err != nil {
			t.Error(err)
		}
		c.Close()
		if err := wait(); err != nil {
			t.Error(err)
		}
	})
}

// TestEagerServer has a server speak before it is asked.
func TestEagerServer(t *testing.T) {
	eachKind(t, func(t *testing.T, kind string) {
		c, wait := scripted(t, kind, script.Steps(
			script.Newstyle(wire.FlagFixedNewstyle),
			script.Answer(wire.OptExtendedHeaders, wire.RepErrUnsup, nil),
			script.Answer(wire.OptStructuredReply, wire.RepErrUnsup, nil),
			script.ExpectOption(wire.OptGo, nil),
			script.Send(
				wire.AppendOptionReply(nil, wire.OptGo, wire.RepInfo, wire.AppendInfoExport(nil, 4096, plainFlags)),
				wire.AppendOptionReply(nil, wire.OptGo, wire.RepAck, nil),
				simple(1<<20, 0, nil))), Config{})
		var e *Error
		if err := c.Flush(limited(t)); !errors.As(err, &e) || !strings.Contains(err.Error(), "which no command in flight has") {
			t.Errorf("%v", err)
		}
		wait()
	})
}
