package nbderr

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestPrintable(t *testing.T) {
	const bad = "\uFFFD"
	long := strings.Repeat("x", 4096)
	tests := []struct {
		name, text, want string
	}{
		{"plain", "No such export: ünïcödé 日本", "No such export: ünïcödé 日本"},
		{"lines", " one\ntwo\r\n\tthree\n", "one two   three"},
		{"terminal escape", "\x1b[2J\x1b]0;title\x07", bad + "[2J" + bad + "]0;title" + bad},
		{"control characters", "a\x00b\x7fc\u0085d\u009be", "a" + bad + "b" + bad + "c" + bad + "d" + bad + "e"},
		{"direction", "a\u202eb\u2066c\u200fd\u061ce", "a" + bad + "b" + bad + "c" + bad + "d" + bad + "e"},
		{"line separators", "a\u2028b\u2029c", "a" + bad + "b" + bad + "c"},
		{"broken UTF-8", "a\xffb\xc3", "a" + bad + "b" + bad},
		{"nothing", "", ""},
		{"only space", " \n ", ""},
		{"as long as may be", long, long},
		{"too long", long + "y", long + "…"},
		{"cut in a character", long[:4095] + "é", long[:4095] + "…"},
		{"long once replaced", strings.Repeat("\x00", 4096), strings.Repeat(bad, 4096/3) + "…"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Printable(tt.text); got != tt.want {
				t.Errorf("\n got %q\nwant %q", got, tt.want)
			}
		})
	}
}

// FuzzPrintable proves of any text what Printable promises.
func FuzzPrintable(f *testing.F) {
	f.Add("No such export")
	f.Add("\x1b[2J\u202e\xff\n")
	f.Add(strings.Repeat("é\x00", 3000))
	f.Fuzz(func(t *testing.T, text string) {
		got := Printable(text)
		if len(got) > 4096+len("…") {
			t.Errorf("%d bytes long", len(got))
		}
		if !utf8.ValidString(got) {
			t.Errorf("%q is not UTF-8", got)
		}
		for _, r := range got {
			if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
				t.Errorf("%q has %U in it", got, r)
			}
		}
	})
}
