//go:build !386 && !arm && !mips && !mipsle

package nbdfuse

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"runtime"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/gonbd/gonbd/internal/cli"
	"github.com/gonbd/gonbd/internal/source"
	"github.com/gonbd/gonbd/nbd"
)

const (
	device = "/dev/fuse"
	// maxRequest is the longest read or write that the kernel sends, in
	// bytes: the most it does without being told otherwise by sysctl(8).
	maxRequest = 1 << 20
	// maxBackground is how many reads ahead and direct requests of all
	// programs together may be in flight. Others are not counted.
	maxBackground = 64
	// grace is how long a flush may take when a signal ends the tool, and how
	// long programs that have the file open are told of a lost server.
	grace = 10 * time.Second
)

// supported says whether this system has FUSE.
func supported() error {
	fd, err := unix.Open(device, unix.O_RDWR|unix.O_CLOEXEC, 0)
	switch {
	case err == nil:
		return unix.Close(fd)
	case err == unix.ENOENT || err == unix.ENODEV || err == unix.ENXIO:
		return fmt.Errorf("there is no %s, by which programs mount: load the kernel's module (modprobe fuse), or give the container that device: %w", device, err)
	case os.Geteuid() == 0:
		return fmt.Errorf("%s can't be opened: allow the container that device: %w", device, err)
	}
	return fmt.Errorf("%s can't be opened: run nbdfuse as root, or install fusermount3 (package fuse3), which allows everyone to open it: %w", device, err)
}

// mount is a mount whose requests are served.
type mount struct {
	path   string
	id     uint64        // as mountID has it
	ended  chan struct{} // closed when it is unmounted and nobody has it open
	stderr io.Writer
}

// serve mounts, and serves until the mount ends.
func serve(ctx context.Context, c *nbd.Client, at mountpoint, o *options, ready func() error, stderr io.Writer) error {
	lost, lose := context.WithCancelCause(context.Background())
	defer lose(nil)
	logger := log.New(stderr, "nbdfuse: ", 0)
	f := &fileSystem{
		RawFileSystem: fuse.NewDefaultRawFileSystem(), c: c, name: at.name,
		readonly: o.readonly || c.ReadOnly(), extents: source.HasExtents(c), options: &o.fuse,
		started: time.Now(), log: logger, lose: lose,
	}
	m, err := newMount(f, at, o, stderr)
	if err != nil {
		return err
	}
	if err := ready(); err != nil {
		return errors.Join(fmt.Errorf("--pidfile: %w", err), m.unmount())
	}
	report := func(err error) {
		if err != nil {
			logger.Print(err)
		}
	}
	select {
	case <-m.ended:
		return f.finish(ctx)
	case <-lost.Done():
		report(fmt.Errorf("the server is lost, and the mount ends: %w", context.Cause(lost)))
		report(m.unmount())
		m.await(ctx)
		return &cli.ExitError{Code: cli.ExitFailure}
	case <-ctx.Done():
		late, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
		defer cancel()
		report(m.unmount())
		report(f.finish(late))
		return context.Cause(ctx)
	}
}

// finish makes durable what was written.
func (f *fileSystem) finish(ctx context.Context) error {
	if f.readonly || !f.c.CanFlush() {
		return nil
	}
	if err := f.again(nil, func() error { return f.c.Flush(ctx) }); err != nil {
		return fmt.Errorf("what was written last may not be durable: %w", err)
	}
	return nil
}

// newMount mounts a file system, and serves it.
func newMount(f *fileSystem, at mountpoint, o *options, stderr io.Writer) (*mount, error) {
	logger := log.New(io.Discard, "", 0)
	if o.fuse.debug || o.verbose {
		logger = log.New(stderr, "fuse: ", 0)
	}
	// Root needs no help to mount.
	root := os.Geteuid() == 0
	options, flags := o.fuse.mount, uintptr(0)
	if root {
		options, flags = mountFlags(options)
	}
	scheduling := withFewReaders()
	server, err := fuse.NewServer(f, at.path, &fuse.MountOptions{
		AllowOther: o.fuse.allowOther, Options: options, FsName: o.fuse.fsname, Name: o.fuse.subtype,
		MaxWrite: maxRequest, MaxBackground: maxBackground,
		SingleThreaded: o.single, Debug: o.fuse.debug, Logger: logger,
		DirectMountStrict: root, DirectMountFlags: flags,
		DisableXAttrs: true, DisableReadDirPlus: true, DisableSplice: true,
		// O_TRUNC comes with the opening, where it can be ignored; as a
		// truncation it would be refused.
		ExtraCapabilities: fuse.CAP_ATOMIC_O_TRUNC | fuse.CAP_ASYNC_DIO,
	})
	scheduling()
	if err != nil {
		return nil, mountError(at.path, err)
	}
	m := &mount{path: at.path, id: mountID(at.path), ended: make(chan struct{}), stderr: stderr}
	go func() {
		server.Serve()
		close(m.ended)
	}()
	return m, nil
}

// spareProcs is how many of the scheduler's processors are there beside those
// that wait for the kernel's requests.
const spareProcs = 4

// withFewReaders has a fuse.Server that is made before the function is called
// use only a few goroutines that wait for requests, and gives the scheduler
// more processors than that. Waiting is a system call that blocks, which keeps
// a processor for up to 10 ms. go-fuse has as many such readers as there are
// processors, so that nobody could look after the connections meanwhile.
func withFewReaders() (done func()) {
	n := max(runtime.GOMAXPROCS(1), runtime.NumCPU())
	return func() { runtime.GOMAXPROCS(n + spareProcs) }
}
