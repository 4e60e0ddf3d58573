package ublk

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Device is a block device, which this process serves.
type Device struct {
	id      uint32
	cfg     Config
	handler Handler
	control *control
	charFD  int // /dev/ublkcN
	queues  []*queue

	threads sync.WaitGroup
	done    chan struct{}
	mu      sync.Mutex
	err     error // of the threads
	closing sync.Once
	closed  error
}

// New makes a device and starts it: before New returns, the kernel has begun
// to send requests, as it looks for partitions.
//
// The error wraps fs.ErrNotExist if the driver is not there, and
// syscall.EEXIST if the device's number is taken. What processes have left
// behind that made devices by this package, and died, is deleted first; New
// waits some seconds for the kernel to find that they have.
func New(cfg Config, handler Handler) (*Device, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	c, info, err := addDevice(devInfo{
		queues: uint16(min(cfg.Queues, maxDepth)), depth: uint16(cfg.Depth), maxRequest: uint32(cfg.MaxRequest),
		id: uint32(cfg.ID), owner: ownerMagic | uint64(os.Getpid()),
	})
	if err != nil {
		return nil, err
	}
	// What the driver has made of it.
	cfg.Queues, cfg.Depth, cfg.MaxRequest = int(info.queues), int(info.depth), int(info.maxRequest)
	d := &Device{id: info.id, cfg: cfg, handler: handler, control: c, charFD: -1, done: make(chan struct{})}
	if err := d.start(); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// addDevice makes a device, once nothing that a process has left behind is in
// its way.
func addDevice(wanted devInfo) (*control, devInfo, error) {
	for deadline := time.Now().Add(orphanTimeout); ; time.Sleep(10 * time.Millisecond) {
		c, err := openControl()
		if err == nil && c.sweep() {
			// The kernel is done with it, but for an answer.
			c, err = openControl()
		}
		if err != nil {
			return nil, wanted, err
		}
		info, err := c.add(wanted)
		if err == nil {
			return c, info, nil
		}
		soon := errors.Is(err, unix.EEXIST) && c.orphaned(wanted.id)
		c.close()
		if !soon || time.Now().After(deadline) {
			return nil, wanted, err
		}
	}
}

func (d *Device) start() error {
	err := d.control.setParams(d.id, &d.cfg)
	if err == nil {
		path := fmt.Sprintf("/dev/ublkc%d", d.id)
		if d.charFD, err = unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0); err != nil {
			err = fmt.Errorf("ublk: %w", &os.PathError{Op: "open", Path: path, Err: err})
		}
	}
	for i := 0; err == nil && i < d.cfg.Queues; i++ {
		var q *queue
		if q, err = newQueue(d, i); err == nil {
			d.queues = append(d.queues, q)
		}
	}
	if err == nil {
		err = d.startQueues()
	}
	go func() {
		d.threads.Wait()
		close(d.done)
	}()
	if err == nil {
		err = d.control.start(d.id)
	}
	return err
}

func (d *Device) startQueues() error {
	started := make(chan error, len(d.queues))
	for _, q := range d.queues {
		d.threads.Go(func() {
			if err := q.run(started); err != nil {
				d.mu.Lock()
				d.err = errors.Join(d.err, err)
				d.mu.Unlock()
			}
		})
	}
	var errs []error
	for range d.queues {
		errs = append(errs, <-started)
	}
	return errors.Join(errs...)
}

// ID is the device's number.
func (d *Device) ID() int { return int(d.id) }

// Path is the device's path, such as "/dev/ublkb0".
func (d *Device) Path() string { return DevicePath(d.ID()) }

// Done is closed when no more requests will come: the device has been
// stopped, by this process or another. Close must be called still.
func (d *Device) Done() <-chan struct{} { return d.done }

// Close deletes the device, and stops it before if that has not been done.
// Close may be called again, and gives the same result, which has the errors
// of the device's threads in it.
//
// Stopping a device has the kernel wait until requests are answered that are
// under way, and until is written what programs have written to it. A process
// that waits for itself so can't be killed where the handler does not return.
// So one that may have such handlers, or such programs, has another process
// call [Delete], and calls Close when it is done.
func (d *Device) Close() error {
	d.closing.Do(func() {
		var err error
		select {
		case <-d.done:
		default:
			err = d.control.stop(d.id)
			<-d.done
		}
		for _, q := range d.queues {
			q.close()
		}
		if d.charFD >= 0 {
			unix.Close(d.charFD)
		}
		busy, deleteErr := d.control.delete(d.id)
		if !busy { // else it is in use until the process ends
			d.control.close()
		}
		d.closed = errors.Join(d.err, err, deleteErr)
	})
	return d.closed
}

// Delete stops and deletes a device, whichever process serves it, as "ublk
// del" does. What programs have written to it is saved first. The error is
// syscall.ENODEV if there is no such device.
func Delete(id int) error {
	c, err := openControl()
	if err != nil {
		return err
	}
	if _, err := c.getInfo(uint32(id)); err != nil {
		c.close()
		return wrap(DevicePath(id), err)
	}
	err = c.stop(uint32(id))
	busy, deleteErr := c.delete(uint32(id))
	if !busy { // else it is in use until the process ends
		c.close()
	}
	return errors.Join(err, deleteErr)
}
