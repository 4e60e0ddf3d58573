package nbdinfo

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gonbd/gonbd/internal/cli"
	"github.com/gonbd/gonbd/internal/peers"
	"github.com/gonbd/gonbd/nbdserver"
)

func TestUsageErrors(t *testing.T) {
	tests := []struct{ args, want string }{
		{"", "which server?"},
		{"--nothing nbd://h", "no option --nothing"},
		{"nbd://h nbd://i", "there are also [nbd://i]"},
		{"[ nbdkit", "has no ] behind it"},
		{"--size --map nbd://h", "only one of"},
		{"--list --can flush nbd://h", "only one of"},
		{"--is read-only --can flush nbd://h", "only one question"},
		{"--content --no-content nbd://h", "exclude each other"},
		{"--totals nbd://h", "--totals goes with --map"},
		{"--totals --list nbd://h", "--totals goes with --map"},
		{"--can fly nbd://h", `"fly"`},
		{"--can= nbd://h", "unknown flag"},
		{"--json=yes nbd://h", "takes no value"},
		{"--uri [ nbdkit memory 1M ]", "--uri needs an NBD URI"},
	}
	for _, test := range tests {
		err := Run(t.Context(), strings.Fields(test.args), cli.Stdio{Out: io.Discard, Err: io.Discard})
		if _, ok := errors.AsType[*cli.Usage](err); !ok || !strings.Contains(err.Error(), test.want) {
			t.Errorf("nbdinfo %s: error %v, want a usage error with %q", test.args, err, test.want)
		}
	}
}

func TestErrors(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sock")
	tests := []struct{ args, want string }{
		{"disk.img", "no scheme"},
		{"--size http://h", `unknown scheme "http"`},
		{"nbd+unix:///?socket=" + path, "no such file"},
		{"--can connect nbd+unix:///?socket=" + path, "no such file"},
		{"--cannot connect nbd+unix:///?socket=" + path, "no such file"},
		{"[ gonbd-no-such-program ]", "gonbd-no-such-program"},
	}
	for _, test := range tests {
		r := runOurs(t, strings.Fields(test.args))
		if r.Code != cli.ExitFailure || r.Stdout != "" || !strings.Contains(r.Stderr, test.want) {
			t.Errorf("nbdinfo %s: exit code %d, stdout %q, stderr %q; want %d, nothing, and %q", test.args, r.Code, r.Stdout, r.Stderr, cli.ExitFailure, test.want)
		}
	}
}

func TestHelpAndVersion(t *testing.T) {
	for _, args := range []string{"--help", "--json --help nbd://h"} {
		if r := runOurs(t, strings.Fields(args)); r.Code != 0 || !strings.Contains(r.Stdout, "--map[=CONTEXT]") || r.Stderr != "" {
			t.Errorf("%s: %+v", args, r)
		}
	}
	for _, args := range []string{"--version", "-V", "-LV"} {
		if r := runOurs(t, strings.Fields(args)); r.Code != 0 || !strings.HasPrefix(r.Stdout, "nbdinfo "+cli.Version()+"\n") || r.Stderr != "" {
			t.Errorf("%s: %+v", args, r)
		}
	}
}

// Every option that the program knows is in its help, but for other
// spellings.
func TestHelpIsComplete(t *testing.T) {
	for _, option := range strings.Fields("can is has cannot isnt hasnt color no-color content no-content json list map totals size uri help version") {
		if !strings.Contains(usage, "--"+option) {
			t.Errorf("--help says nothing of --%s", option)
		}
		if _, err := parseOptions([]string{"--" + option, "connect", "--version"}); err != nil {
			t.Errorf("--%s: %v", option, err)
		}
	}
}

// writeError is a full disk.
type writeError struct{}

