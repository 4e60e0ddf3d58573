package interop

import (
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/gonbd/gonbd/internal/peers"
	"github.com/gonbd/gonbd/nbd"
)

func TestQemuNBD(t *testing.T) {
	peers.Each(t, func(t *testing.T, tree peers.Tree) {
		for _, row := range []struct {
			name, format string
			opts         []nbd.Option
		}{
			{"raw", "raw", nil},
			{"qcow2", "qcow2", nil},
			{"one connection, simple replies", "raw", []nbd.Option{nbd.WithConnections(1), nbd.WithoutStructuredReplies()}},
			{"structured replies", "qcow2", []nbd.Option{nbd.WithoutExtendedHeaders()}},
		} {
			t.Run(row.name, func(t *testing.T) {
				image := filepath.Join(t.TempDir(), "disk")
				peers.Run(t, tree, "qemu-img", "create", "-q", "-f", row.format, image, "16M")
				c := dial(t, peers.QemuNBD(t, tree, "-f", row.format, "--discard=unmap", image).URI(""),
					append([]nbd.Option{nbd.WithConnections(4)}, row.opts...)...)
				t.Logf("%+v, %d connections, %+v", c.Protocol(), c.Connections(), c.Export())
				exercise(t, c)
				shutdown(t, c)
			})
		}
	}, "qemu-nbd", "qemu-img")
}

// TestQemuExtendedHeaders: the newest qemu has what its predecessors lack.
func TestQemuExtendedHeaders(t *testing.T) {
	peers.Forky.Need(t, "qemu-nbd", "qemu-img")
	image := filepath.Join(t.TempDir(), "disk")
	peers.Run(t, peers.Forky, "qemu-img", "create", "-q", "-f", "qcow2", image, "6T")
	uri := peers.QemuNBD(t, peers.Forky, "-f", "qcow2", "-A", "--discard=unmap", image).URI("")
	c := dial(t, uri, nbd.WithMetaContexts(nbd.ContextBaseAllocation, nbd.ContextQemuAllocationDepth))
	if !c.Protocol().ExtendedHeaders {
		t.Fatalf("the protocol is %+v", c.Protocol())
	}
	if e := c.Export(); !e.CanBlockStatusPayload() {
		t.Error("the server does not offer to filter contexts")
	}
	data := pattern(1, 64<<10)
	if _, err := c.WriteAt(data, 5<<40); err != nil {
		t.Fatal(err)
	}
	before := c.Stats().MessagesSent
	got := extents(t, c, nbd.ContextBaseAllocation)
	want := []nbd.Extent{{Offset: 0, Length: 5 << 40, Flags: 3}, {Offset: 5 << 40, Length: 64 << 10}, {Offset: 5<<40 + 64<<10, Length: 1<<40 - 64<<10, Flags: 3}}
	if !slices.Equal(got, want) {
		t.Errorf("the extents are %+v, expected %+v", got, want)
	}
	depth := extents(t, c, nbd.ContextQemuAllocationDepth)
	if len(depth) != 3 || depth[1].Flags != 1 || depth[0].Flags != 0 {
		t.Errorf("the allocation depths are %+v", depth)
	}
	if n := c.Stats().MessagesSent - before; n > 8 {
		t.Errorf("%d requests for two maps of three extents each", n)
	}
	// One request, of a length that 32 bits do not hold.
	before = c.Stats().MessagesSent
	if err := c.WriteZeroes(testContext(t), 5<<40-4<<30, 8<<30); err != nil {
		t.Fatal(err)
	}
	if n := c.Stats().MessagesSent - before; n != 1 {
		t.Errorf("%d requests to zero 8 GiB", n)
	}
	clear(data)
	checkRead(t, c, 5<<40, data)
}

func TestQemuDirtyBitmap(t *testing.T) {
	peers.Each(t, func(t *testing.T, tree peers.Tree) {
		image := filepath.Join(t.TempDir(), "disk")
		peers.Run(t, tree, "qemu-img", "create", "-q", "-f", "qcow2", image, "16M")
		peers.Run(t, tree, "qemu-img", "bitmap", "--add", "-g", "65536", "-f", "qcow2", image, "since")
		for _, mb := range []int{1, 5} {
			peers.Run(t, tree, "qemu-io", "-f", "qcow2", "-c", "write "+strconv.Itoa(mb)+"M 128k", image)
		}
		name := nbd.ContextQemuDirtyBitmap + "since"
		uri := peers.QemuNBD(t, tree, "-f", "qcow2", "-r", "-B", "since", image).URI("")
		c := dial(t, uri, nbd.WithMetaContexts(name, nbd.ContextBaseAllocation), nbd.WithConnections(2))
		if !c.ReadOnly() {
			t.Error("the export is not read-only")
		}
		var dirty []nbd.Extent
		for _, e := range extents(t, c, name) {
			if e.Flags&1 != 0 {
				dirty = append(dirty, e)
			}
		}
		want := []nbd.Extent{{Offset: 1 << 20, Length: 128 << 10, Flags: 1}, {Offset: 5 << 20, Length: 128 << 10, Flags: 1}}
		if !slices.Equal(dirty, want) {
			t.Errorf("the dirty extents are %+v, expected %+v", dirty, want)
		}
		if list := extents(t, c, nbd.ContextBaseAllocation); len(list) != 5 {
			t.Errorf("the extents of the other context are %+v", list)
		}

		n, err := nbd.Negotiate(testContext(t), uri)
		if err != nil {
			t.Fatal(err)
		}
		defer n.Close()
		names, err := n.MetaContexts(testContext(t), "", "qemu:")
		if err != nil || !slices.Contains(names, name) {
			t.Errorf("the contexts are %q, %v", names, err)
		}
		if _, err := n.Info(testContext(t), "no such export"); err == nil {
			t.Error("there is information about an export that does not exist")
		}
		e, err := n.Info(testContext(t), "")
		if err != nil || e.Size != 16<<20 {
			t.Errorf("the information is %+v, %v", e, err)
		}
		if err := n.Abort(testContext(t)); err != nil {
			t.Error(err)
		}
	}, "qemu-nbd", "qemu-img", "qemu-io")
}
