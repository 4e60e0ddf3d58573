package libnbd

import "unsafe"

// AioBuffer is memory that asynchronous calls read from and write to. It is a
// reference: copies of it share the memory, which the garbage collector frees
// when neither a buffer nor a command in flight refers to it any more.
type AioBuffer struct {
	P    unsafe.Pointer
	Size uint // in bytes
}

// MakeAioBuffer makes a buffer of size bytes. The contents are unspecified.
func MakeAioBuffer(size uint) AioBuffer { return MakeAioBufferZero(size) }

// MakeAioBufferZero makes a buffer of size zero bytes.
func MakeAioBufferZero(size uint) AioBuffer {
	return AioBuffer{unsafe.Pointer(unsafe.SliceData(make([]byte, size))), size}
}

// FromBytes makes a buffer with a copy of buf.
func FromBytes(buf []byte) AioBuffer {
	b := MakeAioBuffer(uint(len(buf)))
	copy(b.Slice(), buf)
	return b
}

// Free lets go of the memory. A command in flight keeps its hold on it. Free
// need not be called.
func (b *AioBuffer) Free() { *b = AioBuffer{} }

// Bytes gives a copy of the contents.
func (b *AioBuffer) Bytes() []byte { return append([]byte{}, b.Slice()...) }

// Slice gives the memory itself.
func (b *AioBuffer) Slice() []byte { return unsafe.Slice((*byte)(b.P), b.Size) }

// Get gives a pointer to byte i. It panics if there is none.
func (b *AioBuffer) Get(i uint) *byte { return &b.Slice()[i] }
