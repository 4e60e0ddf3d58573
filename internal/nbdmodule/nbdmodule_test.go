package nbdmodule

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"go.starlark.net/starlark"

	"github.com/gonbd/gonbd/internal/api"
	"github.com/gonbd/gonbd/internal/dialect"
	"github.com/gonbd/gonbd/internal/peers"
)

// shell is a program's surroundings.
type shell struct {
	*dialect.Interpreter
	m           *Module
	out, stderr strings.Builder
}

func newShell(t *testing.T) *shell {
	sh := new(shell)
	sh.Interpreter = dialect.New(&sh.out)
	sh.m = New(&sh.stderr)
	sh.Define("nbd", sh.m.Module)
	sh.Define("h", sh.m.NewNBD())
	t.Cleanup(sh.m.Close)
	return sh
}

// run runs a program that must not fail, and gives what it has printed.
func (sh *shell) run(t *testing.T, program string) string {
	t.Helper()
	sh.out.Reset()
	if err := sh.Exec("program", program); err != nil {
		t.Fatalf("%s\n%s", program, dialect.Backtrace(err))
	}
	return sh.out.String()
}

// Every call of the table is a method.
func TestMethods(t *testing.T) {
	sh := newShell(t)
	h := sh.Lookup("h").(*NBD)
	names := h.AttrNames()
	for i := range api.Calls {
		c := &api.Calls[i]
		if c.NoHandle {
			continue
		}
		v, err := h.Attr(c.Name)
		if v == nil || err != nil {
			t.Errorf("there is no method %s: %v", c.Name, err)
			continue
		}
		if !slices.Contains(names, c.Name) {
			t.Errorf("%s is not listed", c.Name)
		}
		if help := sh.m.Help(v); !strings.HasPrefix(help, "h."+c.Name+"(") || len(help) < 40 {
			t.Errorf("the help for %s is %q", c.Name, help)
		}
		names = slices.DeleteFunc(names, func(n string) bool { return n == c.Name })
	}
	if len(names) > 0 {
		t.Errorf("these are no calls: %v", names)
	}
}

// The Python binding has the same methods, with the same names and defaults
// of parameters, and the same constants.
func TestLikePython(t *testing.T) {
	const program = `
import nbd, inspect
for n, f in inspect.getmembers(nbd.NBD, inspect.isfunction):
    if not n.startswith("_"):
        print("def", n, str(inspect.signature(f)).replace("(self, ", "(").replace("(self)", "()"))
for n in dir(nbd):
    v = getattr(nbd, n)
    if n.isupper() and isinstance(v, (int, str)):
        print("const", n, repr(v))
`
	peers.Forky.Need(t, "python3")
	o := peers.Outcomes(t, peers.Forky, os.TempDir(), [][]string{{"python3", "-c", program}})[0]
	if o.Code != 0 {
		t.Fatal(o.Stderr)
	}
	var want, got []string
	for line := range strings.Lines(o.Stdout) {
		want = append(want, strings.TrimSpace(line))
	}
	newer := map[string]bool{}
	for _, c := range api.Calls {
		newer[c.Name] = c.Symbol == ""
	}
	for n, d := range docs {
		if !newer[n] {
			got = append(got, fmt.Sprintf("def %s (%s)", n, d.params))
		}
	}
	for n, v := range constants {
		got = append(got, fmt.Sprintf("const %s %s", n, dialect.Repr(v)))
	}
	for _, l := range want {
		if !slices.Contains(got, l) {
			t.Errorf("missing: %s", l)
		}
	}
	for _, l := range got {
		if !slices.Contains(want, l) {
			t.Errorf("not in Python: %s", l)
		}
	}
}

