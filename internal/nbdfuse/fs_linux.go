//go:build !386 && !arm && !mips && !mipsle

package nbdfuse

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/gonbd/gonbd/nbd"
)

// Inode numbers. Where the mount point is a file, that is the root.
const (
	rootIno = fuse.FUSE_ROOT_ID
	fileIno = rootIno + 1
)

// fileSystem is the mount: one file, alone or in a folder. What it does not
// define is not supported, which programs are told by ENOSYS as by the C tool.
//
// Its methods run in many goroutines at once. Nothing here is interrupted by
// signals to the program that waits: reads and writes of a disk never are.
type fileSystem struct {
	fuse.RawFileSystem
	c        *nbd.Client
	name     string // of the file; empty if the root is the file
	readonly bool
	extents  bool // the server tells where holes are
	options  *fuseOptions
	started  time.Time
	log      *log.Logger
	lose     context.CancelCauseFunc // called when the server is lost
}

func (f *fileSystem) String() string { return "nbdfuse" }

// attr describes the file or the folder.
func (f *fileSystem) attr(ino uint64, a *fuse.Attr) {
	*a = fuse.Attr{Ino: ino, Nlink: 1, Size: uint64(f.c.Size()), Mode: syscall.S_IFREG | 0o666}
	mask := f.options.fmask
	if f.isFolder(ino) {
		a.Mode, a.Nlink, a.Size = syscall.S_IFDIR|0o755, 2, 0
		mask = f.options.dmask
	}
	if mask != nil {
		a.Mode = a.Mode&^0o777 | 0o777&^*mask
	}
	if f.readonly {
		a.Mode &^= 0o222
	}
	a.Owner = fuse.Owner{Uid: uint32(os.Geteuid()), Gid: uint32(os.Getegid())}
	if f.options.uid != nil {
		a.Uid = *f.options.uid
	}
	if f.options.gid != nil {
		a.Gid = *f.options.gid
	}
	// When others write to the disk is not known.
	a.SetTimes(&f.started, &f.started, &f.started)
}

func (f *fileSystem) isFolder(ino uint64) bool { return ino == rootIno && f.name != "" }

// mayEnter is the check of -o allow_root: the kernel lets everyone in then.
func (f *fileSystem) mayEnter(h *fuse.InHeader) bool {
	return !f.options.ownerOnly || h.Uid == 0 || h.Uid == uint32(os.Geteuid())
}

func (f *fileSystem) Lookup(_ <-chan struct{}, h *fuse.InHeader, name string, out *fuse.EntryOut) fuse.Status {
	switch {
	case !f.mayEnter(h):
		return fuse.EACCES
	case !f.isFolder(h.NodeId):
		return fuse.ENOTDIR
	case name != f.name:
		if f.options.negativeTimeout == 0 {
			return fuse.ENOENT
		}
		out.SetEntryTimeout(f.options.negativeTimeout) // node 0 says that there is none
		return fuse.OK
	}
	out.NodeId = fileIno
	f.attr(fileIno, &out.Attr)
	out.SetEntryTimeout(f.options.entryTimeout)
	out.SetAttrTimeout(f.options.attrTimeout)
	return fuse.OK
}

func (f *fileSystem) GetAttr(_ <-chan struct{}, in *fuse.GetAttrIn, out *fuse.AttrOut) fuse.Status {
	if !f.mayEnter(&in.InHeader) {
		return fuse.EACCES
	}
	f.attr(in.NodeId, &out.Attr)
	out.SetTimeout(f.options.attrTimeout)
	return fuse.OK
}

func (f *fileSystem) OpenDir(_ <-chan struct{}, in *fuse.OpenIn, _ *fuse.OpenOut) fuse.Status {
	if !f.mayEnter(&in.InHeader) {
		return fuse.EACCES
	}
	return fuse.OK
}

