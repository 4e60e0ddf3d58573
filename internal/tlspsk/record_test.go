package tlspsk

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestAfterHandshake sends records that are not data.
func TestAfterHandshake(t *testing.T) {
	update := marshalKeyUpdate(false)
	ticket := append([]byte{typeNewSessionTicket, 0, 0, 50}, make([]byte, 50)...)
	type record struct {
		typ     byte
		content []byte
		padding int
	}
	for _, test := range []struct {
		name     string
		records  []record
		toServer bool
		alert    tls.AlertError
		want     string // or that data comes through
	}{
		{name: "ticket", records: []record{{recordHandshake, ticket, 0}}},
		{name: "tickets together", records: []record{{recordHandshake, append(ticket, ticket...), 9}}},
		{name: "ticket in pieces", records: []record{{recordHandshake, ticket[:2], 0}, {recordHandshake, ticket[2:10], 0}, {recordHandshake, ticket[10:], 0}}},
		{name: "empty data", records: []record{{recordData, nil, 0}, {recordData, nil, 100}}},
		{name: "much padding", records: []record{{recordData, nil, maxPlaintext}}},
		{name: "user_canceled", records: []record{{recordAlert, []byte{1, 90}, 0}}},

		{name: "ticket to a server", records: []record{{recordHandshake, ticket, 0}}, toServer: true,
			alert: alertUnexpectedMessage, want: "a NewSessionTicket (type 4) after the handshake"},
		{name: "CertificateRequest", records: []record{{recordHandshake, []byte{13, 0, 0, 0}, 0}},
			alert: alertUnexpectedMessage, want: "a CertificateRequest (type 13) after the handshake"},
		{name: "data within a message", records: []record{{recordHandshake, ticket[:10], 0}, {recordData, []byte("x"), 0}},
			alert: alertUnexpectedMessage, want: "data in the middle of a handshake message"},
		{name: "something after KeyUpdate", records: []record{{recordHandshake, append(bytes.Clone(update), ticket...), 0}},
			alert: alertUnexpectedMessage, want: "handshake messages across a change of keys"},
		{name: "long KeyUpdate", records: []record{{recordHandshake, []byte{typeKeyUpdate, 0, 0, 2, 0, 0}, 0}},
			alert: alertDecodeError, want: "KeyUpdate that is malformed"},
		{name: "strange KeyUpdate", records: []record{{recordHandshake, []byte{typeKeyUpdate, 0, 0, 1, 2}, 0}},
			alert: alertIllegalParameter, want: "KeyUpdate with the request 2"},
		{name: "huge ticket", records: []record{{recordHandshake, []byte{typeNewSessionTicket, 1, 0, 0}, 0}},
			alert: alertIllegalParameter, want: "a NewSessionTicket of 65540 bytes, which is too long"},
		{name: "only padding", records: []record{{0, nil, 3}},
			alert: alertUnexpectedMessage, want: "a record with nothing but padding"},
		{name: "empty handshake record", records: []record{{recordHandshake, nil, 3}},
			alert: alertUnexpectedMessage, want: "a handshake record with nothing in it"},
		{name: "ChangeCipherSpec", records: []record{{recordChangeCipherSpec, []byte{1}, 0}},
			alert: alertUnexpectedMessage, want: "a record of type 20 after the handshake"},
		{name: "long plaintext", records: []record{{recordData, make([]byte, maxPlaintext+1), 0}},
			alert: alertRecordOverflow, want: "a record of 16386 bytes, which is too long"},
		{name: "long ciphertext", records: []record{{recordData, make([]byte, maxPlaintext), 256}},
			alert: alertRecordOverflow, want: "a record of 16657 bytes, which is too long"},
		{name: "alert", records: []record{{recordAlert, []byte{2, 80}, 0}},
			want: "TLS: the peer ended the connection: tls: internal error"},
		{name: "short alert", records: []record{{recordAlert, []byte{2}, 0}},
			alert: alertDecodeError, want: "an alert of 1 bytes"},
		{name: "flood of nothing", records: manyOf(record{recordData, nil, 0}, 33),
			alert: alertUnexpectedMessage, want: "more than 32 records in a row without data"},
		{name: "flood of tickets", records: manyOf(record{recordHandshake, ticket, 0}, 33),
			alert: alertUnexpectedMessage, want: "more than 32 records in a row without data"},
	} {
		t.Run(test.name, func(t *testing.T) {
			to, from := connect(t, clientConfig(), serverConfig())
			if test.toServer {
				to, from = from, to
			}
			for _, r := range test.records {
				sendRaw(t, from, seal(from, r.typ, r.content, r.padding))
			}
			sendRaw(t, from, seal(from, recordData, []byte("data"), 0))
			p := make([]byte, 100000)
			n, err := to.Read(p)
			if test.want == "" {
				if err != nil || string(p[:n]) != "data" {
					t.Errorf("read %q, %v", p[:n], err)
				}
				return
			}
			if n != 0 || err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("read %q, %v; want %s", p[:n], err, test.want)
			}
			if _, again := to.Read(p); again != err {
				t.Errorf("error %v, want %v again", again, err)
			}
			if test.alert == 0 {
				return
			}
			// The next Write tells the peer.
			if _, werr := to.Write([]byte("x")); !errors.Is(werr, err) {
				t.Errorf("write: %v, want %v", werr, err)
			}
			_, err = from.Read(p)
			if alert, ok := errors.AsType[tls.AlertError](err); !ok || alert != test.alert {
				t.Errorf("the peer reads %v, want the alert %v", err, test.alert)
			}
		})
	}
}

