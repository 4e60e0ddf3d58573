//go:build linux

package libnbd

import (
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// TestForgotten drops a handle without closing it: the garbage collector does.
func TestForgotten(t *testing.T) {
	ours, theirs := socketPair(t)
	func() {
		h, err := Create()
		must(t, err)
		must(t, h.AioConnectSocket(ours))
	}()
	runtime.GC()
	fds := []unix.PollFd{{Fd: int32(theirs), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(fds, 10_000)
		if err == unix.EINTR {
			continue
		}
		if err != nil || n != 1 || fds[0].Revents&unix.POLLHUP == 0 {
			t.Errorf("the connection was not closed (%v)", err)
		}
		return
	}
}

// TestCallbacksDoNotAllocate passes callbacks on.
func TestCallbacksDoNotAllocate(t *testing.T) {
	completion := CompletionCallback(func(*int) int { return 1 })
	chunk := ChunkCallback(func([]byte, uint64, uint, *int) int { return 0 })
	extent := Extent64Callback(func(string, uint64, []LibnbdExtent, *int) int { return 0 })
	if n := testing.AllocsPerRun(100, func() {
		var errno int
		toCompletion(true, completion).Complete(&errno)
		toChunk(chunk).Chunk(nil, 0, 0, &errno)
		toExtent64(extent).Extent64("", 0, nil, &errno)
	}); n > 1 { // errno, which escapes
		t.Errorf("callbacks allocate %v times", n)
	}
}

// TestNoCallbacks has the forms of no callback.
func TestNoCallbacks(t *testing.T) {
	f := func(*int) int { return 1 }
	if toCompletion(false, f) != nil || toCompletion(true, nil) != nil || toChunk(nil) != nil || toDebug(nil) != nil ||
		toExtent(nil) != nil || toExtent64(nil) != nil || toList(nil) != nil || toContext(nil) != nil {
		t.Error("no callback became one")
	}
}
