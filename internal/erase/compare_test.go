package erase

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gonbd/gonbd/internal/peers"
	"github.com/gonbd/gonbd/internal/tooltest"
)

// cases are what the C tools and ours do, each to a disk of its own.
var cases = []struct {
	server string // options and a plugin of nbdkit; DISK is a file with data in the middle
	tool   string // with its options, but for the URI
	// differ is why exit code, standard output or the disk are others, or
	// our requests.
	differ string
}{
	{server: "file DISK", tool: "nbddiscard -y"},
	{server: "file DISK", tool: "nbdzero -y"},
	{server: "file DISK", tool: "nbddiscard --yes --zero"},
	{server: "file DISK", tool: "nbdzero -yz"},
	{server: "memory 1M", tool: "nbdzero -y --fast-zero"},
	{server: "memory 1M", tool: "nbddiscard -y --fast-zero"},
	{server: "file DISK", tool: "nbdzero -y -o 100K"},
	{server: "file DISK", tool: "nbdzero -y -o 1k -l 300K"},
	{server: "file DISK", tool: "nbddiscard -y --offset=300K --length 200K"},
	{server: "file DISK", tool: "nbdzero -y --off 1m"},
	{server: "file DISK", tool: "nbdzero -y -o 512K -l 1M"},
	{server: "file DISK", tool: "nbdzero -yq -o 512K -l 1M"},
	{server: "file DISK", tool: "nbdzero -y -o 2M"},
	{server: "file DISK", tool: "nbdzero -y -q -o 2M"},
	{server: "file DISK", tool: "nbddiscard -o 1T"},
	{server: "file DISK", tool: "nbdzero -y -l 0K"},
	{server: "file DISK", tool: "nbdzero -v -y -l 1K"},
	{server: "file DISK", tool: "nbddiscard -y -l 4G"},
	{server: "memory 0", tool: "nbdzero -y"},
	{server: "memory 0", tool: "nbdzero -c -v"},
	{server: "memory 0", tool: "nbddiscard -y -o 0K"},
	{server: "-r file DISK", tool: "nbdzero -y"},
	{server: "-r file DISK", tool: "nbddiscard"},
	{server: "-r file DISK", tool: "nbdzero -c"},
	{server: "--filter=nozero file DISK", tool: "nbdzero -y"},
	{server: "--filter=nozero file DISK", tool: "nbddiscard -y"},
	{server: "--filter=nozero file DISK zeromode=emulate", tool: "nbdzero -y"},
	{server: "--filter=nozero memory 1M zeromode=plugin fastzeromode=none", tool: "nbdzero -y --fast-zero"},
	{server: "--filter=nozero memory 1M zeromode=plugin fastzeromode=slow", tool: "nbdzero -y --fast-zero"},
	{server: "--filter=error memory 1M error-zero=EIO error-zero-rate=100%", tool: "nbdzero -y"},
	{server: "--filter=error memory 1M error-trim=ENOSPC error-trim-rate=100%", tool: "nbddiscard -y"},
	{server: "--filter=error memory 1M error-extents=EIO error-extents-rate=100%", tool: "nbddiscard -c"},
	{server: "--no-sr file DISK", tool: "nbdzero -y -v"},
	{server: "--no-sr file DISK", tool: "nbddiscard -c"},
	{server: "-o file DISK", tool: "nbddiscard -y"},

	{server: "memory 1M", tool: "nbdzero -c"},
	{server: "memory 1M", tool: "nbdzero -cv"},
	{server: "memory 1M", tool: "nbddiscard -c"},
	{server: "memory 1M", tool: "nbddiscard --check --verbose"},
	{server: "memory 1M", tool: "nbddiscard -cz -v"},
	{server: "memory 1M", tool: "nbdzero -c -o 2M"},
	{server: "memory 1M", tool: "nbdzero -c -o 512K -l 1M"},
	{server: "memory 1M", tool: "nbdzero -c -q -o 512K -l 1M"},
	{server: "memory 9G", tool: "nbdzero -c"},
	{server: "file DISK", tool: "nbdzero -c"},
	{server: "file DISK", tool: "nbdzero -cq"},
	{server: "file DISK", tool: "nbdzero -cyv --fast-zero"},
	{server: "file DISK", tool: "nbddiscard -c"},
	{server: "file DISK", tool: "nbddiscard -c -q"},
	{server: "file DISK", tool: "nbddiscard -c -o 700K"},
	{server: "file DISK", tool: "nbdzero -c -l 256K"},
	{server: "data @0x12345+1", tool: "nbddiscard -c"},

	{server: "file DISK", tool: "nbdzero -y --bad"},
	{server: "file DISK", tool: "nbdzero -y --ver"},
	{server: "file DISK", tool: "nbdzero -y --yes=3"},
	{server: "file DISK", tool: "nbdzero -y another"},
	{server: "file DISK", tool: "nbdzero -y -l"},
	{server: "file DISK", tool: "nbdzero -y -o xx"},
	{server: "file DISK", tool: "nbdzero -y -o -1"},
	{server: "file DISK", tool: "nbdzero -y -o 1.5K"},

	{server: "file DISK", tool: "nbdzero", differ: "without a terminal, ours asks nothing"},
	{server: "file DISK", tool: "nbddiscard -q -o 512K -l 1M", differ: "without a terminal, ours asks nothing"},
	{server: "file DISK", tool: "nbdzero -y -o 4096", differ: "the C program fails over numbers without a suffix"},
	{server: "file DISK", tool: "nbdzero -y -l 1KB", differ: "the C program knows no such suffix"},
	{server: "memory 9G", tool: "nbddiscard -y", differ: "our requests are longer"},
	{server: "--filter=noextents memory 1M", tool: "nbdzero -c", differ: "where extents don't tell, ours reads"},
	{server: "--no-sr memory 1M", tool: "nbdzero -c", differ: "where extents don't tell, ours reads"},
	{server: "--filter=error memory 1M error-extents=EIO error-extents-rate=100%", tool: "nbdzero -c", differ: "where extents can't be had, ours reads"},
	{server: "data @0x12345+1", tool: "nbdzero -c", differ: "ours names the byte, and not the extent"},
	{server: "--filter=blocksize-policy file DISK blocksize-minimum=4096 blocksize-preferred=64K blocksize-maximum=1M blocksize-error-policy=error", tool: "nbdzero -y -o 257K -l 10K", differ: "the C program sends requests that the server's minimum block size forbids"},
	{server: "--filter=blocksize-policy file DISK blocksize-minimum=4096 blocksize-preferred=64K blocksize-maximum=1M blocksize-error-policy=error", tool: "nbddiscard -y -o 257K -l 10K", differ: "the C program sends requests that the server's minimum block size forbids"},
}

