package nbd

import (
	"net"
	"syscall"
)

// Hijack hands over the client's connections to a caller who will speak NBD on
// them, or have the kernel do it: they are in the transmission phase, with
// nothing in flight, and their next message is a request. [Client.Protocol]
// says which kind of replies the server sends. The connections are sockets,
// and each a syscall.Conn; they belong to the caller, who ends them.
//
// The client is closed. No call may be under way, or Hijack fails with
// syscall.EBUSY; it fails with syscall.ENOTSUP if the connections are no
// plain sockets, as with TLS, or lead to a server that was started for the
// client and would end with it. Then the connections are closed too.
func (c *Client) Hijack() ([]net.Conn, error) {
	const op = "hijack"
	if err := c.enter(op); err != nil {
		return nil, err
	}
	var list []net.Conn
	err := closedError(op)
	c.closing.Do(func() {
		c.closed.Store(true)
		list, err = c.takeConns(op)
		if err == nil {
			return
		}
		for _, nc := range list {
			nc.Close()
		}
		for _, cn := range c.conns {
			cn.close()
		}
		list, c.closeErr = nil, c.session.close()
	})
	c.exit()
	return list, err
}

// takeConns takes the connections from those who drive them, until one can't
// be taken.
func (c *Client) takeConns(op string) ([]net.Conn, error) {
	switch {
	case c.session.proc != nil:
		return nil, misuse(op, syscall.ENOTSUP, "the server was started for this client, and ends with it")
	case c.calls.Load() > 1:
		return nil, misuse(op, syscall.EBUSY, "a call is under way")
	}
	var list []net.Conn
	for _, cn := range c.conns {
		if err := cn.take(op); err != nil {
			return list, err
		}
		list = append(list, cn.nc)
	}
	return list, nil
}

// take ends the driving of a connection, without closing it.
func (c *conn) take(op string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.rc == nil:
		return misuse(op, syscall.ENOTSUP, "the connection is no plain socket, but one of TLS or the caller's own")
	case c.ended || c.closed:
		return closedError(op)
	case c.eng.InFlight() > 0 || c.eng.Pending() || c.pumping:
		// A request that was abandoned, as no call is under way.
		return misuse(op, syscall.EBUSY, "a request is in flight")
	}
	c.closed, c.byUs = true, true
	return nil
}
