package nbdserver

import (
	"errors"
	"io"
)

// inputSize holds some hundreds of requests without payload.
const inputSize = 32 << 10

// lookAhead is how far to read on behind a long payload: enough for the next
// headers. What is read of the next payload has to be copied.
const lookAhead = 4 << 10

// input buffers what the client sends. Long payloads go past the buffer.
type input struct {
	c    *conn
	buf  []byte
	r, w int  // buf[r:w] is read but not used
	long bool // the last payload was a long one
}

// buffered gives the number of bytes that are there already.
func (in *input) buffered() int { return in.w - in.r }

// message waits for the first n bytes of a message and takes them. They stay
// valid until the next call. The error is io.EOF only if there were none.
func (in *input) message(n int) ([]byte, error) {
	if in.buf == nil {
		in.buf = make([]byte, inputSize)
	}
	if in.buffered() < n && len(in.buf)-in.r < n || in.r == in.w {
		in.w = copy(in.buf, in.buf[in.r:in.w])
		in.r = 0
	}
	for in.buffered() < n {
		space := in.buf[in.w:]
		if in.long && len(space) > lookAhead {
			space = space[:lookAhead]
		}
		k, err := in.c.read(space, in.buffered() == 0)
		if err != nil {
			if in.buffered() > 0 {
				err = inMessage(err)
			}
			return nil, err
		}
		in.w += k
	}
	in.long = false
	return in.take(n), nil
}

// fill fills p.
func (in *input) fill(p []byte) error {
	n := copy(p, in.take(min(len(p), in.buffered())))
	in.long = len(p) > lookAhead
	for n < len(p) {
		k, err := in.c.read(p[n:], false)
		if err != nil {
			return inMessage(err)
		}
		n += k
	}
	return nil
}

// discard reads n bytes and forgets them.
func (in *input) discard(n uint64) error {
	k := min(n, uint64(in.buffered()))
	in.take(int(k))
	n -= k
	for n > 0 {
		in.r, in.w = 0, 0
		k, err := in.c.read(in.buf[:min(n, uint64(len(in.buf)))], false)
		if err != nil {
			return inMessage(err)
		}
		n -= uint64(k)
	}
	return nil
}

func (in *input) take(n int) []byte {
	b := in.buf[in.r : in.r+n]
	in.r += n
	return b
}

// inMessage makes an end of file an error.
func inMessage(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
