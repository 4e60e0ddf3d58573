package nbddump

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gonbd/gonbd/internal/peers"
	"github.com/gonbd/gonbd/internal/tooltest"
)

// modes are the ways in which each disk is printed.
var modes = []string{
	"", "--color", "--no-color", "--colour --no-colours",
	"-n 0", "-n 1", "-n 7 --color", "-n 8 --color", "-n 9 --color", "-n 15", "-n 16", "-n 17", "-n 32", "-n 33", "-n 48 --colors", "-n 100", "-n 4096", "-n 99999",
	"-o 1", "-o 5 -n 17", "-o 15", "-o 16", "-o 16 --color", "-o 33", "-o 48", "-o 50", "-o 95", "-o 99", "-o 100", "-o 101", "-o 100 -n 0", "-o 9999999999999", "-o 9999999999999 -n 0",
	"-o 65535 -n 3", "-o 65536", "-o 131071 -n 100000", "-o 1048576", "-o 1048575", "-o 1048560",
	"--length=20 --offset=3", "--limit 20 --skip 3", "--len 20 --off 3", "-n 1 -n 20 -o 7 -o 3", "-n20 -o3",
}

// disks are what the C program and ours print.
var disks = []struct {
	name  string
	start func(*testing.T, peers.Tree) *peers.Server
	tool  string // that serves
	both  bool   // of the newest release too
	// differ is why our output is another, in the modes differIn, and
	// nowhere else.
	differ   string
	differIn []string
}{
	{name: "empty", start: nbdkit("memory", "0")},
	{name: "one byte", start: nbdkit("data", "65")},
	{name: "zeroes", start: nbdkit("memory", "1M")},
	{name: "hello", both: true, start: nbdkit("data", `1 @0x100 "hello, world!" @0x1000 0 0 0 33`)},
	{name: "short", start: nbdkit("data", `@0x10 "hello!"`, "size=100")},
	{name: "repetitions", start: nbdkit("data", "65*100", "size=100")},
	{name: "repetitions cut short", start: nbdkit("data", "65*48 65 0*15 65 0*15 65", "size=81")},
	{name: "repetitions before zeroes", start: nbdkit("data", "65*64 @65536 66*64 @131100 67*1000", "size=1048576")},
	{name: "all bytes", start: nbdkit("pattern", "3000")},
	{name: "odd size", start: nbdkit("data", "1 @40000 1 @765432 1", "size=987654")},
	{name: "random", start: file(func(b []byte) { random(b) })},
	{name: "random lines", start: file(func(b []byte) {
		for i := 0; i < len(b); i += 16 {
			copy(b[i:], bytes.Repeat([]byte{"\x00\x01A"[rand.IntN(3)]}, 16))
		}
	})},
	{name: "patches", start: file(func(b []byte) {
		for range 20 {
			off := rand.IntN(len(b))
			random(b[off:min(len(b), off+rand.IntN(5000))])
		}
	})},
	{name: "sparse-random", both: true, start: nbdkit("sparse-random", "4M", "seed=1")},
	{name: "large", start: nbdkit("data", "1 @4000000000 1 @4900000003 7", "size=5000000000")},
	{name: "extents at any byte", start: nbdkit("eval", "thread_model=echo parallel", "get_size=echo 10001", "pread=head -c $3 /dev/zero", "can_extents=exit 0",
		`extents=printf '0 1003\n1003 1000 hole\n2003 1000 zero\n3003 1000 hole,zero\n4003 5998\n'`)},
	{name: "no extents", both: true, start: nbdkit("--filter=noextents", "memory", "1M")},
	{name: "no structured replies", start: nbdkit("--no-sr", "data", "1 @1000 1", "size=1048577")},
	{name: "oldstyle", start: nbdkit("-o", "data", "1 @1000 1", "size=1048577")},
	{name: "read-only", start: nbdkit("-r", "data", "1 @1000 1", "size=1048577")},
	{name: "block sizes", start: nbdkit("--filter=blocksize-policy", "data", "1 @1000 1", "size=1048576", "blocksize-minimum=512", "blocksize-preferred=64K", "blocksize-maximum=1M", "blocksize-error-policy=error"),
		differ: "the C program sends requests that the server's minimum block size forbids", differIn: []string{
			"-n 1", "-n 7 --color", "-n 8 --color", "-n 9 --color", "-n 15", "-n 16", "-n 17", "-n 32", "-n 33", "-n 48 --colors", "-n 100", "-n 99999",
			"-o 1", "-o 5 -n 17", "-o 15", "-o 16", "-o 16 --color", "-o 33", "-o 48", "-o 50", "-o 95", "-o 99", "-o 100", "-o 101",
			"-o 65535 -n 3", "-o 131071 -n 100000", "-o 1048575", "-o 1048560",
			"--length=20 --offset=3", "--limit 20 --skip 3", "--len 20 --off 3", "-n 1 -n 20 -o 7 -o 3", "-n20 -o3",
		}},
	{name: "extents fail", start: nbdkit("eval", "thread_model=echo parallel", "get_size=echo 1000", "pread=head -c $3 /dev/zero", "can_extents=exit 0", "extents=echo EIO bad map >&2; exit 1"),
		differ: "the C program gives up, where ours reads all", differIn: slices.DeleteFunc(slices.Clone(modes), func(m string) bool {
			return strings.HasPrefix(m, "-o 65") || strings.HasPrefix(m, "-o 9999999999999") || strings.HasPrefix(m, "-o 1048") || strings.HasPrefix(m, "-o 131") || strings.HasSuffix(m, "-n 0")
		})},
	{name: "reads fail", start: nbdkit("eval", "thread_model=echo parallel", "get_size=echo 1000", "pread=echo EIO bad disk >&2; exit 1")},
	{name: "qemu raw", both: true, tool: "qemu-nbd", start: func(t *testing.T, tree peers.Tree) *peers.Server {
		return peers.QemuNBD(t, tree, "-f", "raw", image(t, func(b []byte) { random(b[100_000:200_000]) }))
	}},
}

