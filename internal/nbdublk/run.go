package nbdublk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"

	"github.com/gonbd/gonbd/internal/cli"
	"github.com/gonbd/gonbd/internal/ublk"
	"github.com/gonbd/gonbd/nbd"
)

// stallTimeout is how long the server may take for a request when the tool is
// told to end.
const stallTimeout = 30 * time.Second

// Run is the tool.
func Run(ctx context.Context, args []string, stdio cli.Stdio) error {
	o, err := parseOptions(args)
	if err != nil {
		return err
	}
	if o.text != "" {
		_, err = io.WriteString(stdio.Out, o.text)
		return err
	}
	if o.remove {
		return ublk.Delete(o.device)
	}
	log := cli.Logger("nbdublk", stdio.Err, o.verbose)
	c, err := o.target.Dial(ctx, o.connections, nbd.WithStderr(stdio.Err), nbd.WithLogger(log))
	if err != nil {
		return err
	}
	defer c.Close()
	s := newServer(c, log)
	cfg, err := config(c, o)
	if err != nil {
		return err
	}
	if rest := c.Size() - cfg.Size; rest > 0 {
		log.Warn("nbdublk: the end of the export is no whole block, and can't be reached", "bytes", rest, "block", cfg.BlockSize)
	}
	// The kernel looks for partitions, and a server that does not answer keeps
	// it there.
	giveUp := context.AfterFunc(ctx, func() { c.Close() })
	d, err := ublk.New(cfg, s.handle)
	if !giveUp() {
		err = context.Cause(ctx)
	}
	if err != nil {
		if d != nil {
			err = errors.Join(err, d.Close())
		}
		return err
	}
	log.Debug("nbdublk: the device is there", "device", d.Path(), "server", o.target.String(), "size", cfg.Size,
		"connections", c.Connections(), "block", cfg.BlockSize)
	if _, err := fmt.Fprintln(stdio.Out, d.Path()); err != nil {
		return errors.Join(err, s.close(d))
	}
	select {
	case <-ctx.Done(): // which is how this is meant to end
	case <-d.Done():
		log.Debug("nbdublk: the device was deleted", "device", d.Path())
	case <-s.dead:
	}
	return s.close(d)
}

// close ends the device, and then the connections. What was written is saved,
// however long that takes, but for a server that does not answer any more.
func (s *server) close(d *ublk.Device) error {
	stopWatch := watch(s.answered.Load, stallTimeout, func() {
		s.fail(fmt.Errorf("what was written to %s may be lost: the server has not answered for %v", d.Path(), stallTimeout))
		s.c.Close()
	})
	stopped := stopElsewhere(d.Path())
	var err error
	select {
	case <-d.Done():
		err = d.Close() // for which the other process may be waiting
		<-stopped
	case e := <-stopped:
		if e != nil {
			s.log.Debug("nbdublk: no other process can stop the device", "err", e)
		}
		err = d.Close()
	}
	err = errors.Join(err, s.flush())
	stopWatch()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), stallTimeout)
	defer cancel()
	return s.c.Shutdown(ctx)
}

// flush makes durable what the kernel has written: it does not ask for that as
// it gives a device up.
func (s *server) flush() error {
	if s.c.ReadOnly() || !s.c.CanFlush() {
		return nil
	}
	if errno := s.handle(&ublk.Request{Op: ublk.OpFlush}); errno != 0 {
		return fmt.Errorf("what was written last may not be durable: %w", errno)
	}
	return nil
}

// watch calls stalled, once, if a counter has not changed for that time,
// until stop is called.
func watch(counter func() int64, d time.Duration, stalled func()) (stop func()) {
	done := make(chan struct{})
	go func() {
		tick := time.NewTicker(d)
		defer tick.Stop()
		for last := counter(); ; {
			select {
			case <-done:
				return
			case <-tick.C:
			}
			now := counter()
			if now == last {
				stalled()
				return
			}
			last = now
		}
	}()
	return func() { close(done) }
}

// Limits of devices.
const (
	maxRequest       = 512 << 10 // bytes
	maxPhysicalBlock = 64 << 10  // bytes
	depth            = 64        // requests under way in a queue
)

// config is what the device is to be like, for the server's export.
func config(c *nbd.Client, o *options) (ublk.Config, error) {
	sizes := c.BlockSize()
	page := os.Getpagesize()
	cfg := ublk.Config{
		ID: o.device, Queues: min(c.Connections(), runtime.NumCPU()), Depth: depth,
		// What is smaller than the server's minimum, the client puts together.
		BlockSize: min(max(ublk.Sector, int(sizes.Minimum)), page),
		ReadOnly:  o.readOnly || c.ReadOnly(),
	}
	cfg.PhysicalBlockSize = min(max(cfg.BlockSize, int(sizes.Preferred)), maxPhysicalBlock)
	cfg.MaxRequest = max(min(maxRequest, c.MaxPayload()/page*page), page)
	cfg.Size = c.Size() / int64(cfg.BlockSize) * int64(cfg.BlockSize)
	if cfg.Size == 0 {
		return cfg, fmt.Errorf("the export has %d bytes, which is less than a block of %d: there is nothing to make a device of", c.Size(), cfg.BlockSize)
	}
	e := c.Export()
	cfg.Rotational = e.Rotational()
	cfg.Flush, cfg.FUA = e.CanFlush(), e.CanFUA()
	const most = 1 << 31 // bytes; the client splits what is too much for the server
	if !cfg.ReadOnly && e.CanTrim() {
		cfg.MaxDiscard = most
	}
	if !cfg.ReadOnly && e.CanWriteZeroes() {
		cfg.MaxWriteZeroes = most
	}
	return cfg, nil
}
