// Package nbduri parses and prints NBD URIs, which name a server, how to reach
// it, and an export:
//
//	nbd://example.com:10809/export
//	nbds+unix://alice@/export?socket=/run/nbd.sock&tls-psk-file=keys.psk
//
// The syntax is that of doc/uri.md of the NetworkBlockDevice/nbd repository,
// together with what libnbd 1.24 adds (nbd_connect_uri(3)). [Permissions] are
// libnbd's switches for URIs from sources that are not trusted.
//
// The package never connects, resolves a name or opens a file. It has no
// global state, and its functions may be called concurrently.
//
// # Schemes
//
//	scheme        transport                     authority
//	nbd           TCP                           [user@][host][:port]
//	nbd+unix      Unix domain socket            [user@]
//	nbd+vsock     AF_VSOCK, by libnbd           [user@][cid][:port]
//	nbd+ssh       Secure Shell, by libnbd       [user@]host[:port]
//
// Each has a form that requires TLS: nbds, nbds+unix, nbds+vsock, nbds+ssh.
// Letter case does not matter. An absent host means localhost, an absent CID
// 2 (the host of a virtual machine), an absent port 10809, or for SSH what ssh
// itself takes. The user is for TLS, and for SSH the login too.
//
// # Export name
//
// The export name is the path without its first slash, percent-escapes
// decoded: "nbd://h" and "nbd://h/" name the export "", "nbd://h//d" names
// "/d". Nothing else is rewritten: neither "..", nor "+", nor the last slash.
//
// # Parameters
//
//	parameter           value        meaning
//	socket              path         Unix socket: required for +unix, on the remote machine
//	                                 for +ssh. A leading %00 means the abstract namespace of Linux.
//	nbd-port            1 and up     for TCP and vsock, overrides the port of the authority;
//	                                 for +ssh, the port of the NBD server on the remote machine
//	compress            boolean      compress, for +ssh
//	tls-type            anon, x509   kind of TLS authentication
//	                    or psk
//	tls-hostname        name         name that the server's certificate must bear
//	tls-verify-peer     boolean      whether to verify the server's certificate
//	tls-username        name         user for TLS, in place of the authority's
//	tls-certificates    path         folder of certificates and keys
//	tls-psk-file        path         file of pre-shared keys
//	tls-priority        text         priority string of GnuTLS
//	x-…                 text         experimental, kept in URI.Extra
//
// Parameters are separated by "&" or ";". Letter case of their names does not
// matter, and "+" in a value is a plus, not a space. A boolean is 1, true, t,
// yes, y or on, or 0, false, f, no, n or off, in any letter case.
//
// # Differences from libnbd
//
// libnbd 1.24 accepts some URIs in which it cannot have understood what was
// meant. Here they are errors:
//
//   - unknown parameters, which uri.md asks to be diagnosed; parameters given
//     twice (libnbd takes the last); known parameters with an empty value;
//   - a parameter that the transport has no use for: nbd-port with +unix,
//     compress=true without +ssh, nbd-port together with socket with +ssh;
//   - a fragment, which libnbd drops: in nbd://host/disk#1 it would be part of
//     the export name;
//   - a NUL in a name, where libnbd ends the name;
//   - a colon in the user part: libnbd takes "user:password" for the user name.
//     Write a colon in a user name as %3A;
//   - ports and CIDs out of range, which libnbd wraps around or, for port 0,
//     takes for the default; service names as nbd-port;
//   - brackets around anything but an IPv6 address;
//   - a server name in a +unix URI without a path: nbd+unix://disk?socket=s has
//     the export name in the wrong place. With a path, a server name or port is
//     ignored, as libnbd does;
//   - for +ssh, a server, user or remote socket that begins with "-".
//
// Accepted here and not by libnbd are an empty port after the colon, which
// RFC 3986 allows, and ports of vsock beyond 2147483647 in the authority.
package nbduri
