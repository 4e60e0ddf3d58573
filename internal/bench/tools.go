//go:build unix

package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// A row is work that a tool is given: ours, the C tool and, for some, qemu-img
// do it in turns.
type row struct {
	name  string
	setup func(*bench) (task, error) // starts servers, makes disks

	// What is aimed at: at most this much of the C tool's time and processor
	// time. 0 means nothing.
	wall, cpu float64

	runs int // the tool is called so often in a run; 0 means once
}

// task is the arguments of a tool.
type task struct {
	tool string // nbdcopy if it is empty
	args []string
	pipe string   // a file that is piped through
	qemu []string // the arguments of qemu-img, if it can do it too
	file string   // a destination that is removed before each run
}

// cost is what a run took.
type cost struct{ wall, cpu, memory float64 }

// tools prints the table.
func (b *bench) tools(wanted *regexp.Regexp) error {
	bin := filepath.Join(b.dir, "bin")
	build := exec.Command("go", "build", "-trimpath", "-o", bin+"/", "./cmd/...")
	build.Dir = b.module
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("building the tools: %w\n%s", err, out)
	}
	b.header()
	fmt.Println("| work | wall time × C | aim | processor × C | aim | memory × C | wall time × qemu-img |")
	fmt.Println("|---|---|---|---|---|---|---|")
	for _, r := range rows() {
		if !wanted.MatchString(r.name) {
			continue
		}
		if err := b.row(bin, r); err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
	}
	return nil
}

// header says on what machine, and with which programs.
func (b *bench) header() {
	version := func(cmd *exec.Cmd) string {
		out, _ := cmd.CombinedOutput() // an empty cell says enough
		line, _, _ := strings.Cut(string(out), "\n")
		return line
	}
	model := "unknown processor"
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if _, rest, ok := strings.Cut(string(info), "model name\t: "); ok {
			model, _, _ = strings.Cut(rest, "\n")
		}
	}
	peer := b.peer("nbdkit", "--version")
	fmt.Printf("%s, %d processors, %s, %s; %s, %s, %s; median of %d alternating runs (least to most)\n\n",
		model, runtime.NumCPU(), version(exec.Command("uname", "-sr")), runtime.Version(),
		version(b.c("nbdcopy", "--version")), version(exec.Command(peer[0], peer[1:]...)), version(b.c("qemu-img", "--version")), b.rounds)
}

func (b *bench) row(bin string, r row) error {
	defer func() {
		b.reset()
		// The disks of the row, but not what all rows share.
		matches, _ := filepath.Glob(filepath.Join(b.dir, "row-*"))
		for _, m := range matches {
			os.RemoveAll(m)
		}
	}()
	w, err := r.setup(b)
	if err != nil {
		return err
	}
	if w.tool == "" {
		w.tool = "nbdcopy"
	}
	contenders := []func() *exec.Cmd{
		func() *exec.Cmd { return exec.Command(filepath.Join(bin, w.tool), w.args...) },
		func() *exec.Cmd { return b.c(w.tool, w.args...) },
	}
	if w.qemu != nil {
		contenders = append(contenders, func() *exec.Cmd { return b.c("qemu-img", w.qemu...) })
	}
	costs := make([][]cost, len(contenders))
	for i := range b.rounds + 1 {
		for k := range contenders {
			// Each comes first in turn: who ran before leaves caches behind.
			j := (i + k) % len(contenders)
			c, err := w.run(contenders[j], max(r.runs, 1))
			if err != nil {
				return err
			}
			if i > 0 { // the first round is for the caches
				costs[j] = append(costs[j], c)
			}
		}
	}
	of := func(i int, what func(cost) float64) []float64 {
		ratios := make([]float64, b.rounds)
		for k := range ratios {
			ratios[k] = what(costs[0][k]) / what(costs[i][k])
		}
		return ratios
	}
	wall := func(c cost) float64 { return c.wall }
	cells := []string{
		r.name, spread(of(1, wall)), aim(r.wall),
		spread(of(1, func(c cost) float64 { return c.cpu })), aim(r.cpu),
		fmt.Sprintf("%.2f (%.0f MiB)", median(of(1, func(c cost) float64 { return c.memory })), median(ours(costs[0]))),
		"",
	}
	if w.qemu != nil {
		cells[6] = spread(of(2, wall))
	}
	fmt.Println("| " + strings.Join(cells, " | ") + " |")
	return nil
}

func ours(costs []cost) (memory []float64) {
	for _, c := range costs {
		memory = append(memory, c.memory/(1<<20))
	}
	return memory
}

// spread is the median, with the least and the most.
func spread(list []float64) string {
	return fmt.Sprintf("**%.2f** (%.2f–%.2f)", median(list), slices.Min(list), slices.Max(list))
}

func aim(f float64) string {
	if f == 0 {
		return ""
	}
	return fmt.Sprintf("≤ %.2f", f)
}

// run runs a command and measures it.
func (w *task) run(command func() *exec.Cmd, runs int) (cost, error) {
	var sum cost
	for range runs {
		if w.file != "" {
			if err := os.Remove(w.file); err != nil && !errors.Is(err, os.ErrNotExist) {
				return cost{}, err
			}
		}
		cmd := command()
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		stop := func() error { return nil }
		if w.pipe != "" {
			var err error
			if stop, err = pipeThrough(cmd, w.pipe); err != nil {
				return cost{}, err
			}
		}
		began := time.Now()
		if err := cmd.Run(); err != nil {
			return cost{}, fmt.Errorf("%s: %w\n%s", cmd, err, &stderr)
		}
		wall := time.Since(began).Seconds()
		if err := stop(); err != nil {
			return cost{}, err
		}
		u := cmd.ProcessState.SysUsage().(*syscall.Rusage)
		sum.wall += wall
		sum.cpu += float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
		sum.memory = max(sum.memory, float64(u.Maxrss)*1024)
	}
	return sum, nil
}

// pipeThrough makes a pipe from a file to the command, and another one from it
// to nowhere.
func pipeThrough(cmd *exec.Cmd, file string) (stop func() error, err error) {
	in, out := exec.Command("cat", file), exec.Command("cat")
	stdin, err := in.StdoutPipe()
	if err != nil {
		return nil, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd.Stdin, cmd.Stdout = stdin.(*os.File), w
	out.Stdin = r
	if err := errors.Join(in.Start(), out.Start()); err != nil {
		return nil, err
	}
	return func() error {
		// Our ends, or the others would wait for them.
		return errors.Join(w.Close(), in.Wait(), out.Wait(), r.Close())
	}, nil
}
