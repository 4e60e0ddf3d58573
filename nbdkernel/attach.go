package nbdkernel

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gonbd/gonbd/internal/wire"
	"github.com/gonbd/gonbd/nbd"
)

// Config is how a server is attached. The zero value is good.
type Config struct {
	// Device is the device to use, as "/dev/nbd3", or "" for any that is
	// free. One that doesn't exist yet is made.
	Device string

	// Connections is how many connections to open, if the server allows
	// several; 0 counts as 4.
	Connections int

	// ReadOnly makes the device read-only. It is anyway if the export is.
	ReadOnly bool

	// BlockSize is the logical block size of the device in bytes, a power of
	// 2 from 512 to the size of a page, in newer kernels to 65536. 0 stands
	// for the server's minimum, or 512 if that is less.
	BlockSize int

	// Timeout is how long the kernel waits for the reply to a request before
	// it gives the connection up, in whole seconds. 0 counts as 30 seconds
	// where there are several connections, and else is for ever.
	//
	// It also is how long requests take that were under way on a connection
	// when that died: only then the kernel sends them again, on another one.
	// With 0 that is 30 seconds in any case.
	Timeout time.Duration

	// DeadConnTimeout is how long requests wait for [Device.Keep] to connect
	// anew when all connections are dead, in whole seconds. 0 fails them at
	// once, with EIO.
	DeadConnTimeout time.Duration

	// DetachOnClose detaches the device when the last program that uses it
	// closes it.
	DetachOnClose bool

	// Dial are options for dialling the server, such as
	// [nbd.WithPermissions].
	Dial []nbd.Option

	// Logger gets messages of level Info about connections that Keep makes
	// anew, and of level Warn about those that it can't. It may be nil.
	Logger *slog.Logger
}

// DefaultConnections is how many connections are opened to a server that
// allows several.
const DefaultConnections = 4

// dialTimeout is how long connecting anew may take.
const dialTimeout = 30 * time.Second

// Device is a device that this program has attached. Its methods may be called
// from several goroutines, but Keep from one only.
type Device struct {
	index       int
	uri         string
	cfg         Config
	export      nbd.Export
	connections int
	driver      driver
}

// driver is the kernel's side.
type driver interface {
	// connect attaches a device, and gives its index.
	connect(r *connectRequest) (int, error)
	// reconnect gives a device a socket in place of one that is dead.
	reconnect(index int, backend string, socket net.Conn) error
	disconnect(index int) error
	// devices lists the devices that there are.
	devices() ([]Status, error)
	// deaths waits until the kernel tells of dead connections of a device, or
	// the context or the time ends. It gives their number; after many it may
	// be less than there were, and lost is true.
	deaths(ctx context.Context, index int, wait time.Duration) (n int, lost bool, err error)
	close() error
}

// connectRequest is what the kernel is told to attach a device.
type connectRequest struct {
	index     int // or anyIndex
	size      int64
	blockSize int
	flags     nbd.TransmissionFlags
	backend   string // names the server
	sockets   []net.Conn

	timeout, deadConnTimeout time.Duration
	detachOnClose            bool
}

const anyIndex = -1

// Attach connects to the export that an NBD URI names, and attaches a device
// to it. The context governs connecting only. Device.Close gives back what
// Attach took of this program; it leaves the device attached. All users of the
// machine can read the URI from then on (see [Status]).
//
// The error wraps fs.ErrNotExist if the kernel has no NBD client, and
// errors.ErrUnsupported if it is none of Linux or the server asks for what the
// kernel's client can't do.
func Attach(ctx context.Context, uri string, cfg Config) (*Device, error) {
	index, err := anyIndex, error(nil)
	if cfg.Device != "" {
		if index, err = parseDevice(cfg.Device); err != nil {
			return nil, err
		}
	}
	driver, err := openDriver()
	if err != nil {
		return nil, err
	}
	d := &Device{index: index, uri: uri, cfg: cfg, driver: driver}
	if err := d.attach(ctx); err != nil {
		driver.close()
		return nil, err
	}
	return d, nil
}

