package ublk

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Commands of /dev/ublk-control, which older kernels know by their plain
// numbers and newer ones as those of ioctl(2).
const (
	cmdGetDevInfo = 0x02
	cmdAddDev     = 0x04
	cmdDelDev     = 0x05
	cmdStartDev   = 0x06
	cmdStopDev    = 0x07
	cmdSetParams  = 0x08
	cmdDelAsync   = 0x14 // since Linux 6.9
)

// deleteTimeout is how long older kernels may wait for programs that have a
// device open which is to be deleted.
const deleteTimeout = 5 * time.Second

// orphanTimeout is how long the kernel may take to find that the process of a
// device has died: older ones look every five seconds.
const orphanTimeout = 10 * time.Second

// ioctlRead and ioctlReadWrite make the number of a command with an argument
// of size bytes.
func ioctlRead(number, size uint32) uint32      { return 2<<30 | size<<16 | 'u'<<8 | number }
func ioctlReadWrite(number, size uint32) uint32 { return 3<<30 | size<<16 | 'u'<<8 | number }

// Sizes of the driver's structures.
const (
	controlCmdSize = 32 // struct ublksrv_ctrl_cmd
	devInfoSize    = 64 // struct ublksrv_ctrl_dev_info
	paramsSize     = 60 // struct ublk_params up to those of discarding
)

// stateDead is the state of a device without a server.
const stateDead = 0

// devInfo is what is used of struct ublksrv_ctrl_dev_info.
type devInfo struct {
	queues, depth, state uint16
	maxRequest           uint32
	id                   uint32
	flags                uint64
	owner                uint64 // ublksrv_flags, which the driver keeps and has no use for
}

func (i *devInfo) append(b []byte) []byte {
	le := binary.NativeEndian
	b = le.AppendUint16(b, i.queues)
	b = le.AppendUint16(b, i.depth)
	b = le.AppendUint16(b, i.state)
	b = le.AppendUint16(b, 0)
	b = le.AppendUint32(b, i.maxRequest)
	b = le.AppendUint32(b, i.id)
	b = le.AppendUint64(b, 0)
	b = le.AppendUint64(b, i.flags)
	b = le.AppendUint64(b, i.owner)
	return append(b, make([]byte, devInfoSize-40)...)
}

func parseDevInfo(b []byte) devInfo {
	le := binary.NativeEndian
	return devInfo{
		queues: le.Uint16(b), depth: le.Uint16(b[2:]), state: le.Uint16(b[4:]),
		maxRequest: le.Uint32(b[8:]), id: le.Uint32(b[12:]),
		flags: le.Uint64(b[24:]), owner: le.Uint64(b[32:]),
	}
}

// ownerMagic marks devices of this package, with the number of the process in
// the lower half.
const ownerMagic = 0x676f6e62_00000000

// control is /dev/ublk-control.
type control struct {
	mu     sync.Mutex
	fd     int
	ring   *ring
	buffer []byte
	plain  bool // the driver knows plain numbers only
}

func openControl() (*control, error) {
	const path = "/dev/ublk-control"
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0)
	switch err {
	case nil:
	case unix.ENOENT, unix.ENODEV, unix.ENXIO:
		return nil, fmt.Errorf("ublk: the kernel's driver is not there: load its module with \"modprobe ublk_drv\" (Linux 6.0 or newer has it): %w",
			&fs.PathError{Op: "open", Path: path, Err: err})
	default:
		return nil, fmt.Errorf("ublk: making a device takes root: %w", &fs.PathError{Op: "open", Path: path, Err: err})
	}
	c := &control{fd: fd}
	if c.ring, err = newRing(4); err == nil {
		c.buffer, err = allocate(os.Getpagesize())
	}
	if err != nil {
		c.close()
		return nil, fmt.Errorf("ublk: %w", err)
	}
	return c, nil
}

func (c *control) close() {
	if c.ring != nil {
		c.ring.close()
	}
	if c.buffer != nil {
		unix.Munmap(c.buffer)
	}
	unix.Close(c.fd)
}

