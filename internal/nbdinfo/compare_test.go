package nbdinfo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gonbd/gonbd/internal/cli"
	"github.com/gonbd/gonbd/internal/peers"
	"github.com/gonbd/gonbd/internal/tooltest"
	"github.com/gonbd/gonbd/nbdserver"
)

// modes are the ways in which each server is asked.
var modes = []string{
	"", "--json", "--no-content", "--color", "--no-color",
	"--size", "--size --json", "--uri", "--uri --json",
	"--list", "--list --json", "--list --content", "--list --color", "--list --content --json",
	"--map", "--map --json", "--map --color", "--map --totals", "--map --totals --color", "--map --totals --json",
	"--map=nothing:such",
	"--can block-status-payload", "--can cache", "--can connect", "--can df", "--can fast-zero", "--can flush", "--can fua",
	"--can multi-conn", "--can read", "--can trim", "--can write", "--can zero",
	"--has extended-headers", "--has structured-reply", "--is read-only", "--is rotational", "--is tls",
	"--cannot trim", "--isnt read-only", "--hasnt structured-reply",
}

// known are the differences that are meant.
type known struct {
	// differ is why our output or exit code is another, and differIn in
	// which modes.
	differ   string
	differIn []string
	// cFails is why the C program fails in modes in which ours does not.
	cFails string
}