func (d *Device) attach(ctx context.Context) error {
	conns, export, err := d.dial(ctx, cmp.Or(d.cfg.Connections, DefaultConnections))
	if err != nil {
		return err
	}
	defer closeAll(conns) // the kernel has its own references
	d.export, d.connections = export, len(conns)
	r := d.request(conns)
	if r.size < int64(r.blockSize) {
		return fmt.Errorf("nbdkernel: the export has %d bytes, which is less than a block of %d: there is nothing to attach", r.size, r.blockSize)
	}
	if d.index, err = d.driver.connect(r); err != nil {
		return err
	}
	if err := d.limitRequests(); err != nil {
		return errors.Join(err, d.driver.disconnect(d.index))
	}
	return nil
}

// request is what the kernel is told to attach the export.
func (d *Device) request(conns []net.Conn) *connectRequest {
	r := &connectRequest{
		index: d.index, size: d.export.Size, blockSize: d.cfg.BlockSize, flags: d.export.Flags, backend: d.uri, sockets: conns,
		timeout: d.cfg.Timeout, deadConnTimeout: d.cfg.DeadConnTimeout, detachOnClose: d.cfg.DetachOnClose,
	}
	if r.blockSize == 0 {
		r.blockSize = max(512, int(d.export.BlockSize.Minimum))
	}
	if d.cfg.ReadOnly {
		r.flags |= wire.FlagReadOnly
	}
	return r
}

// dial connects and shakes hands as the kernel's client needs it.
func (d *Device) dial(ctx context.Context, connections int) ([]net.Conn, nbd.Export, error) {
	opts := append(slices.Clip(d.cfg.Dial), nbd.WithConnections(connections), nbd.WithoutStructuredReplies())
	c, err := nbd.Dial(ctx, d.uri, opts...)
	if err != nil {
		return nil, nbd.Export{}, err
	}
	export := c.Export()
	if c.Protocol().TLS {
		c.Close()
		return nil, export, unsupported("the kernel's NBD client can't do TLS (the tool nbdublk can)")
	}
	conns, err := c.Hijack()
	if errors.Is(err, syscall.ENOTSUP) {
		err = unsupported(fmt.Sprintf("the kernel's NBD client needs a server that it can reach by a socket of its own (the tool nbdublk doesn't): %v", err))
	}
	return conns, export, err
}

func unsupported(msg string) error {
	return fmt.Errorf("nbdkernel: %s: %w", msg, errors.ErrUnsupported)
}

func closeAll(conns []net.Conn) {
	for _, nc := range conns {
		nc.Close()
	}
}

// limitRequests keeps the kernel's requests as short as the server wants them.
func (d *Device) limitRequests() error {
	most := d.export.BlockSize.MaxPayload >> 10
	if most == 0 {
		return nil
	}
	path := sysPath(d.index, "queue/max_sectors_kb")
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	now, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 32)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if now <= uint64(most) {
		return nil
	}
	return os.WriteFile(path, strconv.AppendUint(nil, uint64(most), 10), 0)
}

// Path is the path of the device, such as "/dev/nbd0".
func (d *Device) Path() string { return devicePath(d.index) }

// Export describes the export that is attached.
func (d *Device) Export() nbd.Export { return d.export }

// Connections is the number of connections that were opened.
func (d *Device) Connections() int { return d.connections }

// Close gives back what Attach took of this program. The device stays attached.
func (d *Device) Close() error { return d.driver.close() }

// Detach is the function Detach for this device.
func (d *Device) Detach(ctx context.Context, force bool) error {
	return detach(ctx, d.driver, d.index, force)
}

// devicePath is the path of the device with an index.
func devicePath(index int) string { return "/dev/nbd" + strconv.Itoa(index) }

// sysPath is the path of what sysfs tells about the device.
func sysPath(index int, name string) string { return fmt.Sprintf("/sys/block/nbd%d/%s", index, name) }

// parseDevice gives the index of a device by its path.
func parseDevice(path string) (int, error) {
	number, ok := strings.CutPrefix(path, "/dev/nbd")
	index, err := strconv.ParseUint(number, 10, 20) // the kernel has no more minor numbers
	if !ok || err != nil || devicePath(int(index)) != path {
		return 0, fmt.Errorf("nbdkernel: %q is no NBD device: it should be a path such as /dev/nbd0: %w", path, fs.ErrInvalid)
	}
	return int(index), nil
}
