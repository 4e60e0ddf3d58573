package ublk

import (
	"encoding/hex"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gonbd/gonbd/internal/peers"
)

// TestParams compares with what a C compiler makes of struct ublk_params, on a
// machine that is little-endian.
func TestParams(t *testing.T) {
	if !littleEndian() {
		t.Skip("this machine is not little-endian")
	}
	c := Config{
		MaxRequest: 512 << 10, Size: 1 << 40, BlockSize: 512, PhysicalBlockSize: 4096,
		ReadOnly: true, Flush: true, FUA: true, MaxDiscard: 1 << 30, MaxWriteZeroes: 1 << 40,
	}
	const want = "3c000000 03000000" + // len, types
		"0d000000 09 0c 0c 0c 00040000 00000000 0000008000000000 0000000000000000" + // basic
		"00000000 00100000 00002000 ffff7f00 0100 0000" // discard
	if got := hex.EncodeToString(c.params()); got != strings.ReplaceAll(want, " ", "") || len(c.params()) != paramsSize {
		t.Errorf("params\n%s\nwant\n%s", got, want)
	}
	c = Config{MaxRequest: 4096, Size: 4096, BlockSize: 4096, PhysicalBlockSize: 4096, Rotational: true, FUA: true}
	const basic = "3c000000 01000000 02000000 0c 0c 0c 0c 08000000"
	if got := hex.EncodeToString(c.params()); !strings.HasPrefix(got, strings.ReplaceAll(basic, " ", "")) {
		t.Errorf("params\n%s\nwant\n%s…", got, basic)
	}
}

func TestDevInfo(t *testing.T) {
	info := devInfo{queues: 4, depth: 64, state: 1, maxRequest: 512 << 10, id: 7, flags: 0x40, owner: ownerMagic | 1234}
	b := info.append(nil)
	if len(b) != devInfoSize {
		t.Errorf("%d bytes, want %d", len(b), devInfoSize)
	}
	if got := parseDevInfo(b); got != info {
		t.Errorf("%+v, want %+v", got, info)
	}
}

// TestIoctlNumbers has those of include/uapi/linux/ublk_cmd.h.
func TestIoctlNumbers(t *testing.T) {
	for _, test := range []struct{ got, want uint32 }{
		{ioctlRead(cmdGetDevInfo, controlCmdSize), 0x80207502},
		{ioctlReadWrite(cmdAddDev, controlCmdSize), 0xc0207504},
		{ioctlReadWrite(cmdFetch, ioCmdSize), 0xc0107520},
	} {
		if test.got != test.want {
			t.Errorf("%#x, want %#x", test.got, test.want)
		}
	}
}

// TestOldDrivers has drivers of several versions of Linux, and what they say to
// commands whose numbers they don't know.
func TestOldDrivers(t *testing.T) {
	for name, test := range map[string]struct {
		ioctl, plain error // what the driver says to both kinds of numbers
		want         error
		isPlain      bool
	}{
		"6.0":              {unix.ENODEV, nil, nil, true},
		"6.0, in use":      {unix.ENODEV, unix.EEXIST, unix.EEXIST, true},
		"6.0, no device":   {unix.ENODEV, unix.ENODEV, unix.ENODEV, false},
		"6.3":              {unix.Errno(524), nil, nil, true},
		"6.3, another one": {unix.EOPNOTSUPP, nil, nil, true},
		"new":              {nil, nil, nil, false},
		"new, in use":      {unix.EEXIST, nil, unix.EEXIST, false},
		"new, no device":   {unix.ENODEV, unix.EOPNOTSUPP, unix.ENODEV, false},
	} {
		c := &control{}
		err := c.findPlain(cmdAddDev, func() error {
			if c.plain {
				return test.plain
			}
			return test.ioctl
		})
		if err != test.want || c.plain != test.isPlain {
			t.Errorf("%s: %v, plain numbers %t; want %v, %t", name, err, c.plain, test.want, test.isPlain)
		}
	}
}

// TestRing reads by a ring, which needs no driver.
func TestRing(t *testing.T) {
	r, err := newRing(3)
	if err != nil {
		peers.Skip(t, err) // as in many containers; the driver's tests need it too
	}
	defer r.close()
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	p, err := allocate(os.Getpagesize())
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(p)
	// More than the ring has room for, one after the other.
	for i := range byte(20) {
		r.read(fd, p[:8], uint64(i))
		if err := r.enter(0); err != nil {
			t.Fatal(err)
		}
		r.completed(func(uint64, int32) { t.Error("completed before there was anything to read") })
		go unix.Write(fd, []byte{i + 1, 0, 0, 0, 0, 0, 0, 0})
		for done := false; !done; {
			if err := r.enter(1); err != nil {
				t.Fatal(err)
			}
			r.completed(func(user uint64, result int32) {
				done = true
				if user != uint64(i) || result != 8 || p[0] != i+1 {
					t.Errorf("completion %d with %d, and %d was read; want %d, 8 and %d", user, result, p[0], i, i+1)
				}
			})
		}
	}
	if err := resultError(-int32(unix.ENODEV)); err != unix.ENODEV {
		t.Errorf("the error %v, want ENODEV", err)
	}
}

func littleEndian() bool { return (&devInfo{queues: 1}).append(nil)[0] == 1 }
