package main

// #include <stdlib.h>
// #include "table_gen.h"
import "C"

import (
	"errors"
	"sync"
	"unsafe"

	"github.com/gonbd/gonbd/internal/handle"
)

// fail gives an error to the shim, and -1.
func fail(e *C.struct_gonbd_err, err error) int {
	if h, ok := errors.AsType[*handle.Error](err); ok {
		e.errnum = C.int(h.Errno)
	}
	e.msg = C.CString(err.Error())
	return -1
}

func failString(e *C.struct_gonbd_err, err error) *C.char {
	fail(e, err)
	return nil
}

func boolInt(b bool) C.int {
	if b {
		return 1
	}
	return 0
}

// bytesOf gives the caller's memory as a slice. What no slice can be is more
// than any request may be: it is cut to a length that will be refused too.
func bytesOf(p unsafe.Pointer, n C.size_t) []byte {
	const most = 1 << 31
	return unsafe.Slice((*byte)(p), min(uint64(n), most))
}

// stringsOf gives the strings of a list that ends with a null pointer.
func stringsOf(p **C.char) []string {
	list := []string{}
	if p == nil {
		return list
	}
	for q := p; *q != nil; q = (**C.char)(unsafe.Add(unsafe.Pointer(q), unsafe.Sizeof(*q))) {
		list = append(list, C.GoString(*q))
	}
	return list
}

// statics are the strings that nobody frees: a few, and always the same.
var statics sync.Map

func static(s string) *C.char {
	if p, ok := statics.Load(s); ok {
		return p.(*C.char)
	}
	p := C.CString(s)
	if old, loaded := statics.LoadOrStore(s, p); loaded {
		C.free(unsafe.Pointer(p))
		return old.(*C.char)
	}
	return p
}
