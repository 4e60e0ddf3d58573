package tlspsk

import (
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"sync"
)

// The content types of records, RFC 8446, section 5.1.
const (
	recordChangeCipherSpec = 20
	recordAlert            = 21
	recordHandshake        = 22
	recordData             = 23
)

const (
	recordHeader  = 5
	maxPlaintext  = 1 << 14
	maxCiphertext = maxPlaintext + 256 // padding and tag included
	maxRecord     = recordHeader + maxCiphertext

	// maxMessage bounds a handshake message. The largest in use are a
	// ClientHello with many identities and a session ticket.
	maxMessage = 1 << 16

	// smallBuffer takes any record; largeBuffer takes several, so that many
	// of them come with one Read of the inner connection. A connection has
	// the large one from when a Read has filled the small one.
	smallBuffer = maxRecord
	largeBuffer = 8 * maxRecord

	// maxBatch is how many records are sent with one Write of the inner
	// connection.
	maxBatch = 8

	// maxEmptyReads is how often the inner connection may return nothing.
	maxEmptyReads = 100
)

// inbound is the receiving half of a connection: it finds records in what the
// inner connection gives, and opens them.
type inbound struct {
	sync.Mutex
	keys trafficKeys

	// buf[r:w] was received and not yet opened.
	buf  []byte
	r, w int

	// data is what was opened and not yet given to the user. It lies in
	// buf, below r, and so nothing may be moved while it is not empty.
	data []byte

	// hand holds the handshake messages that have come, perhaps in part.
	hand []byte

	// idle counts records since the last one with data in it.
	idle int

	// err is why no more will come: io.EOF or what the peer did wrong. It
	// is never an error of the inner connection, which may pass.
	err error
}

// next gives the next record if all of it has been received. It stays where
// it is until fill is called.
func (in *inbound) next() ([]byte, error) {
	avail := in.buf[in.r:in.w]
	if len(avail) < recordHeader {
		return nil, nil
	}
	n := int(binary.BigEndian.Uint16(avail[3:]))
	if avail[1] != 3 || avail[0] < recordChangeCipherSpec || avail[0] > recordData {
		return nil, violation(alertUnexpectedMessage, "%q, which is not the beginning of a TLS record", avail[:recordHeader])
	}
	if n > maxCiphertext || in.keys.aead == nil && n > maxPlaintext {
		return nil, violation(alertRecordOverflow, "a record of %d bytes, which is too long", n)
	}
	if len(avail) < recordHeader+n {
		return nil, nil
	}
	in.r += recordHeader + n
	return avail[: recordHeader+n : recordHeader+n], nil
}

// fill reads from the inner connection once. Its error leaves everything as
// it was.
func (in *inbound) fill(conn io.Reader) error {
	if in.buf == nil {
		in.buf = make([]byte, smallBuffer)
	}
	in.w = copy(in.buf, in.buf[in.r:in.w])
	in.r = 0
	for range maxEmptyReads {
		n, err := conn.Read(in.buf[in.w:])
		if n > 0 {
			// An error beside bytes comes again with the next Read.
			in.w += n
			if in.w == len(in.buf) && in.w < largeBuffer {
				in.buf = slices.Grow(in.buf, largeBuffer-in.w)[:largeBuffer]
			}
			return nil
		}
		if errors.Is(err, io.EOF) {
			return io.ErrUnexpectedEOF // the proper end is a close_notify
		}
		if err != nil {
			return err
		}
	}
	return io.ErrNoProgress
}

// open decrypts a record: into dst if that is long enough, otherwise in
// place. It returns the type and the content without padding.
func (in *inbound) open(record, dst []byte) (typ byte, content []byte, err error) {
	typ, payload := record[0], record[recordHeader:]
	if in.keys.aead == nil {
		return typ, payload, nil
	}
	if typ != recordData {
		return 0, nil, violation(alertUnexpectedMessage, "a record of type %d that is not encrypted", typ)
	}
	if len(payload) < tagLen+1 {
		return 0, nil, violation(alertDecodeError, "an encrypted record of %d bytes, which is too short", len(payload))
	}
	if len(dst) < len(payload)-tagLen {
		dst = payload
	}
	inner, err := in.keys.aead.Open(dst[:0], in.keys.nextNonce(), payload, record[:recordHeader])
	if err != nil {
		return 0, nil, violation(alertBadRecordMAC, "a record that does not decrypt")
	}
	if len(inner) > maxPlaintext+1 {
		return 0, nil, violation(alertRecordOverflow, "a record of %d bytes, which is too long", len(inner))
	}
	i := len(inner) - 1
	for i >= 0 && inner[i] == 0 {
		i--
	}
	if i < 0 {
		return 0, nil, violation(alertUnexpectedMessage, "a record with nothing but padding")
	}
	return inner[i], inner[:i], nil
}

