package nbdsh

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/gonbd/gonbd/internal/peers"
	"github.com/gonbd/gonbd/internal/tooltest"
)

var tools = tooltest.Tools{"nbdsh": Run}

// runOurs runs the tool in this process.
func runOurs(t *testing.T, stdin string, args ...string) peers.Outcome {
	t.Helper()
	return tools.Run(t, stdin, append([]string{"nbdsh"}, args...)...)
}

// disk is what the programs of the tables work on, and URI is where.
var disk = []string{"data", "0x55*100 @1000 1 2 3 @1000000 1", "size=2M"}

// sameOutput are command lines whose output and exit code are those of the C
// tool. The variable $URI stands for a server.
var sameOutput = [][]string{
	// Of nbdsh(1) and nbdsh --help.
	{"-u", "$URI", "-c", "print(h.get_size())"},
	{"-u", "$URI", "-c", `h.pwrite(b"\x55\xAA" * 1024, 0x400)`, "-c", "print(h.pread(6, 0x400 + 2045))"},
	{"-c", `h.connect_uri("$URI")`, "-c", "buf = h.pread(512, 0)", "-c", `print("%r" % buf)`},
	{"-c", `h.connect_uri("$URI"); print(h.get_size()); buf = b"hello, world"; h.pwrite(buf, 0); print(h.pread(12, 0)); exit()`},
	{"--base-allocation", "-u", "$URI", "-c", "print(h.can_meta_context(nbd.CONTEXT_BASE_ALLOCATION))"},
	{"--opt-mode", "-u", "$URI", "-c", "print(h.aio_is_negotiating(), h.get_opt_mode())", "-c", "h.opt_go()", "-c", "print(h.aio_is_ready(), h.get_size())"},

	// The order of options, and what they exclude.
	{"-c", "print(1)", "-c", "print(2)"},
	{"-c", "x = 1", "-c", "def f(): return x", "-c", "x = 2", "-c", "print(f())"},
	{"-c", "print(h.get_size())", "-u", "$URI"},
	{"-c", "print(h.aio_is_created())", "-u", "$URI", "-c", "print(h.aio_is_created())"},
	{"-u", "$URI", "-u", "$URI", "-c", "print(1)"},
	{"-u", "$URI", "--opt-mode", "-c", "print(1)"},
	{"-c", "print(h.get_opt_mode(), h.get_nr_meta_contexts())", "--opt-mode", "--base-allocation"},
	{"--opt-mode", "--base-allocation", "-c", "print(h.get_opt_mode(), h.get_nr_meta_contexts(), h.get_meta_context(0))"},
	{"-n", "-c", "print(3)"},
	{"-n", "-c", "print(h)"},
	{"-n", "-c", "h = nbd.NBD(); print(h.aio_is_created())"},
	{"-n", "-u", "$URI", "-c", "print(3)"},
	{"-n", "--opt-mode", "-c", "print(3)"},
	{"-n", "--base-allocation", "-c", "print(3)"},
	{"-nv", "-c", "print(3)"},
	{"-v", "-c", "print(h.get_debug())"},
	{"--verbose", "-c", "g = nbd.NBD(); print(g.get_debug())"},
	{"-c", "print(h.get_handle_name(), h.get_debug())"},
	{"-cprint(1)"},
	{"--command=print(1)"},
	{"--com", "print(1)"},
	{"--connect", "$URI", "-c", "print(h.get_size())"},
	{"-c", ""},
	{"-u", "$URI", "-c", ""},
	{"-c", "exit(3)", "-c", "print(1)"},
	{"-c", "quit()", "-c", "print(1)"},
	{"-c", "exit(300)"},
	{"-c", "exit(-1)"},
	{"-c", "exit(None)"},
	{"-c", "exit(True)"},
	{"-c", `exit("message")`},
	{"-c", "import sys; sys.exit(4)"},
	{"-c", "def f():\n  exit(5)\n", "-c", "f()"},
	{"-c", "-", "-c", "print(2)"},
	{"--bad"},
	{"-c"},
	{"-u"},
	{"--c", "5"},
	{"-n=3"},
	{"--verbose=3"},
	{"-c", "print(1)", "word"},
	{"-u", "", "-c", "print(1)"},
	{"-u", "word", "-c", "print(1)"},
	{"-u", "nbd+unix:///?socket=/nonexistent/socket", "-c", "print(1)"},

	// Errors.
	{"-c", "h.pread(512, 0)"},
	{"-u", "$URI", "-c", "h.pread(1, 1 << 60)"},
	{"-u", "$URI", "-c", "print(1)\n1/0\nprint(2)"},
	{"-u", "$URI", "-c", "h.pread(1)"},
	{"-u", "$URI", "-c", `h.pread("1", 0)`},
	{"-u", "$URI", "-c", "h.pread(1, 0, flag=0)"},
	{"-u", "$URI", "-c", "h.pread(1, 0, 0, 0)"},
	{"-u", "$URI", "-c", "h.pread(0, 0)"},
	{"-u", "$URI", "-c", "h.pread(1, 0, 1)"},
	{"-u", "$URI", "-c", `h.pwrite("text", 0)`},
	{"-u", "$URI", "-c", "h.get_block_size(9)"},
	{"-u", "$URI", "-c", "h.nothing()"},
	{"-c", "h.set_export_name(None)"},
	{"-c", `h.connect_tcp("localhost", 1)`},
	{"-c", `h.connect_command("abc")`},
	{"-c", "h.connect_command([])"},
	{"-c", "h.block_status(1, 0, None)"},
	{"-c", "h.close(); h.close()"},
	{"-c", "h.close(); h.pread(1, 0)"},
	{"-c", "h.close(); h.aio_is_ready()"},
	{"-c", "h.shutdown()"},
	{"-c", "print(1"},
	{"-c", "print(undefined)"},
	{"-c", "h.set_handle_name('a\\0b')"},

	// What calls give.
	{"-u", "$URI", "-c", "print(h.get_protocol(), h.is_read_only(), h.can_flush(), h.can_fua(), h.can_trim(), h.can_zero(), h.can_fast_zero())"},
	{"-u", "$URI", "-c", "print(h.can_df(), h.can_cache(), h.can_multi_conn(), h.is_rotational(), h.can_block_status_payload())"},
	{"-u", "$URI", "-c", "print(h.connection_state()[:6], h.aio_is_ready(), h.aio_get_direction(), h.aio_in_flight(), h.aio_is_dead(), h.aio_is_closed())"},
	{"-u", "$URI", "-c", "print([h.get_block_size(s) for s in [nbd.SIZE_MINIMUM, nbd.SIZE_PREFERRED, nbd.SIZE_MAXIMUM, nbd.SIZE_PAYLOAD]])"},
	{"-u", "$URI", "-c", "print(h.get_strict_mode(), h.get_handshake_flags(), h.get_tls(), h.get_tls_negotiated(), h.get_structured_replies_negotiated())"},
	{"-u", "$URI", "-c", "print(h.pread(3, 0), h.pread(count=4, offset=999), h.pread(2, offset=1000, flags=0))"},
	{"-u", "$URI", "-c", "h.pread(True, 0); h.set_debug(0); h.set_debug([]); print(h.get_debug(), h.set_private_data(7), h.get_private_data())"},
	{"-u", "$URI", "-c", "print(h.zero(10, 0), h.flush(), h.trim(10, 0), h.pwrite(bytearray(b'abc'), 5), h.pread(10, 0))"},
	{"-u", "$URI", "-c", "h.zero(10, 0, nbd.CMD_FLAG_NO_HOLE); h.pwrite(b'x', 0, flags=nbd.CMD_FLAG_FUA); print(h.stats_bytes_sent() > 0, h.stats_chunks_sent() > 0)"},
	{"-c", "print(h.supports_uri(), h.supports_tls(), h.supports_vsock(), h.get_package_name(), h.get_version(), nbd.package_name)"},
	{"-c", "print(h.is_uri('nbd://x'), h.is_uri('x'), h.get_full_info(), h.get_request_block_size(), h.get_pread_initialize())"},
	{"-c", "h.set_export_name('héé'); print(h.get_export_name(), h.get_nr_meta_contexts())", "-c", "h.add_meta_context('a:b'); h.add_meta_context(name='c:d'); print(h.get_nr_meta_contexts(), h.get_meta_context(1)); h.clear_meta_contexts(); print(h.get_nr_meta_contexts())"},
	{"-u", "$URI", "-c", "h.shutdown(); print(h.aio_is_closed(), h.connection_state().split(':')[0])"},
	{"-c", "print(type(h.get_version()) == type(''), h.get_socket_activation_name() == '')"},

	// Constants.
	{"-c", "print(nbd.CONTEXT_BASE_ALLOCATION, nbd.CONTEXT_QEMU_DIRTY_BITMAP, nbd.CONTEXT_QEMU_ALLOCATION_DEPTH, nbd.NAMESPACE_BASE, nbd.NAMESPACE_QEMU)"},
	{"-c", "print(nbd.READ_DATA, nbd.READ_HOLE, nbd.READ_ERROR, nbd.STATE_HOLE, nbd.STATE_ZERO, nbd.TLS_REQUIRE, nbd.STRICT_MASK, nbd.SHUTDOWN_ABANDON_PENDING, nbd.AIO_DIRECTION_BOTH)"},

	// Callbacks.
	{"--base-allocation", "-u", "$URI", "-c", "def f(metacontext, offset, entries, err):\n  print(metacontext, offset, entries, err.value)\n", "-c", "h.block_status(2 << 20, 0, f)", "-c", "h.block_status_64(2 << 20, 0, f)", "-c", "h.block_status(100000, 50000, extent=f, flags=nbd.CMD_FLAG_REQ_ONE)"},
	{"--base-allocation", "-u", "$URI", "-c", "h.block_status(65536, 0, lambda metacontext, offset, e, err: print(e))"},
	{"--base-allocation", "-u", "$URI", "-c", "entries = []\ndef f(c, o, e, err):\n  assert c == 'base:allocation'\n  for i in range(0, len(e), 2): entries.append((e[i], e[i + 1]))\n\nh.block_status(2 << 20, 0, f)\nprint(entries)"},
	{"--base-allocation", "-u", "$URI", "-c", "def f(*a):\n  a[-1].value = 28\n  return -1\n", "-c", "h.block_status(1000, 0, f)"},
	{"--base-allocation", "-u", "$URI", "-c", "h.block_status(1000, 0, lambda *a: -1)"},
	{"--base-allocation", "-u", "$URI", "-c", "h.block_status(1000, 0, lambda *a: 'text'); print('fine')"},
	{"--base-allocation", "-u", "$URI", "-c", "h.block_status(1000, 0, lambda a: 0)"},
	{"--base-allocation", "-u", "$URI", "-c", "h.block_status(1000, 0, lambda *a: 1/0)"},
	{"-u", "$URI", "-c", "h.pread_structured(5, 1000, lambda b, o, s, e: print(b.tobytes(), o, s, e.value))"},
	{"-u", "$URI", "-c", "print(h.pread_structured(count=5, offset=1000, chunk=lambda *a: 0, flags=nbd.CMD_FLAG_DF))"},
	{"-u", "$URI", "-c", "h.pread_structured(5, 1000, lambda *a: 1/0)"},
	{"-c", "h.set_debug_callback(lambda context, msg: print(context, msg)); h.set_debug(True); h.set_debug(False)"},
	{"--opt-mode", "-u", "$URI", "-c", "print(h.opt_list(lambda name, description: print(repr(name), repr(description))))"},
	{"--opt-mode", "-u", "$URI", "-c", "print(h.opt_list_meta_context_queries(['base:'], lambda name: print(name)))", "-c", "h.opt_info(); print(h.get_size(), h.aio_is_negotiating())", "-c", "h.opt_abort(); print(h.aio_is_closed())"},
	{"--opt-mode", "-u", "$URI", "-c", "h.add_meta_context('base:allocation'); print(h.opt_set_meta_context(lambda n: print(n))); h.set_request_meta_context(False); h.opt_go(); print(h.can_meta_context('base:allocation'))"},

	// Buffers and asynchronous calls.
	{"-c", "b = nbd.Buffer(5); print(len(b), b.size(), b[0], b[0:3], b.is_zero(), b.to_bytearray())"},
	{"-c", "b = nbd.Buffer.from_bytearray(b'hello'); b[0] = 72; b[1:3] = b'EL'; print(b.to_bytearray(), b.is_zero(), b.is_zero(2, 0), b[-1])"},
	{"-c", "a = bytearray(b'abc'); b = nbd.Buffer.from_buffer(a); a[0] = 65; v = b.to_buffer(); v[1] = 66; print(a, b.to_bytearray())"},
	{"-c", "print(nbd.Buffer.from_bytearray(3).to_bytearray(), nbd.Buffer.from_bytearray([1, 2]).to_bytearray(), nbd.Buffer(0).size())"},
	{"-c", "nbd.Buffer(5)[9]"},
	{"-c", "nbd.Buffer(5).is_zero(9)"},
	{"-c", "nbd.Buffer(-1)"},
	{"-u", "$URI", "-c", "b = nbd.Buffer(4)\nc = h.aio_pread(b, 1000, lambda e: print('completed', e.value))\nwhile not h.aio_command_completed(c): h.poll(-1)\nprint(b.to_bytearray())"},
	{"-u", "$URI", "-c", "b = nbd.Buffer.from_bytearray(b'written')\nc = h.aio_pwrite(b, 10)\nwhile h.aio_in_flight() > 0: h.poll(-1)\nprint(h.aio_peek_command_completed() == c, h.aio_command_completed(c), h.pread(9, 9))"},
	{"-u", "$URI", "-c", "c = h.aio_flush(lambda e: 1)\nwhile h.aio_in_flight() > 0: h.poll(-1)\nprint(h.aio_command_completed(c))"},
	{"-u", "$URI", "-c", "c = h.aio_flush(lambda e: 1/0)\nwhile h.aio_in_flight() > 0: h.poll(-1)\nprint(h.aio_command_completed(c))"},
	{"-u", "$URI", "-c", "c = h.aio_zero(10, 0, completion=None, flags=0)\nwhile not h.aio_command_completed(c): h.poll(1000)\nprint(h.pread(2, 0))"},
	{"-u", "$URI", "-c", "h.aio_command_completed(0)"},
	{"-u", "$URI", "-c", "h.aio_pread(b'fixed', 0)"},
	{"-c", "h.aio_connect_uri('$URI')\nwhile not h.aio_is_ready(): h.poll(-1)\nprint(h.get_size())"},
	{"-c", "h.aio_connect('/nonexistent')"},
	{"-u", "$URI", "-c", "hs = [nbd.NBD() for i in range(3)]\nfor x in hs: x.connect_uri('$URI')\nprint([x.get_size() for x in hs])"},

	// Examples.
	{"-u", "$URI", "-c", "size = h.get_size(); print(size // 1024, '%08x' % size, f'{size:,} bytes', 'size={0:#x}'.format(size), size / 2)"},
	{"-u", "$URI", "-c", "for off in range(0, 4096, 1024):\n    b = h.pread(16, off)\n    print(\"%04x: %s\" % (off, ' '.join(['%02x' % c for c in b])))"},
	{"-u", "$URI", "-c", "assert h.get_size() == 2**21\nassert not h.is_read_only(), 'read-only'\nassert h.pread(2, 1000) == b'\\x01\\x02'\nprint(b'\\x01' in h.pread(2, 1000))"},
	{"-u", "$URI", "-c", "assert h.get_size() == 5, 'wrong size'"},
}

