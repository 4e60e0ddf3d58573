package main

/*
#include <stdlib.h>
#include "table_gen.h"

extern const struct gonbd_host *host;

static int64_t call_completion (void *cb, int err) {
  return host->completion (cb, err);
}
static int64_t call_chunk (void *cb, const void *subbuf, size_t count, uint64_t offset, unsigned status, int err) {
  return host->chunk (cb, subbuf, count, offset, status, err);
}
static int64_t call_extent (void *cb, const char *context, uint64_t offset, void *entries, size_t nr, int err) {
  return host->extent (cb, context, offset, entries, nr, err);
}
static int64_t call_extent64 (void *cb, const char *context, uint64_t offset, void *entries, size_t nr, int err) {
  return host->extent64 (cb, context, offset, entries, nr, err);
}
static int call_list (void *cb, const char *name, const char *description) {
  return host->list (cb, name, description);
}
static int call_context (void *cb, const char *name) {
  return host->context (cb, name);
}
static int call_debug (void *cb, const char *context, const char *msg) {
  return host->debug (cb, context, msg);
}
static void call_free (void *cb) {
  host->free (cb);
}
*/
import "C"

import (
	"unsafe"

	"github.com/gonbd/gonbd/internal/handle"
)

// Each kind of callback is a pointer to the shim's copy of the caller's
// structure, which Free gives back.
type (
	completion struct{ p *C.struct_gonbd_callback }
	chunk      struct{ p *C.struct_gonbd_callback }
	extent     struct{ p *C.struct_gonbd_callback }
	extent64   struct{ p *C.struct_gonbd_callback }
	list       struct{ p *C.struct_gonbd_callback }
	context    struct{ p *C.struct_gonbd_callback }
	debug      struct{ p *C.struct_gonbd_callback }
)

func toCompletion(p *C.struct_gonbd_callback) handle.Completion {
	if p == nil {
		return nil
	}
	return completion{p}
}

func toChunk(p *C.struct_gonbd_callback) handle.Chunk {
	if p == nil {
		return nil
	}
	return chunk{p}
}

func toExtent(p *C.struct_gonbd_callback) handle.Extent {
	if p == nil {
		return nil
	}
	return extent{p}
}

func toExtent64(p *C.struct_gonbd_callback) handle.Extent64 {
	if p == nil {
		return nil
	}
	return extent64{p}
}

func toList(p *C.struct_gonbd_callback) handle.List {
	if p == nil {
		return nil
	}
	return list{p}
}

func toContext(p *C.struct_gonbd_callback) handle.Context {
	if p == nil {
		return nil
	}
	return context{p}
}

// toDebug takes a structure without a function for none, as libnbd does:
// messages are printed then.
func toDebug(p *C.struct_gonbd_callback) handle.Debug {
	if p == nil {
		return nil
	}
	if p.callback == nil {
		free(p)
		return nil
	}
	return debug{p}
}

// unpack takes a callback's result and errno apart.
func unpack(r C.int64_t, errno *int) int {
	*errno = int(int32(r))
	return int(int32(r >> 32))
}

func free(p *C.struct_gonbd_callback) { C.call_free(unsafe.Pointer(p)) }

func (c completion) Free() { free(c.p) }
func (c chunk) Free()      { free(c.p) }
func (c extent) Free()     { free(c.p) }
func (c extent64) Free()   { free(c.p) }
func (c list) Free()       { free(c.p) }
func (c context) Free()    { free(c.p) }
func (c debug) Free()      { free(c.p) }

func (c completion) Complete(errno *int) int {
	return unpack(C.call_completion(unsafe.Pointer(c.p), C.int(*errno)), errno)
}

func (c chunk) Chunk(b []byte, offset uint64, status uint, errno *int) int {
	return unpack(C.call_chunk(unsafe.Pointer(c.p), unsafe.Pointer(unsafe.SliceData(b)), C.size_t(len(b)), C.uint64_t(offset), C.uint(status), C.int(*errno)), errno)
}

func (c extent) Extent(name string, offset uint64, entries []uint32, errno *int) int {
	s := C.CString(name)
	defer C.free(unsafe.Pointer(s))
	return unpack(C.call_extent(unsafe.Pointer(c.p), s, C.uint64_t(offset), unsafe.Pointer(unsafe.SliceData(entries)), C.size_t(len(entries)), C.int(*errno)), errno)
}

func (c extent64) Extent64(name string, offset uint64, entries []handle.Entry, errno *int) int {
	s := C.CString(name)
	defer C.free(unsafe.Pointer(s))
	return unpack(C.call_extent64(unsafe.Pointer(c.p), s, C.uint64_t(offset), unsafe.Pointer(unsafe.SliceData(entries)), C.size_t(len(entries)), C.int(*errno)), errno)
}

func (c list) List(name, description string) int {
	n, d := C.CString(name), C.CString(description)
	defer C.free(unsafe.Pointer(n))
	defer C.free(unsafe.Pointer(d))
	return int(C.call_list(unsafe.Pointer(c.p), n, d))
}

func (c context) Context(name string) int {
	n := C.CString(name)
	defer C.free(unsafe.Pointer(n))
	return int(C.call_context(unsafe.Pointer(c.p), n))
}

func (c debug) Debug(call, msg string) int {
	s, m := C.CString(call), C.CString(msg)
	defer C.free(unsafe.Pointer(s))
	defer C.free(unsafe.Pointer(m))
	return int(C.call_debug(unsafe.Pointer(c.p), s, m))
}
