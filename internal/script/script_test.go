package script

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/gonbd/gonbd/internal/wire"
)

// client sends and reads what it is told to.
func client(t *testing.T, nc net.Conn, send []byte, read int) []byte {
	t.Helper()
	if len(send) > 0 { // even an empty write waits for a reader of a pipe
		if _, err := nc.Write(send); err != nil {
			t.Fatal(err)
		}
	}
	b := make([]byte, read)
	if _, err := io.ReadFull(nc, b); err != nil {
		t.Fatal(err)
	}
	return b
}

func TestHandshakeAndRead(t *testing.T) {
	nc, wait := Pipe(
		Newstyle(wire.FlagFixedNewstyle),
		Answer(wire.OptStructuredReply, wire.RepErrUnsup, nil),
		Go(1024, wire.FlagHasFlags),
		WithRequest(false, wire.CmdRead, func(r wire.Request) Step {
			return SendChopped(3, append(wire.AppendReply(nil, &wire.Reply{Magic: wire.SimpleReplyMagic, Cookie: r.Cookie}), "data"...))
		}),
		ExpectRequest(false, wire.CmdDisc, func(r wire.Request) error {
			if r.Cookie != 8 {
				return errors.New("not 8")
			}
			return nil
		}),
		ExpectEOF(),
	)
	client(t, nc, nil, 18)
	client(t, nc, wire.AppendOption(wire.AppendClientFlags(nil, 1), wire.OptStructuredReply, nil), 20)
	client(t, nc, wire.AppendOption(nil, wire.OptGo, wire.AppendInfoRequest(nil, wire.InfoRequest{Name: "x"})), 20+12+20)
	got := client(t, nc, wire.AppendRequest(nil, &wire.Request{Cookie: 7, Length: 4}, false), 20)
	if string(got[16:]) != "data" || got[15] != 7 {
		t.Errorf("reply % x", got)
	}
	client(t, nc, wire.AppendRequest(nil, &wire.Request{Type: wire.CmdDisc, Cookie: 8}, false), 0)
	nc.Close()
	if err := wait(); err != nil {
		t.Error(err)
	}
}

func TestScriptNotices(t *testing.T) {
	until := make(chan struct{})
	close(until)
	tests := []struct {
		name string
		step Step
		send []byte
		want string
	}{
		{"other bytes", Expect([]byte("abc")), []byte("abd"), "expected 61 62 63, saw 61 62 64"},
		{"too few bytes", Expect([]byte("abc")), []byte("ab"), "expected 3 bytes, saw 2"},
		{"another option", ExpectOption(wire.OptGo, nil), wire.AppendOption(nil, wire.OptList, nil), "expected NBD_OPT_GO, saw NBD_OPT_LIST"},
		{"another command", ExpectRequest(true, wire.CmdRead, nil), wire.AppendRequest(nil, &wire.Request{Type: wire.CmdFlush}, true), "expected NBD_CMD_READ, saw NBD_CMD_FLUSH"},
		{"bytes instead of the end", ExpectEOF(), []byte("x"), "expected the end"},
		{"no half of a pipe", Steps(Stall(until), CloseWrite()), nil, "can't be closed one way"},
		{"after Close", Steps(Close(), Send([]byte("x"))), nil, "step 2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			nc, wait := Pipe(tt.step)
			if len(tt.send) > 0 {
				nc.Write(tt.send)
			}
			nc.Close()
			if err := wait(); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

func TestListenHalfClosed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Skip(err)
	}
	wait := Listen(l, Send([]byte("ab"), []byte("c")), CloseWrite(), Expect([]byte("still here")))
	nc, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if b, err := io.ReadAll(nc); string(b) != "abc" || err != nil {
		t.Errorf("read %q, %v", b, err)
	}
	client(t, nc, []byte("still here"), 0)
	if err := wait(); err != nil {
		t.Error(err)
	}
}
