// Demo tells the story of make demo: it serves a sparse disk, describes it,
// copies it through the server, and proves the copy identical. It needs
// nothing but itself, and leaves nothing behind.
package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gonbd/gonbd/internal/cli"
	"github.com/gonbd/gonbd/nbd"
	"github.com/gonbd/gonbd/nbdcopy"
	"github.com/gonbd/gonbd/nbdserver"
)

func main() { cli.Main("demo", run) }

const (
	diskSize = 1 << 30
	islands  = 24      // places with data
	island   = 2 << 20 // their mean size, in bytes
)

func run(ctx context.Context, _ []string, stdio cli.Stdio) error {
	dir, err := os.MkdirTemp("", "gonbd-demo")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	d := &demo{ctx: ctx, stdio: stdio, source: filepath.Join(dir, "source.img"), copy: filepath.Join(dir, "copy.img")}
	for _, step := range []func() error{d.makeDisk, d.serve, d.describe, d.copyDisk, d.prove} {
		if err := step(); err != nil {
			d.stop()
			return err
		}
	}
	d.stop()
	d.say("\nThat was all of it. Next:  make build && bin/nbdinfo [ bin/nbdserve memory 1G ]")
	return nil
}

type demo struct {
	ctx          context.Context
	stdio        cli.Stdio
	source, copy string
	server       *nbdserver.Server
	served       chan error
	file         io.Closer
	uri          string
}

func (d *demo) say(format string, args ...any) { fmt.Fprintf(d.stdio.Out, format+"\n", args...) }

// makeDisk makes a disk that is mostly holes.
func (d *demo) makeDisk() error {
	f, err := os.Create(d.source)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Truncate(diskSize); err != nil {
		return err
	}
	random := rand.NewChaCha8([32]byte([]byte("the same disk at each demo, pls!")))
	place := rand.New(random)
	buf := make([]byte, 2*island)
	var data int64
	for range islands {
		b := buf[:4096*(1+place.Int64N(2*island/4096-1))]
		random.Read(b)
		if _, err := f.WriteAt(b, 4096*place.Int64N((diskSize-2*island)/4096)); err != nil {
			return err
		}
		data += int64(len(b))
	}
	d.say("1. A sparse disk of %s, with some %s of data scattered over it.", cli.FormatSize(diskSize), cli.FormatSize(data))
	return f.Close()
}

// serve starts a server for it, in this process.
func (d *demo) serve() error {
	file, err := nbdserver.OpenFile(d.source, os.O_RDONLY)
	if err != nil {
		return err
	}
	d.file = file
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	d.server = &nbdserver.Server{Exports: []*nbdserver.Export{{
		Name: "disk", Description: "a sparse disk for the demo", Backend: file, ReadOnly: true, MultiConn: true,
	}}}
	d.served = make(chan error, 1)
	go func() { d.served <- d.server.Serve(d.ctx, l) }()
	d.uri = "nbd://" + l.Addr().String() + "/disk"
	d.say("2. An NBD server, embedded in this program, serves it at %s", d.uri)
	return nil
}

// describe asks the server what it has.
func (d *demo) describe() error {
	list, err := nbd.List(d.ctx, d.uri)
	if err != nil {
		return err
	}
	for _, e := range list {
		d.say("3. The server lists the export %q, %s:", e.Name, e.Description)
	}
	c, err := nbd.Dial(d.ctx, d.uri, nbd.WithMetaContexts(nbd.ContextBaseAllocation))
	if err != nil {
		return err
	}
	defer c.Close()
	e := c.Export()
	d.say("     size %s, read-only %v, several connections %v, block size %d/%d/%d", cli.FormatSize(e.Size), e.ReadOnly(), e.CanMultiConn(),
		e.BlockSize.Minimum, e.BlockSize.Preferred, e.BlockSize.MaxPayload)
	d.say("     protocol %s, structured replies %v, extended headers %v", c.Protocol().Handshake, c.Protocol().StructuredReplies, c.Protocol().ExtendedHeaders)
	const width = 64
	var data [width]bool
	var extents int
	for x, err := range c.Extents(d.ctx, 0, e.Size, nbd.ContextBaseAllocation) {
		if err != nil {
			return err
		}
		extents++
		if !x.Zero() {
			for i := x.Offset * width / e.Size; i <= (x.Offset+x.Length-1)*width/e.Size; i++ {
				data[i] = true
			}
		}
	}
	var b strings.Builder
	for _, has := range data {
		if has {
			b.WriteString("█")
		} else {
			b.WriteString("·")
		}
	}
	d.say("     its map, of %d extents: %s", extents, &b)
	return c.Shutdown(d.ctx)
}

