//go:build unix

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/gonbd/gonbd/libnbd"
)

const (
	size   = 4096
	blocks = 1024
	count  = 50_000 // reads a run
)

// work is what testdata/read.c does, in Go.
func work(args []string) error {
	depth, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	count, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	h, err := libnbd.Create()
	if err != nil {
		return err
	}
	if err := h.ConnectUnix(args[0]); err != nil {
		return err
	}
	begin := time.Now()
	if depth == 1 {
		buf := make([]byte, size)
		for i := range count {
			if err := h.Pread(buf, uint64(i%blocks)*size, nil); err != nil {
				return err
			}
		}
	} else if err := pipeline(h, depth, count); err != nil {
		return err
	}
	elapsed := time.Since(begin)
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	fmt.Println(elapsed.Nanoseconds()/int64(count), (u.Utime.Nano()+u.Stime.Nano())/int64(count))
	return nil
}

func pipeline(h *libnbd.Libnbd, depth, count int) error {
	bufs := make([]libnbd.AioBuffer, depth)
	for i := range bufs {
		bufs[i] = libnbd.MakeAioBuffer(size)
	}
	var failed error
	inFlight := 0
	opt := &libnbd.AioPreadOptargs{CompletionCallbackSet: true, CompletionCallback: func(errno *int) int {
		if *errno != 0 {
			failed = syscall.Errno(*errno)
		}
		inFlight--
		return 1
	}}
	for issued := 0; (issued < count || inFlight > 0) && failed == nil; {
		for ; inFlight < depth && issued < count; issued++ {
			if _, err := h.AioPread(bufs[issued%depth], uint64(issued%blocks)*size, opt); err != nil {
				return err
			}
			inFlight++
		}
		if _, err := h.Poll(-1); err != nil {
			return err
		}
	}
	return failed
}

// contender is one of those compared.
type contender struct {
	name      string
	command   func(args ...string) *exec.Cmd
	wall, cpu []float64
}

// reads compares small reads.
func (b *bench) reads() error {
	contenders, err := b.prepare()
	if err != nil {
		return err
	}
	server, err := b.serve("unix", "nbdkit", "-f", "memory", "64M")
	if err != nil {
		return err
	}
	for _, depth := range []int{1, 64} {
		for _, c := range contenders {
			c.wall, c.cpu = nil, nil
		}
		for range b.rounds {
			for _, c := range contenders {
				if err := c.run(server.String(), depth); err != nil {
					return err
				}
			}
		}
		fmt.Printf("4 KiB reads, %d in flight, median of %d runs of %d:\n", depth, b.rounds, count)
		for _, c := range contenders {
			fmt.Printf("  %-24s %8.0f ns %5.2f of C   processor %8.0f ns %5.2f of C\n", c.name,
				median(c.wall), median(c.wall)/median(contenders[0].wall), median(c.cpu), median(c.cpu)/median(contenders[0].cpu))
		}
	}
	return nil
}

func (c *contender) run(socket string, depth int) error {
	cmd := c.command(socket, strconv.Itoa(depth), strconv.Itoa(count))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("%s: %w", c.name, err)
	}
	var wall, cpu float64
	if _, err := fmt.Sscan(string(bytes.TrimSpace(out)), &wall, &cpu); err != nil {
		return fmt.Errorf("%s said %q", c.name, out)
	}
	c.wall, c.cpu = append(c.wall, wall), append(c.cpu, cpu)
	return nil
}

// prepare compiles the C program against the peers' library. The binary runs
// with either library.
func (b *bench) prepare() ([]*contender, error) {
	libs, _ := filepath.Glob(filepath.Join(b.tree, "usr/lib/*/libnbd.so"))
	if len(libs) == 0 {
		return nil, fmt.Errorf("no libnbd in %s: run make peers", b.tree)
	}
	program := filepath.Join(b.dir, "read")
	cc := exec.Command("cc", "-O2", "-I"+filepath.Join(b.tree, "usr/include"), filepath.Join(b.module, "internal/bench/testdata/read.c"),
		"-o", program, libs[0], "-Wl,--unresolved-symbols=ignore-in-shared-libs")
	if out, err := cc.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("cc: %w\n%s", err, out)
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	list := []*contender{
		{name: "C libnbd", command: func(args ...string) *exec.Cmd {
			return exec.Command(filepath.Join(b.module, "scripts/peer-run"), append([]string{b.dir, program}, args...)...)
		}},
		{name: "package libnbd", command: func(args ...string) *exec.Cmd {
			return exec.Command(self, append([]string{"worker"}, args...)...)
		}},
	}
	ours := filepath.Join(b.module, "build/capi")
	if _, err := os.Stat(filepath.Join(ours, "libnbd.so.0")); err == nil {
		list = append(list, &contender{name: "our libnbd.so.0", command: func(args ...string) *exec.Cmd {
			cmd := exec.Command(program, args...)
			cmd.Env = append(os.Environ(), "LD_LIBRARY_PATH="+ours)
			return cmd
		}})
	}
	return list, nil
}
