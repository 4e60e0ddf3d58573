package cli

import (
	"encoding/json"
	"testing"
)

func TestQuote(t *testing.T) {
	tests := []struct{ s, want string }{
		{"", `""`},
		{"a b/c", `"a b/c"`},
		{`say "hi" \o/`, `"say \"hi\" \\o/"`},
		{"a\tb\nc\rd\x01e\x1bf\b\f", `"a\u0009b\u000ac\u000dd\u0001e\u001bf\u0008\u000c"`},
		{"é€😀<&>", `"é€😀<&>"`},
		{"\x7f\u0085", `"\u007f\u0085"`},
		{"\u202egpj.exe\u2028", `"\u202egpj.exe\u2028"`},
		{"a\x80\xffb", `"a��b"`},
		{"\x00", `"\u0000"`},
	}
	for _, test := range tests {
		got := Quote(test.s)
		if got != test.want {
			t.Errorf("Quote(%q) = %s, want %s", test.s, got, test.want)
		}
		var back, want string
		if err := json.Unmarshal([]byte(got), &back); err != nil {
			t.Errorf("Quote(%q) = %s is not JSON: %v", test.s, got, err)
		}
		for _, r := range test.s { // as it reads, broken bytes replaced
			want += string(r)
		}
		if back != want {
			t.Errorf("Quote(%q) reads %q", test.s, back)
		}
	}
}

func TestClean(t *testing.T) {
	tests := []struct{ s, want string }{
		{"plain é\ttext\n", "plain é\ttext\n"},
		{"\x1b[31mred\x07\r", "�[31mred��"},
		{"a\u202eb\x80c\u009b", "a�b�c�"},
	}
	for _, test := range tests {
		if got := Clean(test.s); got != test.want {
			t.Errorf("Clean(%q) = %q, want %q", test.s, got, test.want)
		}
	}
}