// matrix are the servers that the C program and ours are asked about.
var matrix = []struct {
	name  string
	tool  string // that serves
	start func(*testing.T, peers.Tree) *peers.Server
	// export is the export in the URI.
	export string
	// maps are further metadata contexts to show.
	maps []string
	known
}{
	{name: "memory", start: nbdkit("memory", "1M")},
	{name: "empty", start: nbdkit("memory", "0")},
	{name: "null", start: nbdkit("null", "4T")},
	{name: "odd size", start: nbdkit("data", "1 @400000 1 @7654321", "size=9876543")},
	{name: "large", start: nbdkit("data", "1 @4000000000 1 @87654321000", "size=98765432100")},
	{name: "sparse-random", start: nbdkit("sparse-random", "64M", "seed=1")},
	{name: "text", start: nbdkit("data", `"hello, world" "\n"`)},
	{name: "file", start: func(t *testing.T, tree peers.Tree) *peers.Server {
		return peers.NbdkitUnix(t, tree, "file", sparseFile(t))
	}},
	{name: "TCP", start: func(t *testing.T, tree peers.Tree) *peers.Server {
		return peers.NbdkitTCP(t, tree, "memory", "1536K")
	}},
	{name: "read-only", start: nbdkit("-r", "memory", "1M")},
	{name: "rotational", start: nbdkit("eval", "thread_model=echo parallel", "get_size=echo 4096", "pread=head -c $3 /dev/zero", "is_rotational=exit 0", "can_write=exit 0", "pwrite=cat >/dev/null")},
	{name: "oldstyle", start: nbdkit("-o", "memory", "1M")},
	{name: "no fixed newstyle", start: nbdkit("--mask-handshake=2", "memory", "1M"), known: known{cFails: onlyFixed}},
	{name: "no handshake flags", start: nbdkit("--mask-handshake=0", "memory", "1M"), known: known{cFails: onlyFixed}},
	{name: "no zeroes", start: nbdkit("--mask-handshake=1", "memory", "1M")},
	{name: "no structured replies", start: nbdkit("--no-sr", "memory", "1M")},
	{name: "block sizes", start: nbdkit("--filter=blocksize-policy", "memory", "1M", "blocksize-minimum=512", "blocksize-preferred=64K", "blocksize-maximum=4M", "blocksize-error-policy=error")},
	{name: "all extents", start: nbdkit("eval", "thread_model=echo parallel", "get_size=echo 10000", "pread=head -c $3 /dev/zero", "can_extents=exit 0",
		`extents=printf '0 1000\n1000 1000 hole\n2000 1000 zero\n3000 1000 hole,zero\n4000 6000\n'`)},
	{name: "extents fail", start: nbdkit("eval", "thread_model=echo parallel", "get_size=echo 10000", "pread=head -c $3 /dev/zero", "can_extents=exit 0", "extents=echo EIO bad map >&2; exit 1")},
	{name: "reads fail", start: nbdkit("eval", "thread_model=echo parallel", "get_size=echo 10000", "pread=echo EIO bad disk >&2; exit 1")},
	{name: "directory", start: func(t *testing.T, tree peers.Tree) *peers.Server {
		return peers.NbdkitUnix(t, tree, "file", "dir="+filepath.Dir(sparseFile(t)))
	}, export: "disk.img"},
	{name: "export missing", start: func(t *testing.T, tree peers.Tree) *peers.Server {
		return peers.NbdkitUnix(t, tree, "file", "dir="+filepath.Dir(sparseFile(t)))
	}, export: "nothing"},
	{name: "canonical name", start: nbdkit("eval", "thread_model=echo parallel", "get_size=echo 4096", "pread=head -c $3 /dev/zero", "open=echo $3", "default_export=echo one",
		"export_description=echo descr of $2", `list_exports=printf 'INTERLEAVED\none\nfirst one\n\nthe default\ntwo\n\n'`)},
	{name: "no exports", start: nbdkit("eval", "thread_model=echo parallel", "get_size=echo 4096", "pread=head -c $3 /dev/zero", "list_exports=echo NAMES"), known: known{
		differ: "the C program leaves a comma behind, which is no JSON", differIn: []string{"--list --json", "--list --content --json"},
	}},
	{name: "bad export listed", start: nbdkit("eval", "thread_model=echo parallel", "get_size=echo 4096", "pread=head -c $3 /dev/zero",
		`open=if [ "$3" = bad ]; then echo EPERM no way >&2; exit 1; fi`, `list_exports=printf 'NAMES\nbad\ngood\n'`)},
	{name: "name", start: nbdkit("memory", "1M", "-e", "a\t\"b\\ é"), export: "a\t\"b\\ é"},
	{name: "name with delimiters", start: nbdkit("memory", "1M", "-e", "a&b=c"), export: "a&b=c"},
	{name: "qemu raw", tool: "qemu-nbd", start: func(t *testing.T, tree peers.Tree) *peers.Server {
		return peers.QemuNBD(t, tree, "-f", "raw", sparseFile(t))
	}},
	{name: "qemu read-only", tool: "qemu-nbd", start: func(t *testing.T, tree peers.Tree) *peers.Server {
		return peers.QemuNBD(t, tree, "-r", "-f", "raw", sparseFile(t))
	}},
	{name: "qemu qcow2", tool: "qemu-nbd", start: func(t *testing.T, tree peers.Tree) *peers.Server {
		return peers.QemuNBD(t, tree, "-f", "qcow2", "-x", "disk 1", "-D", "a \"disk\"\té", "-A", "-B", "b0", "-B", "b1", qcow2Chain(t, tree))
	}, export: "disk 1", maps: []string{"qemu:allocation-depth", "qemu:dirty-bitmap:b0", "qemu:dirty-bitmap:b1"}},
	{name: "nbd-server", tool: "nbd-server", start: func(t *testing.T, tree peers.Tree) *peers.Server {
		return peers.NBDServer(t, tree, fmt.Sprintf("[disk]\nexportname = %s\n[other]\nexportname = %s\nreadonly = true\nflush = true\nrotational = true\n", sparseFile(t), sparseFile(t)))
	}, export: "disk", known: known{differ: sizeByInfo, differIn: showSize}},
	{name: "nbd-server read-only", tool: "nbd-server", start: func(t *testing.T, tree peers.Tree) *peers.Server {
		return peers.NBDServer(t, tree, fmt.Sprintf("[other]\nexportname = %s\nreadonly = true\nflush = true\nfua = true\nrotational = true\n", sparseFile(t)))
	}, export: "other", known: known{differ: sizeByInfo, differIn: showSize}},
}

// Why our output differs from that of the C program, and the modes in which.
const (
	onlyFixed  = "the C program asks by NBD_OPT_INFO, which the server lacks, and not by opening the export"
	sizeByInfo = "nbd-server answers NBD_OPT_INFO with a size of 0, which the C program believes"
)

var (
	showSize = []string{"", "--json", "--no-content", "--color", "--no-color", "--size", "--size --json", "--list", "--list --json", "--list --content", "--list --color", "--list --content --json"}
)

