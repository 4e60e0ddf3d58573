//go:build unix

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/gonbd/gonbd/internal/testcerts"
)

// compareTLS has both nbdcopy programs read 2 GiB over TLS.
func compareTLS(args []string) error {
	rounds, err := parseRounds(args)
	if err != nil {
		return err
	}
	module, _, err := tree()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "gonbd")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	ours := filepath.Join(dir, "nbdcopy")
	if out, err := exec.Command("go", "build", "-o", ours, module+"/cmd/nbdcopy").CombinedOutput(); err != nil {
		return fmt.Errorf("building nbdcopy: %w\n%s", err, out)
	}
	ca := testcerts.New(failer{}, dir)
	ca.Server()
	ca.Client()
	keys := testcerts.WriteKeys(failer{}, dir)
	peer := filepath.Join(module, "scripts/peer-run")
	for _, kind := range []struct{ name, option, user, params string }{
		{"a pre-shared key", "--tls-psk=" + keys, "alice@", "&tls-psk-file=" + keys},
		{"certificates", "--tls-certificates=" + dir, "", "&tls-hostname=localhost&tls-certificates=" + dir},
	} {
		socket := filepath.Join(dir, "s")
		os.Remove(socket)
		stop, err := start(socket, exec.Command(peer, dir, "nbdkit", "-f", "-U", socket, "--tls=require", kind.option, "pattern", "2G"))
		if err != nil {
			return err
		}
		uri := "nbds+unix://" + kind.user + "/?socket=" + socket + kind.params
		list := []*contender{
			{name: "C nbdcopy", command: func(...string) *exec.Cmd { return exec.Command(peer, dir, "nbdcopy", uri, "null:") }},
			{name: "our nbdcopy", command: func(...string) *exec.Cmd { return exec.Command(ours, uri, "null:") }},
		}
		for range rounds {
			for _, c := range list {
				if err := c.time(); err != nil {
					stop()
					return err
				}
			}
		}
		stop()
		fmt.Printf("2 GiB over TLS with %s, median of %d runs:\n", kind.name, rounds)
		for _, c := range list {
			fmt.Printf("  %-12s %6.2f s  throughput %5.2f of C   processor %5.2f s %5.2f of C\n", c.name,
				median(c.wall), median(list[0].wall)/median(c.wall), median(c.cpu), median(c.cpu)/median(list[0].cpu))
		}
	}
	return nil
}

// time runs the command, and notes its time and processor time in seconds.
func (c *contender) time() error {
	cmd := c.command()
	begin := time.Now()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", c.name, err, out)
	}
	u := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	c.wall = append(c.wall, time.Since(begin).Seconds())
	c.cpu = append(c.cpu, float64(u.Utime.Nano()+u.Stime.Nano())/1e9)
	return nil
}

// failer ends the program.
type failer struct{}

func (failer) Helper() {}

func (failer) Fatal(args ...any) {
	fmt.Fprintln(os.Stderr, append([]any{"bench:"}, args...)...)
	os.Exit(1)
}
