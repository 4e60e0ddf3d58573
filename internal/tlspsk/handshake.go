package tlspsk

import (
	"bytes"
	"crypto/hmac"
	"errors"
	"fmt"
	"io"
)

// errEnded says that the inner connection ended in the handshake, with a
// close_notify or without.
var errEnded = fmt.Errorf("TLS: the peer ended the connection during the handshake: %w", io.ErrUnexpectedEOF)

// receive gives the next handshake message during the handshake, which must be
// of that type.
func (c *Conn) receive(typ byte) ([]byte, error) {
	for {
		msg, err := c.in.message()
		if err != nil {
			return nil, err
		}
		if msg != nil {
			return msg, expect(msg, typ)
		}
		record, err := c.in.next()
		switch {
		case err != nil:
		case record == nil:
			err = c.in.fill(c.conn)
		default:
			err = c.collect(record)
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, errEnded
		}
		if err != nil {
			return nil, err
		}
	}
}

// collect handles one record during the handshake.
func (c *Conn) collect(record []byte) error {
	if record[0] == recordChangeCipherSpec {
		// It is for the eyes of middleboxes only.
		if payload := record[recordHeader:]; !bytes.Equal(payload, []byte{1}) {
			return violation(alertUnexpectedMessage, "a ChangeCipherSpec of %d bytes that is malformed", len(payload))
		}
		return c.in.wasIdle()
	}
	if record[0] == recordAlert && len(record) == recordHeader+2 {
		// Not encrypted, even if it should be: a peer that could not make
		// sense of our hello has no keys.
		return c.alert(record[recordHeader:])
	}
	typ, content, err := c.in.open(record, nil)
	switch {
	case err != nil:
		return err
	case typ == recordAlert:
		return c.alert(content)
	case typ == recordData:
		return violation(alertUnexpectedMessage, "data before the end of the handshake")
	case typ != recordHandshake || len(content) == 0:
		return violation(alertUnexpectedMessage, "a record of type %d and %d bytes during the handshake", typ, len(content))
	}
	c.in.hand = append(c.in.hand, content...)
	return nil
}

// checkFinished compares the peer's Finished with what it must be.
func checkFinished(msg, secret, transcript []byte) error {
	mac := msg[messageHeader:]
	if len(mac) != hashLen {
		return malformed("Finished")
	}
	if !hmac.Equal(mac, finishedMAC(secret, transcript)) {
		return violation(alertDecryptError, "Finished with a wrong MAC: the messages of the handshake were changed on their way")
	}
	return nil
}
