package handle

import "syscall"

// tlsSupported says whether the handle can speak TLS.
const tlsSupported = false

func errNoTLS() error {
	return fault(syscall.ENOTSUP, "this build of the library has no TLS")
}

// canStartTLS says whether NBD_OPT_STARTTLS can be sent by hand.
func (h *Handle) canStartTLS() error {
	if !tlsSupported {
		return errNoTLS()
	}
	return nil
}

// startTLS shakes hands when the server has agreed to TLS.
func (h *Handle) startTLS() { h.eng.TLSDone(errNoTLS()) }

func (h *Handle) supportsTls() (bool, error) { return tlsSupported, nil }
