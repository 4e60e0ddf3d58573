package sockio

import (
	"bytes"
	"errors"
	"io"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// pair gives two ends of a stream.
func pair(t *testing.T) (a, b uintptr) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fds[0]); unix.Close(fds[1]) })
	return uintptr(fds[0]), uintptr(fds[1])
}

func TestSendRecv(t *testing.T) {
	var v Vector
	a, b := pair(t)
	// More slices than one call takes, some of them empty.
	var bufs [][]byte
	var want []byte
	for i := range 2 * maxVector {
		bufs = append(bufs, []byte{byte(i), byte(i + 1)}, nil)
		want = append(want, byte(i), byte(i+1))
	}
	n, err := v.Send(a, bufs)
	if err != nil || n != 2*maxVector {
		t.Fatalf("Send = %d, %v, expected the %d bytes of %d slices", n, err, 2*maxVector, maxVector)
	}
	if n, err := v.Send(a, [][]byte{want[n:]}); err != nil || n != len(want)-2*maxVector {
		t.Fatalf("Send of one slice = %d, %v", n, err)
	}
	first, second := make([]byte, 100), make([]byte, 1000)
	n, err = v.Recv(b, first, second)
	if err != nil || n != len(want) || !bytes.Equal(append(first, second[:n-100]...), want) {
		t.Fatalf("Recv = %d, %v", n, err)
	}
	if n, err := v.Send(a, [][]byte{nil, {}}); n != 0 || err != nil {
		t.Errorf("Send of nothing = %d, %v", n, err)
	}
	if n, err := v.Recv(b, nil, nil); n != 0 || err != nil {
		t.Errorf("Recv of nothing = %d, %v", n, err)
	}
	if v.iov != [maxVector]syscall.Iovec{} {
		t.Error("the vector still refers to the caller's memory")
	}
}

func TestNotReady(t *testing.T) {
	var v Vector
	a, b := pair(t)
	for _, bufs := range [][2][]byte{{make([]byte, 1), nil}, {nil, make([]byte, 1)}, {make([]byte, 1), make([]byte, 1)}} {
		if _, err := v.Recv(b, bufs[0], bufs[1]); err != ErrAgain {
			t.Errorf("Recv of nothing yet: %v", err)
		}
	}
	big := make([]byte, 1<<20)
	var err error
	for range 100 {
		if _, err = v.Send(a, [][]byte{big, big}); err != nil {
			break
		}
	}
	if err != ErrAgain {
		t.Errorf("Send to somebody who does not read: %v", err)
	}
}

func TestEnd(t *testing.T) {
	var v Vector
	a, b := pair(t)
	if err := CloseWrite(a); err != nil {
		t.Fatal(err)
	}
	for _, bufs := range [][2][]byte{{make([]byte, 1), nil}, {make([]byte, 1), make([]byte, 1)}} {
		if n, err := v.Recv(b, bufs[0], bufs[1]); n != 0 || err != io.EOF {
			t.Errorf("Recv at the end = %d, %v", n, err)
		}
	}
	// A signal would end the test.
	for _, bufs := range [][][]byte{{{1}}, {{1}, {2}}} {
		if _, err := v.Send(a, bufs); !errors.Is(err, syscall.EPIPE) {
			t.Errorf("Send behind the end: %v", err)
		}
	}
	if _, err := v.Recv(^uintptr(0), make([]byte, 1), nil); !errors.Is(err, syscall.EBADF) {
		t.Errorf("Recv of no descriptor: %v", err)
	}
}

func TestAllocations(t *testing.T) {
	var v Vector
	a, b := pair(t)
	bufs := [][]byte{make([]byte, 10), make([]byte, 20)}
	p := make([]byte, 10)
	if n := testing.AllocsPerRun(100, func() {
		if _, err := v.Send(a, bufs); err != nil {
			t.Fatal(err)
		}
		if n, err := v.Recv(b, p, bufs[1]); n != 30 || err != nil {
			t.Fatal(n, err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
