package nbdfuse

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// defaultName is what the file is called in a folder that was given without a
// name.
const defaultName = "nbd"

// mountpoint is where to mount, and what will be seen there.
type mountpoint struct {
	path string // absolute, without symbolic links
	name string // of the file in the folder; empty if path is the file
}

// findMountpoint tells the three kinds of mount points apart: a folder, a file
// to mount over, and a name in a folder.
func findMountpoint(arg string) (m mountpoint, err error) {
	if arg == "" {
		return m, errors.New("the mount point is empty: give a folder, a file, or a name in a folder")
	}
	info, err := os.Stat(arg)
	m.path = arg
	switch {
	case err == nil && info.IsDir():
		m.name = defaultName
	case err == nil && info.Mode().IsRegular():
	case err == nil:
		return m, fmt.Errorf("%s can't be a mount point: it should be a folder, a regular file, or a new name in a folder", arg)
	case errors.Is(err, syscall.ENOTCONN):
		return m, fmt.Errorf("%s is the mount point of a FUSE program that has died: unmount it first, with fusermount3 -u -z %[1]s: %w", arg, err)
	case !errors.Is(err, fs.ErrNotExist) || strings.HasSuffix(arg, "/"):
		return m, fmt.Errorf("the mount point should be a folder, a file, or a name in a folder: %w", err)
	default:
		m.path, m.name = filepath.Split(arg)
		if m.path == "" {
			m.path = "."
		}
		if info, err = os.Stat(m.path); err == nil && !info.IsDir() {
			err = &fs.PathError{Op: "stat", Path: m.path, Err: syscall.ENOTDIR}
		}
		if err != nil {
			return m, fmt.Errorf("%s should be a name in a folder that exists: %w", arg, err)
		}
	}
	if m.path, err = filepath.Abs(m.path); err == nil {
		m.path, err = filepath.EvalSymlinks(m.path)
	}
	return m, err
}
