package handle

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"syscall"

	"github.com/gonbd/gonbd/internal/nbderr"
	"github.com/gonbd/gonbd/internal/transport"
	"github.com/gonbd/gonbd/nbduri"
)

func (h *Handle) aioConnect(addr []byte) error {
	return h.begin("connect", []address{{raw: addr}})
}

func (h *Handle) aioConnectUnix(path string) error {
	if err := checkUnixPath(path); err != nil {
		return err
	}
	return h.beginNamed(nbduri.URI{Transport: nbduri.Unix, Socket: path}, "connect to "+nbderr.Printable(path), []address{{raw: unixAddress(path)}})
}

func checkUnixPath(path string) error {
	if path == "" {
		return fault(syscall.EINVAL, "the path of the socket is empty")
	}
	if len(path) > maxUnixPath {
		return fault(syscall.ENAMETOOLONG, "the path of the socket has %d bytes, a socket address holds %d: %s", len(path), maxUnixPath, nbderr.Printable(path))
	}
	return nil
}

func (h *Handle) connectUnix(path string) error { return h.settle(h.aioConnectUnix(path)) }

func (h *Handle) aioConnectVsock(cid, port uint32) error {
	return h.beginNamed(nbduri.URI{Transport: nbduri.Vsock, CID: cid, Port: port}, fmt.Sprintf("connect to vsock %d:%d", cid, port), []address{{raw: vsockAddress(cid, port)}})
}

func (h *Handle) connectVsock(cid, port uint32) error { return h.settle(h.aioConnectVsock(cid, port)) }

func (h *Handle) aioConnectTcp(host, port string) error {
	number, addrs, err := resolve(host, port)
	if err != nil {
		return err
	}
	bare := strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	return h.beginNamed(nbduri.URI{Transport: nbduri.TCP, Host: bare, Port: uint32(number)}, "connect to "+nbderr.Printable(net.JoinHostPort(bare, port)), addrs)
}

func (h *Handle) connectTcp(host, port string) error { return h.settle(h.aioConnectTcp(host, port)) }

// resolve finds the addresses of a host and the number of a port. An empty
// host is this machine.
func resolve(host, port string) (uint16, []address, error) {
	number, err := net.LookupPort("tcp", port)
	if err != nil || number == 0 {
		return 0, nil, fault(syscall.EINVAL, "the port %q: expected a number from 1 to 65535 or the name of a service", nbderr.Printable(port))
	}
	bare := host
	if strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]") {
		bare = host[1 : len(host)-1]
	}
	var ips []netip.Addr
	if ip, err := netip.ParseAddr(bare); err == nil {
		ips = []netip.Addr{ip}
	} else if ips, err = net.DefaultResolver.LookupNetIP(context.Background(), "ip", cmp.Or(bare, nbduri.DefaultHost)); err != nil {
		return 0, nil, &nbderr.Error{Kind: nbderr.Transport, Op: "look up " + nbderr.Printable(bare), Err: err, Retry: true}
	}
	addrs := make([]address, 0, len(ips))
	for _, ip := range ips {
		ip = ip.Unmap()
		addrs = append(addrs, address{ip.String(), tcpAddress(ip.AsSlice(), zoneIndex(ip.Zone()), uint16(number))})
	}
	if len(addrs) == 1 {
		addrs[0].name = ""
	}
	return uint16(number), addrs, nil
}

// TCPAddress, UnixAddress and VsockAddress make raw addresses for AioConnect.
func TCPAddress(ap netip.AddrPort) []byte {
	ip := ap.Addr().Unmap()
	return tcpAddress(ip.AsSlice(), zoneIndex(ip.Zone()), ap.Port())
}

// UnixAddress refuses a path that does not fit in an address.
func UnixAddress(path string) ([]byte, error) {
	if err := checkUnixPath(path); err != nil {
		return nil, wrap("nbd_aio_connect", err)
	}
	return unixAddress(path), nil
}

// VsockAddress: see TCPAddress.
func VsockAddress(cid, port uint32) []byte { return vsockAddress(cid, port) }

// zoneIndex gives the number of an interface.
func zoneIndex(zone string) uint32 {
	if zone == "" {
		return 0
	}
	if n, err := strconv.ParseUint(zone, 10, 32); err == nil {
		return uint32(n)
	}
	if i, err := net.InterfaceByName(zone); err == nil {
		return uint32(i.Index)
	}
	return 0
}

func (h *Handle) aioConnectSocket(fd int) error {
	if err := adopt(fd); err != nil {
		return fault(err.(syscall.Errno), "the socket %d", fd)
	}
	if err := h.readyTLS(); err != nil {
		return err
	}
	h.configure()
	h.eng.Connecting()
	h.conn.what = "connect"
	h.conn.open(fd)
	h.connected()
	return nil
}

func (h *Handle) connectSocket(fd int) error { return h.settle(h.aioConnectSocket(fd)) }

func (h *Handle) aioConnectCommand(argv []string) error {
	return h.spawn(argv, startCommand)
}

