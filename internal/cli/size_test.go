package cli

import (
	"math"
	"strings"
	"testing"
)

func TestParseSize(t *testing.T) {
	tests := []struct {
		s    string
		want int64
	}{
		{"0", 0}, {"1", 1}, {"4096", 4096}, {"10b", 10}, {"10B", 10}, {"3s", 1536},
		{"1k", 1 << 10}, {"1K", 1 << 10}, {"512kB", 512 << 10}, {"512KiB", 512 << 10},
		{"10M", 10 << 20}, {"1G", 1 << 30}, {"2t", 2 << 40}, {"1P", 1 << 50}, {"7E", 7 << 60},
		{"9223372036854775807", math.MaxInt64},
	}
	for _, test := range tests {
		if got, err := ParseSize(test.s); err != nil || got != test.want {
			t.Errorf("ParseSize(%q) = %d, %v; want %d", test.s, got, err, test.want)
		}
		var v Size
		if err := v.Set(test.s); err != nil || int64(v) != test.want {
			t.Errorf("Size.Set(%q): %v, %v; want %d", test.s, int64(v), err, test.want)
		}
		if again, err := ParseSize(v.String()); err != nil || again != test.want {
			t.Errorf("%q as an option reads %q", test.s, v.String())
		}
	}
}

func TestParseSizeErrors(t *testing.T) {
	tests := []struct{ s, want string }{
		{"", "should be a number"}, {"M", "should be a number"}, {"-1", "should be a number"}, {" 1", "should be a number"},
		{"1.5G", `the suffix ".5G"`}, {"1x", `the suffix "x"`}, {"1iB", `the suffix "iB"`}, {"1bb", `the suffix "bb"`}, {"1sB", `the suffix "sB"`},
		{"1KK", `the suffix "KK"`}, {"1 M", `the suffix " M"`},
		{"8E", "more than the largest size"}, {"9223372036854775808", "more than the largest size"}, {"99999999999999999999", "more than the largest size"},
	}
	for _, test := range tests {
		n, err := ParseSize(test.s)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("ParseSize(%q) = %d, %v; want an error with %q", test.s, n, err, test.want)
		}
		v := Size(7)
		if v.Set(test.s) == nil || v != 7 {
			t.Errorf("Size.Set(%q) changed the size to %d", test.s, v)
		}
	}
}

func TestFormatSize(t *testing.T) {
	tests := []struct {
		n                int64
		rounded, exactly string
	}{
		{0, "0", "0"}, {1, "1", "1"}, {1000, "1000", "1000"}, {1023, "1023", "1023"}, {1024, "1K", "1K"}, {1536, "1.5K", "1536"},
		{10000, "9.8K", "10000"}, {1<<20 - 1, "1M", "1048575"}, {1 << 20, "1M", "1M"}, {1536 << 10, "1.5M", "1536K"},
		{2125119488, "2G", "2075312K"}, {1931476992, "1.8G", "1842M"}, {3 << 40, "3T", "3T"}, {5 << 50, "5P", "5P"},
		{7 << 60, "7E", "7E"}, {math.MaxInt64, "8E", "9223372036854775807"},
	}
	for _, test := range tests {
		if got := FormatSize(test.n); got != test.rounded {
			t.Errorf("FormatSize(%d) = %q, want %q", test.n, got, test.rounded)
		}
		if got := ExactSize(test.n); got != test.exactly {
			t.Errorf("ExactSize(%d) = %q, want %q", test.n, got, test.exactly)
		}
		if back, err := ParseSize(test.exactly); err != nil || back != test.n {
			t.Errorf("ParseSize(ExactSize(%d)) = %d, %v", test.n, back, err)
		}
	}
}
