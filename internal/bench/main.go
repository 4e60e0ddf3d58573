//go:build unix

// Command bench compares this project with the C programs in the peers' tree.
// They take turns on one server, and what counts are the ratios.
//
//	go run ./internal/bench reads   4 KiB reads through the libnbd API: the C library,
//	                                package libnbd, and the C library made here, if
//	                                make capi has made it
//	go run ./internal/bench tools   the tools, each with the work of its rows, as a table
//
// Option -rounds says how many runs to take, and -rows is a regular expression
// of the rows of the table that are wanted.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("say what to compare: reads or tools")
	}
	flags := flag.NewFlagSet("bench", flag.ExitOnError)
	rounds := flags.Int("rounds", 5, "the number of runs")
	rows := flags.String("rows", "", "a regular expression of the rows wanted")
	if args[0] == "worker" {
		return work(args[1:])
	}
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	wanted, err := regexp.Compile(*rows)
	if err != nil {
		return fmt.Errorf("-rows: %w", err)
	}
	b, err := newBench(*rounds)
	if err != nil {
		return err
	}
	defer b.close()
	switch args[0] {
	case "reads":
		return b.reads()
	case "tools":
		return b.tools(wanted)
	}
	return fmt.Errorf("unknown comparison %q: expected reads or tools", args[0])
}

// bench is what the comparisons share.
type bench struct {
	rounds int
	module string // the module's folder
	tree   string // of the peers' programs
	dir    string // for sockets and disks
	ends   []func()
}

func newBench(rounds int) (*bench, error) {
	if rounds < 1 {
		return nil, fmt.Errorf("-rounds: expected a number from 1, got %d", rounds)
	}
	root, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/gonbd/gonbd").Output()
	if err != nil {
		return nil, err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, err
	}
	b := &bench{rounds: rounds, module: strings.TrimSpace(string(root)), tree: filepath.Join(cache, "gonbd/peers/forky")}
	if _, err := os.Stat(filepath.Join(b.tree, "usr/bin/nbdcopy")); err != nil {
		return nil, fmt.Errorf("%w: run make peers", err)
	}
	// Disks in memory, where that can be: their writing is not what is compared.
	where := os.Getenv("TMPDIR")
	if _, err := os.Stat("/dev/shm"); err == nil && where == "" {
		where = "/dev/shm"
	}
	b.dir, err = os.MkdirTemp(where, "gonbd")
	return b, err
}

func (b *bench) close() {
	b.reset()
	os.RemoveAll(b.dir)
}

// reset ends what was started.
func (b *bench) reset() {
	for _, end := range slices.Backward(b.ends) {
		end()
	}
	b.ends = nil
}

// c is a command of the C programs. Only the program loader is in its way, so
// that its times are its own.
func (b *bench) c(tool string, args ...string) *exec.Cmd {
	libs := filepath.Join(b.tree, "usr/lib", multiarch())
	return exec.Command(filepath.Join(b.tree, loader()), append([]string{"--library-path", libs, filepath.Join(b.tree, "usr/bin", tool)}, args...)...)
}

// peer is a command of the peers' tree that sees nothing but b.dir.
func (b *bench) peer(prog string, args ...string) []string {
	return append([]string{filepath.Join(b.module, "scripts/peer-run"), b.dir, prog}, args...)
}

func median(list []float64) float64 {
	s := slices.Sorted(slices.Values(list))
	return s[len(s)/2]
}