// sameErrors are those of which standard error is the same too.
var sameErrors = []string{
	"h.pread(512, 0)", "h.shutdown()", "h.flush()", "h.get_size()",
}

// Programs print what they do in the C tool, and end with the same code.
func TestLikeC(t *testing.T) {
	peers.Forky.Need(t, "nbdsh", "nbdkit")
	theirs := peers.NbdkitUnix(t, peers.Forky, disk...).URI("")
	ours := peers.NbdkitUnix(t, peers.Forky, disk...).URI("")
	with := func(line []string, uri string) []string {
		line = slices.Clone(line)
		for i, a := range line {
			line[i] = strings.ReplaceAll(a, "$URI", uri)
		}
		return line
	}
	var commands [][]string
	for _, line := range sameOutput {
		commands = append(commands, append([]string{"nbdsh"}, with(line, theirs)...))
	}
	for i, c := range peers.Outcomes(t, peers.Forky, os.TempDir(), commands) {
		got := runOurs(t, "", with(sameOutput[i], ours)...)
		if got.Stdout != c.Stdout || got.Code != c.Code {
			t.Errorf("%q: exit code %d\n%s%s\nC: exit code %d\n%s%s", sameOutput[i], got.Code, got.Stdout, got.Stderr, c.Code, c.Stdout, c.Stderr)
		}
		if c.Code != 0 && c.Stderr != "" && got.Stderr == "" {
			t.Errorf("%q failed without a word", sameOutput[i])
		}
	}
}

