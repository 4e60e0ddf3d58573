package dialect

import (
	"errors"
	"io"
	"strings"
	"testing"

	"go.starlark.net/starlark"
)

// What cannot be done is refused in words that help.
func TestRefused(t *testing.T) {
	for _, test := range [][2]string{
		// The language.
		{"try: x\nexcept: y", "Starlark has no try: nbd.catch(function, arguments...)"},
		{"raise 5", "Starlark has no raise: call fail(message)"},
		{"class X: pass", "Starlark has no classes"},
		{"def f():\n  global x\n", "Starlark has no global"},
		{"del x", "Starlark has no del"},
		{"with x: pass", "Starlark has no with"},
		{"x = 2\ny = x ** 2", "program:2:9: got '**', want newline (write pow(x, y))"},
		{"2**9223372036854775807", "write pow(x, y)"},
		{"6**5222255", "write pow(x, y)"},
		{"print('a' 'b')", "write + between two strings"},
		{"x = y = 1", "write y = 1; x = y for x = y = 1"},
		{"0 < 1 < 2", "write x < y and y < z"},
		{"\nimport os", "program:2: there is no module os"},
		{"from os import path", "there is no module os"},
		{"from errno", "expected from MODULE import NAMES"},
		{"import", "expected names of modules behind import"},
		{"import errno.x", "there is no module errno.x"},
		{"from errno import NOTHING", "module 'errno' has no attribute 'NOTHING'"},
		{"undefined", "name 'undefined' is not defined"},
		{"def f(): return undefined\nf()", "name 'undefined' is not defined"},
		{"x = x", "name 'x' is not defined"},
		{"return 1", "return statement not within a function"},
		{"f(x)[1:2] += b'a'", "can't assign to sliceexpr"},
		{"assert 1 == 2", "assertion failed"},
		{"assert [], 'empty'", "assertion failed: empty"},
		{"print(1, file=2)", "unexpected keyword argument \"file\""},

		// f-strings.
		{"f'{'", "program:1: the f-string has no ' at its end in this line"},
		{"\nf'{1'", "program:2: the f-string has no ' at its end in this line"},
		{"f'{1}}'", "a } in an f-string is written }}"},
		{"f'{}'", "no expression between { and }"},
		{"f'{1!z}'", "unknown conversion 'z': expected r or s"},
		{"f'{1 2}'", "got int literal, want ')'"},
		{"f'{1:q}'", "invalid format specifier 'q'"},
		{"f'''\n", "the f-string has no ''' at its end"},
		{"f'{\"a}'", "the f-string has no '"},
		{"f'''{'\n}'''", "the f-string has no '''"},
		{"f'''\n\n{}'''", "program:3: an f-string has no expression"},
		{"f'''\n{1\n\n}\n'''\nx ** x", "program:6:"},
		{"x = 1\nf'''\n{x\n\n=}\n'''\nx ** x", "program:7:"},

		// Formatting.
		{"'%d' % 'x'", "%d format: a number is required, not string"},
		{"'%x' % 1.5", "%x format: a number is required, not float"},
		{"'%f' % 'x'", "a real number is required, not string"},
		{"'%d %d' % 1", "not enough arguments for format string"},
		{"'%d' % (1, 2)", "not all arguments converted"},
		{"'%' % 1", "incomplete format"},
		{"'%y' % 1", "unsupported format character 'y'"},
		{"'%(a' % {}", "incomplete format key"},
		{"'%(a)s' % 5", "format requires a mapping"},
		{"'%(a)s' % {}", "key 'a' not found"},
		{"'%c' % 'ab'", "%c requires an int or a character"},
		{"'%c' % -1", "needs the number of a character, not -1"},
		{"'%*d' % ('x', 1)", "* wants an int"},
		{"'%99999999999d' % 1", "is too big"},
		{"'{'.format()", "expected '}' before end of string"},
		{"'}'.format()", "single '}' encountered"},
		{"'{}'.format()", "replacement index 0 out of range"},
		{"'{x}'.format()", "there is no argument 'x'"},
		{"'{0}{}'.format(1)", "cannot switch from manual"},
		{"'{}{0}'.format(1)", "cannot switch from automatic"},
		{"'{:x}'.format('a')", "unknown format code 'x'"},
		{"'{:.2}'.format(5)", "precision is not allowed for an int"},
		{"'{:99999999999}'.format(5)", "invalid format specifier"},
		{"'{:{:{}}}'.format(1, 2, 3)", "max string recursion exceeded"},
		{"'{[9]}'.format([1])", "has no element '9'"},
		{"'{.x}'.format(1)", "has no attribute 'x'"},

		// Bytes.
		{"b'a'[0] = 1", "a bytes cannot be changed: make a bytearray of it"},
		{"x = b'abc'; x[0:1] = b'x'", "a bytes cannot be changed"},
		{"x = bytearray(3); x[0:2] = b'x'", "a slice of 2 bytes was given 1: the length cannot change"},
		{"x = bytearray(3); x[::2] = b'xy'", "a slice with a step cannot be assigned to"},
		{"x = bytearray(3); x[0:2] = 2", "a slice is assigned bytes, not an int"},
		{"x = [1, 2]; x[0:1] = b'x'", "slices of a value of type list cannot be assigned to"},
		{"x = bytearray(3); x[0] = 256", "must be in range(0, 256), not 256"},
		{"x = bytearray(3); x[0] = 'a'", "a byte must be an int, not string"},
		{"x = bytearray(3); x[3] = 1", "index 3 out of range"},
		{"bytes('x')", "a string has no bytes without an encoding"},
		{"bytes(-1)", "the length -1 is not in range"},
		{"bytes(2**40)", "the length 1099511627776 is not in range"},
		{"bytes([300])", "must be in range(0, 256), not 300"},
		{"b'ab' * 2**40", "more than"},
		{"b'a' + 'b'", "unknown binary op: bytes + string"},
		{"'a' in b'a'", "a bytes-like object or an int is required, not string"},
		{"b'\\xff'.decode()", "the bytes are not UTF-8"},
		{"b'\\xff'.decode('ascii')", "byte 0 is 0xff, which is not ascii"},
		{"b'a'.decode('x')", "unknown encoding \"x\""},
		{"'é'.encode('ascii')", "'é' is not ascii"},
		{"b'a'.index(b'b')", "subsection not found"},
		{"b'a'.append(1)", "has no .append field or method"},
		{"bytes.fromhex('abc')", "expected pairs of hexadecimal digits"},
		{"{bytearray(1): 2}", "unhashable type: bytearray"},
		{"b'a'.encode()", "bytes has no .encode field or method"},
		{"(256).to_bytes(1, 'big')", "256 does not fit in 1 bytes"},
		{"(-1).to_bytes(1, 'big')", "-1 does not fit in 1 bytes"},
		{"(128).to_bytes(1, 'big', signed=True)", "128 does not fit in 1 bytes"},
		{"(1).to_bytes(1, 'middle')", "byteorder must be \"big\" or \"little\", not \"middle\""},
		{"int.from_bytes('ab', 'big')", "without an encoding"},
		{"(1).to_bytes(2**40, 'big')", "length"},
		{"sum(x for x in [1])", "write [ and ] around a comprehension"},
		{"pow(10, 10**9)", "is too large"},
		{"pow(1, 2, 0)", "the third argument cannot be 0"},
	} {
		err := New(io.Discard).Exec("program", test[0])
		if err == nil || !strings.Contains(Message(err), test[1]) {
			t.Errorf("%s\ngot:  %v\nwant: %s", test[0], err, test[1])
		}
	}
}

