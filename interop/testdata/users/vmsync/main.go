// Copies one export to another as vmsync does: a pipeline of asynchronous
// reads and writes with completion callbacks.
package main

import (
	"fmt"
	"os"

	"libguestfs.org/libnbd"
)

const (
	block = 256 << 10
	depth = 8
)

func main() {
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

type job struct {
	buf    libnbd.AioBuffer
	offset uint64
}

func open(uri string) (*libnbd.Libnbd, error) {
	h, err := libnbd.Create()
	if err != nil {
		return nil, err
	}
	return h, h.ConnectUri(uri)
}

func run(from, to string) error {
	src, err := open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := open(to)
	if err != nil {
		return err
	}
	defer dst.Close()
	size, err := src.GetSize()
	if err != nil {
		return err
	}
	preferred, err := src.GetBlockSize(libnbd.SIZE_PREFERRED)
	if err != nil {
		return err
	}
	var failed error
	var read []job
	var next uint64
	busy, written := 0, 0
	for next < size || busy > 0 {
		for busy < depth && next < size {
			n := min(block, size-next)
			j := job{libnbd.MakeAioBuffer(uint(n)), next}
			next += n
			busy++
			if _, err := src.AioPread(j.buf, j.offset, &libnbd.AioPreadOptargs{
				CompletionCallbackSet: true,
				CompletionCallback: func(nerr *int) int {
					if *nerr != 0 {
						failed = fmt.Errorf("read at %d: errno %d", j.offset, *nerr)
					}
					read = append(read, j)
					return 1
				},
			}); err != nil {
				return err
			}
		}
		if n, err := src.AioInFlight(); err != nil {
			return err
		} else if n > 0 {
			if _, err := src.Poll(-1); err != nil {
				return err
			}
		}
		for _, j := range read {
			if len(j.buf.Slice()) == 0 {
				return fmt.Errorf("an empty buffer")
			}
			if _, err := dst.AioPwrite(j.buf, j.offset, &libnbd.AioPwriteOptargs{
				CompletionCallbackSet: true,
				CompletionCallback: func(nerr *int) int {
					if *nerr != 0 {
						failed = fmt.Errorf("write at %d: errno %d", j.offset, *nerr)
					}
					j.buf.Free()
					busy--
					written++
					return 1
				},
			}); err != nil {
				return err
			}
		}
		read = read[:0]
		if n, err := dst.AioInFlight(); err != nil {
			return err
		} else if n > 0 {
			if _, err := dst.Poll(-1); err != nil {
				return err
			}
		}
		if failed != nil {
			return failed
		}
	}
	if err := dst.Flush(nil); err != nil {
		return err
	}
	fmt.Println("wrote", written, "blocks; preferred", preferred > 0)
	return dst.Shutdown(nil)
}