// Errors of calls are said in the same words, where the library's are.
func TestErrorsLikeC(t *testing.T) {
	peers.Forky.Need(t, "nbdsh")
	var commands [][]string
	for _, c := range sameErrors {
		commands = append(commands, []string{"nbdsh", "-c", c})
	}
	for i, c := range peers.Outcomes(t, peers.Forky, os.TempDir(), commands) {
		if got := runOurs(t, "", "-c", sameErrors[i]); got.Stderr != c.Stderr {
			t.Errorf("%s: %s, C says %s", sameErrors[i], got.Stderr, c.Stderr)
		}
	}
}

// Ours has the C tool's options, and the help and version have its form.
func TestOptionsLikeC(t *testing.T) {
	peers.Forky.Need(t, "nbdsh")
	lists := [][]string{{"nbdsh", "--short-options"}, {"nbdsh", "--long-options"}}
	for i, c := range peers.Outcomes(t, peers.Forky, os.TempDir(), lists) {
		got := strings.Fields(runOurs(t, "", lists[i][1]).Stdout)
		for _, o := range strings.Fields(c.Stdout) {
			if !slices.Contains(got, o) {
				t.Errorf("%s lacks %s: %q", lists[i][1], o, got)
			}
		}
		if slices.Contains(got, "--connect") {
			t.Errorf("%s tells of the option of old: %q", lists[i][1], got)
		}
	}
}
