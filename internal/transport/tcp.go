package transport

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/gonbd/gonbd/internal/nbderr"
)

// nbdPort is the port that IANA assigned to NBD, under the name "nbd".
const nbdPort = 10809

// attemptDelay is how long one address has to answer before the next one is
// tried beside it (RFC 8305, "Connection Attempt Delay").
var attemptDelay = 250 * time.Millisecond

// DialTCP connects to host, which is a name or an IPv4 or IPv6 literal
// (in brackets or not, with a zone or not), and to port, which is a number or
// a service name such as "nbd". An empty host means this machine.
//
// All addresses of the host are tried, those of the two families in turn; one
// that doesn't answer soon doesn't hold up the next one. If none answers the
// error lists what each one said.
//
// The connection is a *net.TCPConn with TCP_NODELAY on, and keepalive as is
// the default of package net.
func DialTCP(ctx context.Context, host, port string) (net.Conn, error) {
	if strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]") {
		host = host[1 : len(host)-1]
	}
	op := "dial tcp " + nbderr.Printable(net.JoinHostPort(host, port))
	if host == "" {
		host = "localhost"
	}
	if err := checkName(host); err != nil {
		return nil, badArgument(op, "the host name "+err.Error())
	}
	number, err := lookupPort(ctx, port)
	if err != nil {
		return nil, badArgument(op, err.Error())
	}
	addrs, err := lookupHost(ctx, host)
	if err != nil {
		return nil, failed(op, "", err)
	}
	targets := make([]netip.AddrPort, len(addrs))
	for i, a := range addrs {
		targets[i] = netip.AddrPortFrom(a, number)
	}
	conn, err := dialFirst(ctx, targets, func(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
		return dialContext(ctx, "tcp", to.String())
	})
	if err != nil {
		return nil, failed(op, "", err)
	}
	return conn, nil
}

// dialFirst gives the first connection that dial makes to one of the
// addresses, which it tries in order: the next one as soon as one has failed
// or has not answered for attemptDelay. No dial is running when it returns.
func dialFirst(ctx context.Context, addrs []netip.AddrPort,
	dial func(context.Context, netip.AddrPort) (net.Conn, error)) (net.Conn, error) {

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type result struct {
		index int
		conn  net.Conn
		err   error
	}
	var (
		results       = make(chan result)
		timer         = time.NewTimer(attemptDelay)
		errs          = make([]error, len(addrs))
		won           net.Conn
		next, running int
	)
	defer timer.Stop()
	startNext := func() {
		if next == len(addrs) || won != nil || ctx.Err() != nil {
			return
		}
		index := next
		next++
		running++
		timer.Reset(attemptDelay)
		go func() {
			conn, err := dial(ctx, addrs[index])
			results <- result{index, conn, err}
		}()
	}
	for startNext(); running > 0; {
		select {
		case <-timer.C:
			startNext()
		case r := <-results:
			running--
			switch {
			case r.err != nil:
				errs[r.index] = fmt.Errorf("%s: %w", addrs[r.index], cause(r.err))
				startNext()
			case won == nil:
				won = r.conn
				cancel()
			default:
				r.conn.Close()
			}
		}
	}
	if won != nil {
		return won, nil
	}
	errs = slices.DeleteFunc(errs, func(err error) bool { return err == nil })
	if len(errs) == 0 {
		return nil, ctx.Err()
	}
	return nil, addressErrors(errs)
}

// addressErrors is what each address of a host said, on one line.
type addressErrors []error

func (e addressErrors) Error() string {
	texts := make([]string, len(e))
	for i, err := range e {
		texts[i] = err.Error()
	}
	return strings.Join(texts, "; ")
}

func (e addressErrors) Unwrap() []error { return e }

// lookupHost gives the addresses of host in the order to try them.
func lookupHost(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}, nil
	}
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	return interleave(found), nil
}

// interleave orders addresses as RFC 8305 has it: the families in turn,
// beginning with the family of the first, and otherwise as they were.
func interleave(addrs []netip.Addr) []netip.Addr {
	var first, second []netip.Addr
	for _, a := range addrs {
		a = a.Unmap()
		switch {
		case slices.Contains(first, a) || slices.Contains(second, a):
		case len(first) == 0 || a.Is4() == first[0].Is4():
			first = append(first, a)
		default:
			second = append(second, a)
		}
	}
	var out []netip.Addr
	for i := range max(len(first), len(second)) {
		if i < len(first) {
			out = append(out, first[i])
		}
		if i < len(second) {
			out = append(out, second[i])
		}
	}
	return out
}

// lookupPort gives the number of a port, which may be a service name.
func lookupPort(ctx context.Context, port string) (uint16, error) {
	wrong := fmt.Errorf("port %q: expected a number from 1 to 65535 or the name of a TCP service such as \"nbd\"", nbderr.Printable(port))
	switch port {
	case "":
		return 0, wrong
	case "nbd":
		// Not every machine has it in its list of services.
		return nbdPort, nil
	}
	n, err := net.DefaultResolver.LookupPort(ctx, "tcp", port)
	if err != nil || n < 1 || n > 65535 {
		return 0, wrong
	}
	return uint16(n), nil
}

// checkName refuses what can't be in any host name and would garble messages.
func checkName(host string) error {
	if strings.ContainsFunc(host, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '/' }) {
		return fmt.Errorf("%q has a space, a slash or a control character in it: expected a name or an IP address", nbderr.Printable(host))
	}
	return nil
}
