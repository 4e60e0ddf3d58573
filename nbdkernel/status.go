package nbdkernel

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// Status describes a device of the kernel's NBD client.
type Status struct {
	Device   string // its path, such as "/dev/nbd0"
	Attached bool   // to a server, if perhaps one that is dead, or in use still
	Size     int64  // in bytes, if attached
	ReadOnly bool
	// Server is the URI that Attach was given. It is empty if another program
	// has attached the device, or the kernel is older than 5.14.
	Server string

	index int
}

// List describes all devices that there are, attached or not.
func List() ([]Status, error) {
	driver, err := openDriver()
	if err != nil {
		return nil, err
	}
	defer driver.close()
	list, err := driver.devices()
	for i := range list {
		list[i].readSys()
	}
	return list, err
}

// Lookup describes a device by its path. A device that doesn't exist is not
// attached.
func Lookup(device string) (Status, error) {
	index, err := parseDevice(device)
	if err != nil {
		return Status{}, err
	}
	driver, err := openDriver()
	if err != nil {
		return Status{}, err
	}
	defer driver.close()
	s, err := lookUp(driver, index)
	s.readSys()
	return s, err
}

// Detach detaches a device by its path, whoever attached it: what programs
// have written is brought to the server, and the server is told goodbye. If
// that can't be done, or the context ends first, the device is detached all
// the same, and the error says what was lost.
//
// A device that is in use, by a mounted filesystem for example, is left alone,
// which is the error syscall.EBUSY, unless force is set: then those who use it
// get errors. One that is not attached is the error syscall.ENOTCONN.
//
// The device counts as attached until all programs have closed it.
func Detach(ctx context.Context, device string, force bool) error {
	index, err := parseDevice(device)
	if err != nil {
		return err
	}
	driver, err := openDriver()
	if err != nil {
		return err
	}
	defer driver.close()
	return detach(ctx, driver, index, force)
}

func detach(ctx context.Context, d driver, index int, force bool) error {
	path := devicePath(index)
	s, err := lookUp(d, index)
	switch {
	case err != nil:
		return err
	case !s.Attached:
		return fmt.Errorf("nbdkernel: %s is not attached: %w", path, syscall.ENOTCONN)
	}
	flag := os.O_RDONLY
	if !force {
		flag |= syscall.O_EXCL // which finds out whether it is mounted
	}
	f, err := os.OpenFile(path, flag, 0)
	switch {
	case errors.Is(err, syscall.EBUSY):
		return fmt.Errorf("nbdkernel: %s is in use, as by a mounted filesystem: end that first: %w", path, err)
	case errors.Is(err, syscall.ENXIO):
		err = nil // detached by someone else meanwhile
	case err == nil:
		err = sync(ctx, f)
	}
	if err != nil {
		err = fmt.Errorf("nbdkernel: %s is detached, but what was written to it may be lost: %w", path, err)
	}
	if e := d.disconnect(index); e != nil {
		return e
	}
	return err
}

// sync has the kernel write what it has not written yet, and closes the file.
// A server that doesn't answer keeps a goroutine here until the device is
// detached.
func sync(ctx context.Context, f *os.File) error {
	done := make(chan error, 1)
	go func() { done <- errors.Join(f.Sync(), f.Close()) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// lookUp finds a device in the list.
func lookUp(d driver, index int) (Status, error) {
	list, err := d.devices()
	for _, s := range list {
		if s.index == index {
			return s, err
		}
	}
	return Status{Device: devicePath(index), index: index}, err
}

// readSys adds what sysfs tells. What it doesn't stays empty: the device may
// be detached at any time.
func (s *Status) readSys() {
	if !s.Attached {
		return
	}
	read := func(name string) string {
		text, err := os.ReadFile(sysPath(s.index, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return ""
		}
		return strings.TrimSuffix(string(text), "\n")
	}
	const sector = 512
	if n, err := strconv.ParseInt(read("size"), 10, 64); err == nil {
		s.Size = n * sector
	}
	s.ReadOnly = read("ro") == "1"
	s.Server = read("backend")
}
