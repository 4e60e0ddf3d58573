package handle

import (
	"syscall"

	"github.com/gonbd/gonbd/internal/engine"
	"github.com/gonbd/gonbd/internal/tlsclient"
	"github.com/gonbd/gonbd/internal/wire"
	"github.com/gonbd/gonbd/nbduri"
)

// TLS policies, as LIBNBD_TLS_ has them.
const (
	tlsDisable = 0
	tlsAllow   = 1
	tlsRequire = 2
)

// Strict modes, as LIBNBD_STRICT_ has them.
const (
	strictCommands = 1 << iota
	strictFlags
	strictBounds
	strictZeroSize
	strictAlign
	strictPayload
	strictAutoFlag

	strictAll = 1<<iota - 1
)

// maxSocketName is how long the name of an activated socket may be, in bytes.
const maxSocketName = 32

// settings are what a caller configures.
type settings struct {
	exportName string
	contexts   []string // to ask for

	tls             int
	tlsCertificates string
	tlsVerifyPeer   bool
	tlsUsername     string
	tlsUsernameSet  bool
	tlsHostname     string
	tlsPSKFile      string
	tlsPriority     string

	requestExtended   bool
	requestStructured bool
	requestContexts   bool
	requestBlockSize  bool
	fullInfo          bool
	handshakeFlags    uint32
	optMode           bool

	preadInitialize bool
	strict          uint32

	socketName string
	keepalive  bool
	tcpOptions []tcpOption

	uri nbduri.Permissions
}

type tcpOption struct{ option, value int }

func defaultSettings() settings {
	return settings{
		tlsVerifyPeer:     true,
		tlsPriority:       "NORMAL",
		requestExtended:   true,
		requestStructured: true,
		requestContexts:   true,
		requestBlockSize:  true,
		handshakeFlags:    uint32(wire.FlagCFixedNewstyle | wire.FlagCNoZeroes),
		preadInitialize:   true,
		strict:            strictAll,
		keepalive:         true,
		uri:               nbduri.DefaultPermissions(),
	}
}

// configure gives the engine what the caller has set. The lock is held, and
// the engine either has not begun or waits for an option.
func (h *Handle) configure() {
	cfg := h.eng.Config()
	cfg.ExportName = h.exportName
	cfg.TLS = engine.TLSPolicy(h.tls)
	cfg.StructuredReplies = h.requestStructured
	// Without structured replies there is no use for extended headers, which
	// imply them (nbd_set_request_structured_replies(3)).
	cfg.ExtendedHeaders = h.requestExtended && h.requestStructured
	cfg.MetaContexts = nil
	if h.requestContexts {
		cfg.MetaContexts = h.contexts
	}
	cfg.BlockSize = h.requestBlockSize
	cfg.FullInfo = h.fullInfo
	cfg.OptionMode = h.optMode
	cfg.ClientFlags = wire.ClientFlags(h.handshakeFlags)
}

func (h *Handle) setHandleName(name string) error { h.name = name; return nil }

func (h *Handle) getHandleName() (string, error) { return h.name, nil }

func (h *Handle) setPrivateData(data uintptr) (uintptr, error) {
	old := h.private
	h.private = data
	return old, nil
}

func (h *Handle) getPrivateData() (uintptr, error) { return h.private, nil }

func (h *Handle) setExportName(name string) error {
	if len(name) > wire.MaxString {
		return fault(syscall.ENAMETOOLONG, "the export name of %d bytes is longer than the %d that the protocol allows", len(name), wire.MaxString)
	}
	if name != h.exportName {
		h.eng.ForgetExport()
	}
	h.exportName = name
	return nil
}

func (h *Handle) getExportName() (string, error) { return h.exportName, nil }

func (h *Handle) setRequestBlockSize(on bool) error { h.requestBlockSize = on; return nil }

func (h *Handle) getRequestBlockSize() (bool, error) { return h.requestBlockSize, nil }

func (h *Handle) setFullInfo(on bool) error { h.fullInfo = on; return nil }

func (h *Handle) getFullInfo() (bool, error) { return h.fullInfo, nil }

func (h *Handle) setRequestExtendedHeaders(on bool) error { h.requestExtended = on; return nil }

func (h *Handle) getRequestExtendedHeaders() (bool, error) { return h.requestExtended, nil }

func (h *Handle) setRequestStructuredReplies(on bool) error { h.requestStructured = on; return nil }

func (h *Handle) getRequestStructuredReplies() (bool, error) { return h.requestStructured, nil }

func (h *Handle) setRequestMetaContext(on bool) error { h.requestContexts = on; return nil }

