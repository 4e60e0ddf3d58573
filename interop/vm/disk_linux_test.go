package vm

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// useAsDisk makes a filesystem on a device, fills it, reads it back, discards
// what was deleted, and calls mounted while it is mounted. What is not checked
// by reading is checked by what the server was asked for.
func useAsDisk(t *testing.T, device string, served *disk, mounted func()) {
	t.Helper()
	run(t, "mke2fs", device)
	data := pattern(6<<20, 7)
	dir := mount(t, device)
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	mounted()
	unmount(t, dir)
	if served.syncs.Load() == 0 {
		t.Error("the server was never told to flush")
	}

	// Nothing is read from memory that was written before.
	dropCaches(t)
	mount(t, device)
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "the file", got, data)
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	unmount(t, dir)

	if err := blockRange(device, unix.BLKDISCARD, 0, diskSize/2); err != nil {
		t.Errorf("discarding: %v", err)
	}
	if n := served.trimmed.Load(); n != diskSize/2 {
		t.Errorf("the server was told to trim %d bytes, want %d", n, diskSize/2)
	}
	if err := blockRange(device, unix.BLKZEROOUT, diskSize/2, diskSize/2); err != nil {
		t.Errorf("zeroing: %v", err)
	}
	equal(t, "the second half of the disk", contents(t, served, diskSize/2, diskSize/2), make([]byte, diskSize/2))
	if n := served.zeroed.Load(); n != diskSize/2 {
		t.Errorf("the server was told to zero %d bytes, want %d", n, diskSize/2)
	}

	// Written past the page cache, with FUA.
	fuas := served.fuas.Load()
	f, err := os.OpenFile(device, os.O_WRONLY|unix.O_DIRECT|unix.O_DSYNC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	block, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON) // aligned
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(block)
	copy(block, data)
	if _, err := f.WriteAt(block, 8192); err != nil {
		t.Error(err)
	}
	equal(t, "the block", contents(t, served, 8192, 4096), data[:4096])
	if served.fuas.Load() == fuas {
		t.Error("the write has no FUA")
	}
}

// mount mounts a device, whose filesystem is ext2.
func mount(t *testing.T, device string) (dir string) {
	t.Helper()
	const path = "/mnt"
	if err := unix.Mount(device, path, "ext2", 0, ""); err != nil {
		t.Fatalf("mounting %s: %v", device, err)
	}
	t.Cleanup(func() { unix.Unmount(path, unix.MNT_DETACH) })
	return path
}

func unmount(t *testing.T, dir string) {
	t.Helper()
	if err := unix.Unmount(dir, 0); err != nil {
		t.Fatalf("unmounting: %v", err)
	}
}

func dropCaches(t *testing.T) {
	t.Helper()
	if err := os.WriteFile("/proc/sys/vm/drop_caches", []byte("3"), 0); err != nil {
		t.Fatal(err)
	}
}

// blockRange does an ioctl that takes an offset and a length.
func blockRange(device string, request uint, offset, length uint64) error {
	f, err := os.OpenFile(device, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	arg := [2]uint64{offset, length}
	return errors.Join(ioctl(f, request, &arg), f.Close())
}

// write writes to a device, without waiting until it is on the server: that is
// when the file is closed at the latest, which the caller does.
func write(t *testing.T, device string, data []byte, offset int64) (closeFile func()) {
	t.Helper()
	f, err := os.OpenFile(device, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if _, err := f.WriteAt(data, offset); err != nil {
		t.Fatal(err)
	}
	return func() { f.Close() }
}

// writeSync writes to a device, and has it flushed.
func writeSync(device string, data []byte, offset int64) error {
	f, err := os.OpenFile(device, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(data, offset)
	return errors.Join(err, f.Sync(), f.Close())
}

// sysfs reads what the kernel tells of a block device.
func sysfs(t *testing.T, device, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("/sys/block", filepath.Base(device), name))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(string(text), "\n")
}

func ioctl(f *os.File, request uint, arg *[2]uint64) error {
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), uintptr(request), uintptr(unsafe.Pointer(arg)))
	if errno != 0 {
		return errno
	}
	return nil
}
