package tlspsk

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"syscall"
)

// ErrUnauthorized says that the peer does not accept the user name with that
// key, or that it gave one which is not accepted. Most servers close the
// connection without saying why, and so it is also the best guess where they
// do so in answer to the first message of a client. Test with [errors.Is].
var ErrUnauthorized = errors.New("the user name or the key is probably wrong")

// ProtocolError says that the peer did what TLS 1.3 does not allow, that what
// it sent was changed on its way, or that it wants what this package does not
// offer.
//
// An alert that the peer sent is a [tls.AlertError] instead, to be found by
// [errors.As].
type ProtocolError struct {
	// Alert is what the peer is told.
	Alert tls.AlertError
	// Msg is what was seen.
	Msg string
	// Err is ErrUnauthorized, if that is what it is, or nil.
	Err error
}

// Error is e.Msg.
func (e *ProtocolError) Error() string {
	return "TLS: " + e.Msg
}

// Unwrap gives e.Err.
func (e *ProtocolError) Unwrap() error { return e.Err }

// The alerts that are sent or have a meaning here (RFC 8446, section 6).
const (
	alertCloseNotify         tls.AlertError = 0
	alertUnexpectedMessage   tls.AlertError = 10
	alertBadRecordMAC        tls.AlertError = 20
	alertRecordOverflow      tls.AlertError = 22
	alertHandshakeFailure    tls.AlertError = 40
	alertIllegalParameter    tls.AlertError = 47
	alertAccessDenied        tls.AlertError = 49
	alertDecodeError         tls.AlertError = 50
	alertDecryptError        tls.AlertError = 51
	alertProtocolVersion     tls.AlertError = 70
	alertInternalError       tls.AlertError = 80
	alertUserCanceled        tls.AlertError = 90
	alertMissingExtension    tls.AlertError = 109
	alertUnsupportedExt      tls.AlertError = 110
	alertUnknownPSKIdentity  tls.AlertError = 115
	alertCertificateRequired tls.AlertError = 116
)

const (
	levelWarning = 1
	levelFatal   = 2
)

func violation(alert tls.AlertError, format string, args ...any) *ProtocolError {
	return &ProtocolError{Alert: alert, Msg: "the peer sent " + fmt.Sprintf(format, args...)}
}

// alertOf is the alert that tells the peer of err, if it is the peer's fault
// or ours and not that of the connection.
func alertOf(err error) (tls.AlertError, bool) {
	if p, ok := errors.AsType[*ProtocolError](err); ok {
		return p.Alert, true
	}
	return 0, false
}

// refused explains why a server ended the handshake in answer to the
// client's first message, if it did so for err.
func refused(err error) error {
	if alert, ok := errors.AsType[tls.AlertError](err); ok {
		switch alert {
		case alertHandshakeFailure, alertIllegalParameter, alertAccessDenied, alertDecryptError,
			alertBadRecordMAC, alertUnknownPSKIdentity, alertCertificateRequired, alertMissingExtension:
			return fmt.Errorf("the server refused the TLS handshake (%w): %w", alert, ErrUnauthorized)
		case alertProtocolVersion:
			return fmt.Errorf("the server refused the TLS handshake (%w): it must speak TLS 1.3 for pre-shared keys", alert)
		}
		return fmt.Errorf("the server refused the TLS handshake: %w", alert)
	}
	for _, end := range []error{io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(err, end) {
			return fmt.Errorf("the server closed the connection during the TLS handshake: %w", ErrUnauthorized)
		}
	}
	return err
}
