package transport

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gonbd/gonbd/internal/nbderr"
)

func TestDialTCP(t *testing.T) {
	for _, network := range []struct{ listen, name string }{
		{"127.0.0.1:0", "127.0.0.1"},
		{"127.0.0.1:0", "localhost"},
		{"127.0.0.1:0", ""},
		{"[::1]:0", "::1"},
		{"[::1]:0", "[::1]"},
	} {
		t.Run(network.name, func(t *testing.T) {
			l, err := net.Listen("tcp", network.listen)
			if err != nil {
				t.Skip(err)
			}
			serveEcho(t, l)
			_, port, _ := net.SplitHostPort(l.Addr().String())
			conn, err := DialTCP(soon(t), network.name, port)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			echoes(t, conn)
		})
	}
}

func TestDialTCPRefused(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_, port, _ := net.SplitHostPort(address)
	l.Close()
	_, err = DialTCP(soon(t), "127.0.0.1", port)
	wantError(t, err, nbderr.Transport, true, "dial tcp "+address+": ", "connection failed: "+address+": ", "refused")
	if n := strings.Count(err.Error(), address); n != 2 {
		t.Errorf("error %q names the address %d times, want 2", err, n)
	}
}

func TestDialTCPArguments(t *testing.T) {
	for _, c := range []struct{ host, port, want string }{
		{"localhost", "", "expected a number"},
		{"localhost", "0", "expected a number"},
		{"localhost", "65536", "expected a number"},
		{"localhost", "-1", "expected a number"},
		{"localhost", "no-such-service", "expected a number"},
		{"local host", "1", "control character"},
		{"evil\x1b[2J", "1", "control character"},
		{"a/b", "1", "control character"},
	} {
		_, err := DialTCP(soon(t), c.host, c.port)
		wantError(t, err, nbderr.Local, false, "dial tcp ", c.want)
		if strings.Contains(err.Error(), "\x1b") {
			t.Errorf("error %q is not safe to print", err)
		}
		if !errors.Is(err, syscall.EINVAL) {
			t.Errorf("error %q is not EINVAL", err)
		}
	}
}

func TestDialTCPCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := DialTCP(ctx, "127.0.0.1", "10809")
	wantError(t, err, nbderr.Transport, false, "dial tcp 127.0.0.1:10809")
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %q is not context.Canceled", err)
	}
}

func TestLookupPort(t *testing.T) {
	for port, want := range map[string]uint16{"nbd": 10809, "10809": 10809, "1": 1, "65535": 65535} {
		if got, err := lookupPort(soon(t), port); got != want || err != nil {
			t.Errorf("port %q is %d, %v; want %d", port, got, err, want)
		}
	}
}

func TestInterleave(t *testing.T) {
	parse := func(list string) (out []netip.Addr) {
		for s := range strings.FieldsSeq(list) {
			out = append(out, netip.MustParseAddr(s))
		}
		return out
	}
	for _, c := range []struct{ in, want string }{
		{"", ""},
		{"10.0.0.1 10.0.0.2", "10.0.0.1 10.0.0.2"},
		{"::1 ::2 ::3 10.0.0.1", "::1 10.0.0.1 ::2 ::3"},
		{"10.0.0.1 10.0.0.2 ::1", "10.0.0.1 ::1 10.0.0.2"},
		{"::ffff:10.0.0.1 ::1 10.0.0.1", "10.0.0.1 ::1"},
	} {
		if got := interleave(parse(c.in)); !slices.Equal(got, parse(c.want)) {
			t.Errorf("interleave(%s) = %v, want %s", c.in, got, c.want)
		}
	}
}

// attempt is how an address of a scripted dial behaves.
type attempt struct {
	after time.Duration // until it answers; it heeds the context until then
	err   error         // what it answers; nil for a connection
}

