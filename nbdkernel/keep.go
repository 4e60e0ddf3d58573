package nbdkernel

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

// How long Keep waits before it tries to connect again, and before it looks
// whether the device is attached still, of which the kernel doesn't tell.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = 5 * time.Second
	lookPause  = time.Second
)

// Keep connects anew whenever the kernel tells that a connection is dead, be
// it that the server has hung up or that a request took longer than
// Config.Timeout, and tries again until that works. A server whose export has
// changed its size or what it can do is not connected to.
//
// Keep returns nil when the device has been detached, by whomever, and the
// context's error when that ends. Then the device stays attached.
func (d *Device) Keep(ctx context.Context) error {
	log := d.cfg.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	dead := 0
	pause := firstPause
	for {
		s, err := lookUp(d.driver, d.index)
		if err != nil || !s.Attached {
			return err
		}
		wait := lookPause
		if dead > 0 {
			wait = pause
		}
		n, lost, err := d.driver.deaths(ctx, d.index, wait)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			return err
		case lost:
			dead = d.connections // one too many is harmless
		default:
			dead = min(dead+n, d.connections)
		}
		if n > 0 {
			log.Warn("nbdkernel: connections are dead", "device", d.Path(), "server", d.uri, "number", dead)
			pause = firstPause
		}
		for dead > 0 {
			if err := d.reconnect(ctx); err != nil {
				log.Warn("nbdkernel: can't connect anew", "device", d.Path(), "server", d.uri, "err", err, "pause", pause)
				pause = min(2*pause, lastPause)
				break
			}
			dead--
			pause = firstPause
			log.Info("nbdkernel: connected anew", "device", d.Path(), "server", d.uri)
		}
	}
}

// reconnect replaces a dead connection.
func (d *Device) reconnect(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	conns, export, err := d.dial(ctx, 1)
	if err != nil {
		return err
	}
	defer closeAll(conns)
	if export.Size != d.export.Size || export.Flags != d.export.Flags {
		return fmt.Errorf("nbdkernel: the export has changed: it has %d bytes and flags %#x, before %d and %#x",
			export.Size, export.Flags, d.export.Size, d.export.Flags)
	}
	return d.driver.reconnect(d.index, d.uri, conns[0])
}
