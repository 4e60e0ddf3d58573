package nbdfuse

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

const fuseHelp = `Options for -o, several of them separated by commas:

  allow_other            let all users use the mount
  allow_root             let root use it, besides you
  default_permissions    let the kernel check permissions
  ro, rw                 mount read-only, or not
  exec, noexec, suid, nosuid, dev, nodev, atime, noatime, diratime, nodiratime,
  relatime, norelatime, strictatime, sync, async, dirsync
                         as mount(8) has them
  fsname=NAME            what mount(8) and df(1) show as the source
  subtype=NAME           and, behind "fuse.", as the type
  uid=N, gid=N           owner and group of file and folder
  umask=M, fmask=M, dmask=M
                         permissions of both, file or folder: what M, which is
                         octal, leaves
  kernel_cache           keep what the kernel has cached when the file is
                         opened. Without, opening the file shows what others
                         have written to the disk
  auto_cache, noauto_cache
                         the same unless the file's time has changed, which it
                         never does
  attr_timeout=T         how long the kernel may cache attributes (1 second)
  ac_attr_timeout=T      the same for auto_cache
  entry_timeout=T        how long it may cache names (1 second)
  negative_timeout=T     and that a name does not exist (0 seconds)
  debug                  print each FUSE request

For compatibility these are accepted, and change nothing: clone_fd, io_uring,
io_uring_q_depth=N, max_idle_threads=N, max_threads=N, no_rofd_flush, noforget,
remember=T.
`

// fuseOptions is what -o says.
type fuseOptions struct {
	allowOther bool
	ownerOnly  bool // allow_root: the kernel lets all in, and we check
	debug      bool
	keepCache  bool
	fsname     string
	subtype    string
	mount      []string // for mount(2) or fusermount3(1)

	uid, gid     *uint32
	fmask, dmask *uint32

	attrTimeout, entryTimeout, negativeTimeout time.Duration
}

func defaultFuseOptions() fuseOptions {
	return fuseOptions{fsname: "nbdfuse", subtype: "nbdfuse", attrTimeout: time.Second, entryTimeout: time.Second}
}

// Options that go to the kernel as they are, and those that change nothing.
var (
	mountOptions = []string{
		"default_permissions", "ro", "rw", "exec", "noexec", "suid", "nosuid", "dev", "nodev", "atime", "noatime",
		"diratime", "nodiratime", "relatime", "norelatime", "strictatime", "sync", "async", "dirsync",
	}
	idleFlags  = []string{"clone_fd", "io_uring", "no_rofd_flush", "noforget"}
	idleValues = []string{"io_uring_q_depth", "max_idle_threads", "max_threads", "remember"}
)

// parse reads the value of one -o.
func (o *fuseOptions) parse(s string) error {
	for _, option := range strings.Split(s, ",") {
		if option == "" {
			continue
		}
		name, value, hasValue := strings.Cut(option, "=")
		var err error
		if hasValue {
			err = o.parseValue(name, value)
		} else {
			err = o.parseFlag(name)
		}
		if err != nil {
			return fmt.Errorf("%q %w", option, err)
		}
	}
	return nil
}

func (o *fuseOptions) parseFlag(name string) error {
	switch name {
	case "allow_other":
		o.allowOther = true
	case "allow_root":
		o.allowOther, o.ownerOnly = true, true
	case "debug":
		o.debug = true
	case "kernel_cache", "auto_cache":
		o.keepCache = true
	case "noauto_cache":
		o.keepCache = false
	case "auto_unmount":
		return fmt.Errorf("is not possible here: nbdfuse unmounts by itself when it ends, but not when it is killed")
	default:
		switch {
		case slices.Contains(mountOptions, name):
			o.mount = append(o.mount, name)
		case !slices.Contains(idleFlags, name):
			return errUnknown
		}
	}
	return nil
}

var errUnknown = fmt.Errorf("is none of the FUSE options that --fuse-help lists")

func (o *fuseOptions) parseValue(name, value string) (err error) {
	switch name {
	case "fsname":
		o.fsname = value
	case "subtype":
		o.subtype = value
	case "uid":
		o.uid, err = parseNumber(value, 10)
	case "gid":
		o.gid, err = parseNumber(value, 10)
	case "umask":
		o.fmask, err = parseNumber(value, 8)
		o.dmask = o.fmask
	case "fmask":
		o.fmask, err = parseNumber(value, 8)
	case "dmask":
		o.dmask, err = parseNumber(value, 8)
	case "attr_timeout", "ac_attr_timeout":
		o.attrTimeout, err = parseSeconds(value)
	case "entry_timeout":
		o.entryTimeout, err = parseSeconds(value)
	case "negative_timeout":
		o.negativeTimeout, err = parseSeconds(value)
	default:
		if !slices.Contains(idleValues, name) {
			return errUnknown
		}
		_, err = parseNumber(value, 10)
	}
	return err
}

func parseNumber(s string, base int) (*uint32, error) {
	n, err := strconv.ParseUint(s, base, 32)
	if err != nil {
		return nil, fmt.Errorf("should have a number to the base of %d", base)
	}
	v := uint32(n)
	return &v, nil
}

func parseSeconds(s string) (time.Duration, error) {
	// A year is longer than any mount needs, and no overflow.
	const most = 365 * 24 * 60 * 60
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || !(f >= 0) {
		return 0, fmt.Errorf("should have a number of seconds")
	}
	return time.Duration(min(f, most) * float64(time.Second)), nil
}
