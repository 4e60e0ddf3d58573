package main

/*
#include <stdlib.h>
#include <unistd.h>
#include "table_gen.h"

extern const struct gonbd_host *host;

static int call_ppoll (void *fds, int n, const struct timespec *timeout) {
  return host->ppoll (fds, n, timeout);
}
static int call_spawn (char *path, char **argv, char **env, int *fds, int n, pid_t *pid) {
  return host->spawn (path, argv, env, fds, n, pid);
}
static char **get_environ (void) { extern char **environ; return environ; }
*/
import "C"

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/gonbd/gonbd/internal/handle"
)

func init() {
	handle.Ppoll = ppoll
	handle.Spawn = spawn
	handle.Getenv = getenv
	handle.Environ = func() []string { return stringsOf(C.get_environ()) }
	handle.Stderr = stderr{}
}

func ppoll(fds *unix.PollFd, n int, timeout *unix.Timespec) (int, syscall.Errno) {
	r := C.call_ppoll(unsafe.Pointer(fds), C.int(n), (*C.struct_timespec)(unsafe.Pointer(timeout)))
	if r < 0 {
		return -1, syscall.Errno(-r)
	}
	return int(r), 0
}

// spawn is [handle.Spawn]: Go's own would give the program the blocked signal
// mask that a thread has inside.
func spawn(path string, argv, env []string, files []uintptr) (int, error) {
	cpath := C.CString(path)
	defer C.free(unsafe.Pointer(cpath))
	cargv, cenv := listOf(argv), listOf(env)
	defer freeList(cargv)
	defer freeList(cenv)
	fds := make([]C.int, len(files))
	for i, fd := range files {
		fds[i] = C.int(fd)
	}
	var pid C.pid_t
	if errno := C.call_spawn(cpath, &cargv[0], &cenv[0], unsafe.SliceData(fds), C.int(len(fds)), &pid); errno != 0 {
		return 0, syscall.Errno(errno)
	}
	return int(pid), nil
}

// listOf makes a list of C strings, in C's memory, that ends with a null
// pointer.
func listOf(list []string) []*C.char {
	n := len(list) + 1
	c := unsafe.Slice((**C.char)(C.calloc(C.size_t(n), C.size_t(unsafe.Sizeof((*C.char)(nil))))), n)
	for i, s := range list {
		c[i] = C.CString(s)
	}
	return c
}

func freeList(list []*C.char) {
	for _, p := range list {
		C.free(unsafe.Pointer(p))
	}
	C.free(unsafe.Pointer(unsafe.SliceData(list)))
}

// getenv asks C: Go's copy of the environment is as old as the runtime.
func getenv(name string) string {
	c := C.CString(name)
	defer C.free(unsafe.Pointer(c))
	return C.GoString(C.getenv(c))
}

// stderr is the standard error of the program. [os.Stderr] would end the
// program when it is a broken pipe, also where the program ignores SIGPIPE.
type stderr struct{}

func (stderr) Write(b []byte) (int, error) { return unix.Write(2, b) }

// goNbdThread is called first on each thread, so that Go gets to know it.
//
//export goNbdThread
func goNbdThread() {}
