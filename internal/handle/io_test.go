//go:build linux

package handle

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gonbd/gonbd/internal/engine"
)

func pattern(n int, seed byte) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{seed}).Read(b)
	return b
}

func TestReadWrite(t *testing.T) {
	h := connected(t, memory(8<<20))
	for _, n := range []int{1, 511, 4096, 1<<20 + 3, 4 << 20} {
		want := pattern(n, byte(n))
		must(t, h.Pwrite(want, 77, 0))
		got := make([]byte, n)
		must(t, h.Pread(got, 77, 0))
		if !bytes.Equal(got, want) {
			t.Fatalf("%d bytes differ", n)
		}
	}
	must(t, h.Zero(100, 77, 0))
	got := make([]byte, 101)
	must(t, h.Pread(got, 77, 0))
	if !bytes.Equal(got[:100], make([]byte, 100)) {
		t.Errorf("after zeroing: % x", got)
	}
	must(t, h.Flush(0))
	must(t, h.Trim(4096, 0, 0))
	must(t, h.Shutdown(0))
	if h.public.class() != engine.Closed {
		t.Errorf("after shutdown the state is %v", h.public.class())
	}
}

// TestPipeline keeps many commands in flight, retired by cookie and by
// callback.
func TestPipeline(t *testing.T) {
	h := connected(t, memory(4<<20))
	disk := pattern(4<<20, 1)
	for off := 0; off < len(disk); off += 1 << 20 {
		must(t, h.Pwrite(disk[off:off+1<<20], uint64(off), 0))
	}
	const size, n = 64 << 10, 64
	bufs := make([][]byte, n)
	cookies := make(map[uint64]int)
	var log []string
	for i := range bufs {
		bufs[i] = make([]byte, size)
		var f Completion
		if i%2 == 1 {
			f = &completion{recorder{log: &log, name: "c", result: 1}}
		}
		c, err := h.AioPread(bufs[i], uint64(i*size), f, 0)
		must(t, err)
		if c < 1 {
			t.Fatalf("the cookie is %d", c)
		}
		if _, ok := cookies[c]; ok {
			t.Fatalf("the cookie %d was given twice", c)
		}
		cookies[c] = i
	}
	for {
		left, err := h.AioInFlight()
		must(t, err)
		if left == 0 {
			break
		}
		if _, err := h.Poll(-1); err != nil {
			t.Fatal(err)
		}
	}
	var order []uint64
	for {
		c, err := h.AioPeekCommandCompleted()
		if err != nil {
			wantErr(t, err, syscall.EINVAL, "nbd_aio_peek_command_completed: no commands are in flight")
			break
		}
		order = append(order, c)
		ok, err := h.AioCommandCompleted(c)
		if !ok || err != nil {
			t.Fatalf("cookie %d: %v, %v", c, ok, err)
		}
		if ok, err := h.AioCommandCompleted(c); ok || err != nil {
			t.Fatalf("cookie %d again: %v, %v", c, ok, err)
		}
	}
	if len(order) != n/2 || len(log) != n {
		t.Errorf("%d commands were left to retire, and %d callbacks ran: %q", len(order), len(log), log)
	}
	if !bytes.Equal(slices.Concat(bufs...), disk) {
		t.Error("what was read is not what was written")
	}
}

