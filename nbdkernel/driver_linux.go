package nbdkernel

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/mdlayher/genetlink"
	"github.com/mdlayher/netlink"
)

// Numbers of include/uapi/linux/nbd-netlink.h and nbd.h.
const (
	familyName = "nbd"
	groupName  = "nbd_mc_group"
	version    = 1

	cmdConnect     = 1
	cmdDisconnect  = 2
	cmdReconfigure = 3
	cmdLinkDead    = 4
	cmdStatus      = 5

	attrIndex           = 1
	attrSizeBytes       = 2
	attrBlockSizeBytes  = 3
	attrTimeout         = 4
	attrServerFlags     = 5
	attrClientFlags     = 6
	attrSockets         = 7
	attrDeadConnTimeout = 8
	attrDeviceList      = 9
	attrBackend         = 10

	attrSocketItem      = 1 // below attrSockets
	attrSocketFD        = 1 // below attrSocketItem
	attrDeviceItem      = 1 // below attrDeviceList
	attrDeviceIndex     = 1 // below attrDeviceItem
	attrDeviceConnected = 2

	clientDisconnectOnClose = 1 << 1
)

// netlinkDriver is the kernel's NBD client, by generic netlink.
type netlinkDriver struct {
	family   genetlink.Family
	requests *genetlink.Conn
	events   *genetlink.Conn
}

func openDriver() (driver, error) {
	d := &netlinkDriver{}
	if err := d.open(); err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

func (d *netlinkDriver) open() error {
	var err error
	if d.requests, err = genetlink.Dial(nil); err != nil {
		return fmt.Errorf("nbdkernel: %w", err)
	}
	// A failure leaves errors without the kernel's own words.
	_ = d.requests.SetOption(netlink.ExtendedAcknowledge, true)
	d.family, err = d.requests.GetFamily(familyName)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("nbdkernel: the kernel has no NBD client: load its module with \"modprobe nbd\": %w", fs.ErrNotExist)
	}
	if err != nil {
		return fmt.Errorf("nbdkernel: %w", err)
	}
	if d.events, err = genetlink.Dial(nil); err != nil {
		return fmt.Errorf("nbdkernel: %w", err)
	}
	for _, g := range d.family.Groups {
		if g.Name == groupName {
			return d.events.JoinGroup(g.ID)
		}
	}
	return unsupported("the kernel does not tell of dead connections: it is older than 4.12")
}

func (d *netlinkDriver) close() error {
	var errs []error
	for _, c := range []*genetlink.Conn{d.requests, d.events} {
		if c != nil {
			errs = append(errs, c.Close())
		}
	}
	return errors.Join(errs...)
}

// execute sends a message. The kernel answers some with one of its own, and
// acknowledges those where flags say so.
func (d *netlinkDriver) execute(command uint8, flags netlink.HeaderFlags, encode func(*netlink.AttributeEncoder)) ([]genetlink.Message, error) {
	ae := netlink.NewAttributeEncoder()
	encode(ae)
	data, err := ae.Encode()
	if err != nil {
		return nil, err
	}
	return d.requests.Execute(genetlink.Message{
		Header: genetlink.Header{Command: command, Version: version},
		Data:   data,
	}, d.family.ID, netlink.Request|flags)
}

func (d *netlinkDriver) connect(r *connectRequest) (int, error) {
	what := "any free device"
	if r.index != anyIndex {
		what = devicePath(r.index)
	}
	var messages []genetlink.Message
	err := withFDs(r.sockets, func(fds []uint32) error {
		var err error
		messages, err = d.execute(cmdConnect, 0, func(ae *netlink.AttributeEncoder) {
			if r.index != anyIndex {
				ae.Uint32(attrIndex, uint32(r.index))
			}
			ae.Uint64(attrSizeBytes, uint64(r.size))
			ae.Uint64(attrBlockSizeBytes, uint64(r.blockSize))
			ae.Uint64(attrServerFlags, uint64(r.flags))
			if r.detachOnClose {
				ae.Uint64(attrClientFlags, clientDisconnectOnClose)
			}
			if r.timeout > 0 {
				ae.Uint64(attrTimeout, seconds(r.timeout))
			}
			if r.deadConnTimeout > 0 {
				ae.Uint64(attrDeadConnTimeout, seconds(r.deadConnTimeout))
			}
			ae.String(attrBackend, r.backend)
			encodeSockets(ae, fds)
		})
		return err
	})
	switch {
	case errors.Is(err, syscall.EBUSY):
		return 0, fmt.Errorf("nbdkernel: %s is attached already: %w", what, err)
	case errors.Is(err, syscall.EINVAL):
		return 0, fmt.Errorf("nbdkernel: the kernel refuses to attach %s; it takes TCP and Unix sockets, and blocks of 512 bytes up to those of a page or little more (these have %d): %w", what, r.blockSize, err)
	case err != nil:
		return 0, explain("attaching "+what, err)
	case len(messages) != 1:
		return 0, fmt.Errorf("nbdkernel: the kernel answers with %d messages, expected 1", len(messages))
	}
	index := -1
	err = decode(messages[0].Data, func(ad *netlink.AttributeDecoder) {
		if ad.Type() == attrIndex {
			index = int(ad.Uint32())
		}
	})
	if err == nil && index < 0 {
		err = errors.New("nbdkernel: the kernel does not tell which device is attached")
	}
	return index, err
}

