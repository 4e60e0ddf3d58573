//go:build !386 && !arm && !mips && !mipsle

package nbdfuse

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// unmount takes the mount away. Where programs have the file open it does so
// all the same, and they get errors from when this process has ended.
//
// Nothing is synced here: whatever a program has written is with the server by
// now, unless it is mapped into memory and the program still there. To wait for
// that in the process that serves it could last for ever.
func (m *mount) unmount() error {
	if id := mountID(m.path); id != m.id && id != 0 && m.id != 0 {
		return nil // somebody else has been faster, and what is there now is not ours
	}
	err := unix.Unmount(m.path, unix.UMOUNT_NOFOLLOW)
	switch {
	case err == unix.EINVAL: // somebody else has been faster
		return nil
	case err == unix.EBUSY:
		fmt.Fprintf(m.stderr, "nbdfuse: %s is in use: programs that have the file open will get errors\n", m.path)
		err = unix.Unmount(m.path, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
	case err == unix.EPERM:
		err = m.fusermount()
	}
	if err != nil {
		return fmt.Errorf("unmounting %s: %w", m.path, err)
	}
	return nil
}

// mountID tells mounts apart, or is 0 where the kernel is too old to do so
// (Linux 5.8). It asks nothing of the file system, which may be our own.
func mountID(path string) uint64 {
	const flags = unix.AT_SYMLINK_NOFOLLOW | unix.AT_NO_AUTOMOUNT | unix.AT_STATX_DONT_SYNC
	var s unix.Statx_t
	if err := unix.Statx(unix.AT_FDCWD, path, flags, unix.STATX_MNT_ID|unix.STATX_MNT_ID_UNIQUE, &s); err != nil {
		return 0
	}
	return s.Mnt_id
}

// fusermount unmounts for users who are not root.
func (m *mount) fusermount() error {
	var text strings.Builder
	cmd := exec.Command("fusermount3", "-u", "-z", "--", m.path)
	cmd.Stderr = &text
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(text.String()))
	}
	return nil
}

// await waits until programs have closed the file, for a while: they get EIO
// as long as this process is there, and ENOTCONN afterwards.
func (m *mount) await(ctx context.Context) {
	late := time.NewTimer(grace)
	defer late.Stop()
	select {
	case <-m.ended:
	case <-late.C:
	case <-ctx.Done():
	}
}

// mountFlags makes mount(2)'s flags of options, and gives the others.
func mountFlags(options []string) (others []string, flags uintptr) {
	flags = unix.MS_NOSUID | unix.MS_NODEV
	for _, option := range options {
		if set, ok := setFlags[option]; ok {
			flags |= set
		} else if clear, ok := clearFlags[option]; ok {
			flags &^= clear
		} else {
			others = append(others, option)
		}
	}
	if flags == 0 {
		flags = unix.MS_MGC_VAL // none, and not go-fuse's defaults
	}
	return others, flags
}

var (
	setFlags = map[string]uintptr{
		"ro": unix.MS_RDONLY, "noexec": unix.MS_NOEXEC, "nosuid": unix.MS_NOSUID, "nodev": unix.MS_NODEV, "noatime": unix.MS_NOATIME,
		"nodiratime": unix.MS_NODIRATIME, "relatime": unix.MS_RELATIME, "strictatime": unix.MS_STRICTATIME,
		"sync": unix.MS_SYNCHRONOUS, "dirsync": unix.MS_DIRSYNC,
	}
	clearFlags = map[string]uintptr{
		"rw": unix.MS_RDONLY, "exec": unix.MS_NOEXEC, "suid": unix.MS_NOSUID, "dev": unix.MS_NODEV, "atime": unix.MS_NOATIME,
		"diratime": unix.MS_NODIRATIME, "norelatime": unix.MS_RELATIME, "async": unix.MS_SYNCHRONOUS,
	}
)

// mountError says what to do about a mount that failed.
func mountError(path string, err error) error {
	switch {
	case errors.Is(err, unix.EPERM):
		return fmt.Errorf("mounting on %s: %w: root needs the capability CAP_SYS_ADMIN for it, which containers often lack", path, err)
	case errors.Is(err, exec.ErrNotFound):
		return fmt.Errorf("mounting on %s: who is not root needs the program fusermount3 (package fuse3): %w", path, err)
	case errors.Is(err, unix.EINVAL):
		return fmt.Errorf("mounting on %s: the kernel refuses an option: %w", path, err)
	}
	return fmt.Errorf("mounting on %s: %w", path, err)
}