// Our output, exit codes and requests are those of the C tools, and so is the
// disk afterwards. Where both fail, what they say of it may differ.
func TestLikeC(t *testing.T) {
	peers.Forky.Need(t, "nbdzero", "python3")
	peers.Bookworm.Need(t, "nbdkit")
	type run struct {
		server *peers.Server
		image  string
	}
	start := func(t *testing.T, i int) run {
		image := diskImage(t)
		var args []string
		for _, a := range strings.Fields(cases[i].server) {
			switch a {
			case "DISK":
				a = image
			case "@0x12345+1":
				args = append(args, "@0x12345 1")
				a = "size=1M"
			}
			args = append(args, a)
		}
		return run{peers.NbdkitUnix(t, peers.Bookworm, append([]string{"--filter=log"}, append(args, "logfile="+image+".log")...)...), image}
	}
	const batch = 20 // servers at a time
	for first := 0; first < len(cases); first += batch {
		t.Run(fmt.Sprint("from ", first), func(t *testing.T) {
			part := cases[first:min(len(cases), first+batch)]
			var commands [][]string
			var cs []run
			for i, test := range part {
				r := start(t, first+i)
				cs = append(cs, r)
				commands = append(commands, append(strings.Fields(test.tool), r.server.URI("")))
			}
			for i, c := range peers.Outcomes(t, peers.Forky, os.TempDir(), commands) {
				test := part[i]
				r := start(t, first+i)
				ours := runOurs(t, append(strings.Fields(test.tool), r.server.URI(""))...)
				cs[i].server.Stop()
				r.server.Stop() // and the logs are complete
				var differences []string
				if ours.Code != c.Code {
					differences = append(differences, fmt.Sprintf("exit code %d, C has %d", ours.Code, c.Code))
				}
				if ours.Stdout != c.Stdout {
					differences = append(differences, fmt.Sprintf("prints %q, C prints %q", ours.Stdout, c.Stdout))
				}
				if got, want := state(t, r.image), state(t, cs[i].image); got != want {
					differences = append(differences, fmt.Sprintf("leaves %s, C leaves %s", got, want))
				}
				if got, want := requestsOf(t, r.image), requestsOf(t, cs[i].image); !slices.Equal(got, want) {
					differences = append(differences, fmt.Sprintf("requests %q, C's %q", got, want))
				}
				switch {
				case test.differ == "" && len(differences) > 0:
					t.Errorf("%s on %s: %s\n%sC: %s", test.tool, test.server, strings.Join(differences, "\n"), ours.Stderr, c.Stderr)
				case test.differ != "" && len(differences) == 0:
					t.Errorf("%s on %s is like C, but a difference was expected: %s", test.tool, test.server, test.differ)
				case ours.Code != 0 && ours.Stderr+ours.Stdout == "" && !strings.Contains(test.tool, "q"):
					t.Errorf("%s on %s failed without a word", test.tool, test.server)
				}
			}
		})
	}
}

