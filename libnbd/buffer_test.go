package libnbd

import (
	"bytes"
	"testing"
)

func TestAioBuffer(t *testing.T) {
	source := []byte("abc")
	b := FromBytes(source)
	source[0] = 'x'
	if b.Size != 3 || !bytes.Equal(b.Slice(), []byte("abc")) {
		t.Errorf("FromBytes made %q of size %d, want a copy of what was there", b.Slice(), b.Size)
	}
	copied := b.Bytes()
	*b.Get(1) = 'y'
	b.Slice()[2] = 'z'
	if string(b.Slice()) != "ayz" || string(copied) != "abc" {
		t.Errorf("the buffer is %q and its copy %q, want them apart", b.Slice(), copied)
	}
	other := b
	other.Slice()[0] = 'o'
	if b.Slice()[0] != 'o' {
		t.Error("a copy of a buffer has memory of its own")
	}
	b.Free()
	if b.P != nil || b.Size != 0 || len(b.Slice()) != 0 || len(b.Bytes()) != 0 {
		t.Errorf("after Free the buffer is %v", b)
	}
	b.Free()
	if string(other.Slice()) != "oyz" {
		t.Error("Free took the memory from another buffer")
	}
}

func TestMakeAioBuffer(t *testing.T) {
	for _, size := range []uint{0, 1, 4096} {
		if b := MakeAioBuffer(size); b.Size != size || uint(len(b.Slice())) != size {
			t.Errorf("MakeAioBuffer(%d) has size %d", size, b.Size)
		}
		if b := MakeAioBufferZero(size); b.Size != size || !bytes.Equal(b.Bytes(), make([]byte, size)) {
			t.Errorf("MakeAioBufferZero(%d) is %v", size, b.Bytes())
		}
	}
}

func TestAioBufferGetPanics(t *testing.T) {
	b := MakeAioBuffer(3)
	defer func() {
		if recover() == nil {
			t.Error("Get beyond the end gives a pointer")
		}
	}()
	b.Get(3)
}