// Our output is the C program's, byte by byte, and so are the exit codes.
// Where both fail, the C program may have written a part of its output.
func TestLikeC(t *testing.T) {
	peers.Forky.Need(t, "nbddump")
	for _, test := range disks {
		tool := test.tool
		if tool == "" {
			tool = "nbdkit"
		}
		run := func(t *testing.T, tree peers.Tree) {
			t.Parallel()
			tree.Need(t, tool)
			uri := test.start(t, tree).URI("")
			for i, c := range runC(t, modes, uri) {
				compare(t, modes[i], uri, c, slices.Contains(test.differIn, modes[i]), test.differ)
			}
		}
		t.Run(test.name, func(t *testing.T) {
			if test.both {
				peers.Each(t, run, tool)
			} else {
				run(t, peers.Bookworm)
			}
		})
	}
}

// Command lines are understood as the C program understands them, but for
// these: it takes 1K for 1, -1 for all, and knows no --color=never.
func TestCommandLineLikeC(t *testing.T) {
	uri := nbdkit("data", `"hello" @1000 1`, "size=10000")(t, peers.Bookworm).URI("")
	same := []string{"--help nothing", "--bad", "-n", "-n x", "-o x", "--offset=", "--no-color=1", "-q", "--l 20", "--co", "-n 010"}
	for i, c := range runC(t, same, uri) {
		if same[i] == "--help nothing" {
			c.Stdout = usage
		}
		compare(t, same[i], uri, c, false, "")
	}
	differ := []string{"-n 1K", "-n -1", "-o 0x10", "--color=never", "--color=auto"}
	for i, c := range runC(t, differ, uri) {
		compare(t, differ[i], uri, c, true, "ours knows suffixes and colour modes, and no negative lengths")
	}
	for _, list := range []string{"--short-options", "--long-options"} {
		c := runC(t, []string{list}, "")[0]
		want, got := strings.Fields(c.Stdout), strings.Fields(runOurs(t, list).Stdout)
		slices.Sort(want)
		slices.Sort(got)
		if len(want) == 0 || !slices.Equal(got, want) {
			t.Errorf("%s: %q, C has %q", list, got, want)
		}
	}
}

func compare(t *testing.T, mode, uri string, c peers.Outcome, differs bool, why string) {
	t.Helper()
	ours := runOurs(t, append(strings.Fields(mode), uri)...)
	same := ours.Code == c.Code && (ours.Stdout == c.Stdout || c.Code != 0)
	switch {
	case differs && same:
		t.Errorf("nbddump %s does what the C program does, but a difference was expected: %s", mode, why)
	case !differs && !same:
		t.Errorf("nbddump %s: exit code %d and %d bytes:\n%.2000s%s\nC: exit code %d and %d bytes:\n%.2000s%s", mode, ours.Code, len(ours.Stdout), ours.Stdout, ours.Stderr, c.Code, len(c.Stdout), c.Stdout, c.Stderr)
	case ours.Code != 0 && ours.Stderr == "":
		t.Errorf("nbddump %s failed without a word", mode)
	}
}

// runC runs the C program in each of the modes.
func runC(t *testing.T, modes []string, uri string) []peers.Outcome {
	t.Helper()
	var commands [][]string
	for _, m := range modes {
		args := append([]string{"nbddump"}, strings.Fields(m)...)
		if uri != "" {
			args = append(args, uri)
		}
		commands = append(commands, args)
	}
	return peers.Outcomes(t, peers.Forky, os.TempDir(), commands)
}

var tools = tooltest.Tools{"nbddump": Run}

// runOurs runs the tool in this process.
func runOurs(t *testing.T, args ...string) peers.Outcome {
	t.Helper()
	return tools.Run(t, "", append([]string{"nbddump"}, args...)...)
}

func nbdkit(args ...string) func(*testing.T, peers.Tree) *peers.Server {
	return func(t *testing.T, tree peers.Tree) *peers.Server { return peers.NbdkitUnix(t, tree, args...) }
}

// file serves a file with what fill makes of zeroes.
func file(fill func([]byte)) func(*testing.T, peers.Tree) *peers.Server {
	return func(t *testing.T, tree peers.Tree) *peers.Server {
		return peers.NbdkitUnix(t, tree, "file", image(t, fill))
	}
}

func image(t *testing.T, fill func([]byte)) string {
	t.Helper()
	content := make([]byte, 200<<10+777)
	fill(content)
	path := filepath.Join(t.TempDir(), "disk.img")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(int64(len(content))); err != nil {
		t.Fatal(err)
	}
	for off := 0; off < len(content); off += 4096 { // leave holes
		if b := content[off:min(len(content), off+4096)]; bytes.ContainsFunc(b, func(r rune) bool { return r != 0 }) {
			if _, err := f.WriteAt(b, int64(off)); err != nil {
				t.Fatal(err)
			}
		}
	}
	return path
}

func random(b []byte) {
	for i := range b {
		b[i] = byte(rand.Uint32())
	}
}
