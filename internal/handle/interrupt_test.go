//go:build linux

package handle

import (
	"syscall"
	"testing"

	"github.com/gonbd/gonbd/internal/script"
	"github.com/gonbd/gonbd/internal/wire"
)

// TestInterrupt ends a read that the server does not answer, and uses the
// connection further.
func TestInterrupt(t *testing.T) {
	h := create(t)
	asked := make(chan struct{})
	answer := make(chan struct{})
	wait := scripted(t, h, append(greeting(1<<20),
		script.WithRequest(false, wire.CmdRead, func(r wire.Request) script.Step {
			close(asked)
			return script.Steps(
				script.ExpectRequest(false, wire.CmdFlush, nil),
				script.Stall(answer),
				simple(r, wire.EIO),
			)
		}),
		script.ExpectRequest(false, wire.CmdDisc, nil),
		script.ExpectEOF())...)
	must(t, h.handshake())
	go func() {
		<-asked
		h.Interrupt()
	}()
	buf := pattern(512, 1)
	within(t, "an interrupted read", func() {
		wantErr(t, h.Pread(buf, 0, 0), syscall.EINTR, "nbd_pread: interrupted")
	})
	within(t, "a call while interrupted", func() {
		wantErr(t, h.Flush(0), syscall.EINTR, "nbd_flush: interrupted")
	})
	h.Resume()
	close(answer)
	within(t, "the shutdown", func() { h.Shutdown(0) })
	wait()
	h.Close()
	h.Interrupt() // which harms nothing
}