func manyOf[T any](v T, n int) []T {
	list := make([]T, n)
	for i := range list {
		list[i] = v
	}
	return list
}

// TestChangedBits: whatever bit of a record is changed, it is refused, and the
// peer learns of it from Close.
func TestChangedBits(t *testing.T) {
	n := 5 + 5 + 1 + tagLen
	for i := range n {
		client, server := connect(t, clientConfig(), serverConfig())
		record := seal(client, recordData, []byte("hello"), 0)
		record[i] ^= 1
		sendRaw(t, client, record)
		client.conn.(*net.UnixConn).CloseWrite()
		p := make([]byte, 100)
		if n, err := server.Read(p); n != 0 || err == nil {
			t.Errorf("bit of byte %d: read %q, %v", i, p[:n], err)
		}
		server.Close()
		_, err := client.Read(p)
		// A longer length makes it a truncated record, not a wrong one.
		if i != 3 && i != 4 && !errors.As(err, new(tls.AlertError)) {
			t.Errorf("bit of byte %d: the peer reads %v, want an alert", i, err)
		}
	}
}

// TestKeyUpdate asks for changes of keys and counts the answers.
func TestKeyUpdate(t *testing.T) {
	client, server := connect(t, clientConfig(), serverConfig())
	for round := range 3 {
		before := client.in.keys.secret
		for range 3 {
			server.out.Lock()
			client.out.updateKeys(true)
			server.out.Unlock()
		}
		transfer(t, client, server, []byte("please"))
		if !server.updateAsked.Load() {
			t.Fatalf("round %d: the server has not noticed", round)
		}
		// Even an empty Write takes it along, and one answer will do.
		if _, err := server.Write(nil); err != nil {
			t.Fatal(err)
		}
		transfer(t, server, client, []byte("done"))
		if want := expandLabel(before, labelUpdate, nil, hashLen); !bytes.Equal(client.in.keys.secret, want) {
			t.Errorf("round %d: the keys were not changed once", round)
		}
	}
}

