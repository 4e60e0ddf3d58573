package behaviour

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gonbd/gonbd/internal/api"
)

// header is this project's libnbd.h, which tells the values of constants.
var header = filepath.Join("..", "..", "capi", "shim", "libnbd.h")

func load(t *testing.T) (*API, []*Script) {
	t.Helper()
	api, err := ReadAPI(header)
	if err != nil {
		t.Fatal(err)
	}
	scripts, err := Load("testdata")
	if err != nil {
		t.Fatal(err)
	}
	return api, scripts
}

// TestEveryCall wants a script for each call, which makes it, and has it fail
// if it can.
func TestEveryCall(t *testing.T) {
	_, scripts := load(t)
	var want, got []string
	for i, c := range api.Calls {
		want = append(want, fmt.Sprintf("%03d_%s", i+1, c.Name))
	}
	for _, s := range scripts {
		got = append(got, s.Name)
	}
	if !slices.Equal(got, want) {
		t.Fatalf("the scripts are\n%v\nwant\n%v", got, want)
	}
	for i, s := range scripts {
		c := &api.Calls[i]
		if title := fmt.Sprintf("%03d nbd_%s: ", i+1, c.Name); !strings.HasPrefix(s.Title, title) || len(s.Title) == len(title) {
			t.Errorf("%s: the first line should be %q and what the script is about", s.Name, "# "+title)
		}
		succeeds, fails := false, !mayFail(c)
		for _, l := range s.Lines {
			if l.Verb == c.Name {
				failure := strings.HasPrefix(l.Want, "error ")
				succeeds, fails = succeeds || !failure, fails || failure
			}
		}
		if !succeeds && c.Name != "connect_vsock" {
			t.Errorf("%s: the call never succeeds", s.Name)
		}
		if !fails {
			t.Errorf("%s: the call never fails", s.Name)
		}
	}
}

// mayFail says whether a call has a failure that a script can bring about: a
// state that does not permit it, or bad arguments.
func mayFail(c *api.Call) bool {
	switch c.Name {
	case "close", "create", "get_error", "get_errno", "set_debug", "set_debug_callback", "clear_debug_callback",
		"set_handle_name", "get_handle_size", "set_pread_initialize", "set_tls_psk_file":
		return false
	}
	return c.MayFail && (c.States != 0 || len(c.Args) > 0)
}

// never lists constants that no script can use.
var never = map[string]string{
	"READ_ERROR": "no server sends an error with an offset",
}

// TestEveryConstant wants each constant in some script.
func TestEveryConstant(t *testing.T) {
	declared, scripts := load(t)
	used := map[string]bool{}
	word := regexp.MustCompile(`[A-Z][A-Z0-9_]+`)
	for _, s := range scripts {
		for _, l := range s.Lines {
			for _, text := range append(slices.Clone(l.Args), l.Want) {
				for _, w := range word.FindAllString(text, -1) {
					used[w] = true
				}
			}
		}
	}
	check := func(name string) {
		if used[name] == (never[name] != "") {
			t.Errorf("constant %s: used %v, but listed as unusable %v", name, used[name], never[name] != "")
		}
	}
	for name := range declared.Numbers {
		check(name)
	}
	for name := range declared.Strings {
		check(name)
	}
}

func TestText(t *testing.T) {
	for _, data := range [][]byte{nil, {0}, {1, 2, 3}, make([]byte, 512), append([]byte("hello"), make([]byte, 9)...)} {
		text := FormatData(data)
		if back, err := ParseData(text); err != nil || string(back) != string(data) {
			t.Errorf("%x is written %s, which is read as %x, %v", data, text, back, err)
		}
	}
	for _, s := range []string{"", "a b", `"\`, "line\n", "\x00\xff\xc3\xa9"} {
		if back, err := Unquote(Quote(s)); err != nil || back != s {
			t.Errorf("%q is written %s, which is read as %q, %v", s, Quote(s), back, err)
		}
	}
	words, err := Words(`opt [a "b c" d] "x\"y"`)
	if want := []string{"opt", "[", "a", `"b c"`, "d", "]", `"x\"y"`}; err != nil || !slices.Equal(words, want) {
		t.Errorf("words %q, %v; want %q", words, err, want)
	}
	if _, err := Words(`"x`); err == nil {
		t.Error("a quote that is not closed is no error")
	}
}

func TestMatches(t *testing.T) {
	declared, _ := load(t)
	for _, tt := range []struct {
		got, want string
		ok        bool
	}{
		{"ok", "ok", true},
		{"ok", "true", false},
		{"1048576", "1M", true},
		{"1048577", "1M", false},
		{"3", "STATE_HOLE|STATE_ZERO", true},
		{"1", "STATE_HOLE|STATE_ZERO", false},
		{"5", ">4", true},
		{"4", ">4", false},
		{"ok", ">0", false},
		{"00*512", "00*256+00*256", true},
		{"00*512", "00*511", false},
		{"01020304", "01020304", true},
		{`"base:allocation"`, "CONTEXT_BASE_ALLOCATION", true},
		{`"base:"`, "CONTEXT_BASE_ALLOCATION", false},
		{`"STATE_HOLE"`, `"STATE_HOLE"`, true},
		{"e 0 [1 3][2 0] 0; free e", "e 0 [1 STATE_HOLE|STATE_ZERO][2 0] 0; free e", true},
		{"error EINVAL nbd_pread: request out of bounds: Invalid argument", "error EINVAL", true},
		{"error EINVAL nbd_pread: request out of bounds: Invalid argument", "error EINVAL out of bounds", true},
		{"error EINVAL nbd_pread: request out of bounds: Invalid argument", "error EINVAL align", false},
		{"error EINVAL nbd_pread: request out of bounds: Invalid argument", "error EIO", false},
		{"error EINVAL nbd_pread: request out of bounds: Invalid argument", "error ...", true},
		{"ok", "error ...", false},
		{"one; two; three", "one; ...; three", true},
		{"one; two", "one; ...; three", false},
	} {
		if ok := declared.matches(tt.got, tt.want); ok != tt.ok {
			t.Errorf("matches(%q, %q) = %v", tt.got, tt.want, ok)
		}
	}
}

func TestParse(t *testing.T) {
	for _, bad := range []string{
		"pread 5 0",
		"-> ok",
		"server nbdkit -> ok",
		"upstream -> ok because x",
		"create -> ok\nupstream -> ok",
		`create "x -> ok`,
	} {
		if _, err := Parse("000_bad", bad); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
	s, err := Parse("000_good", "# title\ngo: c = g.aio_pread 5 0 -> >0\nuntil x -> true\nupstream -> false because of y")
	if err != nil || s.Title != "title" || len(s.Lines) != 2 {
		t.Fatalf("%+v, %v", s, err)
	}
	first := s.Lines[0]
	if first.Only != "go" || first.Variable != "c" || first.Handle != "g" || first.Verb != "aio_pread" || len(first.Args) != 2 || first.Want != ">0" {
		t.Errorf("%+v", first)
	}
	second := s.Lines[1]
	if !second.Until || second.Handle != "h" || second.Upstream != "false" || second.Reason != "of y" {
		t.Errorf("%+v", second)
	}
}
