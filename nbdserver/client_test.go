package nbdserver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/gonbd/gonbd/internal/wire"
)

// client is an NBD client as simple as can be, which sends whatever a test
// wants, and one connection of a server.
type client struct {
	t        testing.TB
	nc       net.Conn
	extended bool
	ended    chan error // what ServeConn returned
}

// socketPair gives the two ends of a Unix socket.
func socketPair(t testing.TB) (a, b net.Conn) {
	t.Helper()
	dir, err := os.MkdirTemp("", "nbd")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if a, err = net.Dial("unix", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if b, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	return a, b
}

// connect connects a client to the server, before the greeting.
func connect(t testing.TB, s *Server) *client {
	t.Helper()
	nc, served := socketPair(t)
	c := &client{t: t, nc: nc, ended: make(chan error, 1)}
	nc.SetDeadline(time.Now().Add(20 * time.Second))
	go func() { c.ended <- s.ServeConn(context.Background(), served) }()
	t.Cleanup(func() {
		nc.Close()
		c.wait()
	})
	return c
}

// wait waits for the end of ServeConn.
func (c *client) wait() error {
	c.t.Helper()
	select {
	case err := <-c.ended:
		c.ended <- err
		return err
	case <-time.After(20 * time.Second):
		c.t.Fatal("the server still serves the connection")
		return nil
	}
}

func (c *client) send(pieces ...[]byte) {
	c.t.Helper()
	if _, err := c.nc.Write(bytes.Join(pieces, nil)); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) receive(n int) []byte {
	c.t.Helper()
	b := make([]byte, n)
	if k, err := io.ReadFull(c.nc, b); err != nil {
		c.t.Fatalf("received %d of %d bytes: %v", k, n, err)
	}
	return b
}

// expectEnd expects the server to hang up.
func (c *client) expectEnd() {
	c.t.Helper()
	if n, err := c.nc.Read(make([]byte, 1)); n > 0 || !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
		c.t.Errorf("read %d bytes with error %v, expected the end of the connection", n, err)
	}
}

// greet does the handshake up to the first option.
func (c *client) greet() {
	c.t.Helper()
	c.receive(wire.GreetingSize + wire.HandshakeFlagsSize)
	c.send(wire.AppendClientFlags(nil, wire.FlagCFixedNewstyle|wire.FlagCNoZeroes))
}

// reply is a reply to an option.
type reply struct {
	rep  wire.Rep
	data string
}

func (r reply) String() string { return fmt.Sprintf("%v %q", r.rep, r.data) }

func (c *client) receiveReply(o wire.Option) reply {
	c.t.Helper()
	h, err := wire.ParseOptionReplyHeader(c.receive(wire.OptionReplyHeaderSize))
	if err != nil {
		c.t.Fatal(err)
	}
	if h.Option != o {
		c.t.Fatalf("reply to %v, expected one to %v", h.Option, o)
	}
	return reply{h.Type, string(c.receive(int(h.Length)))}
}

// option sends an option and gives all replies to it.
func (c *client) option(o wire.Option, data []byte) []reply {
	c.t.Helper()
	c.send(wire.AppendOption(nil, o, data))
	var all []reply
	for {
		r := c.receiveReply(o)
		all = append(all, r)
		if r.rep == wire.RepAck || r.rep.IsError() {
			return all
		}
	}
}

// mustOption is option that must succeed.
func (c *client) mustOption(o wire.Option, data []byte) []reply {
	c.t.Helper()
	all := c.option(o, data)
	if last := all[len(all)-1]; last.rep != wire.RepAck {
		c.t.Fatalf("%v: %v %q", o, last.rep, last.data)
	}
	return all
}

// mode is the kind of replies to negotiate.
type mode int

const (
	simple mode = iota
	structured
	extended
)

func (m mode) String() string { return [...]string{"simple", "structured", "extended"}[m] }

var modes = []mode{simple, structured, extended}

// open connects and enters the transmission phase with an export.
func open(t testing.TB, s *Server, m mode, name string, contexts ...string) (*client, uint64, wire.TransmissionFlags) {
	t.Helper()
	c := connect(t, s)
	c.greet()
	switch m {
	case structured:
		c.mustOption(wire.OptStructuredReply, nil)
	case extended:
		c.mustOption(wire.OptExtendedHeaders, nil)
		c.extended = true
	}
	if len(contexts) > 0 {
		got := c.mustOption(wire.OptSetMetaContext, wire.AppendMetaContextRequest(nil, wire.MetaContextRequest{Name: name, Queries: contexts}))
		if len(got) != len(contexts)+1 {
			t.Fatalf("contexts %q: replies %v", contexts, got)
		}
	}
	infos := c.mustOption(wire.OptGo, wire.AppendInfoRequest(nil, wire.InfoRequest{Name: name}))
	_, data, err := wire.ParseInfo([]byte(infos[0].data))
	if err != nil {
		t.Fatal(err)
	}
	size, flags, err := wire.ParseInfoExport(data)
	if err != nil {
		t.Fatal(err)
	}
	return c, size, flags
}