// TestEpoll drives handles from an epoll loop, by level and by edge.
func TestEpoll(t *testing.T) {
	for name, mode := range map[string]uint32{"level": 0, "edge": unix.EPOLLET} {
		t.Run(name, func(t *testing.T) {
			path := serve(t, memory(32<<20))
			ep, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
			must(t, err)
			defer unix.Close(ep)
			type job struct {
				h      *Handle
				issued bool
				left   int
				armed  uint32
			}
			jobs := make(map[int32]*job)
			data := pattern(8<<20, 3)
			arm := func(j *job, fd int32, op int) {
				dir, _ := j.h.AioGetDirection()
				var ev uint32
				if dir&directionRead != 0 {
					ev |= unix.EPOLLIN
				}
				if dir&directionWrite != 0 {
					ev |= unix.EPOLLOUT
				}
				if op == unix.EPOLL_CTL_ADD || ev != j.armed {
					j.armed = ev
					must(t, unix.EpollCtl(ep, op, int(fd), &unix.EpollEvent{Events: ev | mode, Fd: fd}))
				}
			}
			for range 4 {
				h := create(t)
				must(t, h.AioConnectUnix(path))
				fd, err := h.AioGetFd()
				must(t, err)
				j := &job{h: h, left: 4}
				jobs[int32(fd)] = j
				arm(j, int32(fd), unix.EPOLL_CTL_ADD)
			}
			within(t, "the loop", func() {
				for running := len(jobs); running > 0; {
					var events [8]unix.EpollEvent
					n, err := unix.EpollWait(ep, events[:], -1)
					if err == unix.EINTR {
						continue
					}
					if err != nil {
						t.Error(err)
						return
					}
					for _, ev := range events[:n] {
						j := jobs[ev.Fd]
						dir, _ := j.h.AioGetDirection()
						switch {
						case dir&directionRead != 0 && ev.Events&(unix.EPOLLIN|unix.EPOLLHUP) != 0:
							err = j.h.AioNotifyRead()
						case dir&directionWrite != 0 && ev.Events&unix.EPOLLOUT != 0:
							err = j.h.AioNotifyWrite()
						}
						if err != nil {
							t.Error(err)
							return
						}
						if ready, _ := j.h.AioIsReady(); ready && !j.issued {
							j.issued = true
							for i := range j.left {
								// More than a socket takes at once.
								if _, err := j.h.AioPwrite(data, uint64(i)<<20, nil, 0); err != nil {
									t.Error(err)
									return
								}
							}
						}
						for j.issued && j.left > 0 {
							c, err := j.h.AioPeekCommandCompleted()
							if err != nil || c == 0 {
								break
							}
							if _, err := j.h.AioCommandCompleted(c); err != nil {
								t.Error(err)
							}
							if j.left--; j.left == 0 {
								running--
							}
						}
						arm(j, ev.Fd, unix.EPOLL_CTL_MOD)
					}
				}
			})
		})
	}
}

// TestThreads uses one handle from many threads, in every way at once.
func TestThreads(t *testing.T) {
	h := connected(t, memory(16<<20))
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			base := uint64(i) << 20
			want, got := pattern(16<<10, byte(i)), make([]byte, 16<<10)
			for k := range 50 {
				off := base + uint64(k)*16<<10
				switch k % 3 {
				case 0:
					if err := h.Pwrite(want, off, 0); err != nil {
						t.Error(err)
						return
					}
					if err := h.Pread(got, off, 0); err != nil || !bytes.Equal(got, want) {
						t.Errorf("thread %d: %v", i, err)
						return
					}
				case 1:
					c, err := h.AioPwrite(want, off, nil, 0)
					if err != nil {
						t.Error(err)
						return
					}
					for {
						ok, err := h.AioCommandCompleted(c)
						if err != nil {
							t.Error(err)
							return
						}
						if ok {
							break
						}
						if _, err := h.Poll(-1); err != nil {
							t.Error(err)
							return
						}
					}
				default:
					h.AioGetDirection()
					h.AioIsReady()
					h.ConnectionState()
					if _, err := h.GetSize(); err != nil {
						t.Error(err)
					}
				}
			}
		}()
	}
	within(t, "the threads", wg.Wait)
}

// TestNoAllocation pins the steady state.
func TestNoAllocation(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	h := connected(t, memory(1<<20))
	buf := make([]byte, 4096)
	read := func() {
		if err := h.Pread(buf, 0, 0); err != nil {
			t.Fatal(err)
		}
	}
	var log []string
	f := &completion{recorder{log: &log, result: 1}}
	aio := func() {
		log = log[:0]
		f.saw = f.saw[:0]
		for range 16 {
			if _, err := h.AioPread(buf, 0, nil, 0); err != nil {
				t.Fatal(err)
			}
		}
		for done := 0; done < 16; {
			c, err := h.AioPeekCommandCompleted()
			if err != nil {
				t.Fatal(err)
			}
			if c == 0 {
				h.Poll(-1)
				continue
			}
			h.AioCommandCompleted(c)
			done++
		}
	}
	read()
	aio()
	if n := testing.AllocsPerRun(100, read); n > 0 {
		t.Errorf("a synchronous read allocates %v times", n)
	}
	if n := testing.AllocsPerRun(50, aio); n > 0 {
		t.Errorf("16 asynchronous reads allocate %v times", n)
	}
}