func (h *Handle) connectCommand(argv []string) error { return h.settle(h.aioConnectCommand(argv)) }

// spawn starts a subprocess that has the other end of the connection.
func (h *Handle) spawn(argv []string, start func([]string) (*child, int, error)) error {
	if err := h.readyTLS(); err != nil {
		return err
	}
	c, fd, err := start(argv)
	if err != nil {
		return err
	}
	h.configure()
	h.eng.Connecting()
	h.conn.what, h.conn.child = "command "+nbderr.Printable(argv[0]), c
	h.conn.open(fd)
	h.connected()
	return nil
}

func (h *Handle) aioConnectSystemdSocketActivation(argv []string) error {
	if err := h.readyTLS(); err != nil {
		return err
	}
	c, socket, err := startActivated(argv, h.socketName)
	if err != nil {
		return err
	}
	h.conn.child = c
	return h.aioConnectUnix(socket)
}

func (h *Handle) connectSystemdSocketActivation(argv []string) error {
	return h.settle(h.aioConnectSystemdSocketActivation(argv))
}

func (h *Handle) aioConnectUri(uri string) error {
	u, err := nbduri.Parse(uri)
	if err != nil {
		return err
	}
	if err := h.uri.Check(u); err != nil {
		return err
	}
	switch {
	case u.TLSType == "anon":
		return fault(syscall.ENOTSUP, "tls-type=anon, which protects from nobody who can change what is sent, is not supported")
	case u.TLSType == "psk" && u.TLSPSKFile == "" && h.tlsPSKFile == "":
		return fault(syscall.EINVAL, "tls-type=psk needs tls-psk-file, or nbd_set_tls_psk_file before")
	}
	if err := h.setExportName(u.Export); err != nil {
		return err
	}
	h.adoptTLS(u)
	port := cmp.Or(u.Port, nbduri.DefaultPort)
	switch u.Transport {
	case nbduri.Unix:
		return h.aioConnectUnix(u.Socket)
	case nbduri.Vsock:
		return h.aioConnectVsock(u.CID, port)
	case nbduri.SSH:
		return h.connectSSH(u)
	}
	return h.aioConnectTcp(cmp.Or(u.Host, nbduri.DefaultHost), strconv.FormatUint(uint64(port), 10))
}

func (h *Handle) connectUri(uri string) error { return h.settle(h.aioConnectUri(uri)) }

func (h *Handle) connectSSH(u *nbduri.URI) error {
	t := transport.SSHTarget{User: u.User, Host: u.Host, Compress: u.Compress, Socket: u.Socket}
	if u.Port != 0 {
		t.Port = strconv.FormatUint(uint64(u.Port), 10)
	}
	if u.NBDPort != 0 {
		t.NBDPort = strconv.FormatUint(uint64(u.NBDPort), 10)
	}
	argv, err := t.Argv()
	if err != nil {
		return err
	}
	h.conn.target, h.conn.named = *u, true
	return h.spawn(argv, startCommand)
}

// adoptTLS takes over what a URI says about TLS.
func (h *Handle) adoptTLS(u *nbduri.URI) {
	if u.TLS {
		h.tls = tlsRequire
	}
	if name := cmp.Or(u.TLSUsername, u.User); name != "" && u.Transport != nbduri.SSH || u.TLSUsername != "" {
		h.tlsUsername, h.tlsUsernameSet = name, true
	}
	h.tlsVerifyPeer = u.TLSVerifyPeer.Or(h.tlsVerifyPeer)
	h.tlsHostname = cmp.Or(u.TLSHostname, h.tlsHostname)
	h.tlsCertificates = cmp.Or(u.TLSCertificates, h.tlsCertificates)
	h.tlsPSKFile = cmp.Or(u.TLSPSKFile, h.tlsPSKFile)
	h.tlsPriority = cmp.Or(u.TLSPriority, h.tlsPriority)
}

// getUri makes the URI of the connection (nbd_get_uri(3)).
func (h *Handle) getUri() (string, error) {
	if !h.conn.named {
		return "", fault(syscall.EINVAL, "there is no URI for a connection of this kind, which was not made by name")
	}
	u := h.conn.target
	u.Export = h.exportName
	u.TLS = h.eng.TLS() || h.tls == tlsRequire
	if u.TLS {
		if h.tlsUsernameSet {
			u.User = h.tlsUsername
			if u.Transport == nbduri.SSH {
				u.User, u.TLSUsername = h.conn.target.User, h.tlsUsername
			}
		}
		u.TLSHostname, u.TLSCertificates, u.TLSPSKFile = h.tlsHostname, h.tlsCertificates, h.tlsPSKFile
		if !h.tlsVerifyPeer {
			u.TLSVerifyPeer = nbduri.False
		}
	}
	if err := u.Validate(); err != nil {
		return "", err
	}
	return u.String(), nil
}

func (h *Handle) isUri(s string) (bool, error) { return nbduri.Is(s), nil }

func (h *Handle) supportsUri() (bool, error) { return true, nil }

func (h *Handle) supportsVsock() (bool, error) { return supportsVsock, nil }
