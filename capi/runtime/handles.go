package main

// #cgo CFLAGS: -I${SRCDIR}/../shim
// #include <stdlib.h>
// #include "table_gen.h"
import "C"

import (
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/gonbd/gonbd/internal/handle"
)

// handles are the handles that C knows by number. Looking one up takes no
// lock: the slice is replaced, never changed, when it grows.
var handles struct {
	mu   sync.Mutex
	list atomic.Pointer[[]atomic.Pointer[handle.Handle]]
	free []uint64
	next uint64
}

func init() {
	list := make([]atomic.Pointer[handle.Handle], 16)
	handles.list.Store(&list)
}

// lookup gives the handle of a number. C code that uses a handle after it was
// closed is beyond help, as with any library: it finds nil, and crashes.
func lookup(id C.uint64_t) *handle.Handle { return (*handles.list.Load())[id].Load() }

//export goNbdCreate
func goNbdCreate(fd *C.int32_t) C.uint64_t {
	h := handle.New()
	h.WatchFD((*atomic.Int32)(unsafe.Pointer(fd)))
	handles.mu.Lock()
	defer handles.mu.Unlock()
	var id uint64
	if n := len(handles.free); n > 0 {
		id = handles.free[n-1]
		handles.free = handles.free[:n-1]
	} else {
		id = handles.next
		handles.next++
	}
	list := *handles.list.Load()
	if id >= uint64(len(list)) {
		longer := make([]atomic.Pointer[handle.Handle], 2*len(list))
		for i := range list {
			longer[i].Store(list[i].Load())
		}
		list = longer
		handles.list.Store(&longer)
	}
	list[id].Store(h)
	return C.uint64_t(id)
}

//export goNbdClose
func goNbdClose(id C.uint64_t, e *C.struct_gonbd_err) C.int {
	handles.mu.Lock()
	p := &(*handles.list.Load())[id]
	h := p.Load()
	handles.mu.Unlock()
	err := h.Close()
	handles.mu.Lock()
	(*handles.list.Load())[id].Store(nil)
	handles.free = append(handles.free, uint64(id))
	handles.mu.Unlock()
	if err != nil {
		return C.int(fail(e, err))
	}
	return 0
}