// Whatever a method is given, it says no.
func TestBadArguments(t *testing.T) {
	sh := newShell(t)
	h := sh.Lookup("h").(*NBD)
	// Which would do something, not only fail.
	harmful := []string{"connect_tcp", "aio_connect_tcp", "connect_command", "aio_connect_command", "connect_systemd_socket_activation", "aio_connect_systemd_socket_activation"}
	big := starlark.MakeInt(1).Lsh(70)
	function := starlark.NewBuiltin("f", func(*starlark.Thread, *starlark.Builtin, starlark.Tuple, []starlark.Tuple) (starlark.Value, error) {
		return starlark.None, nil
	})
	values := []starlark.Value{
		starlark.None, starlark.MakeInt(-1), big, starlark.Float(1.5), starlark.String("a\x00b"), starlark.String("\xff"),
		dialect.NewBytes(nil), starlark.Tuple{}, starlark.NewList([]starlark.Value{starlark.None}), new(starlark.Dict), h, &cInt{},
		function, starlark.Tuple{starlark.String("x"), big}, starlark.Tuple{starlark.MakeInt(-1), starlark.MakeInt(1)},
	}
	thread := new(starlark.Thread)
	for name, d := range docs {
		if name == "close" || slices.Contains(harmful, name) {
			continue
		}
		m, _ := h.Attr(name)
		params := len(strings.Split(d.params, ", "))
		if d.params == "" {
			params = 0
		}
		for i, v := range values {
			args := starlark.Tuple(slices.Repeat([]starlark.Value{v}, params))
			starlark.Call(thread, m, args, nil)
			// Each parameter has something else.
			for j := range args {
				args[j] = values[(i+j*7)%len(values)]
			}
			starlark.Call(thread, m, args, nil)
		}
		if _, err := starlark.Call(thread, m, make(starlark.Tuple, params+1), nil); err == nil {
			t.Errorf("%s took too many arguments", name)
		}
		if _, err := starlark.Call(thread, m, nil, []starlark.Tuple{{starlark.String("nothing"), starlark.None}}); err == nil {
			t.Errorf("%s took an argument called nothing", name)
		}
	}
}

func TestErrors(t *testing.T) {
	uri := peers.NbdkitUnix(t, peers.Forky, "memory", "1G").URI("")
	for _, test := range []struct {
		call string
		want string // in the error as a string
	}{
		{`h.pread(1, -1)`, "pread: for parameter offset: got -1, want an int between 0 and 18446744073709551615"},
		{`h.pread(1 << 40, 0)`, "pread: for parameter count: got 1099511627776, want an int between 0 and 1073741824"},
		{`h.pread(65 << 20, 0)`, "nbd_pread: request too large"},
		{`h.pread(1.0, 0)`, "pread: for parameter count: got float, want int"},
		{`h.pwrite("text", 0)`, "got string, want bytes: write b\"...\""},
		{`h.pwrite([1], 0)`, "got list, want bytes, bytearray or nbd.Buffer"},
		{`h.aio_pread(b"x", 0)`, "got bytes, want nbd.Buffer or bytearray, to be filled"},
		{`h.set_export_name(b"x")`, "got bytes, want string"},
		{`h.block_status(1, 0, 5)`, "for parameter extent: got int, which is not callable"},
		{`h.aio_flush(5)`, "for parameter completion: got int, which is not callable"},
		{`h.connect_command("nbdkit")`, "got string, want a list of strings"},
		{`h.connect_command([5])`, "got a list with int, want a list of strings"},
		{`nbd.NBD().aio_connect(("localhost", 10809))`, "want an IP address and a port"},
		{`nbd.NBD().aio_connect(5)`, "got 5, want the path of a socket"},
		{`h.nothing`, "has no .nothing field or method"},
		{`nbd.NOTHING`, "module 'nbd' has no attribute 'NOTHING'"},
		{`nbd.Buffer.from_buffer(b"x")`, "use from_bytearray, which copies"},
		{`nbd.catch()`, "expected a function and its arguments"},
		{`nbd.catch(h.get_size())`, "put a lambda: before"},
		{`nbd.NBD(5)`, "got 1 arguments"},
	} {
		sh := newShell(t)
		sh.run(t, "h.connect_uri('"+uri+"')")
		err := sh.Exec("program", test.call)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v\nwant %s", test.call, err, test.want)
		}
	}
}

func TestCatch(t *testing.T) {
	sh := newShell(t)
	for _, test := range [][2]string{
		{`print(nbd.catch(h.get_version)[1])`, "None\n"},
		{`print(nbd.catch(lambda x, y=1: x + y, 2, y=3))`, "(5, None)\n"},
		{`v, e = nbd.catch(h.pread, 512, offset=0); print(v, e.errno, e.errnum == errno.ENOTCONN, e.string.startswith("nbd_pread: invalid state"), type(e))`, "None ENOTCONN True True nbd.Error\n"},
		{`v, e = nbd.catch(lambda: 1 // 0); print(v, e.errno, e.errnum, e.string, e)`, "None None None floored division by zero floored division by zero\n"},
		{`v, e = nbd.catch(lambda: fail("mine")); print(e.string)`, "fail: mine\n"},
		{`v, e = nbd.catch(lambda: undefined); print(e.string)`, "name 'undefined' is not defined\n"},
		{`g = nbd.NBD(); g.close(); v, e = nbd.catch(g.get_size); print(e)`, "libnbd: method called on closed handle\n"},
		{"def f(): h.flush()\nv, e = nbd.catch(f); print(e)", "nbd_flush: invalid state: START: the handle must be connected with the server: Transport endpoint is not connected (ENOTCONN)\n"},
	} {
		if got := sh.run(t, test[0]); got != test[1] {
			t.Errorf("%s: %q, want %q", test[0], got, test[1])
		}
	}
	if err := sh.Exec("program", "nbd.catch(exit, 3); print('still here')"); err == nil || err.Error() != "exit(3)" {
		t.Errorf("catch caught exit: %v", err)
	}
}