// TestKeyUpdateWithoutReader: both ask each other for a change of keys while
// nobody reads: no Read may wait for a Write to be possible.
func TestKeyUpdateWithoutReader(t *testing.T) {
	client, server := connect(t, clientConfig(), serverConfig())
	stuck := make([]byte, 16<<20)
	var wg sync.WaitGroup
	for _, c := range []*Conn{client, server} {
		c.out.updateKeys(true)
		wg.Go(func() { c.Write(stuck) }) // more than the sockets hold
	}
	for _, c := range []*Conn{client, server} {
		wg.Go(func() {
			if _, err := io.ReadFull(c, make([]byte, len(stuck))); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// again is an inner connection that is never waited for: each second Read
// returns no bytes but an error, as from a socket that does not block.
type again struct {
	net.Conn
	turn bool
	left []byte
}

var errAgain = errors.New("resource temporarily unavailable")

func (a *again) Read(p []byte) (int, error) {
	a.turn = !a.turn
	if a.turn || len(a.left) == 0 {
		return 0, errAgain
	}
	n := copy(p[:min(len(p), 7)], a.left)
	a.left = a.left[n:]
	return n, nil
}

// TestReadWithoutBlocking reads in the way of a loop that polls.
func TestReadWithoutBlocking(t *testing.T) {
	client, server := connect(t, clientConfig(), serverConfig())
	data := randomBytes(20000)
	a := &again{Conn: server.conn}
	server.conn = a
	for i := 0; i < len(data); i += 1000 {
		a.left = append(a.left, seal(client, recordData, data[i:i+1000], i%3)...)
		a.left = append(a.left, seal(client, recordHandshake, marshalKeyUpdate(true), 0)...)
		client.out.keys.update()
	}
	a.left = append(a.left, seal(client, recordAlert, []byte{1, 0}, 0)...)
	var got []byte
	p := make([]byte, 300)
	timeouts := 0
	for {
		readable, buffered := server.Readable(), server.Buffered()
		n, err := server.Read(p)
		got = append(got, p[:n]...)
		if n > 0 && (!readable && buffered > 0 || buffered > 0 && n != min(buffered, len(p))) {
			t.Fatalf("read %d bytes where %d were buffered, readable %v", n, buffered, readable)
		}
		if err == errAgain {
			if readable {
				t.Fatal("Read waits where it was said to be readable")
			}
			timeouts++
			continue
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(got, data) || timeouts < 1000 {
		t.Errorf("%d bytes and %d timeouts, or other data than was sent", len(got), timeouts)
	}
	if !server.Readable() || server.Buffered() != 0 {
		t.Error("the end is not readable")
	}
}

// TestManyRecordsInOneRead: what has been received needs no further Read of
// the inner connection.
func TestManyRecordsInOneRead(t *testing.T) {
	client, server := connect(t, clientConfig(), serverConfig())
	var all []byte
	for range 100 {
		all = append(all, seal(client, recordData, []byte("0123456789"), 0)...)
	}
	sendRaw(t, client, all)
	got := make([]byte, 1000)
	if n, err := server.Read(got[:1]); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	if server.Buffered() != 9 {
		t.Errorf("%d bytes buffered, want the rest of the first record", server.Buffered())
	}
	server.conn = nil // so that it can't be read from
	if n, err := server.Read(got); n != 999 || err != nil {
		t.Errorf("read %d, %v; want all the rest", n, err)
	}
}

// TestDecryptsIntoPlace: data that fits goes straight to where it belongs, and
// leaves what was received as it was.
func TestDecryptsIntoPlace(t *testing.T) {
	client, server := connect(t, clientConfig(), serverConfig())
	record := seal(client, recordData, []byte("hello"), 0)
	sendRaw(t, client, record)
	p := make([]byte, 6) // a byte more than the data, for the type
	if n, err := server.Read(p); n != 5 || err != nil || string(p[:n]) != "hello" {
		t.Fatalf("read %q, %v", p[:n], err)
	}
	if !bytes.Equal(server.in.buf[:len(record)], record) {
		t.Error("it was decrypted elsewhere first")
	}
}

// counter counts the Reads of an inner connection.
type counter struct {
	*loop
	reads int
}

func (c *counter) Read(p []byte) (int, error) {
	c.reads++
	return c.loop.Read(p)
}

// TestFewReads: large data comes with several records a Read.
func TestFewReads(t *testing.T) {
	client, server := connect(t, clientConfig(), serverConfig())
	c := &counter{loop: &loop{Conn: client.conn}}
	client.conn, server.conn = c, c
	const records = 64
	if _, err := client.Write(make([]byte, records*maxPlaintext)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(server, make([]byte, records*maxPlaintext)); err != nil {
		t.Fatal(err)
	}
	if c.reads > records/4 {
		t.Errorf("%d Reads for %d records", c.reads, records)
	}
}

// TestRecordLimit: the limit is in force, and as low as RFC 8446 wants it.
func TestRecordLimit(t *testing.T) {
	const limitOfAESGCM = 23726566 // 2^24.5
	client, server := connect(t, clientConfig(), serverConfig())
	for _, c := range []*Conn{client, server} {
		if c.out.limit == 0 || c.out.limit > limitOfAESGCM {
			t.Errorf("limit of %d records", c.out.limit)
		}
		c.out.keys.seq = c.out.limit - 2 // as if so many had been sent
		c.in.keys.seq = c.out.keys.seq
	}
	transfer(t, client, server, make([]byte, 100000))
	transfer(t, server, client, make([]byte, 100000))
	if client.out.keys.seq > 100 || server.out.keys.seq > 100 {
		t.Error("the keys were not changed")
	}
}

// TestCut cuts the handshake off at each byte that either side sends.
func TestCut(t *testing.T) {
	const helloLen = recordHeader + 96
	for _, victim := range []string{"client", "server"} {
		finished := false
		for cut := 0; !finished; cut++ {
			if cut > 1000 {
				t.Fatal("the handshake does not end")
			}
			a, b := socketPair(t)
			client, server := Client(a, clientConfig()), Server(b, serverConfig())
			var err error
			if victim == "client" {
				server.conn = &cutter{Conn: b, left: cut}
				err, _ = shakeHands(client, server)
			} else {
				client.conn = &cutter{Conn: a, left: cut}
				_, err = shakeHands(client, server)
			}
			if finished = err == nil; finished && cut < 100 {
				t.Errorf("the %s was content with %d bytes", victim, cut)
			}
			// Before there is a ServerHello it looks like a refusal.
			if want := victim == "client" && cut < helloLen; !finished && errors.Is(err, ErrUnauthorized) != want {
				t.Errorf("the %s, after %d bytes: %v", victim, cut, err)
			}
			if !finished && !errors.Is(err, ErrUnauthorized) && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("the %s, after %d bytes: %v", victim, cut, err)
			}
			a.Close()
			b.Close()
		}
	}
}

// cutter closes the connection when so many bytes are written.
type cutter struct {
	net.Conn
	left int
}

func (c *cutter) Write(p []byte) (int, error) {
	if len(p) <= c.left {
		c.left -= len(p)
		return c.Conn.Write(p)
	}
	n, _ := c.Conn.Write(p[:c.left])
	c.Conn.(*net.UnixConn).CloseWrite()
	c.left = 0
	return n, errors.New("cut")
}

func TestHandshakeContext(t *testing.T) {
	a, b := socketPair(t)
	client := Client(a, clientConfig())
	ctx, cancel := context.WithCancelCause(context.Background())
	why := errors.New("why")
	cancel(why)
	if err := client.HandshakeContext(ctx); !errors.Is(err, why) {
		t.Errorf("error %v, want the context's", err)
	}
	ctx, cancel = context.WithCancelCause(context.Background())
	go func() {
		b.Read(make([]byte, 1)) // the handshake has begun
		cancel(why)
	}()
	if err := client.HandshakeContext(ctx); !errors.Is(err, why) {
		t.Errorf("error %v, want the context's", err)
	}
	if _, err := client.Write([]byte("x")); !errors.Is(err, why) {
		t.Errorf("write after a handshake that failed: %v", err)
	}
	if _, err := a.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the inner connection is not closed: %v", err)
	}

	a, _ = socketPair(t)
	a.SetDeadline(time.Now().Add(10 * time.Millisecond))
	if err := Client(a, clientConfig()).Handshake(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("error %v, want a timeout", err)
	}
}

// TestHandshakeByBoth: Read and Write may be the first calls, at once.
func TestHandshakeByBoth(t *testing.T) {
	a, b := socketPair(t)
	client, server := Client(a, clientConfig()), Server(b, serverConfig())
	var wg sync.WaitGroup
	for _, c := range []*Conn{client, server} {
		wg.Go(func() {
			if _, err := c.Write([]byte("hello")); err != nil {
				t.Error(err)
			}
		})
		wg.Go(func() {
			p := make([]byte, 5)
			if _, err := io.ReadFull(c, p); err != nil || string(p) != "hello" {
				t.Errorf("read %q, %v", p, err)
			}
		})
	}
	wg.Wait()
}