// changeKeys goes on to other keys. Nothing may have come in one record
// before and after.
func (in *inbound) changeKeys(s *suite, secret []byte) error {
	if len(in.hand) > 0 {
		return violation(alertUnexpectedMessage, "handshake messages across a change of keys")
	}
	in.keys.set(s, secret)
	return nil
}

// message takes the next handshake message, if all of it has come. It is
// valid until more are received.
func (in *inbound) message() ([]byte, error) {
	if len(in.hand) < messageHeader {
		return nil, nil
	}
	n := messageHeader + (int(in.hand[1])<<16 | int(in.hand[2])<<8 | int(in.hand[3]))
	if n > maxMessage {
		return nil, violation(alertIllegalParameter, "%s of %d bytes, which is too long", messageName(in.hand[0]), n)
	}
	if len(in.hand) < n {
		return nil, nil
	}
	msg := in.hand[:n:n]
	in.hand = in.hand[n:]
	return msg, nil
}

// wasIdle counts a record without data in it. A peer that sends nothing else
// only wants us to be busy.
func (in *inbound) wasIdle() error {
	const limit = 32
	in.idle++
	if in.idle > limit {
		return violation(alertUnexpectedMessage, "more than %d records in a row without data", limit)
	}
	return nil
}

// outbound is the sending half of a connection: it seals records and gives
// them to the inner connection.
type outbound struct {
	sync.Mutex
	keys  trafficKeys
	limit uint64 // of records under the same keys

	buf    []byte // records to be written, reused
	single [1][]byte
	err    error // of a Write of the inner connection, after which nothing can follow
	closed bool  // close_notify was sent
}

// source is what remains to be sent of a list of buffers.
type source struct {
	bufs [][]byte
	off  int // in the first of them
	left int // bytes in all
}

// appendTo moves n bytes, of which there must be as many, to the end of dst.
func (s *source) appendTo(dst []byte, n int) []byte {
	s.left -= n
	for n > 0 {
		piece := s.bufs[0][s.off:]
		if len(piece) > n {
			s.off += n
			return append(dst, piece[:n]...)
		}
		dst = append(dst, piece...)
		n -= len(piece)
		s.bufs, s.off = s.bufs[1:], 0
	}
	return dst
}

// add puts a record with the next n bytes of src into the buffer.
func (o *outbound) add(typ byte, src *source, n int) {
	start := len(o.buf)
	o.buf = append(o.buf, typ, 3, 3, 0, 0)
	o.buf = src.appendTo(o.buf, n)
	if o.keys.aead != nil {
		o.buf = append(o.buf, typ)
		o.buf[start] = recordData
		n += 1 + tagLen
	}
	header := o.buf[start : start+recordHeader]
	binary.BigEndian.PutUint16(header[3:], uint16(n))
	if o.keys.aead != nil {
		inner := o.buf[start+recordHeader:]
		o.buf = o.keys.aead.Seal(o.buf[:start+recordHeader], o.keys.nextNonce(), inner, header)
	}
}

// addAll puts as many records into the buffer as content needs.
func (o *outbound) addAll(typ byte, content []byte) {
	src := source{bufs: [][]byte{content}, left: len(content)}
	for src.left > 0 {
		o.add(typ, &src, min(src.left, maxPlaintext))
	}
}

func (o *outbound) addAlert(alert tls.AlertError) {
	level := byte(levelFatal)
	if alert == alertCloseNotify {
		level = levelWarning
	}
	o.addAll(recordAlert, []byte{level, byte(alert)})
}

// updateKeys puts a KeyUpdate into the buffer, and what follows is under the
// next keys.
func (o *outbound) updateKeys(ask bool) {
	o.addAll(recordHandshake, marshalKeyUpdate(ask))
	o.keys.update()
}

// flush writes the buffer. After an error some of it may have been sent, and
// so nothing can be sent any more: see to it that o.err is nil before.
func (o *outbound) flush(conn io.Writer) error {
	n, err := conn.Write(o.buf)
	if err == nil && n < len(o.buf) {
		err = io.ErrShortWrite
	}
	o.buf = o.buf[:0]
	o.err = err
	return err
}

// writeData seals and writes all of src. It returns how much of it was
// certainly written.
func (o *outbound) writeData(conn io.Writer, src *source) (int, error) {
	written, total := 0, src.left
	records := (total + maxPlaintext - 1) / maxPlaintext
	o.buf = slices.Grow(o.buf, min(total, maxBatch*maxPlaintext)+(min(records, maxBatch)+1)*(recordHeader+1+tagLen))
	for len(o.buf) > 0 || src.left > 0 {
		for i := 0; i < maxBatch && src.left > 0; i++ {
			// The last record of these keys is the KeyUpdate.
			if o.keys.seq+1 >= o.limit {
				o.updateKeys(false)
			}
			o.add(recordData, src, min(src.left, maxPlaintext))
		}
		if err := o.flush(conn); err != nil {
			return written, err
		}
		written = total - src.left
	}
	return written, nil
}
