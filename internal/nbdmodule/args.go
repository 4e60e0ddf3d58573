package nbdmodule

import (
	"fmt"
	"math"
	"net/netip"
	"strings"

	"go.starlark.net/starlark"

	"github.com/gonbd/gonbd/internal/dialect"
	"github.com/gonbd/gonbd/internal/handle"
)

// The types that read the arguments of methods. Each knows what a call of the
// API takes, and says what it saw instead.

type boolArg bool

func (a *boolArg) Unpack(v starlark.Value) error {
	*a = boolArg(v.Truth())
	return nil
}

// integer reads an int, or a bool as in Python, between bounds.
func integer(v starlark.Value, low int64, high uint64) (starlark.Int, error) {
	if b, ok := v.(starlark.Bool); ok {
		n := 0
		if b {
			n = 1
		}
		v = starlark.MakeInt(n)
	}
	i, ok := v.(starlark.Int)
	if !ok {
		return i, fmt.Errorf("got %s, want int", v.Type())
	}
	n, fits := i.Uint64()
	if s, ok := i.Int64(); ok && s < 0 {
		fits = s >= low
	} else if fits {
		fits = n <= high
	}
	if !fits {
		return i, fmt.Errorf("got %v, want an int between %d and %d", i, low, high)
	}
	return i, nil
}

type intArg int

func (a *intArg) Unpack(v starlark.Value) error {
	i, err := integer(v, math.MinInt32, math.MaxInt32)
	if err == nil {
		n, _ := i.Int64()
		*a = intArg(n)
	}
	return err
}

type uint32Arg uint32

func (a *uint32Arg) Unpack(v starlark.Value) error {
	i, err := integer(v, 0, math.MaxUint32)
	if err == nil {
		n, _ := i.Uint64()
		*a = uint32Arg(n)
	}
	return err
}

type uint64Arg uint64

func (a *uint64Arg) Unpack(v starlark.Value) error {
	i, err := integer(v, 0, math.MaxUint64)
	if err == nil {
		n, _ := i.Uint64()
		*a = uint64Arg(n)
	}
	return err
}

type uintArg uint

func (a *uintArg) Unpack(v starlark.Value) error {
	i, err := integer(v, 0, math.MaxUint)
	if err == nil {
		n, _ := i.Uint64()
		*a = uintArg(n)
	}
	return err
}

type stringArg string

func (a *stringArg) Unpack(v starlark.Value) error {
	s, ok := v.(starlark.String)
	if !ok {
		return fmt.Errorf("got %s, want string", v.Type())
	}
	*a = stringArg(s)
	return nil
}

// pathArg is the path of a file, whose name may be no text.
type pathArg string

func (a *pathArg) Unpack(v starlark.Value) error {
	if b, ok := v.(*dialect.Bytes); ok {
		*a = pathArg(b.Bytes())
		return nil
	}
	return (*stringArg)(a).Unpack(v)
}

type stringListArg []string

func (a *stringListArg) Unpack(v starlark.Value) error {
	list, ok := v.(starlark.Iterable)
	if !ok {
		return fmt.Errorf("got %s, want a list of strings", v.Type())
	}
	*a = stringListArg{}
	it := list.Iterate()
	defer it.Done()
	for x := starlark.Value(nil); it.Next(&x); {
		s, ok := x.(starlark.String)
		if !ok {
			return fmt.Errorf("got a list with %s, want a list of strings", x.Type())
		}
		*a = append(*a, string(s))
	}
	return nil
}

// maxCount bounds the memory that a number in a program can ask for at once.
// No server sends so much in reply to one read.
const maxCount = 1 << 30

// countArg is how many bytes to read.
type countArg struct{ buf []byte }

func (a *countArg) Unpack(v starlark.Value) error {
	i, err := integer(v, 0, maxCount)
	if err == nil {
		n, _ := i.Uint64()
		a.buf = make([]byte, n)
	}
	return err
}

func (a *countArg) value() starlark.Value { return dialect.NewByteArray(a.buf) }

// bufferArg is what is to be written, before the call returns.
type bufferArg struct{ buf []byte }

func (a *bufferArg) Unpack(v starlark.Value) error {
	switch v := v.(type) {
	case *dialect.Bytes:
		a.buf = v.Bytes()
	case *Buffer:
		a.buf = v.Bytes()
	case starlark.String:
		return fmt.Errorf("got string, want bytes: write b\"...\", or .encode() behind it")
	default:
		return fmt.Errorf("got %s, want bytes, bytearray or nbd.Buffer", v.Type())
	}
	return nil
}

// keepArg is what is written until the command is completed.
type keepArg struct{ buf []byte }

func (a *keepArg) Unpack(v starlark.Value) error {
	if b, ok := v.(*dialect.Bytes); ok {
		a.buf = b.Share()
		return nil
	}
	var w bufferArg
	err := w.Unpack(v)
	a.buf = w.buf
	return err
}

// fillArg is what is filled until the command is completed.
type fillArg struct{ buf []byte }

func (a *fillArg) Unpack(v starlark.Value) error {
	switch v := v.(type) {
	case *dialect.Bytes:
		if v.Mutable() {
			a.buf = v.Share()
			return nil
		}
	case *Buffer:
		a.buf = v.Bytes()
		return nil
	}
	return fmt.Errorf("got %s, want nbd.Buffer or bytearray, to be filled", v.Type())
}

// addressArg is a socket address as Python has it: the path of a Unix domain
// socket, a tuple of an IP address and a port, or of a vsock CID and a port.
type addressArg []byte

func (a *addressArg) Unpack(v starlark.Value) error {
	switch v := v.(type) {
	case starlark.String:
		if strings.IndexByte(string(v), 0) > 0 {
			return fmt.Errorf("the path of the socket contains a NUL byte")
		}
		b, err := handle.UnixAddress(string(v))
		*a = b
		return err
	case starlark.Tuple:
		if len(v) < 2 {
			break
		}
		port, err := integer(v[1], 0, math.MaxUint32)
		if err != nil {
			return fmt.Errorf("port: %w", err)
		}
		p, _ := port.Uint64()
		switch host := v[0].(type) {
		case starlark.String:
			ip, err := netip.ParseAddr(string(host))
			if err != nil || p > math.MaxUint16 {
				return fmt.Errorf("got %s, want an IP address and a port: h.aio_connect_tcp takes names", dialect.Repr(v))
			}
			*a = handle.TCPAddress(netip.AddrPortFrom(ip, uint16(p)))
			return nil
		case starlark.Int:
			cid, err := integer(host, 0, math.MaxUint32)
			if err != nil {
				return fmt.Errorf("CID: %w", err)
			}
			c, _ := cid.Uint64()
			*a = handle.VsockAddress(uint32(c), uint32(p))
			return nil
		}
	}
	return fmt.Errorf("got %s, want the path of a socket, (IP address, port), or (vsock CID, port)", dialect.Repr(v))
}

// functionArg is a callback.
type functionArg struct{ f starlark.Callable }

func (a *functionArg) Unpack(v starlark.Value) error {
	f, ok := v.(starlark.Callable)
	if !ok {
		return fmt.Errorf("got %s, which is not callable", v.Type())
	}
	a.f = f
	return nil
}

// optionalFunctionArg is a callback or None.
type optionalFunctionArg struct{ f starlark.Callable }

func (a *optionalFunctionArg) Unpack(v starlark.Value) error {
	if v == starlark.None {
		a.f = nil
		return nil
	}
	return (*functionArg)(a).Unpack(v)
}
