//go:build !386 && !arm && !mips && !mipsle

package nbdfuse

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gonbd/gonbd/internal/peers"
)

// What completion asks for, and command lines that mount nothing. Where both
// fail, what they say of it differs.
func TestCommandLineLikeC(t *testing.T) {
	peers.Forky.Need(t, "nbdfuse")
	needFuse(t)
	dir := peers.Scratch(t)
	if err := os.WriteFile(dir+"/file", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	none := "nbd+unix:///?socket=/nothing/such"
	commands := [][]string{
		{"--short-options"}, {"--long-options"}, {"--help"}, {"--fuse-help"}, {"-V"}, {"--vers"}, {"--conn", "3", "--help"},
		{}, {"-h"}, {"-d"}, {"--bad"}, {"--ver"}, {"-o"}, {"--help=1"},
		{dir}, {dir, none}, {dir, none, "more"}, {dir, none, "-r"}, {dir, "-r", none}, {"--", dir, none}, {"-r", "-s", "-v", dir, none},
		{"--readonly", "--read-only", "--pid-file=" + dir + "/pid", dir, none},
		{"-C", "0", dir, none}, {"-C", "x", dir, none}, {"-C", "2000", dir, none}, {"-C", "1K", dir, none}, {"-C1", dir, none},
		{dir, "[", "]"}, {dir, "[", "nbdkit"}, {dir, "[", "false", "]"}, {dir, "[", "/nothing", "]"},
		{dir, "--command"}, {dir, "--command", "false"}, {dir, "--fd"}, {dir, "--fd", "x"}, {dir, "--fd", "77"}, {dir, "--fd", "0"},
		{dir, "--tcp", "localhost"}, {dir, "--tcp", "localhost", "1"}, {dir, "--unix", "/nothing"}, {dir, "--unix", "/nothing", "more"},
		{dir, "--vsock", "x", "1"}, {dir, "--vsock", "1"}, {dir, "--unix=/nothing"}, {"--unix", dir, "/nothing"}, {dir, "--bogus"},
		{"", none}, {dir + "/no/such", none}, {dir + "/file/", none}, {dir + "/file/name", none}, {dir, "notauri"},
		{"-o", "bogus", dir, "[", "nbdkit", "memory", "1M", "]"}, {"-o", "uid=x", dir, "[", "nbdkit", "memory", "1M", "]"},
	}
	full := make([][]string, len(commands))
	for i, c := range commands {
		full[i] = append([]string{"nbdfuse"}, c...)
	}
	for i, c := range peers.Outcomes(t, peers.Forky, dir, full) {
		ours := tools.Run(t, "", full[i]...)
		if ours.Code != c.Code {
			t.Errorf("%q: exit code %d, C has %d: %s", commands[i], ours.Code, c.Code, ours.Stderr)
		}
		if ours.Code != 0 && ours.Stderr == "" {
			t.Errorf("%q failed without a word", commands[i])
		}
		if len(commands[i]) == 1 && strings.HasSuffix(commands[i][0], "-options") {
			got, want := strings.Fields(ours.Stdout), strings.Fields(c.Stdout)
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("%q: %q, C has %q", commands[i], got, want)
			}
		}
	}
}

// mounts are what is mounted by C and by us, each on a server of its own.
var mounts = []struct {
	options string
	server  string // options and a plugin of nbdkit
	// differ says of what is seen in the mount why it is something else.
	differ map[string]string
}{
	{server: "memory 1M"},
	{server: "-r memory 1M"},
	{server: "memory 1000000"},
	{server: "memory 0", differ: map[string]string{"write": noSpace, "write odd": noSpace, "write to the end": noSpace}},
	{options: "-r", server: "memory 1M"},
	{options: "-s -C 2", server: "memory 1M"},
	{options: "-o ro", server: "memory 1M"},
	{options: "-o uid=5", server: "memory 1M"},
	{options: "-o gid=5", server: "memory 1M"},
	{options: "-o noatime", server: "memory 1M"},
	{options: "-o umask=022", server: "memory 1M"},
	{options: "-o umask=077,allow_other,kernel_cache,attr_timeout=5", server: "memory 1M"},
	{options: "-o fmask=077", server: "memory 1M"},
	{server: "--filter=error memory 1M error-pread=EPERM error-pread-rate=100%"},
	{server: "--filter=error memory 1M error-pwrite=ENOSPC error-pwrite-rate=100%"},
	{server: "--filter=error memory 1M error-pwrite=EINVAL error-pwrite-rate=100%"},
	{server: "--filter=error memory 1M error-zero=EIO error-zero-rate=100%", differ: map[string]string{"punch": "ours is a write of zeroes", "punch odd": "ours is a write of zeroes"}},
	{server: "--filter=nozero memory 1M", differ: map[string]string{"punch": "only trim is left", "punch odd": "only trim is left", "punch past": "only trim is left"}},
}

const noSpace = "behind the end there is no space left: C has an I/O error"

// always lists what may differ in every mount.
var always = map[string]string{
	"folder":     "C's folder has no permissions, but by -o umask",
	"write past": noSpace,
	"seek data":  "C finds no holes",
}

