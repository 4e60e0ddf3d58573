package vmtest

import (
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
)

// file is a file of the machine.
type file struct {
	mode fs.FileMode // 0 is a regular file that anyone may read
	data []byte
	from string // the file on this machine that has the data, if not empty
}

// writeCPIO writes an archive of files, by their paths without the leading
// slash, in the format that the kernel unpacks as the machine's root
// (Documentation/driver-api/early-userspace/buffer-format.rst, "newc").
// The folders above the files are made.
func writeCPIO(w io.Writer, files map[string]file) error {
	all := maps.Clone(files)
	for name := range files {
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			all[dir] = file{mode: fs.ModeDir | 0o755}
		}
	}
	// The order puts folders before what is in them.
	for i, name := range slices.Sorted(maps.Keys(all)) {
		f := all[name]
		if f.from != "" {
			var err error
			if f.data, err = os.ReadFile(f.from); err != nil {
				return err
			}
		}
		if err := writeEntry(w, i+1, name, f.unixMode(), f.data); err != nil {
			return err
		}
	}
	return writeEntry(w, 0, "TRAILER!!!", 0, nil)
}

// unixMode is the mode as stat(2) has it.
func (f file) unixMode() uint32 {
	switch {
	case f.mode.IsDir():
		return 0o040000 | uint32(f.mode.Perm())
	case f.mode&fs.ModeSymlink != 0:
		return 0o120777
	case f.mode == 0:
		return 0o100644
	}
	return 0o100000 | uint32(f.mode.Perm())
}

func writeEntry(w io.Writer, inode int, name string, mode uint32, data []byte) error {
	const links = 1
	header := fmt.Sprintf("070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%s\x00",
		inode, mode, 0, 0, links, 0, len(data), 0, 0, 0, 0, len(name)+1, 0, name)
	for _, part := range [][]byte{[]byte(header), data} {
		padding := make([]byte, -len(part)&3)
		if _, err := w.Write(slices.Concat(part, padding)); err != nil {
			return err
		}
	}
	return nil
}
