//go:build linux

package libnbd_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/gonbd/gonbd/libnbd"
	"github.com/gonbd/gonbd/nbdserver"
)

// demo starts a server of a disk in memory and gives its URI.
func demo(size int64) (uri string, stop func()) {
	dir, err := os.MkdirTemp("", "gonbd")
	if err != nil {
		log.Fatal(err)
	}
	path := filepath.Join(dir, "sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	s := &nbdserver.Server{Exports: []*nbdserver.Export{{Backend: nbdserver.NewMemory(size)}}}
	go func() { defer close(done); s.Serve(ctx, l) }()
	return "nbd+unix:///?socket=" + path, func() { cancel(); <-done; os.RemoveAll(dir) }
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// A synchronous session.
func Example() {
	uri, stop := demo(1 << 20)
	defer stop()

	h, err := libnbd.Create()
	check(err)
	defer h.Close()
	check(h.ConnectUri(uri))
	size, err := h.GetSize()
	check(err)
	check(h.Pwrite([]byte("hello"), 0, nil))
	buf := make([]byte, 5)
	check(h.Pread(buf, 0, nil))
	fmt.Printf("%d bytes, %q\n", size, buf)
	err = h.Pread(buf, size, nil) // beyond the end
	fmt.Printf("%v\n%v\n", errors.Is(err, syscall.EINVAL), err)
	// Output:
	// 1048576 bytes, "hello"
	// true
	// pread: nbd_pread: request out of bounds: 5 bytes at offset 1048576 of an export of 1048576: Invalid argument
}

// Asynchronous reads on one handle, with Poll for the loop.
func ExampleLibnbd_Poll() {
	uri, stop := demo(1 << 20)
	defer stop()

	h, err := libnbd.Create()
	check(err)
	defer h.Close()
	check(h.ConnectUri(uri))

	const n, size = 16, 64 << 10
	completed := 0
	for i := range n {
		buf := libnbd.MakeAioBuffer(size)
		_, err := h.AioPread(buf, uint64(i*size), &libnbd.AioPreadOptargs{
			CompletionCallbackSet: true,
			CompletionCallback: func(errno *int) int {
				if *errno != 0 {
					log.Fatal(syscall.Errno(*errno))
				}
				completed++ // buf has the data now
				return 1    // and the command is retired
			},
		})
		check(err)
	}
	for {
		left, err := h.AioInFlight()
		check(err)
		if left == 0 {
			break
		}
		_, err = h.Poll(-1)
		check(err)
	}
	fmt.Println(completed, "reads")
	// Output: 16 reads
}

// Many handles in one epoll loop: each connects, reads once, and says
// goodbye.
func ExampleLibnbd_AioNotifyRead() {
	uri, stop := demo(1 << 20)
	defer stop()

	type conn struct {
		*libnbd.Libnbd
		issued, done, bye bool
	}
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	check(err)
	defer unix.Close(epoll)
	conns := make(map[int32]*conn)
	// watch has epoll wait for what the handle waits for.
	watch := func(op int, fd int32) {
		dir, err := conns[fd].AioGetDirection()
		check(err)
		ev := unix.EpollEvent{Fd: fd}
		if dir&uint(libnbd.AIO_DIRECTION_READ) != 0 {
			ev.Events |= unix.EPOLLIN
		}
		if dir&uint(libnbd.AIO_DIRECTION_WRITE) != 0 {
			ev.Events |= unix.EPOLLOUT
		}
		check(unix.EpollCtl(epoll, op, int(fd), &ev))
	}
	for range 4 {
		h, err := libnbd.Create()
		check(err)
		defer h.Close()
		check(h.AioConnectUri(uri))
		fd, err := h.AioGetFd()
		check(err)
		conns[int32(fd)] = &conn{Libnbd: h}
		watch(unix.EPOLL_CTL_ADD, int32(fd))
	}
	finished := 0
	for finished < 4 {
		var events [4]unix.EpollEvent
		n, err := unix.EpollWait(epoll, events[:], -1)
		if err == unix.EINTR {
			continue
		}
		check(err)
		for _, ev := range events[:n] {
			c := conns[ev.Fd]
			// The direction may have changed since: ask again.
			dir, err := c.AioGetDirection()
			check(err)
			switch {
			case dir&uint(libnbd.AIO_DIRECTION_READ) != 0 && ev.Events&(unix.EPOLLIN|unix.EPOLLHUP) != 0:
				check(c.AioNotifyRead())
			case dir&uint(libnbd.AIO_DIRECTION_WRITE) != 0 && ev.Events&unix.EPOLLOUT != 0:
				check(c.AioNotifyWrite())
			}
			ready, err := c.AioIsReady()
			check(err)
			if ready && !c.issued {
				c.issued = true
				_, err := c.AioPread(libnbd.MakeAioBuffer(512), 0, &libnbd.AioPreadOptargs{
					CompletionCallbackSet: true,
					CompletionCallback:    func(*int) int { c.done = true; return 1 },
				})
				check(err)
			}
			if c.done && !c.bye {
				c.bye = true
				check(c.AioDisconnect(nil))
			}
			closed, err := c.AioIsClosed()
			check(err)
			if closed {
				finished++ // its descriptor is closed, and gone from epoll
				continue
			}
			watch(unix.EPOLL_CTL_MOD, ev.Fd)
		}
	}
	fmt.Println(finished, "connections")
	// Output: 4 connections
}

// A copy between two handles: reads whose completion makes writes due, in one
// loop.
func ExampleLibnbd_AioPwrite() {
	from, stop := demo(1 << 20)
	defer stop()
	to, stop := demo(1 << 20)
	defer stop()
	src, dst := open(from), open(to)
	defer src.Close()
	defer dst.Close()
	want := bytes.Repeat([]byte("gonbd123"), 1<<17)
	check(src.Pwrite(want, 0, nil))

	type block struct {
		buf    libnbd.AioBuffer
		offset uint64
	}
	const size = 64 << 10
	var offset uint64 // of the next read
	var read []block  // blocks that were read and are to be written
	inFlight := 0     // blocks being read or written
	for {
		for inFlight < 8 && offset < uint64(len(want)) {
			b := block{libnbd.MakeAioBuffer(size), offset}
			offset += size
			inFlight++
			_, err := src.AioPread(b.buf, b.offset, &libnbd.AioPreadOptargs{
				CompletionCallbackSet: true,
				CompletionCallback: func(errno *int) int {
					if *errno != 0 {
						log.Fatal(syscall.Errno(*errno))
					}
					read = append(read, b) // a callback must not call its own handle
					return 1
				},
			})
			check(err)
		}
		for _, b := range read {
			_, err := dst.AioPwrite(b.buf, b.offset, &libnbd.AioPwriteOptargs{
				CompletionCallbackSet: true,
				CompletionCallback: func(errno *int) int {
					if *errno != 0 {
						log.Fatal(syscall.Errno(*errno))
					}
					inFlight--
					return 1
				},
			})
			check(err)
		}
		read = read[:0]
		if inFlight == 0 {
			break
		}
		// Wait for either of them.
		fd, err := dst.AioGetFd()
		check(err)
		for _, h := range []*libnbd.Libnbd{src, dst} {
			if n, _ := h.AioInFlight(); n > 0 {
				_, err := h.Poll2(fd, -1)
				check(err)
			}
		}
	}
	got := make([]byte, len(want))
	check(dst.Pread(got, 0, nil))
	fmt.Println("equal:", bytes.Equal(got, want))
	// Output: equal: true
}

func open(uri string) *libnbd.Libnbd {
	h, err := libnbd.Create()
	check(err)
	check(h.ConnectUri(uri))
	return h
}
