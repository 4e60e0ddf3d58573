package nbdsh

import "testing"

func TestColumns(t *testing.T) {
	for _, test := range []struct {
		words []string
		width int
		want  string
	}{
		{[]string{"a", "bb", "ccc", "d"}, 80, "a    bb   ccc  d\n"},
		{[]string{"a", "bb", "ccc", "d"}, 14, "a    bb   ccc\nd\n"},
		{[]string{"a", "bb", "ccc", "d"}, 13, "a    bb\nccc  d\n"},
		{[]string{"long", "x"}, 3, "long\nx\n"},
		{[]string{"x", "y"}, 0, "x\ny\n"},
	} {
		if got := columns(test.words, test.width); got != test.want {
			t.Errorf("%q in %d: %q, want %q", test.words, test.width, got, test.want)
		}
	}
}