// Our output is the C program's, byte by byte, and so are the exit codes.
// Where the C program fails, it may have written a part of its output; ours
// writes nothing, or with --list what it could find out.
func TestLikeC(t *testing.T) {
	peers.Forky.Need(t, "nbdinfo")
	for _, test := range matrix {
		tool := test.tool
		if tool == "" {
			tool = "nbdkit"
		}
		t.Run(test.name, func(t *testing.T) {
			peers.Each(t, func(t *testing.T, tree peers.Tree) {
				t.Parallel()
				compare(t, test.start(t, tree).URI(test.export), test.maps, test.known)
			}, tool)
		})
	}
}

// The same on a server with what other servers don't have: metadata contexts
// of its own, large block sizes, and a name of its own for the export.
func TestLikeCOnOurServer(t *testing.T) {
	peers.Forky.Need(t, "nbdinfo")
	contexts := []nbdserver.MetaContext{
		{Name: "test:narrow", Extents: extents(0, 1, 2, 7)},
		{Name: "test:wide", Wide: true, Extents: extents(0, 1<<40, 1)},
	}
	payload := known{
		differ:   "the server tells of block status payloads only once a context is selected, and not in its answer to NBD_OPT_INFO",
		differIn: []string{"", "--json", "--no-content", "--color", "--no-color", "--can block-status-payload"},
	}
	for _, test := range []struct {
		name    string
		disable nbdserver.Features
		known
	}{
		{"all", nbdserver.Features{}, payload},
		{"no list", nbdserver.Features{List: true}, payload},
		{"no extended headers", nbdserver.Features{ExtendedHeaders: true}, known{}},
		{"no structured replies", nbdserver.Features{ExtendedHeaders: true, StructuredReply: true}, known{}},
		{"no metadata contexts", nbdserver.Features{MetaContext: true}, known{}},
		{"no info", nbdserver.Features{ExtendedHeaders: true, Go: true}, known{
			differ:   "the C program does not ask for metadata contexts then",
			differIn: []string{"", "--json", "--no-content", "--color", "--no-color", "--list", "--list --json", "--list --content", "--list --color", "--list --content --json"},
			cFails:   onlyFixed,
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			uri := serve(t, &nbdserver.Server{Disable: test.disable, Exports: []*nbdserver.Export{{
				Name: "disk", Description: "a disk", Backend: nbdserver.NewMemory(4 << 20), MultiConn: true, Rotational: true,
				BlockSize: nbdserver.BlockSize{Minimum: 512, Preferred: 1 << 20, MaxPayload: 16 << 20}, MetaContexts: contexts,
			}}})
			compare(t, uri+"&x-test=1", []string{"test:narrow", "test:wide"}, test.known)
		})
	}
}

// extents cuts a disk into pieces of 1 MiB with these flags in turn.
func extents(flags ...uint64) func([]nbdserver.Extent, int64, int64, int) ([]nbdserver.Extent, error) {
	const piece = 1 << 20
	return func(dst []nbdserver.Extent, off, n int64, most int) ([]nbdserver.Extent, error) {
		for end := off + n; off < end && len(dst) < most; {
			length := min(end, (off/piece+1)*piece) - off
			dst = append(dst, nbdserver.Extent{Length: length, Flags: flags[off/piece%int64(len(flags))]})
			off += length
		}
		return dst, nil
	}
}

// serve serves until the test ends, and gives the URI of the export "disk".
func serve(t *testing.T, s *nbdserver.Server) string {
	t.Helper()
	path := filepath.Join(peers.Scratch(t), "sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Serve(context.Background(), l) // ends with Close
	}()
	t.Cleanup(func() {
		s.Close()
		<-done
	})
	return "nbd+unix:///disk?socket=" + path
}