// A bytearray whose memory somebody else has does not move.
func TestShare(t *testing.T) {
	memory := []byte("abc")
	v := NewByteArray(memory)
	in := New(io.Discard)
	in.Define("v", v)
	if err := in.Exec("program", "v[0] = 65"); err != nil || string(memory) != "Abc" {
		t.Errorf("%q, %v", memory, err)
	}
	v.Share()
	for _, grow := range []string{"v.append(1)", "v.extend(b'x')"} {
		if err := in.Exec("program", grow); err == nil || !strings.Contains(err.Error(), "cannot grow") {
			t.Errorf("%s: %v", grow, err)
		}
	}
}

// An interrupted interpreter stops, and goes on later.
func TestInterrupt(t *testing.T) {
	in := New(io.Discard)
	in.Define("stop", starlark.NewBuiltin("stop", func(*starlark.Thread, *starlark.Builtin, starlark.Tuple, []starlark.Tuple) (starlark.Value, error) {
		go in.Interrupt()
		return starlark.None, nil
	}))
	if err := in.Exec("program", "stop()\nwhile True: pass"); err == nil {
		t.Error("an endless loop has ended by itself")
	}
	in.Resume()
	if err := in.Exec("program", "x = 1"); err != nil {
		t.Error(err)
	}
}

func TestExit(t *testing.T) {
	for program, want := range map[string]Exit{
		"exit()": {}, "quit(0)": {}, "exit(7)": {Code: 7}, "exit(256)": {}, "exit(-1)": {Code: 255}, "exit(code=2)": {Code: 2},
		"exit(True)": {Code: 1}, "exit('text')": {Code: 1, Message: "text"}, "exit([1])": {Code: 1, Message: "[1]"}, "exit(2**80)": {Code: 255},
	} {
		err := New(io.Discard).Exec("program", "def f(): "+program+"\nf()")
		e, ok := errors.AsType[*Exit](err)
		if !ok || *e != want {
			t.Errorf("%s: %v, want %+v", program, err, want)
		}
	}
}

// No text makes the translator panic or lose a line.
func FuzzTranslate(f *testing.F) {
	for _, p := range likePython {
		f.Add(p)
	}
	f.Add("f'''{\nx\n}\n{y\n=}\n{ \"\n\" }'''")
	f.Add("f'{f\"{x}\"}' is not None; assert x, \\\n 'y'\n2**3**4")
	f.Add(strings.Repeat("6**5222255\n", 100))
	f.Fuzz(func(t *testing.T, text string) {
		tr := newTranslator("program", func(string) bool { return true })
		out, err := tr.translate(text)
		if err == nil && strings.Count(out, "\n") != strings.Count(text, "\n") {
			t.Errorf("%q has other lines than %q", out, text)
		}
	})
}

// No program in this subset makes the interpreter panic.
func FuzzFormat(f *testing.F) {
	for _, s := range []string{"%d", "%-08.3f|%s", "{:>10,.2f}", "{0!r:^{1}}", "%(a)s", "{:#_x}{:+}", "%*.*d", "{a[0].b}"} {
		f.Add(s)
	}
	args := starlark.Tuple{starlark.MakeInt(-5), starlark.Float(1.5), starlark.String("é"), NewBytes([]byte("x")), starlark.None, starlark.NewList(nil)}
	f.Fuzz(func(t *testing.T, format string) {
		percent(format, args)
		percent(format, args[0])
		(&formatter{args: args}).run(format, 1)
		for _, a := range args {
			formatWith(a, format)
		}
	})
}
