package cli

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// suffixes of sizes, and the power of 2 that each multiplies by.
var suffixes = map[string]uint{
	"": 0, "b": 0, "k": 10, "m": 20, "g": 30, "t": 40, "p": 50, "e": 60, "s": 9,
}

// ParseSize reads a number of bytes, such as 4096, 512k, 10M, 1G or 2T, in
// powers of 1024; s stands for sectors of 512 bytes. "KiB" and "KB" are read
// like "K". Small and capital letters are the same.
func ParseSize(s string) (int64, error) {
	digits := strings.TrimLeft(s, "0123456789")
	number, suffix := s[:len(s)-len(digits)], strings.ToLower(digits)
	if number == "" {
		return 0, fmt.Errorf("%q is not a size: it should be a number, and K, M, G, T, P or E if need be", s)
	}
	if rest := suffix[min(1, len(suffix)):]; (rest == "b" || rest == "ib") && strings.Contains("kmgtpe", suffix[:1]) {
		suffix = suffix[:1]
	}
	shift, ok := suffixes[suffix]
	if !ok {
		return 0, fmt.Errorf("%q is not a size: the suffix %q is none of K, M, G, T, P and E", s, digits)
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n > math.MaxInt64>>shift {
		return 0, fmt.Errorf("%q is more than the largest size, %d bytes", s, int64(math.MaxInt64))
	}
	return n << shift, nil
}

// FormatSize writes a number of bytes for people: "1M", "1.5G", "10000".
func FormatSize(n int64) string {
	const units = "BKMGTPE"
	i := 0
	for v := n; i < len(units)-1 && v >= 1024; i++ {
		v /= 1024
	}
	if i == 0 {
		return strconv.FormatInt(n, 10)
	}
	f := float64(n) / float64(int64(1)<<(10*i))
	if f >= 1023.95 && i < len(units)-1 { // it would be rounded to 1024
		f, i = 1, i+1
	}
	return strings.TrimSuffix(strconv.FormatFloat(f, 'f', 1, 64), ".0") + string(units[i])
}

// ExactSize writes a number of bytes in the largest unit that leaves no rest:
// "1M", "1536K", "10000". It is how nbdinfo writes sizes.
func ExactSize(n int64) string {
	const units = "BKMGTPE"
	i := 0
	for n != 0 && n%1024 == 0 {
		n /= 1024
		i++
	}
	if i == 0 {
		return strconv.FormatInt(n, 10)
	}
	return strconv.FormatInt(n, 10) + string(units[i])
}

// Size is a size in bytes as the value of an option.
type Size int64

// String writes the size as it can be read.
func (s *Size) String() string { return strconv.FormatInt(int64(*s), 10) }

// Set reads the size.
func (s *Size) Set(v string) error {
	n, err := ParseSize(v)
	if err == nil {
		*s = Size(n)
	}
	return err
}

// Type names the kind of value in help texts.
func (s *Size) Type() string { return "SIZE" }
