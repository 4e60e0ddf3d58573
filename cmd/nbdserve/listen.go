package main

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

// listen opens the socket that the options ask for.
func listen(ctx context.Context, o *options) (net.Listener, error) {
	var lc net.ListenConfig
	if o.unix != "" {
		const longest = 107 // on Linux; other platforms have a few less
		if len(o.unix) > longest {
			return nil, fmt.Errorf("the path of the Unix socket is %d bytes long, the most is %d: %s", len(o.unix), longest, o.unix)
		}
		return lc.Listen(ctx, "unix", o.unix)
	}
	host, port := o.tcpAddress()
	return lc.Listen(ctx, "tcp", net.JoinHostPort(host, port))
}

// plainQuery undoes what url.QueryEscape escapes without need, and writes a
// space as clients understand it.
var plainQuery = strings.NewReplacer("%2F", "/", "+", "%20")

// uri is the NBD URI of what is served at addr.
func uri(addr net.Addr, o *options) string {
	u := url.URL{Path: "/" + o.export.Name}
	switch a := addr.(type) {
	case *net.UnixAddr:
		u.Scheme = o.tls.scheme() + "+unix"
		return u.Scheme + "://" + u.EscapedPath() + "?socket=" + plainQuery.Replace(url.QueryEscape(a.Name))
	case *net.TCPAddr:
		u.Scheme = o.tls.scheme()
		host := cmp.Or(o.address, "localhost")
		if a.IP.IsUnspecified() {
			host = "localhost"
		}
		u.Host = net.JoinHostPort(host, strconv.Itoa(a.Port))
		return u.String()
	}
	return addr.String()
}

func closeAll(listeners []net.Listener) {
	for _, l := range listeners {
		l.Close()
	}
}

// singleConn makes one connection of standard input and output.
func singleConn(std stdio) net.Conn {
	if f, ok := std.in.(*os.File); ok {
		if nc, err := net.FileConn(f); err == nil {
			return nc // a socket, both ways
		}
	}
	return pipes{std}
}

// pipes is a connection over two streams.
type pipes struct{ std stdio }

func (p pipes) Read(b []byte) (int, error)  { return p.std.in.Read(b) }
func (p pipes) Write(b []byte) (int, error) { return p.std.out.Write(b) }

func (p pipes) Close() error {
	for _, s := range []any{p.std.in, p.std.out} {
		if f, ok := s.(*os.File); ok {
			f.Close()
		}
	}
	return nil
}

func (p pipes) LocalAddr() net.Addr  { return pipeAddr{} }
func (p pipes) RemoteAddr() net.Addr { return pipeAddr{} }

// Deadlines work where they do for files: on pipes that can be polled.
func (p pipes) SetDeadline(t time.Time) error {
	p.SetReadDeadline(t)
	return p.SetWriteDeadline(t)
}

func (p pipes) SetReadDeadline(t time.Time) error {
	if f, ok := p.std.in.(*os.File); ok {
		return f.SetReadDeadline(t)
	}
	return os.ErrNoDeadline
}

func (p pipes) SetWriteDeadline(t time.Time) error {
	if f, ok := p.std.out.(*os.File); ok {
		return f.SetWriteDeadline(t)
	}
	return os.ErrNoDeadline
}

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "standard input and output" }