func TestDialFirst(t *testing.T) {
	refused := syscall.ECONNREFUSED
	const never = time.Hour
	for _, c := range []struct {
		name     string
		attempts []attempt
		timeout  time.Duration
		winner   int // -1 for none
		took     time.Duration
		errs     []string
	}{
		{"first", []attempt{{0, nil}, {0, nil}}, never, 0, 0, nil},
		{"failure starts the next at once", []attempt{{0, refused}, {0, refused}, {0, nil}}, never, 2, 0, nil},
		{"silence starts the next", []attempt{{never, nil}, {0, nil}}, never, 1, attemptDelay, nil},
		{"silence of two", []attempt{{never, nil}, {never, nil}, {10, nil}}, never, 2, 2*attemptDelay + 10, nil},
		{"a slow first may still win", []attempt{{attemptDelay + 10, nil}, {never, nil}}, never, 0, attemptDelay + 10, nil},
		{"none", []attempt{{30, refused}, {5, syscall.ENETUNREACH}}, never, -1, 35,
			[]string{"192.0.2.0:10809: connection refused", "192.0.2.1:10809: network is unreachable"}},
		{"the end of the context", []attempt{{0, refused}, {never, nil}, {never, nil}}, 10, -1, 10,
			[]string{"192.0.2.0:10809: connection refused", "192.0.2.1:10809: context deadline exceeded"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var addrs []netip.AddrPort
				for i := range c.attempts {
					addrs = append(addrs, netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}), nbdPort))
				}
				var open atomic.Int32
				dial := func(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
					a := c.attempts[to.Addr().As4()[3]]
					select {
					case <-time.After(a.after):
					case <-ctx.Done():
						return nil, ctx.Err()
					}
					if a.err != nil {
						return nil, a.err
					}
					open.Add(1)
					return &namedConn{addr: to, open: &open}, nil
				}
				ctx, cancel := context.WithTimeout(t.Context(), c.timeout)
				defer cancel()
				start := time.Now()
				conn, err := dialFirst(ctx, addrs, dial)
				if took := time.Since(start); took != c.took {
					t.Errorf("took %v, want %v", took, c.took)
				}
				if c.winner < 0 {
					if want := strings.Join(c.errs, "; "); err == nil || err.Error() != want {
						t.Errorf("error %v, want %q", err, want)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				if got := conn.(*namedConn).addr; got != addrs[c.winner] {
					t.Errorf("connected to %v, want %v", got, addrs[c.winner])
				}
				if conn.Close(); open.Load() != 0 {
					t.Errorf("%d connections of losers are open", open.Load())
				}
			})
		})
	}
}

// TestDialFirstClosesLosers has two addresses answer at the same time, the
// loser with no regard to the context.
func TestDialFirstClosesLosers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		addrs := []netip.AddrPort{netip.MustParseAddrPort("192.0.2.0:1"), netip.MustParseAddrPort("192.0.2.1:1")}
		var open atomic.Int32
		conn, err := dialFirst(t.Context(), addrs, func(_ context.Context, to netip.AddrPort) (net.Conn, error) {
			if to == addrs[0] {
				time.Sleep(attemptDelay * 2)
			}
			open.Add(1)
			return &namedConn{addr: to, open: &open}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if open.Load() != 1 || conn.(*namedConn).addr != addrs[1] {
			t.Errorf("%d connections are open, connected to %v; want the one to %v", open.Load(), conn.(*namedConn).addr, addrs[1])
		}
	})
}

type namedConn struct {
	net.Conn
	addr netip.AddrPort
	open *atomic.Int32
}

func (c *namedConn) Close() error {
	c.open.Add(-1)
	return nil
}

func TestMayPass(t *testing.T) {
	for _, c := range []struct {
		err  error
		want bool
	}{
		{syscall.ECONNREFUSED, true},
		{syscall.ETIMEDOUT, true},
		{syscall.ENOENT, true},
		{context.DeadlineExceeded, true},
		{context.Canceled, false},
		{syscall.EACCES, false},
		{syscall.EAFNOSUPPORT, false},
		{syscall.ENODEV, false},
		{&net.DNSError{IsNotFound: true}, false},
		{&net.DNSError{IsTemporary: true}, true},
		{addressErrors{syscall.ECONNREFUSED, syscall.EHOSTUNREACH}, true},
	} {
		if got := mayPass(c.err); got != c.want {
			t.Errorf("mayPass(%v) = %v, want %v", c.err, got, c.want)
		}
	}
}