// copyDisk copies it through the server into a file.
func (d *demo) copyDisk() error {
	d.say("4. A copy of it, through the server over several connections:")
	src, err := nbdcopy.OpenSource(d.ctx, d.uri, nbdcopy.OpenOptions{})
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := nbdcopy.OpenDestination(d.ctx, d.copy, nbdcopy.OpenOptions{})
	if err != nil {
		return err
	}
	defer dst.Close()
	began := time.Now()
	terminal := cli.IsTerminal(d.stdio.Out)
	bar := func(done, total int64) string {
		const width = 40
		full := int(done * width / total)
		return fmt.Sprintf("     [%s%s] %3d%%", strings.Repeat("█", full), strings.Repeat(" ", width-full), done*100/total)
	}
	last := ""
	result, err := nbdcopy.Copy(d.ctx, dst, src, nbdcopy.Options{Progress: func(done, total int64) {
		if last = bar(done, total); terminal {
			fmt.Fprintf(d.stdio.Out, "\r%s", last)
		}
	}})
	if terminal {
		last = ""
	}
	d.say("%s", last)
	if err != nil {
		return err
	}
	took := time.Since(began)
	if err := dst.Close(); err != nil {
		return err
	}
	d.say("     %s in %v, holes included %s/s: %s were written as data, the rest stayed holes", cli.FormatSize(result.Size),
		took.Round(time.Millisecond), cli.FormatSize(int64(float64(result.Size)/took.Seconds())), cli.FormatSize(result.Data))
	return nil
}

// prove compares source and copy.
func (d *demo) prove() error {
	var sums [2][sha256.Size]byte
	for i, name := range []string{d.source, d.copy} {
		sum, err := d.sum(name)
		if err != nil {
			return err
		}
		sums[i] = sum
	}
	if sums[0] != sums[1] {
		return fmt.Errorf("the copy is not identical: SHA-256 %x, the source's is %x", sums[1], sums[0])
	}
	d.say("5. Identical: SHA-256 of both is %x…", sums[0][:16])
	var allocated [2]int64
	for i, name := range []string{d.source, d.copy} {
		var err error
		if allocated[i], err = d.allocated(name); err != nil {
			return err
		}
	}
	d.say("   and as sparse: the source takes up %s of its %s, the copy %s", cli.FormatSize(allocated[0]), cli.FormatSize(diskSize), cli.FormatSize(allocated[1]))
	return nil
}

func (d *demo) sum(name string) (sum [sha256.Size]byte, err error) {
	f, err := os.Open(name)
	if err != nil {
		return sum, err
	}
	defer f.Close()
	h := sha256.New()
	buf := make([]byte, 1<<20)
	for {
		n, err := f.Read(buf)
		h.Write(buf[:n])
		if err == io.EOF {
			return [sha256.Size]byte(h.Sum(nil)), nil
		}
		if err == nil {
			err = d.ctx.Err()
		}
		if err != nil {
			return sum, err
		}
	}
}

// allocated is how much of a file is no hole, as far as the system can tell.
func (d *demo) allocated(name string) (n int64, err error) {
	src, err := nbdcopy.OpenSource(d.ctx, name, nbdcopy.OpenOptions{})
	if err != nil {
		return 0, err
	}
	defer src.Close()
	x, ok := src.(nbdcopy.Extenter)
	if !ok {
		return src.Size(), nil
	}
	for e, err := range x.Extents(d.ctx, 0, src.Size()) {
		if err != nil {
			return 0, err
		}
		if !e.Zero {
			n += e.Length
		}
	}
	return n, nil
}

// stop ends the server.
func (d *demo) stop() {
	if d.server != nil {
		d.server.Close()
		<-d.served
	}
	if d.file != nil {
		d.file.Close()
	}
}