// request sends a request with its payload.
func (c *client) request(r wire.Request, payload []byte) {
	c.t.Helper()
	c.send(wire.AppendRequest(nil, &r, c.extended), payload)
}

// chunk is a chunk of a reply, or a simple reply.
type chunk struct {
	wire.Reply
	payload []byte
}

// receiveChunk receives a chunk, or a simple reply, of which n bytes are
// expected if it is a success.
func (c *client) receiveChunk(n int) chunk {
	c.t.Helper()
	b := c.receive(4)
	size := wire.ReplySize(uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3]))
	if size == 0 {
		c.t.Fatalf("reply starts with % x", b)
	}
	r, err := wire.ParseReply(append(b, c.receive(size-4)...))
	if err != nil {
		c.t.Fatal(err)
	}
	if r.Magic == wire.SimpleReplyMagic {
		r.Flags, r.Type = wire.ReplyFlagDone, wire.ReplyNone
		if r.Error != 0 {
			return chunk{r, nil}
		}
		return chunk{r, c.receive(n)}
	}
	return chunk{r, c.receive(int(r.Length))}
}

// do sends a request and gives its reply: the chunks, the error number, and
// the data of a read.
func (c *client) do(r wire.Request, payload []byte) (chunks []chunk, errno uint32, data []byte) {
	c.t.Helper()
	c.request(r, payload)
	return c.result(r)
}

func (c *client) result(r wire.Request) (chunks []chunk, errno uint32, data []byte) {
	c.t.Helper()
	n := 0
	if r.Type == wire.CmdRead {
		n = int(r.Length)
	}
	data = make([]byte, n)
	for {
		k := c.receiveChunk(n)
		if k.Cookie != r.Cookie {
			c.t.Fatalf("reply with cookie %d, expected %d", k.Cookie, r.Cookie)
		}
		if k.Magic == wire.ExtendedReplyMagic && k.Offset != r.Offset {
			c.t.Fatalf("reply with offset %d, expected %d", k.Offset, r.Offset)
		}
		chunks = append(chunks, k)
		switch {
		case k.Magic == wire.SimpleReplyMagic:
			if r.Type == wire.CmdRead && (c.extended || k.Error == 0 && len(k.payload) != n) {
				c.t.Fatal("simple reply to a read")
			}
			errno, data = k.Error, k.payload
		case k.Type == wire.ReplyOffsetData:
			off, err := wire.ParseOffsetData(k.payload[:8])
			if err != nil {
				c.t.Fatal(err)
			}
			copy(data[off-r.Offset:], k.payload[8:])
		case k.Type == wire.ReplyOffsetHole:
			off, size, err := wire.ParseOffsetHole(k.payload)
			if err != nil || size == 0 || off+uint64(size) > r.Offset+r.Length {
				c.t.Fatalf("hole of %d at %d: %v", size, off, err)
			}
		case k.Type.IsError():
			var err error
			if errno, _, _, err = wire.ParseError(k.payload); err != nil || errno == 0 {
				c.t.Fatalf("error chunk % x: %v", k.payload, err)
			}
		}
		if k.Flags&wire.ReplyFlagDone != 0 {
			return chunks, errno, data
		}
	}
}

// disconnect ends the connection politely.
func (c *client) disconnect() error {
	c.t.Helper()
	c.request(wire.Request{Type: wire.CmdDisc}, nil)
	c.expectEnd()
	return c.wait()
}

// expect does a request that must end with the error number.
func (c *client) expect(r wire.Request, payload []byte, errno uint32) {
	c.t.Helper()
	if _, got, _ := c.do(r, payload); got != errno {
		c.t.Errorf("%v flags %#x, %d bytes at %d: %s, expected %s", r.Type, r.Flags, r.Length, r.Offset, wire.ErrorName(got), wire.ErrorName(errno))
	}
}

// writeRequest is a write with the flag that it needs.
func (c *client) writeRequest(off uint64, n int) wire.Request {
	r := wire.Request{Type: wire.CmdWrite, Cookie: off + 3, Offset: off, Length: uint64(n)}
	if c.extended {
		r.Flags = wire.CmdFlagPayloadLen
	}
	return r
}