func (d *netlinkDriver) reconnect(index int, backend string, socket net.Conn) error {
	err := withFDs([]net.Conn{socket}, func(fds []uint32) error {
		_, err := d.execute(cmdReconfigure, netlink.Acknowledge, func(ae *netlink.AttributeEncoder) {
			ae.Uint32(attrIndex, uint32(index))
			ae.String(attrBackend, backend)
			encodeSockets(ae, fds)
		})
		return err
	})
	return explain("connecting "+devicePath(index)+" anew", err)
}

func (d *netlinkDriver) disconnect(index int) error {
	_, err := d.execute(cmdDisconnect, netlink.Acknowledge, func(ae *netlink.AttributeEncoder) {
		ae.Uint32(attrIndex, uint32(index))
	})
	return explain("detaching "+devicePath(index), err)
}

func (d *netlinkDriver) devices() ([]Status, error) {
	messages, err := d.execute(cmdStatus, 0, func(*netlink.AttributeEncoder) {})
	if err != nil {
		return nil, explain("asking for devices", err)
	}
	var list []Status
	for _, m := range messages {
		err := decode(m.Data, func(ad *netlink.AttributeDecoder) {
			if ad.Type() == attrDeviceList {
				ad.Nested(func(ad *netlink.AttributeDecoder) error { return decodeDevices(ad, &list) })
			}
		})
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

func decodeDevices(ad *netlink.AttributeDecoder, list *[]Status) error {
	for ad.Next() {
		if ad.Type() != attrDeviceItem {
			continue
		}
		ad.Nested(func(ad *netlink.AttributeDecoder) error {
			var s Status
			for ad.Next() {
				switch ad.Type() {
				case attrDeviceIndex:
					s.index = int(ad.Uint32())
				case attrDeviceConnected:
					s.Attached = ad.Uint8() != 0
				}
			}
			s.Device = devicePath(s.index)
			*list = append(*list, s)
			return ad.Err()
		})
	}
	return ad.Err()
}

func (d *netlinkDriver) deaths(ctx context.Context, index int, wait time.Duration) (n int, lost bool, err error) {
	if err := d.events.SetReadDeadline(time.Now().Add(wait)); err != nil {
		return 0, false, err
	}
	defer context.AfterFunc(ctx, func() { d.events.SetReadDeadline(time.Unix(1, 0)) })()
	messages, _, err := d.events.Receive()
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return 0, false, nil
	case errors.Is(err, syscall.ENOBUFS):
		return 0, true, nil
	case err != nil:
		return 0, false, fmt.Errorf("nbdkernel: %w", err)
	}
	for _, m := range messages {
		if m.Header.Command != cmdLinkDead {
			continue
		}
		if err := decode(m.Data, func(ad *netlink.AttributeDecoder) {
			if ad.Type() == attrIndex && int(ad.Uint32()) == index {
				n++
			}
		}); err != nil {
			return 0, false, err
		}
	}
	return n, false, nil
}

func encodeSockets(ae *netlink.AttributeEncoder, fds []uint32) {
	ae.Nested(attrSockets, func(ae *netlink.AttributeEncoder) error {
		for _, fd := range fds {
			ae.Nested(attrSocketItem, func(ae *netlink.AttributeEncoder) error {
				ae.Uint32(attrSocketFD, fd)
				return nil
			})
		}
		return nil
	})
}

// decode calls f for each attribute.
func decode(data []byte, f func(*netlink.AttributeDecoder)) error {
	ad, err := netlink.NewAttributeDecoder(data)
	if err == nil {
		for ad.Next() {
			f(ad)
		}
		err = ad.Err()
	}
	if err != nil {
		return fmt.Errorf("nbdkernel: what the kernel says can't be read: %w", err)
	}
	return nil
}

// withFDs calls f with the descriptors of connections, which stay open
// meanwhile.
func withFDs(conns []net.Conn, f func(fds []uint32) error) error {
	var fds []uint32
	for _, nc := range conns {
		raw, err := nc.(syscall.Conn).SyscallConn() // as nbd.Client.Hijack promises
		if err == nil {
			err = raw.Control(func(fd uintptr) { fds = append(fds, uint32(fd)) })
		}
		if err != nil {
			return fmt.Errorf("nbdkernel: %w", err)
		}
	}
	return f(fds)
}

// seconds counts whole seconds, and no fewer.
func seconds(d time.Duration) uint64 { return uint64((d + time.Second - 1) / time.Second) }

// explain adds to the kernel's error what was tried, and what would help.
func explain(what string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.EPERM):
		return fmt.Errorf("nbdkernel: %s takes root: %w", what, err)
	}
	return fmt.Errorf("nbdkernel: %s: %w", what, err)
}