// command sends a command with what it is about in args, or with a number, and
// waits for its end. It gives back what the driver has made of args.
func (c *control) command(cmd uint32, id uint32, args []byte, number uint64) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	// A command ends with the thread that sent it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := c.findPlain(cmd, func() error { return c.send(cmd, id, args, number) })
	return append([]byte(nil), c.buffer[:len(args)]...), err
}

// findPlain sends a command, and once more with its plain number if the driver
// may not have known it. A driver before Linux 6.3 has the same error then as
// for a device that does not exist.
func (c *control) findPlain(cmd uint32, send func() error) error {
	missing := func(err error) bool { return unsupported(err) || errors.Is(err, unix.ENODEV) }
	err := send()
	if c.plain || cmd == cmdDelAsync || !missing(err) {
		return err
	}
	c.plain = true
	again := send()
	if c.plain = !missing(again); c.plain {
		return again
	}
	return err
}

// unsupported says whether an error is that of a command that the driver does
// not know.
func unsupported(err error) bool {
	const enotsupp = unix.Errno(524) // the kernel's own, which some versions give
	return errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, enotsupp)
}

func (c *control) send(cmd uint32, id uint32, args []byte, number uint64) error {
	op := cmd
	switch {
	case c.plain:
	case cmd == cmdGetDevInfo || cmd == cmdDelAsync:
		op = ioctlRead(cmd, controlCmdSize)
	default:
		op = ioctlReadWrite(cmd, controlCmdSize)
	}
	arg := c.ring.command(c.fd, op, 0)
	le := binary.NativeEndian
	le.PutUint32(arg, id)
	le.PutUint16(arg[4:], 0xffff) // no queue
	if len(args) > 0 {
		copy(c.buffer, args)
		le.PutUint16(arg[6:], uint16(len(args)))
		le.PutUint64(arg[8:], address(c.buffer))
	}
	le.PutUint64(arg[16:], number)
	done := false
	var result int32
	for !done {
		if err := c.ring.enter(1); err != nil {
			return err
		}
		c.ring.completed(func(_ uint64, r int32) { done, result = true, r })
	}
	return resultError(result)
}

// add makes a device, as far as /dev/ublkcN.
func (c *control) add(info devInfo) (devInfo, error) {
	out, err := c.command(cmdAddDev, info.id, info.append(nil), 0)
	switch {
	case err == nil:
		return parseDevInfo(out), nil
	case errors.Is(err, unix.EEXIST):
		return info, fmt.Errorf("ublk: %s is in use, or was left behind by another program (\"ublk del -n %d\" would delete it): %w", DevicePath(int(info.id)), info.id, err)
	case errors.Is(err, unix.EPERM):
		return info, fmt.Errorf("ublk: making a device takes root: %w", err)
	}
	return info, fmt.Errorf("ublk: the driver refuses to make a device: %w", err)
}

func (c *control) getInfo(id uint32) (devInfo, error) {
	out, err := c.command(cmdGetDevInfo, id, make([]byte, devInfoSize), 0)
	if err != nil {
		return devInfo{}, err
	}
	return parseDevInfo(out), nil
}

func (c *control) setParams(id uint32, cfg *Config) error {
	_, err := c.command(cmdSetParams, id, cfg.params(), 0)
	return wrap("setting the device's parameters", err)
}

func (c *control) start(id uint32) error {
	_, err := c.command(cmdStartDev, id, nil, uint64(os.Getpid()))
	return wrap("starting the device", err)
}

// stop takes the device away from its users, and has the kernel write what
// they have written.
func (c *control) stop(id uint32) error {
	_, err := c.command(cmdStopDev, id, nil, 0)
	return wrap("stopping the device", gone(err))
}

// delete deletes a device. What is left of it goes when nobody has it open any
// more, for which older kernels wait, with the control device busy: then busy
// is true.
func (c *control) delete(id uint32) (busy bool, err error) {
	if !c.plain {
		if _, err = c.command(cmdDelAsync, id, nil, 0); !unsupported(err) {
			return false, wrap("deleting the device", gone(err))
		}
	}
	done := make(chan error, 1)
	go func() {
		_, err := c.command(cmdDelDev, id, nil, 0)
		done <- err
	}()
	select {
	case err = <-done:
		return false, wrap("deleting the device", gone(err))
	case <-time.After(deleteTimeout):
		return true, nil
	}
}

