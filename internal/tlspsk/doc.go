// Package tlspsk is TLS 1.3 with an external pre-shared key: a client and a
// server that put a [Conn], which is a [net.Conn], on any other net.Conn. It
// is there because crypto/tls knows no pre-shared keys other than its own
// session tickets, while a file of such keys is how most users of NBD protect
// a network.
//
// It speaks one narrow dialect of RFC 8446 (sections in parentheses):
//
//   - key exchange psk_dhe_ke only (4.2.9), so that recorded traffic stays
//     secret even if the pre-shared key becomes known later; on X25519 or P-256;
//   - TLS_AES_128_GCM_SHA256 and TLS_CHACHA20_POLY1305_SHA256, the suites
//     whose hash is that of the binder (4.2.11.2);
//   - HelloRetryRequest with and without a cookie (4.1.4, 4.2.2);
//   - KeyUpdate in both directions, and of its own accord before the limit of
//     AES-GCM is reached (4.6.3, 5.5);
//   - record padding (5.4), the ChangeCipherSpec of middlebox compatibility
//     (D.4), alerts and close_notify (6).
//
// It never speaks another version of TLS, never falls back, never sends or
// accepts early data, certificates or session tickets (those of a server are
// skipped), and never logs anything, least of all a key: [Key] does not print
// itself. It starts no goroutine that outlives a handshake.
//
// Identifiers of versions, cipher suites, groups and alerts are those of
// crypto/tls, so that a report reads the same whichever of the two packages
// made the connection.
package tlspsk
