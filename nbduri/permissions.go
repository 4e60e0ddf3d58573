package nbduri

import (
	"fmt"
	"syscall"

	"github.com/gonbd/gonbd/internal/nbderr"
)

// TransportSet is a set of transports. Its bits are those of libnbd's
// LIBNBD_ALLOW_TRANSPORT_ flags.
type TransportSet uint32

// Sets of one transport, to be combined with |, and the set of all.
const (
	AllowTCP TransportSet = 1 << iota
	AllowUnix
	AllowVsock
	AllowSSH

	AllowAll = AllowTCP | AllowUnix | AllowVsock | AllowSSH
)

// Has reports whether t is in the set.
func (s TransportSet) Has(t Transport) bool { return s>>t&1 != 0 }

// TLSPolicy says whether the scheme of a URI may, must or must not require
// TLS. The values are those of LIBNBD_TLS_.
type TLSPolicy uint8

// Policies, as nbd_set_uri_allow_tls(3) has them.
const (
	TLSDisable TLSPolicy = iota // only nbd…
	TLSAllow                    // nbd… or nbds…
	TLSRequire                  // only nbds…
)

// Permissions say what a URI from someone else may make a program do.
//
// The zero value permits no URI at all: a permission that was forgotten is
// one that was not given. [DefaultPermissions] are libnbd's defaults.
type Permissions struct {
	// Transports are those permitted, as nbd_set_uri_allow_transports(3).
	// Without AllowUnix no URI reaches a socket in the local file system.
	Transports TransportSet

	// TLS is the policy for TLS, as nbd_set_uri_allow_tls(3).
	TLS TLSPolicy

	// LocalFile permits the parameters tls-certificates and tls-psk-file,
	// which make the client read local files, as
	// nbd_set_uri_allow_local_file(3).
	LocalFile bool

	// TLSPriority permits the parameter tls-priority, which can weaken TLS
	// and read configuration files, as nbd_set_uri_allow_tls_priority(3).
	TLSPriority bool
}

// DefaultPermissions are libnbd's defaults: every transport, with or without
// TLS, but neither local files nor a TLS priority.
func DefaultPermissions() Permissions {
	return Permissions{Transports: AllowAll, TLS: TLSAllow}
}

// Check says whether p permits u. The error says which permission is missing
// and how it is given, and wraps syscall.EPERM.
func (p Permissions) Check(u *URI) error {
	if !p.Transports.Has(u.Transport) {
		return denied("the transport %s (scheme %s) is not permitted: add it to Permissions.Transports (nbd_set_uri_allow_transports)", u.Transport, u.Scheme())
	}
	switch {
	case u.TLS && p.TLS != TLSAllow && p.TLS != TLSRequire:
		return denied("the scheme %s requires TLS, which is not permitted: set Permissions.TLS to TLSAllow or TLSRequire (nbd_set_uri_allow_tls)", u.Scheme())
	case !u.TLS && p.TLS != TLSAllow && p.TLS != TLSDisable:
		other := *u
		other.TLS = true
		return denied("the scheme %s does not require TLS: use %s, or set Permissions.TLS to TLSAllow (nbd_set_uri_allow_tls)", u.Scheme(), other.Scheme())
	}
	for _, t := range textParameters {
		if t.path && *t.field(u) != "" && !p.LocalFile {
			return denied("the parameter %s makes the client read local files, which is not permitted: set Permissions.LocalFile (nbd_set_uri_allow_local_file)", t.name)
		}
	}
	if u.TLSPriority != "" && !p.TLSPriority {
		return denied("the parameter tls-priority overrides the TLS priority, which is not permitted: set Permissions.TLSPriority (nbd_set_uri_allow_tls_priority)")
	}
	return nil
}

// denied is an error about a missing permission.
func denied(format string, args ...any) error {
	return &nbderr.Error{Kind: nbderr.Local, Op: "NBD URI", Errno: syscall.EPERM, Msg: fmt.Sprintf(format, args...)}
}