// gone makes nothing of the error that somebody else has deleted the device.
func gone(err error) error {
	if errors.Is(err, unix.ENODEV) {
		return nil
	}
	return err
}

func wrap(what string, err error) error {
	if err != nil {
		return fmt.Errorf("ublk: %s: %w", what, err)
	}
	return nil
}

// sweep deletes what is left of devices of this package whose process has
// died. The block device went with it, but its number is taken. If that keeps
// the control device busy, it returns true.
func (c *control) sweep() (busy bool) {
	paths, _ := filepath.Glob("/dev/ublkc*")
	for _, path := range paths {
		id, err := strconv.ParseUint(strings.TrimPrefix(path, "/dev/ublkc"), 10, 32)
		if err != nil {
			continue
		}
		info, err := c.getInfo(uint32(id))
		if err == nil && info.state == stateDead && info.orphaned() {
			// An error would say that somebody was quicker.
			if busy, _ := c.delete(uint32(id)); busy {
				return true
			}
		}
	}
	return false
}

// orphaned reports whether the device is of this package, and its process is
// not to be found: it has died, or lives where this process does not see it.
// Only stateDead says which.
func (i devInfo) orphaned() bool {
	return i.owner>>32 == ownerMagic>>32 && unix.Kill(int(uint32(i.owner)), 0) == unix.ESRCH
}

// orphaned reports whether a device is orphaned, or has gone by now.
func (c *control) orphaned(id uint32) bool {
	info, err := c.getInfo(id)
	return err == nil && info.orphaned() || errors.Is(err, unix.ENODEV)
}

// Kinds and attributes of parameters.
const (
	paramBasic   = 1 << 0
	paramDiscard = 1 << 1

	attrReadOnly      = 1 << 0
	attrRotational    = 1 << 1
	attrVolatileCache = 1 << 2
	attrFUA           = 1 << 3
)

// params is struct ublk_params.
func (c *Config) params() []byte {
	kinds, attrs := uint32(paramBasic), uint32(0)
	if c.MaxDiscard > 0 || c.MaxWriteZeroes > 0 {
		kinds |= paramDiscard
	}
	for _, a := range []struct {
		set  bool
		attr uint32
	}{{c.ReadOnly, attrReadOnly}, {c.Rotational, attrRotational}, {c.Flush, attrVolatileCache}, {c.Flush && c.FUA, attrFUA}} {
		if a.set {
			attrs |= a.attr
		}
	}
	physical := shift(c.PhysicalBlockSize)
	le := binary.NativeEndian
	b := le.AppendUint32(nil, paramsSize)
	b = le.AppendUint32(b, kinds)
	b = le.AppendUint32(b, attrs)
	b = append(b, shift(c.BlockSize), physical, physical, physical)
	b = le.AppendUint32(b, uint32(c.MaxRequest/Sector))
	b = le.AppendUint32(b, 0) // no chunks
	b = le.AppendUint64(b, uint64(c.Size/Sector))
	b = le.AppendUint64(b, 0) // no boundaries
	b = le.AppendUint32(b, 0) // discarding begins aligned at 0
	b = le.AppendUint32(b, uint32(c.PhysicalBlockSize))
	b = le.AppendUint32(b, sectors(c.MaxDiscard))
	b = le.AppendUint32(b, sectors(c.MaxWriteZeroes))
	b = le.AppendUint16(b, 1) // segment of a discarding request
	return le.AppendUint16(b, 0)
}

// sectors counts sectors, as many as a request can have.
func sectors(n int64) uint32 { return uint32(min(n, 1<<32-Sector) / Sector) }

// shift is the logarithm of a power of 2.
func shift(n int) (s uint8) {
	for n > 1 {
		n >>= 1
		s++
	}
	return s
}
