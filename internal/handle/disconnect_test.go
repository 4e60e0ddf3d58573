//go:build linux

package handle

import (
	"slices"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gonbd/gonbd/internal/engine"
	"github.com/gonbd/gonbd/internal/script"
	"github.com/gonbd/gonbd/internal/wire"
)

// TestAioDisconnect says goodbye behind a command that the server never
// answers.
func TestAioDisconnect(t *testing.T) {
	h := create(t)
	wait := scripted(t, h, append(greeting(1<<20),
		script.ExpectRequest(false, wire.CmdRead, nil),
		script.ExpectRequest(false, wire.CmdDisc, nil),
		script.ExpectEOF())...)
	must(t, h.handshake())
	wantErr(t, h.AioDisconnect(1), syscall.EINVAL, "nbd_aio_disconnect: flags: invalid value for flag: 0x1")
	var log []string
	cb := &completion{recorder{log: &log, name: "completion"}}
	buf := pattern(512, 1)
	c, err := h.AioPread(buf, 0, cb, 0)
	must(t, err)
	must(t, h.AioDisconnect(0))
	wantErr(t, h.AioDisconnect(0), syscall.EINVAL, "NBD_CMD_DISC")
	_, err = h.AioFlush(nil, 0)
	wantErr(t, err, syscall.EINVAL, "nbd_aio_flush: no command can follow NBD_CMD_DISC")
	if closed, _ := h.AioIsClosed(); closed {
		t.Error("the handle is closed before the server has hung up")
	}
	if n, err := h.AioInFlight(); n != 1 || err != nil {
		t.Errorf("%d in flight: %v", n, err)
	}
	for {
		if closed, _ := h.AioIsClosed(); closed {
			break
		}
		if _, err := h.Poll(int(patience.Milliseconds())); err != nil {
			t.Fatal(err)
		}
	}
	wait()
	wantLog(t, log, "completion done")
	if !slices.Equal(cb.saw, []int{int(syscall.ENOTCONN)}) {
		t.Errorf("the callback saw %v", cb.saw)
	}
	if n, err := h.AioInFlight(); n != 0 || err != nil {
		t.Errorf("%d in flight: %v", n, err)
	}
	_, err = h.AioCommandCompleted(c)
	wantErr(t, err, syscall.ENOTCONN, "nbd_aio_command_completed: read")
	wantLog(t, log, "completion done", "completion free")
	if ok, err := h.AioCommandCompleted(c); ok || err != nil {
		t.Errorf("retired twice: %v, %v", ok, err)
	}
	if _, err := h.AioGetFd(); err == nil {
		t.Error("a closed handle has a descriptor")
	}
	wantErr(t, h.Shutdown(0), syscall.EINVAL, "invalid state: CLOSED: the handle must be negotiating, or connected with the server")
}

// TestShutdownAbandon drops what was not sent.
func TestShutdownAbandon(t *testing.T) {
	for _, abandon := range []bool{false, true} {
		h := create(t)
		block := make(chan struct{})
		steps := append(greeting(64<<20), script.Stall(block),
			script.WithRequest(false, wire.CmdWrite, func(r wire.Request) script.Step {
				return script.Steps(script.ExpectFunc(int(r.Length), func([]byte) error { return nil }),
					simple(r, 0))
			}))
		if !abandon {
			for range 2 {
				steps = append(steps, script.WithRequest(false, wire.CmdWrite, func(r wire.Request) script.Step {
					return script.Steps(script.ExpectFunc(int(r.Length), func([]byte) error { return nil }),
						simple(r, 0))
				}))
			}
		}
		wait := scripted(t, h, append(steps, script.ExpectRequest(false, wire.CmdDisc, nil), script.ExpectEOF())...)
		must(t, h.handshake())
		buf := make([]byte, 8<<20)
		var cookies []uint64
		for range 3 {
			c, err := h.AioPwrite(buf, 0, nil, 0)
			must(t, err)
			cookies = append(cookies, c)
		}
		if dir, _ := h.AioGetDirection(); dir != directionRead|directionWrite {
			t.Errorf("the direction is %d", dir)
		}
		if on, _ := h.AioIsProcessing(); !on {
			t.Error("the handle is not processing")
		}
		close(block)
		flags := uint32(0)
		if abandon {
			flags = abandonPending
		}
		within(t, "shutdown", func() { must(t, h.Shutdown(flags)) })
		wait()
		for i, c := range cookies {
			ok, err := h.AioCommandCompleted(c)
			if abandon && i > 0 {
				wantErr(t, err, syscall.ENOTCONN)
			} else if !ok || err != nil {
				t.Errorf("command %d: %v, %v", i, ok, err)
			}
		}
	}
}

