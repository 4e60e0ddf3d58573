package nbdkernel_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/gonbd/gonbd/nbdkernel"
)

// This attaches a server for as long as the program runs, and lets the disk
// outlive the server's restarts.
func Example() {
	ctx := context.Background()
	d, err := nbdkernel.Attach(ctx, "nbd://server/disk", nbdkernel.Config{
		Timeout:         10 * time.Second,
		DeadConnTimeout: time.Minute,
	})
	if err != nil {
		log.Fatal(err)
	}
	defer d.Close()
	fmt.Println("the disk is", d.Path())
	if err := d.Keep(ctx); err != nil {
		log.Print(err)
	}
	if err := d.Detach(ctx, false); err != nil {
		log.Print(err)
	}
}
