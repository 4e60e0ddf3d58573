package ublk

import (
	"encoding/binary"
	"fmt"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Numbers of include/uapi/linux/io_uring.h.
const (
	setupCoopTaskrun = 1 << 8
	setupSQE128      = 1 << 10
	enterGetEvents   = 1 << 0
	offSQRing        = 0
	offSQEs          = 0x10000000
	opRead           = 22
	opURingCmd       = 46

	sqeSize = 128 // with setupSQE128
	cqeSize = 16
)

// ringParams is struct io_uring_params.
type ringParams struct {
	sqEntries, cqEntries, flags, sqThreadCPU, sqThreadIdle, features, wqFD uint32
	_                                                                      [3]uint32
	sq                                                                     struct {
		head, tail, mask, entries, flags, dropped, array, _ uint32
		_                                                   uint64
	}
	cq struct {
		head, tail, mask, entries, overflow, cqes, flags, _ uint32
		_                                                   uint64
	}
}

// ring is an io_uring of submissions of 128 bytes. One goroutine uses it at a
// time.
type ring struct {
	fd   int
	mem  []byte // both rings
	sqes []byte

	sqTail, cqHead, cqTail *uint32 // shared with the kernel
	sqMask, cqMask         uint32
	cqes                   []byte

	tail   uint32 // of what is prepared
	queued uint32 // of that, what is not submitted
}

// newRing makes a ring for entries submissions at a time.
func newRing(entries int) (*ring, error) {
	p := ringParams{flags: setupSQE128 | setupCoopTaskrun}
	fd, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, uintptr(entries), uintptr(unsafe.Pointer(&p)), 0)
	switch errno {
	case 0:
	case unix.EPERM:
		return nil, fmt.Errorf("io_uring, by which the ublk driver is spoken to, is switched off (sysctl kernel.io_uring_disabled): %w", errno)
	default:
		return nil, fmt.Errorf("io_uring, by which the ublk driver is spoken to: %w", errno)
	}
	r := &ring{fd: int(fd)}
	size := max(p.sq.array+4*p.sqEntries, p.cq.cqes+cqeSize*p.cqEntries)
	var err error
	if r.mem, err = unix.Mmap(r.fd, offSQRing, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE); err == nil {
		r.sqes, err = unix.Mmap(r.fd, offSQEs, int(sqeSize*p.sqEntries), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE)
	}
	if err != nil {
		r.close()
		return nil, os.NewSyscallError("mmap", err)
	}
	word := func(offset uint32) *uint32 { return (*uint32)(unsafe.Pointer(&r.mem[offset])) }
	r.sqTail, r.cqHead, r.cqTail = word(p.sq.tail), word(p.cq.head), word(p.cq.tail)
	r.sqMask, r.cqMask = *word(p.sq.mask), *word(p.cq.mask)
	r.cqes = r.mem[p.cq.cqes:][:cqeSize*p.cqEntries]
	for i := range p.sqEntries { // submissions go in the order of their slots
		*word(p.sq.array + 4*i) = i
	}
	return r, nil
}

func (r *ring) close() {
	for _, mem := range [][]byte{r.mem, r.sqes} {
		if mem != nil {
			unix.Munmap(mem)
		}
	}
	unix.Close(r.fd)
}

// prepare gives a cleared submission to be filled in, for a completion with
// that number.
func (r *ring) prepare(op uint8, fd int, user uint64) []byte {
	sqe := r.sqes[int(r.tail&r.sqMask)*sqeSize:][:sqeSize]
	clear(sqe)
	sqe[0] = op
	binary.NativeEndian.PutUint32(sqe[4:], uint32(fd))
	binary.NativeEndian.PutUint64(sqe[32:], user)
	r.tail++
	r.queued++
	return sqe
}

// command prepares a command of a driver, and gives its argument to be filled
// in.
func (r *ring) command(fd int, op uint32, user uint64) []byte {
	sqe := r.prepare(opURingCmd, fd, user)
	binary.NativeEndian.PutUint32(sqe[8:], op)
	return sqe[48:]
}

// read prepares reading into memory that the garbage collector knows nothing
// of.
func (r *ring) read(fd int, p []byte, user uint64) {
	sqe := r.prepare(opRead, fd, user)
	binary.NativeEndian.PutUint64(sqe[16:], address(p))
	binary.NativeEndian.PutUint32(sqe[24:], uint32(len(p)))
}

// enter submits what is prepared, and waits for at least that many
// completions. A signal may end it earlier.
func (r *ring) enter(wait int) error {
	atomic.StoreUint32(r.sqTail, r.tail)
	for {
		n, _, errno := unix.Syscall6(unix.SYS_IO_URING_ENTER, uintptr(r.fd), uintptr(r.queued), uintptr(wait), enterGetEvents, 0, 0)
		switch errno {
		case 0:
			r.queued -= uint32(n)
			if r.queued == 0 {
				return nil
			}
		case unix.EINTR:
			if r.queued == 0 {
				return nil
			}
		case unix.EAGAIN, unix.EBUSY: // the kernel is short of something
		default:
			return os.NewSyscallError("io_uring_enter", errno)
		}
	}
}

// completed calls f for each completion that there is.
func (r *ring) completed(f func(user uint64, result int32)) {
	head := *r.cqHead
	for head != atomic.LoadUint32(r.cqTail) {
		cqe := r.cqes[int(head&r.cqMask)*cqeSize:][:cqeSize]
		user, result := binary.NativeEndian.Uint64(cqe), int32(binary.NativeEndian.Uint32(cqe[8:]))
		head++
		atomic.StoreUint32(r.cqHead, head)
		f(user, result)
	}
}

// address is the address of memory that came from mmap.
func address(p []byte) uint64 { return uint64(uintptr(unsafe.Pointer(unsafe.SliceData(p)))) }

// allocate gives memory that the kernel may write to at any time.
func allocate(n int) ([]byte, error) {
	p, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	return p, os.NewSyscallError("mmap", err)
}

// resultError is the error of a completion.
func resultError(result int32) error {
	if result >= 0 {
		return nil
	}
	return unix.Errno(-result)
}