// TestServerDies ends the connection in the middle of things.
func TestServerDies(t *testing.T) {
	for name, step := range map[string]script.Step{
		"between replies": script.Close(),
		"in a reply":      script.Steps(script.Send([]byte{0x67, 0x44, 0x66}), script.Close()),
		"with garbage":    script.Send([]byte("this is no reply, is it?")),
	} {
		t.Run(name, func(t *testing.T) {
			h := create(t)
			wait := scripted(t, h, append(greeting(1<<20), script.ExpectRequest(false, wire.CmdRead, nil),
				script.ExpectRequest(false, wire.CmdFlush, nil), step)...)
			must(t, h.handshake())
			var log []string
			_, err := h.AioPread(make([]byte, 512), 0, &completion{recorder{log: &log, name: "c", result: 1}}, 0)
			must(t, err)
			within(t, "flush", func() { err = h.Flush(0) })
			if err == nil {
				t.Error("the flush succeeded")
			}
			wantLog(t, log, "c done", "c free")
			wait()
			state := h.public.class()
			if want := map[bool]engine.Class{true: engine.Closed, false: engine.Dead}[name == "between replies"]; state != want {
				t.Errorf("the state is %v, want %v", state, want)
			}
			wantErr(t, h.Pread(make([]byte, 1), 0, 0), syscall.EINVAL, "the handle must be connected with the server")
		})
	}
}

// TestCloseWakes closes a handle on which another thread sleeps.
func TestCloseWakes(t *testing.T) {
	h := create(t)
	read := make(chan struct{})
	block := make(chan struct{})
	defer close(block)
	scripted(t, h, append(greeting(1<<20), script.ExpectRequest(false, wire.CmdRead, func(wire.Request) error { close(read); return nil }), script.Stall(block))...)
	must(t, h.handshake())
	result := make(chan error, 1)
	go func() { result <- h.Pread(make([]byte, 512), 0, 0) }()
	<-read
	must(t, h.Close())
	within(t, "the sleeping read", func() {
		if err := <-result; err == nil {
			t.Error("the read succeeded")
		}
	})
	wantErr(t, h.Close(), syscall.EBADF, "nbd_close")
	wantErr(t, h.Flush(0), syscall.EBADF, "nbd_flush: the handle is closed")
}

// TestOthersRead has a synchronous call sleep while another thread's loop
// reads the reply to it.
func TestOthersRead(t *testing.T) {
	h := connected(t, memory(1<<20))
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		fd, _ := h.AioGetFd()
		for {
			select {
			case <-stop:
				return
			default:
			}
			fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
			if n, _ := unix.Poll(fds, 1); n > 0 {
				h.AioNotifyRead()
			}
		}
	}()
	buf := make([]byte, 4096)
	within(t, "reading", func() {
		for range 2000 {
			if err := h.Pread(buf, 0, 0); err != nil {
				t.Error(err)
				return
			}
		}
	})
	close(stop)
	<-done
}

// TestAioWhileSleeping submits a write that fills the socket while another
// thread sleeps in poll: the sleeper must begin to watch for room.
func TestAioWhileSleeping(t *testing.T) {
	h := connected(t, memory(64<<20))
	started := make(chan struct{})
	result := make(chan error, 1)
	go func() {
		close(started)
		for {
			if _, err := h.Poll(-1); err != nil {
				result <- err
				return
			}
			if n, err := h.AioInFlight(); n == 0 {
				result <- err
				return
			}
		}
	}()
	<-started
	buf := pattern(32<<20, 1)
	var cookies []uint64
	for range 3 {
		c, err := h.AioPwrite(buf, 0, nil, 0)
		must(t, err)
		cookies = append(cookies, c)
	}
	within(t, "the poll loop", func() { must(t, <-result) })
	for _, c := range cookies {
		must(t, retire(t, h, c))
	}
}