func TestCallbacks(t *testing.T) {
	uri := peers.NbdkitUnix(t, peers.Forky, "memory", "1M").URI("")
	connect := func(t *testing.T) *shell {
		sh := newShell(t)
		sh.run(t, "h.add_meta_context(nbd.CONTEXT_BASE_ALLOCATION); h.connect_uri('"+uri+"')")
		return sh
	}
	t.Run("same handle", func(t *testing.T) {
		sh := connect(t)
		got := sh.run(t, "def f(*a):\n  v, e = nbd.catch(h.get_size)\n  print(e.errno, h.aio_is_ready())\n  v, e = nbd.catch(h.close)\n  print(e.errno)\nh.block_status(512, 0, f)")
		if want := "EDEADLK True\nEDEADLK\n"; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	})
	t.Run("other handle", func(t *testing.T) {
		sh := connect(t)
		got := sh.run(t, "g = nbd.NBD(); g.connect_uri('"+uri+"')\nh.block_status(512, 0, lambda *a: print(g.pread(2, 0)))")
		if want := "bytearray(b'\\x00\\x00')\n"; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	})
	t.Run("exit", func(t *testing.T) {
		sh := connect(t)
		err := sh.Exec("program", "h.block_status(512, 0, lambda *a: exit(5))")
		if err == nil || err.Error() != "exit(5)" {
			t.Errorf("%v", err)
		}
		if got := sh.run(t, "print(h.pread(1, 0))"); got != "bytearray(b'\\x00')\n" {
			t.Errorf("the handle cannot be used behind it: %s", got)
		}
	})
	t.Run("failure", func(t *testing.T) {
		sh := connect(t)
		err := sh.Exec("program", "def f(*a):\n  fail('mine')\nh.block_status(512, 0, f)")
		if err == nil || !strings.Contains(err.Error(), "Protocol error") {
			t.Errorf("%v", err)
		}
		if want := "line 2, in f\nError: fail: mine\n"; !strings.HasSuffix(sh.stderr.String(), want) {
			t.Errorf("standard error is %q, want %q at its end", &sh.stderr, want)
		}
	})
	t.Run("errno", func(t *testing.T) {
		sh := connect(t)
		got := sh.run(t, "def f(c, o, e, err):\n  err.value = errno.ENOSPC\n  return -1\nprint(nbd.catch(h.block_status, 512, 0, f)[1].errno)")
		if got != "ENOSPC\n" {
			t.Error(got)
		}
		for _, bad := range []string{"err.value = 'x'", "err.other = 5", "err.value = 1 << 40"} {
			sh.stderr.Reset()
			sh.Exec("program", "h.block_status(512, 0, lambda c, o, e, err: g(err))\n")
			if err := sh.Exec("program", "def f(c, o, e, err):\n  "+bad+"\nh.block_status(512, 0, f)"); err == nil || sh.stderr.Len() == 0 {
				t.Errorf("%s: %v", bad, err)
			}
		}
	})
	t.Run("close", func(t *testing.T) {
		sh := connect(t)
		got := sh.run(t, "b = nbd.Buffer(512)\nh.aio_pread(b, 0, lambda err: print('ended', err.value == errno.ENOTCONN))\nh.close()\nprint('closed')")
		if want := "ended True\nclosed\n"; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	})
	t.Run("end of program", func(t *testing.T) {
		sh := connect(t)
		sh.run(t, "b = nbd.Buffer(512)\nh.aio_pread(b, 0, lambda err: print('ended'))\n")
		sh.m.Close()
		if got := sh.out.String(); got != "ended\n" {
			t.Error(got)
		}
	})
	t.Run("memory", func(t *testing.T) {
		sh := connect(t)
		got := sh.run(t, "b = bytearray(4)\nc = h.aio_pread(b, 0)\nprint(nbd.catch(b.append, 5)[1])\nwhile not h.aio_command_completed(c): h.poll(-1)\n")
		if !strings.Contains(got, "cannot grow") {
			t.Error(got)
		}
	})
}