func (writeError) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestOutputFails(t *testing.T) {
	uri := serve(t, oneDisk())
	for _, args := range []string{"--size", "--json", "--list", "--map", "--help", "--version"} {
		err := Run(t.Context(), []string{args, uri}, cli.Stdio{Out: writeError{}, Err: io.Discard})
		if err == nil || !strings.Contains(err.Error(), "disk full") {
			t.Errorf("nbdinfo %s: %v, though nothing could be written", args, err)
		}
	}
}

// A pattern stands for several contexts, of which the C program knows none.
func TestMapPattern(t *testing.T) {
	s := oneDisk()
	s.Exports[0].MetaContexts = []nbdserver.MetaContext{
		{Name: "test:a", Extents: extents(0, 1)},
		{Name: "test:b", Extents: extents(5)},
		{Name: "other:c", Extents: extents(7)},
	}
	uri := serve(t, s)
	tests := []struct{ args, want string }{
		{"--map=test:", `context="test:a":
         0     1048576    0
   1048576     1048576    1
context="test:b":
         0     2097152    5
`},
		{"--map=test: --totals", `context="test:a":
   1048576  50.0%   0
   1048576  50.0%   1
context="test:b":
   2097152 100.0%   5
`},
		{"--map=test: --json", `[
{ "context": "test:a", "offset": 0, "length": 1048576, "type": 0},
{ "context": "test:a", "offset": 1048576, "length": 1048576, "type": 1},
{ "context": "test:b", "offset": 0, "length": 2097152, "type": 5}
]
`},
		{"--map=test: --totals --json", `[
{ "context": "test:a", "size": 1048576, "percent": 50, "type": 0 },
{ "context": "test:a", "size": 1048576, "percent": 50, "type": 1 },
{ "context": "test:b", "size": 2097152, "percent": 100, "type": 5 }
]
`},
		{"--map=other:", "         0     2097152    7\n"},
	}
	for _, test := range tests {
		if r := runOurs(t, append(strings.Fields(test.args), uri)); r.Code != 0 || r.Stdout != test.want {
			t.Errorf("nbdinfo %s: exit code %d, %s\n%s\nwant\n%s", test.args, r.Code, r.Stderr, r.Stdout, test.want)
		}
	}
	for _, pattern := range []string{"nothing:", ""} {
		r := runOurs(t, []string{"--map=" + pattern, uri})
		if r.Code != cli.ExitFailure || r.Stdout != "" || !strings.Contains(r.Stderr, `--map: server does not support metadata context "`+pattern+`"`) {
			t.Errorf("--map=%s: %+v", pattern, r)
		}
	}
}

// Text of a server can't drive the terminal, and is still JSON.
func TestHostileText(t *testing.T) {
	s := oneDisk()
	s.List = nil
	s.Exports[0].Description = "red\x1b[31m \u202egpj"
	s.Exports[0].MetaContexts = []nbdserver.MetaContext{{Name: "x:\x1b]0;title\a", Extents: extents(0)}}
	uri := serve(t, s)
	for _, args := range []string{"--no-content", "--list", "--json", "--json --list"} {
		r := runOurs(t, append(strings.Fields(args), uri))
		if r.Code != 0 || strings.ContainsAny(r.Stdout, "\x1b\a\u202e") {
			t.Errorf("nbdinfo %s: exit code %d, %q", args, r.Code, r.Stdout)
		}
		if strings.Contains(args, "json") && !json.Valid([]byte(r.Stdout)) {
			t.Errorf("nbdinfo %s is no JSON: %s", args, r.Stdout)
		}
	}
}

// The export that can't be opened doesn't hide the others.
func TestListBadExport(t *testing.T) {
	s := nbdkit("eval", "get_size=echo 4096", "pread=head -c $3 /dev/zero",
		`open=if [ "$3" = bad ]; then echo EPERM no way >&2; exit 1; fi`, `list_exports=printf 'NAMES\none\nbad\ntwo\n'`)(t, peers.Bookworm)
	r := runOurs(t, []string{"--list", s.URI("")})
	if r.Code != cli.ExitFailure || !strings.Contains(r.Stderr, `export "bad"`) ||
		strings.Count(r.Stdout, "export=") != 2 {
		t.Errorf("%+v", r)
	}
}

