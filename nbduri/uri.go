package nbduri

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

const (
	// DefaultPort is the TCP port IANA assigned to NBD, and the port taken
	// for vsock too.
	DefaultPort = 10809
	// DefaultHost is the TCP server of a URI that names none.
	DefaultHost = "localhost"
	// HostCID is the vsock CID of a URI that names none: the host that the
	// virtual machine runs on.
	HostCID = 2
	// MaxExport is the longest export name in bytes (doc/proto.md, "String
	// values").
	MaxExport = 4096
)

// Transport is what carries the NBD protocol.
type Transport uint8

// Transports. Their order is that of libnbd's LIBNBD_ALLOW_TRANSPORT_ bits.
const (
	TCP Transport = iota
	Unix
	Vsock
	SSH
)

var transportNames = [...]string{TCP: "tcp", Unix: "unix", Vsock: "vsock", SSH: "ssh"}

// String is "tcp", "unix", "vsock" or "ssh".
func (t Transport) String() string {
	if int(t) < len(transportNames) {
		return transportNames[t]
	}
	return fmt.Sprintf("transport %d", uint8(t))
}

// Bool is a boolean parameter that a URI may leave out.
type Bool uint8

// Values of a Bool.
const (
	Unset Bool = iota
	False
	True
)

// Or is the parameter's value, or def where it is Unset.
func (b Bool) Or(def bool) bool {
	if b == Unset {
		return def
	}
	return b == True
}

// String is "unset", "false" or "true".
func (b Bool) String() string {
	switch b {
	case Unset:
		return "unset"
	case False:
		return "false"
	case True:
		return "true"
	}
	return fmt.Sprintf("bool %d", uint8(b))
}

// URI is an NBD URI, taken apart and decoded. It is plain data: it can be
// copied, changed, or written out by hand, and [URI.Validate] says whether the
// fields fit together. A URI from [Parse] is valid, and its defaults are
// filled in.
type URI struct {
	Transport Transport
	TLS       bool // TLS is required: the scheme is nbds…

	// User is the user name for TLS, unless TLSUsername is set, and for SSH
	// the login.
	User string

	// Host is the server for TCP and SSH: a name, or an IP address without
	// brackets, with its zone if it has one ("fe80::1%eth0"). Empty for TCP
	// means DefaultHost. Whoever runs ssh must still keep Host and User apart
	// from its options.
	Host string

	// Port is the port for TCP and vsock, where 0 means DefaultPort; and for
	// SSH that of the SSH server, where 0 means what ssh's own settings say.
	Port uint32

	// CID is the context identifier for vsock. 0 is not a default but the
	// hypervisor; see HostCID.
	CID uint32

	// Socket is the Unix domain socket: for Unix a path, or a NUL and a name
	// in Linux's abstract namespace; for SSH a path on the remote machine.
	// Whoever hands it to a remote shell must quote it.
	Socket string

	// NBDPort is, for SSH without Socket, the TCP port on the remote machine
	// at which the NBD server listens; 0 means DefaultPort.
	NBDPort uint32

	// Compress asks for compression, for SSH.
	Compress bool

	// Export is the export name: any bytes but NUL, at most MaxExport.
	Export string

	// TLS parameters, each empty or Unset where the URI leaves it out. They
	// may be present although TLS is false: a client may try TLS of its own
	// accord.
	TLSType         string // "anon", "x509" or "psk"
	TLSHostname     string // overrides Host for verification
	TLSVerifyPeer   Bool
	TLSUsername     string // overrides User for TLS
	TLSCertificates string // local folder
	TLSPSKFile      string // local file
	TLSPriority     string

	// Extra holds the experimental parameters, whose names begin with "x-",
	// in lower case, each with one value. It is nil if there are none.
	Extra url.Values
}

// Scheme is the URI's scheme, such as "nbds+unix".
func (u URI) Scheme() string {
	s := "nbd"
	if u.TLS {
		s = "nbds"
	}
	if u.Transport != TCP {
		s += "+" + u.Transport.String()
	}
	return s
}

// String is the canonical form of a valid URI: [Parse] takes it apart into the
// same fields, with defaults filled in. It has the port for TCP and vsock even
// if that is the default, as nbd_get_uri(3) does. It never holds a password.
func (u URI) String() string {
	var b strings.Builder
	b.WriteString(u.Scheme())
	b.WriteString("://")
	if u.User != "" {
		b.WriteString(escape(u.User, ""))
		b.WriteByte('@')
	}
	b.WriteString(u.hostport())
	b.WriteByte('/')
	b.WriteString(escape(u.Export, "/!$&'()*+,;=@"))
	sep := byte('?')
	for _, p := range u.parameters() {
		b.WriteByte(sep)
		b.WriteString(escape(p.name, ""))
		b.WriteByte('=')
		b.WriteString(escape(p.value, "/"))
		sep = '&'
	}
	return b.String()
}

// hostport is the part of the authority behind the user.
func (u URI) hostport() string {
	port := ":" + strconv.FormatUint(uint64(cmp.Or(u.Port, DefaultPort)), 10)
	switch u.Transport {
	case TCP:
		return escapeHost(cmp.Or(u.Host, DefaultHost)) + port
	case Vsock:
		cid := strconv.FormatUint(uint64(u.CID), 10)
		if u.bigPort() {
			return cid
		}
		return cid + port
	case SSH:
		if u.Port == 0 {
			return escapeHost(u.Host)
		}
		return escapeHost(u.Host) + port
	}
	return ""
}

// bigPort reports a vsock port that libnbd can't read from the authority
// (nbd_connect_uri(3), "Limitations on vsock port numbers"), so that it is
// written as nbd-port.
func (u URI) bigPort() bool {
	return u.Transport == Vsock && u.Port > math.MaxInt32
}

// parameter is a query parameter, decoded.
type parameter struct{ name, value string }

// parameters are the query parameters, in the order of nbd_get_uri(3), with the
// experimental ones last.
func (u URI) parameters() []parameter {
	var all []parameter
	add := func(name, value string) {
		if value != "" {
			all = append(all, parameter{name, value})
		}
	}
	add("socket", u.Socket)
	switch {
	case u.bigPort():
		add("nbd-port", strconv.FormatUint(uint64(u.Port), 10))
	case u.NBDPort != 0 && u.NBDPort != DefaultPort:
		add("nbd-port", strconv.FormatUint(uint64(u.NBDPort), 10))
	}
	if u.Compress {
		add("compress", "true")
	}
	for _, p := range textParameters {
		add(p.name, *p.field(&u))
	}
	switch u.TLSVerifyPeer {
	case False:
		add("tls-verify-peer", "0")
	case True:
		add("tls-verify-peer", "1")
	}
	for _, name := range slices.Sorted(maps.Keys(u.Extra)) {
		all = append(all, parameter{name, u.Extra.Get(name)})
	}
	return all
}