// What programs see in the mount is what they see in that of the C tool.
func TestMountLikeC(t *testing.T) {
	peers.Forky.Need(t, "nbdfuse")
	peers.Bookworm.Need(t, "nbdkit")
	needFuse(t)
	for _, test := range mounts {
		t.Run(test.options+" "+test.server, func(t *testing.T) {
			start := func() []string {
				return []string{peers.NbdkitUnix(t, peers.Bookworm, strings.Fields(test.server)...).URI("")}
			}
			ours := probe(mountOurs(t, strings.Fields(test.options), start()))
			c := probe(mountC(t, strings.Fields(test.options), start()))
			for what, got := range ours {
				_, may := always[what]
				must, known := test.differ[what]
				switch same := got == c[what]; {
				case known && same:
					t.Errorf("%s is like C's, %s, but a difference was expected: %s", what, got, must)
				case !same && !known && !may:
					t.Errorf("%s: %s, C has %s", what, got, c[what])
				}
			}
		})
	}
}

// probe looks at all that can be done in a mount, in an order of its own.
func probe(m *tool) map[string]string {
	seen := map[string]string{}
	say := func(what string, v any, err error) {
		if err != nil {
			v = unix.ErrnoName(err.(syscall.Errno))
		}
		seen[what] = fmt.Sprint(v)
	}
	dir := strings.TrimSuffix(m.file, "/nbd")
	stat := func(path string) (any, error) {
		var st syscall.Stat_t
		err := syscall.Stat(path, &st)
		return fmt.Sprintf("inode %d, mode %o, %d links, owner %d:%d, %d bytes, %d blocks of %d", st.Ino, st.Mode, st.Nlink, st.Uid, st.Gid, st.Size, st.Blocks, st.Blksize), err
	}
	file, err := stat(m.file)
	say("file", file, err)
	folder, err := stat(dir)
	say("folder", folder, err)
	var fs syscall.Statfs_t
	err = syscall.Statfs(dir, &fs)
	say("statfs", fmt.Sprint(fs.Bsize, fs.Frsize, fs.Blocks, fs.Bavail, fs.Namelen, fs.Flags), err)
	open := func(what, path string, flags int) int {
		fd, err := syscall.Open(path, flags, 0o600)
		say(what, "opened", err)
		return fd
	}
	for name, flags := range map[string]int{"read": 0, "write": 1, "both": 2, "truncate": 2 | syscall.O_TRUNC, "append": 1 | syscall.O_APPEND,
		"direct": 2 | syscall.O_DIRECT, "exclusive": 2 | syscall.O_CREAT | syscall.O_EXCL, "as a folder": syscall.O_DIRECTORY} {
		if fd := open("open "+name, m.file, flags); fd >= 0 {
			syscall.Close(fd)
		}
	}
	if fd := open("create", dir+"/new", 2|syscall.O_CREAT); fd >= 0 {
		syscall.Close(fd)
	}
	say("mkdir", "", syscall.Mkdir(dir+"/new", 0o700))
	say("unlink", "", syscall.Unlink(m.file))
	say("rename", "", syscall.Rename(m.file, dir+"/new"))
	say("symlink", "", syscall.Symlink("a", dir+"/new"))
	say("chmod", "", syscall.Chmod(m.file, 0o600))
	say("chown", "", syscall.Chown(m.file, 1, 1))
	say("utime", "", syscall.UtimesNano(m.file, make([]syscall.Timespec, 2)))
	say("path truncate", "", syscall.Truncate(m.file, 10))
	_, err = syscall.Getxattr(m.file, "user.a", make([]byte, 10))
	say("getxattr", "", err)
	_, err = stat(dir + "/nothing")
	say("nothing", "", err)
	if d, err := os.ReadDir(dir); err == nil && len(d) == 1 {
		say("names", d[0].Name()+d[0].Type().String(), nil)
	}

	fd, err := syscall.Open(m.file, syscall.O_RDWR, 0)
	if err != nil {
		if fd, err = syscall.Open(m.file, syscall.O_RDONLY, 0); err != nil {
			return seen
		}
	}
	defer syscall.Close(fd)
	var st syscall.Stat_t
	if err := syscall.Fstat(fd, &st); err != nil {
		return seen
	}
	buf := make([]byte, 4096)
	io := func(what string, f func(int, []byte, int64) (int, error), n int, off int64) {
		got, err := f(fd, buf[:n], off)
		say(what, fmt.Sprint(got, " ", buf[0]), err)
	}
	buf[0] = 7
	io("write", syscall.Pwrite, 512, 0)
	io("write odd", syscall.Pwrite, 3, 5)
	io("write to the end", syscall.Pwrite, 4096, max(0, st.Size-100))
	io("write past", syscall.Pwrite, 10, st.Size)
	io("read", syscall.Pread, 512, 0)
	io("read odd", syscall.Pread, 3, 5)
	io("read to the end", syscall.Pread, 4096, max(0, st.Size-100))
	io("read past", syscall.Pread, 10, st.Size)
	for name, mode := range map[string]uint32{"allocate": 0, "keep": 1, "punch": 3, "collapse": 8, "zero": 16, "zero and keep": 17, "insert": 32, "unshare": 64} {
		say(name, "", syscall.Fallocate(fd, mode, 4096, 4096))
		say(name+" odd", "", syscall.Fallocate(fd, mode, 5, 100))
	}
	say("zero past", "", syscall.Fallocate(fd, 16, st.Size, 4096))
	say("punch past", "", syscall.Fallocate(fd, 3, st.Size, 4096))
	_, err = syscall.Seek(fd, 0, unix.SEEK_HOLE)
	say("seek hole", "", err)
	_, err = syscall.Seek(fd, 0, unix.SEEK_DATA)
	say("seek data", "", err)
	say("truncate", "", syscall.Ftruncate(fd, st.Size))
	say("fsync", "", syscall.Fsync(fd))
	say("fdatasync", "", syscall.Fdatasync(fd))
	say("lock", "", syscall.Flock(fd, syscall.LOCK_EX|syscall.LOCK_NB))
	return seen
}