// A server that takes one client at a time is enough, even to probe the
// content of all exports; the C program waits for itself for ever.
func TestOneClientAtATime(t *testing.T) {
	s := nbdkit("eval", "thread_model=echo serialize_connections", "get_size=echo 4096", "pread=head -c $3 /dev/zero",
		`list_exports=printf 'NAMES\none\ntwo\n'`)(t, peers.Bookworm)
	r := runOurs(t, []string{"--list", "--content", s.URI("")})
	if r.Code != 0 || strings.Count(r.Stdout, "content:") != 2 {
		t.Errorf("%+v", r)
	}
}

// countingListener counts connections.
type countingListener struct {
	net.Listener
	n atomic.Int32
}

func (l *countingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		l.n.Add(1)
	}
	return c, err
}

func TestOneConnection(t *testing.T) {
	inner, err := net.Listen("unix", filepath.Join(peers.Scratch(t), "sock"))
	if err != nil {
		t.Fatal(err)
	}
	l := &countingListener{Listener: inner}
	s := oneDisk()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Serve(t.Context(), l) // ends with Close
	}()
	defer func() {
		s.Close()
		<-done
	}()
	for _, args := range []string{"", "--json", "--size", "--uri", "--list", "--map", "--map=base:", "--can flush", "--is tls"} {
		l.n.Store(0)
		r := runOurs(t, append(strings.Fields(args), "nbd+unix:///disk?socket="+inner.Addr().String()))
		if n := l.n.Load(); n != 1 || r.Code == cli.ExitFailure {
			t.Errorf("nbdinfo %s took %d connections; exit code %d, %s", args, n, r.Code, r.Stderr)
		}
	}
}

// The server may be started by the tool; what the C program prints then is
// what ours prints.
func TestCommand(t *testing.T) {
	peers.Forky.Need(t, "nbdinfo", "nbdkit", "qemu-nbd")
	image := sparseFile(t)
	scratch := filepath.Dir(filepath.Dir(image))
	for _, command := range [][]string{
		{"nbdkit", "memory", "1M"},
		{"nbdkit", "-o", "memory", "1M"},
		{"nbdkit", "file", "dir=" + filepath.Dir(image)},
		{"qemu-nbd", "-r", "-f", "raw", image},
	} {
		// The same program, as it is run from outside of its tree.
		outside := peers.Forky.Command(t, scratch, command[0], command[1:]...).Args
		for _, mode := range []string{"", "--json", "--size", "--map --json", "--list", "--list --json", "--list --content", "--can trim", "--is read-only"} {
			c := runC(t, scratch, [][]string{append(append(append(strings.Fields(mode), "--", "["), command...), "]")})[0]
			ours := runOurs(t, append(append(append(strings.Fields(mode), "["), outside...), "]"))
			if ours.Code != c.Code || ours.Code != cli.ExitFailure && ours.Stdout != c.Stdout {
				t.Errorf("nbdinfo %s %v: exit code %d\n%s%s\nC: exit code %d\n%s%s", mode, command, ours.Code, ours.Stdout, ours.Stderr, c.Code, c.Stdout, c.Stderr)
			}
		}
	}
}

// oneDisk is a server of a disk of 2 MiB.
func oneDisk() *nbdserver.Server {
	return &nbdserver.Server{Exports: []*nbdserver.Export{{Name: "disk", Backend: nbdserver.NewMemory(2 << 20), MultiConn: true}}}
}

// TestListing lists the options, as the completion of a shell asks for them.
func TestListing(t *testing.T) {
	for option, want := range map[string]string{"--short-options": "-L\n-V\n", "--long-options": "--totals\n"} {
		var out strings.Builder
		if err := Run(context.Background(), []string{option}, cli.Stdio{Out: &out, Err: &out}); err != nil || !strings.Contains(out.String(), want) {
			t.Errorf("%s: %v, %q", option, err, &out)
		}
	}
}
