package nbdsh

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestInput(t *testing.T) {
	script := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(script, []byte("print('script', argv[1:])\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name  string
		stdin string
		args  []string
		want  string
		code  int
		error string
	}{
		{name: "standard input is a script", stdin: "x = 1\nx\nprint(x + 1)", want: "2\n"},
		{name: "without a handle", args: []string{"-n"}, stdin: "print(h)", code: 1, error: "nbdsh: standard input failed: name 'h' is not defined\n"},
		{name: "an error ends it", stdin: "print(1)\n1/0\nprint(2)", want: "1\n", code: 1, error: "nbdsh: standard input failed: Traceback (most recent call last):\n  standard input, line 2, in <toplevel>\nError: floating-point division by zero\n"},
		{name: "-", args: []string{"-", "a"}, stdin: "print(argv)", want: "['-', 'a']\n"},
		{name: "-c -", args: []string{"-c", "x = 1", "-c", "-", "-c", "print(x)"}, stdin: "x = 2", want: "2\n"},
		{name: "-c - twice", args: []string{"-c", "-", "-c", "-"}, stdin: "print(1)", want: "1\n"},
		{name: "argv of a command", args: []string{"-c", "print(argv, sys.argv)"}, want: "[''] ['']\n"},
		{name: "script", args: []string{script, "a", "-c", "--", "b"}, want: "script ['a', '-c', '--', 'b']\n"},
		{name: "options before a script", args: []string{"-n", "--", script}, want: "script []\n"},
		{name: "no script", args: []string{script + "s"}, code: 1, error: "nbdsh: cannot read the script: open " + script + "s: no such file or directory\n"},
		{name: "a command and a script", args: []string{"-c", "print(1)", script}, code: 2, error: "nbdsh: there is a command by -c, and a script \"" + script + "\": only one of them can be run\nTry 'nbdsh --help' for more information.\n"},
		{name: "unknown option", args: []string{"--bad"}, code: 2, error: "nbdsh: there is no option --bad\nTry 'nbdsh --help' for more information.\n"},
		{name: "syntax", args: []string{"-c", "try: x\nexcept: y"}, code: 1, error: "nbdsh: command line script failed: command line:1:1: got try, want primary expression (Starlark has no try: nbd.catch(function, arguments...) gives a result and an error)\n"},
		{name: "module", args: []string{"-c", "x = 1\nimport os"}, code: 1, error: "nbdsh: command line script failed: command line:2: there is no module os: this is no Python, and has errno, nbd and sys only\n"},
		{name: "message", args: []string{"-c", "exit('over')"}, code: 1, error: "over\n"},
		{name: "nothing on NUL", args: []string{"-c", "print('a\x00b')"}, want: "a\x00b\n"},
		{name: "no text", args: []string{"-c", "\xff\xfe("}, code: 1, error: "nbdsh: command line script failed: command line:1:1: "},
		{name: "endless recursion", args: []string{"-c", "def f(n): return f(n + 1) + 1\nf(0)"}, code: 1, error: "nbdsh: command line script failed: "},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := runOurs(t, test.stdin, test.args...)
			if got.Stdout != test.want || got.Code != test.code || !strings.HasPrefix(got.Stderr, test.error) || test.error == "" && got.Stderr != "" {
				t.Errorf("exit code %d, %q\n%.2000s\nwant %d, %q\n%s", got.Code, got.Stdout, got.Stderr, test.code, test.want, test.error)
			}
		})
	}
}

func TestHelp(t *testing.T) {
	for _, test := range [][2]string{
		{"help(h.pread)", "h.pread(count, offset, flags=0)\n\nRead from the export.\n\n"},
		{"help(h.close)", "h.close()\n\nClose the handle."},
		{"help(nbd)", "\nnbd.READ_DATA = 1\n    A chunk with data.\n"},
		{"help()", "\nh.aio_pwrite(buf, offset, completion=None, flags=0)\n"},
		{"help(h)", "h = nbd.NBD() makes a handle"},
		{"help(nbd.NBD)", "h = nbd.NBD() makes a handle"},
		{"help(nbd.Buffer)", "nbd.Buffer.from_bytearray(x)"},
		{"help(nbd.Buffer(3).size)", "nbd.Buffer.from_bytearray(x)"},
		{"help(nbd.catch)", "data, error = nbd.catch(h.pread, 512, 0)"},
		{"help(5)", "There is no help about a value of type int."},
	} {
		if got := runOurs(t, "", "-c", test[0]); got.Code != 0 || !strings.Contains(got.Stdout, test[1]) {
			t.Errorf("%s: exit code %d\n%.500s%s", test[0], got.Code, got.Stdout, got.Stderr)
		}
	}
	if got := runOurs(t, "", "--help"); got.Stdout != usage || strings.Count(usage, "\n") > 24+6 {
		t.Errorf("--help: %s", got.Stdout)
	}
	if got := runOurs(t, "", "-V"); !strings.HasPrefix(got.Stdout, "nbdsh ") || !strings.Contains(got.Stdout, "\nlibnbd 1.24") {
		t.Errorf("-V: %s", got.Stdout)
	}
}