func (h *Handle) getRequestMetaContext() (bool, error) { return h.requestContexts, nil }

func (h *Handle) setHandshakeFlags(flags uint32) error { h.handshakeFlags = flags; return nil }

func (h *Handle) getHandshakeFlags() (uint32, error) {
	if h.eng.Protocol() != "" {
		return uint32(h.eng.HandshakeFlags()), nil
	}
	return h.handshakeFlags, nil
}

func (h *Handle) setPreadInitialize(on bool) error { h.preadInitialize = on; return nil }

func (h *Handle) getPreadInitialize() (bool, error) { return h.preadInitialize, nil }

func (h *Handle) setStrictMode(flags uint32) error { h.strict = flags; return nil }

func (h *Handle) getStrictMode() (uint32, error) { return h.strict, nil }

func (h *Handle) setOptMode(on bool) error { h.optMode = on; return nil }

func (h *Handle) getOptMode() (bool, error) { return h.optMode, nil }

func (h *Handle) addMetaContext(name string) error {
	if len(name) > wire.MaxString {
		return fault(syscall.ENAMETOOLONG, "the name of a metadata context of %d bytes is longer than the %d that the protocol allows", len(name), wire.MaxString)
	}
	h.contexts = append(h.contexts, name)
	return nil
}

func (h *Handle) getNrMetaContexts() (uint, error) { return uint(len(h.contexts)), nil }

func (h *Handle) getMetaContext(i uint) (string, error) {
	if i >= uint(len(h.contexts)) {
		return "", fault(syscall.EINVAL, "there is no metadata context %d, %d were added", i, len(h.contexts))
	}
	return h.contexts[i], nil
}

func (h *Handle) clearMetaContexts() error { h.contexts = nil; return nil }

func (h *Handle) setSocketActivationName(name string) error {
	for _, c := range []byte(name) {
		if !(c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z') {
			return fault(syscall.EINVAL, "the socket activation name %q: expected ASCII letters and digits only", name)
		}
	}
	if len(name) > maxSocketName {
		return fault(syscall.ENAMETOOLONG, "the socket activation name has %d characters: expected at most %d", len(name), maxSocketName)
	}
	h.socketName = name
	return nil
}

func (h *Handle) getSocketActivationName() (string, error) { return h.socketName, nil }

func (h *Handle) setKeepalive(on bool) error { h.keepalive = on; return nil }

func (h *Handle) getKeepalive() (bool, error) { return h.keepalive, nil }

func (h *Handle) setTcpOption(option, value int) error {
	h.tcpOptions = append(h.tcpOptions, tcpOption{option, value})
	return nil
}

func (h *Handle) setTls(policy int) error {
	h.tls = policy
	return nil
}

func (h *Handle) getTls() (int, error) { return h.tls, nil }

func (h *Handle) setTlsCertificates(dir string) error { h.tlsCertificates = dir; return nil }

func (h *Handle) setTlsVerifyPeer(on bool) error { h.tlsVerifyPeer = on; return nil }

func (h *Handle) getTlsVerifyPeer() (bool, error) { return h.tlsVerifyPeer, nil }

func (h *Handle) setTlsUsername(name string) error {
	h.tlsUsername, h.tlsUsernameSet = name, true
	return nil
}

// getTlsUsername gives the login name where no name was set.
func (h *Handle) getTlsUsername() (string, error) {
	if h.tlsUsernameSet {
		return h.tlsUsername, nil
	}
	name, err := tlsclient.LoginName(Getenv)
	if err != nil {
		return "", fault(syscall.ENOENT, "the login name is not known (%v): set a user name with nbd_set_tls_username", err)
	}
	return name, nil
}

func (h *Handle) setTlsHostname(name string) error { h.tlsHostname = name; return nil }

func (h *Handle) getTlsHostname() (string, error) { return h.tlsHostname, nil }

func (h *Handle) setTlsPskFile(path string) error { h.tlsPSKFile = path; return nil }

func (h *Handle) setTlsPriority(s string) error { h.tlsPriority = s; return nil }

func (h *Handle) getTlsPriority() (string, error) { return h.tlsPriority, nil }

func (h *Handle) setUriAllowTransports(mask uint32) error {
	h.uri.Transports = nbduri.TransportSet(mask)
	return nil
}

func (h *Handle) setUriAllowTls(policy int) error {
	h.uri.TLS = nbduri.TLSPolicy(policy)
	return nil
}

func (h *Handle) setUriAllowTlsPriority(on bool) error { h.uri.TLSPriority = on; return nil }

func (h *Handle) setUriAllowLocalFile(on bool) error { h.uri.LocalFile = on; return nil }