// The same on qemu-nbd, whose log tells nothing of requests.
func TestLikeCOnQemu(t *testing.T) {
	peers.Forky.Need(t, "nbdzero", "python3")
	peers.Each(t, func(t *testing.T, tree peers.Tree) {
		t.Parallel()
		tools := []string{"nbddiscard -y", "nbdzero -y", "nbdzero -y --fast-zero", "nbdzero -cv", "nbddiscard -cv", "nbdzero -y -o 300K -l 100K", "nbddiscard -y -o 300K -l 100K", "nbdzero -cv -o 600K", "nbddiscard -cv -o 600K"}
		type run struct{ image, uri string }
		start := func() run {
			image := diskImage(t)
			return run{image, peers.QemuNBD(t, tree, "--discard=unmap", "-f", "raw", image).URI("")}
		}
		var cs []run
		var commands [][]string
		for _, tool := range tools {
			r := start()
			cs = append(cs, r)
			commands = append(commands, append(strings.Fields(tool), r.uri))
		}
		for i, c := range peers.Outcomes(t, peers.Forky, os.TempDir(), commands) {
			r := start()
			ours := runOurs(t, append(strings.Fields(tools[i]), r.uri)...)
			got, want := state(t, r.image), state(t, cs[i].image)
			if ours.Code != c.Code || ours.Stdout != c.Stdout || got != want {
				t.Errorf("%s: exit code %d, prints %q, leaves %s\nC: exit code %d, prints %q, leaves %s", tools[i], ours.Code, ours.Stdout, got, c.Code, c.Stdout, want)
			}
		}
	}, "qemu-nbd")
}

// What completion asks for, and calls without a server.
func TestCommandLineLikeC(t *testing.T) {
	peers.Forky.Need(t, "nbdzero", "python3")
	commands := [][]string{
		{"nbdzero", "--short-options"}, {"nbdzero", "--long-options"}, {"nbddiscard", "--short-options"}, {"nbddiscard", "--long-options"},
		{"nbdzero"}, {"nbddiscard", "-c"}, {"nbdzero", "nothing"}, {"nbdzero", "-y", "nbd+unix:///?socket=/nothing/such"}, {"nbddiscard", "-h"}, {"nbdzero", "-V"},
	}
	for i, c := range peers.Outcomes(t, peers.Forky, peers.Scratch(t), commands) {
		ours := runOurs(t, commands[i]...)
		if ours.Code != c.Code {
			t.Errorf("%q: exit code %d, C has %d", commands[i], ours.Code, c.Code)
		}
		if strings.Contains(commands[i][len(commands[i])-1], "-options") {
			got, want := strings.Fields(ours.Stdout), strings.Fields(c.Stdout)
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("%q: %q, C has %q", commands[i], got, want)
			}
		}
	}
}

var tools = tooltest.Tools{"nbddiscard": Discard, "nbdzero": Zero}

// runOurs runs a tool, which is told yes.
func runOurs(t *testing.T, args ...string) peers.Outcome {
	t.Helper()
	return tools.Run(t, "y\n", args...)
}

// diskImage makes a file of 1 MiB with 256 KiB of data in the middle.
func diskImage(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "disk")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(1 << 20); err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(bytes.Repeat([]byte("data"), 64<<10), 256<<10); err != nil {
		t.Fatal(err)
	}
	return path
}

// state is what a disk image holds, and how much of it is allocated.
func state(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%d bytes of data, the first at %d, in %d blocks", bytes.Count(b, []byte("data"))*4, bytes.IndexByte(b, 'd'), blocks(t, path))
}

var requestLine = regexp.MustCompile(`connection=1 (Write|Zero|Trim|Flush) id=\d+ (.*) \.\.\.`)

// requestsOf is what the server's log tells of requests that change something,
// sorted.
func requestsOf(t *testing.T, image string) (list []string) {
	t.Helper()
	b, err := os.ReadFile(image + ".log")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range requestLine.FindAllStringSubmatch(string(b), -1) {
		list = append(list, m[1]+" "+m[2])
	}
	slices.Sort(list)
	return list
}
