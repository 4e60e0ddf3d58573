package nbd_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"sync"
	"syscall"

	"github.com/gonbd/gonbd/nbd"
	"github.com/gonbd/gonbd/nbdserver"
)

// serve runs a server for an example, and gives its URI.
func serve(exports ...*nbdserver.Export) (uri string, stop func()) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	s := &nbdserver.Server{Exports: exports}
	done := make(chan struct{})
	go func() { defer close(done); s.Serve(context.Background(), l) }()
	return "nbd://" + l.Addr().String() + "/", func() { s.Close(); <-done }
}

func disk(text string) *nbdserver.Memory {
	m := nbdserver.NewMemory(1 << 20)
	if _, err := m.WriteAt([]byte(text), 0); err != nil {
		log.Fatal(err)
	}
	return m
}

func ExampleDial() {
	uri, stop := serve(&nbdserver.Export{Name: "disk", Backend: disk("hello, world")})
	defer stop()

	ctx := context.Background()
	c, err := nbd.Dial(ctx, uri+"disk")
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	p := make([]byte, 12)
	if _, err := c.ReadAt(p, 0); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d bytes, of which the first are %q\n", c.Size(), p)

	_, err = c.WriteAt(p, c.Size())
	fmt.Println("beyond the end:", errors.Is(err, syscall.ENOSPC))
	// Output:
	// 1048576 bytes, of which the first are "hello, world"
	// beyond the end: true
}

// Requests of several goroutines are under way at once. That is what makes a
// copy fast.
func ExampleClient_copy() {
	from, stop := serve(&nbdserver.Export{Backend: disk("some data"), MultiConn: true})
	defer stop()
	to, stop := serve(&nbdserver.Export{Backend: nbdserver.NewMemory(1 << 20), MultiConn: true})
	defer stop()

	ctx := context.Background()
	src, err := nbd.Dial(ctx, from, nbd.WithConnections(2))
	if err != nil {
		log.Fatal(err)
	}
	defer src.Close()
	dst, err := nbd.Dial(ctx, to, nbd.WithConnections(2))
	if err != nil {
		log.Fatal(err)
	}
	defer dst.Close()

	const piece = 64 << 10
	offsets := make(chan int64)
	errs := make(chan error, 8)
	var wg sync.WaitGroup
	for range cap(errs) {
		wg.Go(func() {
			buf := make([]byte, piece)
			for off := range offsets {
				p := buf[:min(piece, src.Size()-off)]
				_, err := src.ReadAt(p, off)
				if err == nil {
					_, err = dst.WriteAt(p, off)
				}
				if err != nil {
					errs <- err
					return
				}
			}
		})
	}
	for off := int64(0); off < src.Size(); off += piece {
		select {
		case offsets <- off:
		case err := <-errs:
			log.Fatal(err)
		}
	}
	close(offsets)
	wg.Wait()
	if err := dst.Flush(ctx); err != nil {
		log.Fatal(err)
	}

	p := make([]byte, 9)
	if _, err := dst.ReadAt(p, 0); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", p)
	// Output: some data
}

func ExampleClient_Extents() {
	m := disk("data")
	uri, stop := serve(&nbdserver.Export{Backend: m})
	defer stop()

	ctx := context.Background()
	c, err := nbd.Dial(ctx, uri, nbd.WithMetaContexts(nbd.ContextBaseAllocation))
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	for ext, err := range c.Extents(ctx, 0, c.Size(), nbd.ContextBaseAllocation) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%7d %7d zero=%v\n", ext.Offset, ext.Length, ext.Zero())
	}
	// Output:
	//       0   32768 zero=false
	//   32768 1015808 zero=true
}

func ExampleList() {
	uri, stop := serve(
		&nbdserver.Export{Name: "swap", Description: "for bad times", Backend: disk("")},
		&nbdserver.Export{Name: "root", Backend: disk("")})
	defer stop()

	list, err := nbd.List(context.Background(), uri)
	if err != nil {
		log.Fatal(err)
	}
	for _, e := range list {
		fmt.Printf("%q: %q\n", e.Name, e.Description)
	}
	// Output:
	// "swap": "for bad times"
	// "root": ""
}

func ExampleNegotiate() {
	uri, stop := serve(
		&nbdserver.Export{Name: "small", Backend: nbdserver.NewMemory(1 << 10)},
		&nbdserver.Export{Name: "large", Backend: nbdserver.NewMemory(1 << 30)})
	defer stop()

	ctx := context.Background()
	n, err := nbd.Negotiate(ctx, uri)
	if err != nil {
		log.Fatal(err)
	}
	defer n.Close()
	list, err := n.List(ctx)
	if err != nil {
		log.Fatal(err)
	}
	var largest nbd.Export
	for _, e := range list {
		info, err := n.Info(ctx, e.Name)
		if err != nil {
			log.Fatal(err)
		}
		if info.Size > largest.Size {
			largest = info
		}
	}
	c, err := n.Go(ctx, largest.Name)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	fmt.Println(c.Export().Name, c.Size())
	// Output: large 1073741824
}

// A client works on any net.Conn, here one in memory.
func ExampleNewClient() {
	ours, theirs := net.Pipe()
	s := &nbdserver.Server{Exports: []*nbdserver.Export{{Backend: bytes.NewReader([]byte("read-only"))}}}
	go s.ServeConn(context.Background(), theirs)

	ctx := context.Background()
	c, err := nbd.NewClient(ctx, ours, nbd.Config{})
	if err != nil {
		log.Fatal(err)
	}
	p := make([]byte, c.Size())
	if _, err := c.ReadAt(p, 0); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s: %v\n", p, c.ReadOnly())
	if err := c.Shutdown(ctx); err != nil {
		log.Fatal(err)
	}
	// Output: read-only: true
}