func compare(t *testing.T, uri string, maps []string, known known) {
	var commands [][]string
	for _, m := range modes {
		commands = append(commands, append(strings.Fields(m), uri))
	}
	for _, name := range maps {
		for _, m := range []string{"", " --json", " --color", " --totals", " --totals --color", " --totals --json"} {
			commands = append(commands, append(strings.Fields("--map="+name+m), uri))
		}
	}
	seenFailure := false
	for i, c := range runC(t, os.TempDir(), commands) {
		args := commands[i]
		mode := strings.Join(args[:len(args)-1], " ")
		ours := runOurs(t, args)
		different := slices.Contains(known.differIn, mode)
		if ours.Code == 0 && slices.Contains(args, "--json") && !json.Valid([]byte(ours.Stdout)) {
			t.Errorf("nbdinfo %s prints what is no JSON:\n%s", mode, ours.Stdout)
		}
		switch {
		case known.cFails != "" && c.Code == cli.ExitFailure && ours.Code != cli.ExitFailure:
			seenFailure = true
		case different && (ours.Code != c.Code || ours.Stdout != c.Stdout):
		case different:
			t.Errorf("nbdinfo %s does what the C program does, but a difference was expected: %s", mode, known.differ)
		case ours.Code != c.Code:
			t.Errorf("nbdinfo %s: exit code %d, C has %d\n%s\nC: %s", mode, ours.Code, c.Code, ours.Stderr, c.Stderr)
		case ours.Code == cli.ExitFailure && ours.Stderr == "":
			t.Errorf("nbdinfo %s failed without a word", mode)
		case ours.Code != cli.ExitFailure && ours.Stdout != c.Stdout:
			t.Errorf("nbdinfo %s prints\n%s\nC prints\n%s", mode, ours.Stdout, c.Stdout)
		}
	}
	if known.cFails != "" && !seenFailure {
		t.Errorf("the C program was expected to fail at times: %s", known.cFails)
	}
}

// runOurs runs the tool in this process.
func runOurs(t *testing.T, args []string) peers.Outcome {
	t.Helper()
	return tooltest.Tools{"nbdinfo": Run}.Run(t, "", append([]string{"nbdinfo"}, args...)...)
}

// runC runs the C program of the newest release with each of the lists of
// arguments, where it sees the folder scratch.
func runC(t *testing.T, scratch string, commands [][]string) []peers.Outcome {
	t.Helper()
	var lines [][]string
	for _, args := range commands {
		lines = append(lines, append([]string{"nbdinfo"}, args...))
	}
	return peers.Outcomes(t, peers.Forky, scratch, lines)
}

func nbdkit(args ...string) func(*testing.T, peers.Tree) *peers.Server {
	return func(t *testing.T, tree peers.Tree) *peers.Server { return peers.NbdkitUnix(t, tree, args...) }
}

// sparseFile makes a disk image with data at two places, alone in its folder.
func sparseFile(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for d := dir; d != os.TempDir() && len(d) > 1; d = filepath.Dir(d) {
		os.Chmod(d, 0o755) // for nbd-server, which may change its user
	}
	path := filepath.Join(dir, "disk.img")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(8 << 20); err != nil {
		t.Fatal(err)
	}
	for _, off := range []int64{1 << 20, 5 << 20} {
		if _, err := f.WriteAt(bytes.Repeat([]byte{1}, 64<<10), off); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// qcow2Chain makes an image with two backing files and two bitmaps.
func qcow2Chain(t *testing.T, tree peers.Tree) string {
	t.Helper()
	dir := t.TempDir()
	base, middle, top := filepath.Join(dir, "base"), filepath.Join(dir, "middle"), filepath.Join(dir, "top")
	peers.Run(t, tree, "qemu-img", "create", "-q", "-f", "qcow2", base, "1M")
	peers.Run(t, tree, "qemu-io", "-f", "qcow2", "-c", "write -P 1 64k 64k", base)
	peers.Run(t, tree, "qemu-img", "create", "-q", "-f", "qcow2", "-b", base, "-F", "qcow2", middle)
	peers.Run(t, tree, "qemu-io", "-f", "qcow2", "-c", "write -P 2 128k 64k", middle)
	peers.Run(t, tree, "qemu-img", "create", "-q", "-f", "qcow2", "-b", middle, "-F", "qcow2", top)
	peers.Run(t, tree, "qemu-img", "bitmap", "--add", top, "b0")
	peers.Run(t, tree, "qemu-io", "-f", "qcow2", "-c", "write -P 3 256k 64k", top)
	peers.Run(t, tree, "qemu-img", "bitmap", "--add", top, "b1")
	peers.Run(t, tree, "qemu-io", "-f", "qcow2", "-c", "write -P 4 512k 128k", top)
	return top
}
