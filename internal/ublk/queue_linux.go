package ublk

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"
)

// Commands of /dev/ublkcN.
const (
	cmdFetch          = 0x20 // the first request of a tag
	cmdCommitAndFetch = 0x21 // the result of one, and the next
)

// Sizes of the driver's structures.
const (
	ioCmdSize  = 16 // struct ublksrv_io_cmd
	ioDescSize = 24 // struct ublksrv_io_desc
)

// wakeUp is the number of the completion that tells of results.
const wakeUp = ^uint64(0)

// queue is a queue of a device. It has a tag for each request that may be
// under way.
type queue struct {
	device *Device
	index  int
	ring   *ring
	descs  []byte // of the requests, by tag, shared with the driver
	data   []byte // of the requests, by tag
	count  []byte // where the eventfd is read to
	wakeFD int
	live   int // tags that are with the driver or a handler

	handlers sync.WaitGroup // who use data

	mu      sync.Mutex
	results []result // to be handed to the driver
	waiting bool     // the thread waits for completions, and must be woken
}

type result struct {
	tag   uint16
	value int32 // bytes, or an errno less than 0
}

// newQueue maps the memory that the queue shares with the driver.
func newQueue(d *Device, index int) (*queue, error) {
	q := &queue{device: d, index: index, wakeFD: -1}
	page := os.Getpagesize()
	round := func(n int) int { return (n + page - 1) / page * page }
	var err error
	q.descs, err = unix.Mmap(d.charFD, int64(index*round(maxDepth*ioDescSize)), round(d.cfg.Depth*ioDescSize), unix.PROT_READ, unix.MAP_SHARED|unix.MAP_POPULATE)
	err = os.NewSyscallError("mmap", err)
	if err == nil {
		q.data, err = allocate(d.cfg.Depth * d.cfg.MaxRequest)
	}
	if err == nil {
		q.count, err = allocate(page)
	}
	if err == nil {
		q.wakeFD, err = unix.Eventfd(0, unix.EFD_CLOEXEC)
		err = os.NewSyscallError("eventfd", err)
	}
	if err != nil {
		q.close()
		return nil, fmt.Errorf("ublk: %w", err)
	}
	return q, nil
}

// close frees what run doesn't.
func (q *queue) close() {
	for _, mem := range [][]byte{q.descs, q.data, q.count} {
		if mem != nil {
			unix.Munmap(mem)
		}
	}
	if q.wakeFD >= 0 {
		unix.Close(q.wakeFD)
	}
}

// run is the queue's thread. It tells started whether that worked, and returns
// when the device has been stopped and all requests have been answered.
func (q *queue) run(started chan<- error) error {
	// The thread ends with the goroutine, and the ring's last command with it.
	runtime.LockOSThread()
	defer q.handlers.Wait()
	err := q.begin()
	started <- err
	if q.ring != nil {
		defer q.ring.close()
	}
	for err == nil && q.live > 0 {
		for _, r := range q.takeResults() {
			q.fetch(cmdCommitAndFetch, r.tag, r.value)
		}
		err = q.ring.enter(1)
		q.awake()
		q.ring.completed(func(user uint64, value int32) {
			if e := q.completion(user, value); e != nil {
				err = e
			}
		})
	}
	return err
}

// begin fetches the first request of each tag.
func (q *queue) begin() error {
	var err error
	depth := q.device.cfg.Depth
	if q.ring, err = newRing(depth + 1); err != nil {
		return fmt.Errorf("ublk: %w", err)
	}
	for tag := range depth {
		q.fetch(cmdFetch, uint16(tag), 0)
	}
	q.ring.read(q.wakeFD, q.count[:8], wakeUp)
	q.live = depth
	if err := q.ring.enter(0); err != nil {
		return err
	}
	// The driver refuses at once, and answers only when the device is started.
	q.ring.completed(func(user uint64, value int32) {
		if value < 0 {
			err = wrap("fetching requests", resultError(value))
		}
	})
	return err
}

// fetch prepares a command that fetches a request, and may hand over a result.
func (q *queue) fetch(cmd uint32, tag uint16, value int32) {
	if !q.device.control.plain {
		cmd = ioctlReadWrite(cmd, ioCmdSize)
	}
	arg := q.ring.command(q.device.charFD, cmd, uint64(tag))
	le := binary.NativeEndian
	le.PutUint16(arg, uint16(q.index))
	le.PutUint16(arg[2:], tag)
	le.PutUint32(arg[4:], uint32(value))
	le.PutUint64(arg[8:], address(q.dataOf(tag)))
}

// completion takes note of what has been completed: a request has come, or
// the device is being stopped, or there are results.
func (q *queue) completion(user uint64, value int32) error {
	if user == wakeUp {
		q.ring.read(q.wakeFD, q.count[:8], wakeUp)
		return nil
	}
	err := resultError(value)
	switch {
	case err == nil:
		r := q.request(uint16(user))
		q.handlers.Go(func() { q.handle(uint16(user), r) })
		return nil
	case errors.Is(err, unix.ENODEV): // UBLK_IO_RES_ABORT
		q.live--
		return nil
	}
	q.live--
	return wrap("fetching requests", err)
}

func (q *queue) dataOf(tag uint16) []byte {
	n := q.device.cfg.MaxRequest
	return q.data[int(tag)*n:][:n:n]
}

// request reads a request that has come.
func (q *queue) request(tag uint16) *Request {
	desc := q.descs[int(tag)*ioDescSize:][:ioDescSize]
	le := binary.NativeEndian
	flags := le.Uint32(desc)
	r := &Request{
		Op:     Op(flags),
		Flags:  Flags(flags) & (FlagFUA | FlagNoUnmap),
		Length: int64(le.Uint32(desc[4:])) * Sector,
		Offset: int64(le.Uint64(desc[8:])) * Sector,
	}
	if r.Op == OpRead || r.Op == OpWrite {
		r.Data = q.dataOf(tag)[:r.Length]
	}
	return r
}

// handle has a request answered, and hands the result to the thread.
func (q *queue) handle(tag uint16, r *Request) {
	value := int32(0)
	if errno := q.device.handler(r); errno != 0 {
		value = -int32(errno)
	} else if r.Data != nil {
		value = int32(len(r.Data))
	}
	q.mu.Lock()
	q.results = append(q.results, result{tag, value})
	wake := q.waiting
	q.waiting = false
	q.mu.Unlock()
	if wake {
		one := binary.NativeEndian.AppendUint64(nil, 1)
		for {
			if _, err := unix.Write(q.wakeFD, one); err != unix.EINTR {
				return
			}
		}
	}
}

// takeResults gives what is to be handed over. The thread must wait next.
func (q *queue) takeResults() []result {
	q.mu.Lock()
	defer q.mu.Unlock()
	list := q.results
	q.results = nil
	q.waiting = true
	return list
}

// awake says that the thread will look for results by itself.
func (q *queue) awake() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = false
}