func (f *fileSystem) ReadDir(_ <-chan struct{}, in *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status {
	entries := []fuse.DirEntry{
		{Mode: syscall.S_IFDIR, Name: ".", Ino: rootIno},
		{Mode: syscall.S_IFDIR, Name: "..", Ino: rootIno},
		{Mode: syscall.S_IFREG, Name: f.name, Ino: fileIno},
	}
	for i := in.Offset; i < uint64(len(entries)); i++ {
		entries[i].Off = i + 1
		if !out.AddDirEntry(entries[i]) {
			break
		}
	}
	return fuse.OK
}

func (f *fileSystem) FsyncDir(<-chan struct{}, *fuse.FsyncIn) fuse.Status { return fuse.OK }

func (f *fileSystem) StatFs(_ <-chan struct{}, h *fuse.InHeader, out *fuse.StatfsOut) fuse.Status {
	out.Bsize, out.Frsize, out.NameLen = 512, 512, 255
	return fuse.OK
}

// Open lets the kernel forget what it has cached, because others may have
// written to the disk since. O_TRUNC changes nothing: a disk keeps its size.
func (f *fileSystem) Open(_ <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	if !f.mayEnter(&in.InHeader) || f.readonly && in.Flags&syscall.O_ACCMODE != syscall.O_RDONLY {
		return fuse.EACCES
	}
	if f.options.keepCache {
		out.OpenFlags |= fuse.FOPEN_KEEP_CACHE
	}
	return fuse.OK
}

func (f *fileSystem) Read(_ <-chan struct{}, in *fuse.ReadIn, buf []byte) (fuse.ReadResult, fuse.Status) {
	off := int64(in.Offset)
	n, err := f.c.ReadAt(buf, off)
	if err != nil && err != io.EOF {
		if err = f.again(err, func() (err error) {
			n, err = f.c.ReadAt(buf, off)
			return err
		}); err != nil && err != io.EOF {
			return nil, f.status(err)
		}
	}
	return fuse.ReadResultData(buf[:n]), fuse.OK
}

// Write writes what lies before the end of the disk. Beyond, there is no space
// left on the device.
func (f *fileSystem) Write(_ <-chan struct{}, in *fuse.WriteIn, data []byte) (uint32, fuse.Status) {
	off := int64(in.Offset)
	if left := f.c.Size() - off; left > 0 && left < int64(len(data)) {
		data = data[:left]
	}
	n, err := f.c.WriteAt(data, off)
	if err != nil {
		if err = f.again(err, func() (err error) {
			n, err = f.c.WriteAt(data, off)
			return err
		}); err != nil {
			return 0, f.status(err)
		}
	}
	return uint32(n), fuse.OK
}

// Fsync flushes, where the server has anything to flush.
func (f *fileSystem) Fsync(<-chan struct{}, *fuse.FsyncIn) fuse.Status {
	if f.readonly || !f.c.CanFlush() {
		return fuse.OK
	}
	return f.do(func() error { return f.c.Flush(context.Background()) })
}

// Fallocate punches holes and zeroes ranges, both by write zeroes. A trim would
// not do, because fallocate(2) promises that a hole reads as zeroes. Where the
// server has no write zeroes, zeroes are sent for a range, as the C tool does,
// but not for a hole: nobody expects that to take so long.
func (f *fileSystem) Fallocate(_ <-chan struct{}, in *fuse.FallocateIn) fuse.Status {
	switch in.Mode {
	case unix.FALLOC_FL_PUNCH_HOLE | unix.FALLOC_FL_KEEP_SIZE, unix.FALLOC_FL_ZERO_RANGE, unix.FALLOC_FL_ZERO_RANGE | unix.FALLOC_FL_KEEP_SIZE:
	default:
		return fuse.Status(syscall.EOPNOTSUPP)
	}
	switch {
	case f.readonly:
		return fuse.EPERM
	case in.Mode&unix.FALLOC_FL_PUNCH_HOLE != 0 && !f.c.CanWriteZeroes():
		return fuse.Status(syscall.EOPNOTSUPP)
	}
	return f.do(func() error { return f.c.WriteZeroes(context.Background(), int64(in.Offset), int64(in.Length)) })
}

// Lseek finds data and holes. Only what reads as zeroes is a hole: programs
// that copy leave holes out.
func (f *fileSystem) Lseek(_ <-chan struct{}, in *fuse.LseekIn, out *fuse.LseekOut) fuse.Status {
	off, size := int64(in.Offset), f.c.Size()
	switch {
	case in.Whence != unix.SEEK_DATA && in.Whence != unix.SEEK_HOLE:
		return fuse.EINVAL
	case off < 0 || off >= size:
		return fuse.Status(syscall.ENXIO)
	case !f.extents:
		return fuse.ENOSYS // and the kernel takes all for data
	}
	found := int64(-1)
	err := f.again(nil, func() error {
		for e, err := range f.c.Extents(context.Background(), off, size-off, nbd.ContextBaseAllocation) {
			if err != nil {
				return err
			}
			if e.Zero() == (in.Whence == unix.SEEK_HOLE) {
				found = e.Offset
				return nil
			}
		}
		return nil
	})
	switch e, _ := errors.AsType[*nbd.Error](err); {
	case e != nil && e.Kind == nbd.ServerError:
		// Whatever is not known to be a hole is data.
		f.log.Print(err)
		if found = off; in.Whence == unix.SEEK_HOLE {
			found = size
		}
	case err != nil:
		return f.status(err)
	case found < 0 && in.Whence == unix.SEEK_DATA:
		return fuse.Status(syscall.ENXIO)
	case found < 0:
		found = size
	}
	out.Offset = uint64(found)
	return fuse.OK
}

// Flush is the close of a file, which makes nothing durable. The kernel does
// not ask again.
func (f *fileSystem) Flush(<-chan struct{}, *fuse.FlushIn) fuse.Status { return fuse.ENOSYS }

// do makes a request, and gives its outcome for the kernel.
func (f *fileSystem) do(request func() error) fuse.Status { return f.status(f.again(nil, request)) }

// again makes a request, and makes it again over another connection if the one
// that it went over has failed: reading, writing and zeroing twice does no
// harm. Where the error of a first try is given, that counts as the first.
func (f *fileSystem) again(err error, request func() error) error {
	if err == nil {
		err = request()
	}
	for i := 1; i < f.c.Connections() && connectionFailed(err); i++ {
		err = request()
	}
	return err
}

func connectionFailed(err error) bool {
	e, ok := errors.AsType[*nbd.Error](err)
	return ok && (e.Kind == nbd.TransportError || e.Kind == nbd.ProtocolError)
}

// status is what a program is told of an error: the server's own, or EIO. The
// reason goes to standard error, as it does in the C tool.
func (f *fileSystem) status(err error) fuse.Status {
	if err == nil {
		return fuse.OK
	}
	e, ok := errors.AsType[*nbd.Error](err)
	switch {
	case ok && (e.Kind == nbd.TransportError || errors.Is(err, net.ErrClosed)):
		f.lose(err) // the last connection, or again would have found another
		return fuse.EIO
	case !ok || e.Kind == nbd.ProtocolError || e.Errno == 0:
		f.log.Print(err)
		return fuse.EIO
	}
	f.log.Print(err)
	return fuse.Status(e.Errno)
}
