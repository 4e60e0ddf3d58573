package nbdcopy_test

import (
	"context"
	"fmt"
	"log"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/gonbd/gonbd/nbd"
	"github.com/gonbd/gonbd/nbdcopy"
	"github.com/gonbd/gonbd/nbdserver"
)

// Copy a file to an NBD server, here one in the same program.
func ExampleCopy() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	image := filepath.Join(dir, "disk.img")
	if err := os.WriteFile(image, []byte(strings.Repeat("data", 1024)), 0o666); err != nil {
		log.Fatal(err)
	}

	here, there := net.Pipe()
	disk := nbdserver.NewMemory(1 << 20)
	server := &nbdserver.Server{Exports: []*nbdserver.Export{{Backend: disk}}}
	defer server.Close()
	go server.ServeConn(ctx, there)
	client, err := nbd.NewClient(ctx, here, nbd.Config{})
	if err != nil {
		log.Fatal(err)
	}
	dst := nbdcopy.NBD(client)
	defer dst.Close()

	src, err := nbdcopy.OpenSource(ctx, image, nbdcopy.OpenOptions{})
	if err != nil {
		log.Fatal(err)
	}
	defer src.Close()

	result, err := nbdcopy.Copy(ctx, dst, src, nbdcopy.Options{Flush: true})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d bytes, %d of them data\n", result.Size, result.Data)

	p := make([]byte, 8)
	disk.ReadAt(p, 4088)
	fmt.Printf("%s\n", p)
	// Output:
	// 4096 bytes, 4096 of them data
	// datadata
}

// Show how far the copy is.
func ExampleCopy_progress() {
	src := nbdcopy.Reader(strings.NewReader(strings.Repeat("data", 1024)))
	_, err := nbdcopy.Copy(context.Background(), nbdcopy.Null(), src, nbdcopy.Options{
		Progress: func(done, total int64) {
			if done == total {
				fmt.Println("all", total, "bytes are copied")
			}
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	// Output:
	// all 4096 bytes are copied
}
