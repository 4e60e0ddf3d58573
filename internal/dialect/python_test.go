package dialect

import (
	"os"
	"strings"
	"testing"

	"go.starlark.net/starlark"

	"github.com/gonbd/gonbd/internal/peers"
)

// likePython are programs that print here what they print in Python.
var likePython = []string{
	// Bytes.
	`print(b"a'b", b'"', b"\x00\xff\n\\", bytearray(b"x"), bytearray(3), bytes([1, 2]), bytes(2), bytes())`,
	`print("%r %s" % (b"ab", bytearray(b"ab")), str(b"a"), repr("a'b"), [b"x", "y"])`,
	`x = b"\x55\xAA" * 3; print(x, x[0], x[-1], x[1:3], x[::-1], len(x), 0x55 in x, b"\xaa\x55" in x, b"zz" not in x)`,
	`print(b"ab" + bytearray(b"c"), bytearray(b"c") + b"ab", 2 * b"ab", b"ab" * -1)`,
	`print(b"ab" == bytearray(b"ab"), b"ab" < b"b", b"" or "empty", b"ab" != "ab")`,
	`print(b"\x01\xfe".hex(), b"\x01\xfe".hex(" "), bytes.fromhex("01 fe"), bytearray.fromhex("00"))`,
	`print("héllo".encode(), b"h\xc3\xa9".decode(), b"abc".decode("ascii"), str(b"abc", "ascii"), bytes("é", "latin-1"), "x".encode("ascii"))`,
	`x = bytearray(b"hello"); x[0] = 72; x[1:3] = b"EL"; x[-1] = 33; x.append(65); x.extend(b"BC"); print(x, list(x[:3]))`,
	`print(b"a,b,,c".split(b","), b" a b ".split(), b"a,b,c".split(b",", 1), b",".join([b"a", b"b"]), b"aXbX".replace(b"X", b"--"))`,
	`print(b"hello".find(b"l"), b"hello".rfind(b"l"), b"hello".find(b"z"), b"hello".index(b"l", 3), b"hello".count(b"l"), b"hello".find(104))`,
	`print(b" x ".strip(), b"xxaxx".strip(b"x"), b"xa".lstrip(b"x"), b"ax\n".rstrip(), b"ab".startswith(b"a"), b"ab".endswith(b"a"))`,
	`print([c for c in b"abc"], {b"k": 1}, sorted([b"b", b"a"]), max(b"az"), sum(b"ab"), tuple(b"a"))`,
	`x = bytearray(b"abc"); y = x; y[0] = 0; print(x); z = bytearray(x); z[1] = 0; print(x, z)`,

	// Formatting.
	`print("%d %5d|%-5d|%05d|%+d|% d|%x|%X|%#x|%08x|%o|%#o|%c|%c|%%" % (1, 2, 3, 4, 5, 6, 255, 255, 255, 0xbeef, 8, 8, 65, "z"))`,
	`print("%s|%10s|%-10s|%.2s|%r|%5.1f|%e|%g|%g|%g" % ("a", "b", "c", "defg", "it's", 3.14159, 12345.678, 0.00001234, 1e20, 100000.0))`,
	`print("%(a)s %(b)04d" % {"a": "x", "b": 7}, "%s" % [1], "%s" % (None,), "%*d|%-*d|%.*f" % (5, 1, 5, 1, 2, 3.14159))`,
	`print("%d" % 3.7, "%d" % True, "%x" % -255, "%#08x" % 255, "%.3d" % 5, "%i%u" % (1, 2), "%ld" % 1)`,
	`x = "%s"; x %= 5; print(x); y = 7; y %= 4; print(y, -7 % 3, 7.5 % 2)`,
	`print("{} {}|{0} {1} {0}".format(1, 2) if False else "{} {}".format(1, 2), "{0} {1} {0}".format("a", "b"), "{x} {y!r}".format(x=1, y="q"))`,
	`print("{:08x}|{:#x}|{:>5}|{:<5}|{:^5}|{:*^7}|{:,}|{:_}|{:+d}|{:b}|{:o}|{:c}".format(48879, 255, "a", "b", "c", "d", 1234567, 7654321, 5, 5, 8, 65))`,
	`print("{:.2f}|{:8.3f}|{:e}|{:%}|{:g}|{:10}|{}|{:.3}|{:05.1f}".format(3.14159, 2.5, 12345.678, 0.25, 1e10, 1.5, 2.0, 3.14159, 2.25))`,
	`print("{{}} {0[0]} {0[1]} {1[k]}".format([1, 2], {"k": "v"}), "{:{}}|".format("a", 4), "{:{w}}|".format("a", w=3), "{:10,d}|{:#_x}".format(12345, 0xabcdef))`,
	`print("{:d} {!s} {:>10}".format(True, b"x", "é"), format(255, "02X"), format(3.0, ".1f"), format("x"), "{:5}|{:5}|".format(1, "1"))`,
	`print(hex(255), oct(8), bin(5), hex(-1), round(2.5), round(2.567, 2), round(7), divmod(17, 5), pow(2, 10), pow(2, 10, 1000), pow(2, -1))`,
	`print(int.from_bytes(b"\x01\x02", "big"), int.from_bytes(b"\x01\x02", byteorder="little"), int.from_bytes(b"\xff\xfe", "big", signed=True), int.from_bytes([1, 0], "big"), int.from_bytes(b"", "little"))`,
	`print((258).to_bytes(2, "big"), (258).to_bytes(4, byteorder="little"), (-2).to_bytes(2, "big", signed=True), (0).to_bytes(1, "big"), (1 << 80).to_bytes(12, "little"), (255).bit_length(), (127).to_bytes(1, "big", signed=True), (-128).to_bytes(1, "big", signed=True))`,
	`print(int("10"), int("ff", 16), int("0x10", 16), int(3.7), int(True), int("0b11", 0))`,
	`print("5".zfill(3), "-5".zfill(4), "a".ljust(3) + "|", "a".rjust(3, "."), "a".center(4) + "|")`,
	`print(f"a{1+1}b {'x'!r} {255:#06x} {{}} {b'q'}", f'{"in"}', F"{3.14159:.2f}", rf"\d{1}", f"{[i for i in range(3)]}", f"{ {'a': 1}['a'] }")`,
	`w = 6; print(f"{12:{w}}|{12:0{w}d}|{'a' if w > 5 else 'b'}|{w=}|" if False else f"{12:{w}}|{12:0{w}d}|{'a' if w > 5 else 'b'}|")`,
	`x = 'q'; print(f"{x=}|{ x = }|{x=!s}|{x=:>3}|{x=!r:>5}|{x == 'q'}", rf'{"a#b\\"=}', f"{ {'k': 1}['k'] = }", rf'\d\{x}\'')`,
	"x = 5; print(f'''a{\n x\n}b{x\n=}c{\n[x,\n 6]\n !r:>{\n8 + 4\n}}''')\nprint(x)",

	// Writing values.
	`print(1.0, 1e20, 1e16, 1e15, 123456789.0, 1e-5, 0.0001, 1/3, -0.0, 2.5e-10, float("inf"), 1e22)`,
	`print([1, "a", None, True], (1,), (), {"a": [1.5]}, {1: (2, 3)}, set([1]), set(), "a\tb", ["a\tb\n\x00\x7f", "é", 'q"', "q'\""])`,
	`print(1, 2, sep=","); print(3, end=""); print(4, end="!\n", sep=""); print(); print("a", "b", sep="\n", flush=True)`,
	`x = [1]; x.append(x); print(x); y = {}; y["a"] = y; print(y)`,

	// Statements.
	"x = 1\ndef f(): return x\nx = 2\nprint(f())",
	"n = 0\ndef show(): print(n)\nfor i in range(3):\n  n += i\n  show()\nwhile n < 100:\n  n = n * 2\nprint(n, i)",
	"def even(n): return n == 0 or odd(n - 1)\ndef odd(n): return n != 0 and even(n - 1)\nprint(even(10))",
	"def fact(n):\n  if n < 2: return 1\n  return n * fact(n - 1)\nprint(fact(30))",
	"a, b = 1, 2; (a, b) = (b, a); [c, d] = [a, b]; print(a, b, c, d)",
	"x = [1, 2, 3]; x[0] += 5; x[1], y = 9, 8; print(x, y, [v * 2 for v in x if v % 2], {k: v for k, v in zip('ab', [1, 2])} if False else 0)",
	"def g(a, b=2, *c, **d): return (a, b, c, d)\nprint(g(1), g(1, 3, 4, z=5), g(*[1, 2], **{'q': 1}), (lambda x, y=3: x + y)(1))",
	"assert 1 == 1\nassert (1)\nassert 2 > 1, 'no'\nassert(len(b'ab')) == 2\nassert not (1 ==\n  2), \"text\"\nif True: assert True\nprint('ok')",
	"print(2**20, 2 ** 10, 10**6 - 1, 3*2**4)",
	"print(None is None, 1 is not None, 5 if None is None else 6)",
	"import errno, sys\nimport errno as e\nfrom errno import ENOSPC, EIO as eio\nprint(errno.ENOENT, e.EIO == eio, ENOSPC, errno.errorcode[22], len(sys.argv) > 0)",
	"print(sum([1, 2]), sum([1], 5), list(map(lambda x: x + 1, [1, 2])), list(filter(None, [0, 1])), list(filter(lambda x: x > 1, [1, 2])))",
	"x = '''a\nf\"{no}\"\nassert b'''\nprint(x) # f\"{comment}\n",
	"def f():\n  '''assert nothing'''\n  return b'''x\ny'''\nprint(f(), \"assert 1\", 'import x')",
	"x = 5\nif x > 3 and not x == 4:\n    print('big')\nelif x:\n    print('small')\nelse:\n    pass",
	"print('a', \"\\x41\\u00e9\", r'\\n', '''q''')",
	"#!/usr/bin/env nbdsh\nfor k, v in {\"a\": 1, \"b\": 2}.items(): print(k, v)\nfor [p, (q, r)] in [[1, (2, 3)]]: print(p, q, r)\nd = {\"k\": 7, \"s\": \"%d\"}\nd[\"k\"] %= 4\nd[\"k\"] |= 8\nd[\"s\"] %= 5\nprint(d, k, v)\nclass_ = 5\ndef outer(n):\n    def inner(m=n, *a, **kw): return m + n + class_\n    return inner\nprint(outer(3)(), [outer(i)(j) for i in range(2) for j in range(2) if i != j])\n",
	"# comment\ns = 'multi\\\nline'\nprint(s, \"a\" if s else \"b\")\nif True:\n    # only comment\n    assert True, \"x\"  # trailing\n    assert (1 +\n       2)  # c\nx = [1, 2,\n     3]; assert x[-1] == 3; print(\"ok\")\ndef f():\n    \"\"\"doc\n    assert no\"\"\"\n    from errno import EIO\n    import sys\n    return EIO\nprint(f(), f\"{f():>4}\")\n",
}

// What is in the table is printed here as by Python.
func TestLikePython(t *testing.T) {
	peers.Forky.Need(t, "python3")
	var commands [][]string
	for _, p := range likePython {
		commands = append(commands, []string{"python3", "-c", p})
	}
	python := peers.Outcomes(t, peers.Forky, os.TempDir(), commands)
	for i, p := range likePython {
		var out strings.Builder
		in := New(&out)
		in.Define("sys", NewModule("sys", starlark.StringDict{"argv": starlark.NewList([]starlark.Value{starlark.None})}))
		err := in.Exec("program", p)
		want := python[i]
		if want.Code != 0 {
			t.Errorf("Python does not run this:\n%s\n%s", p, want.Stderr)
		}
		if err != nil {
			t.Errorf("%s\n%s", p, Backtrace(err))
		} else if out.String() != want.Stdout {
			t.Errorf("%s\ngot:    %q\nPython: %q", p, &out, want.Stdout)
		}
	}
}
