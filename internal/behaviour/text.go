package behaviour

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Words splits a line. Quoted words keep their quotes, and brackets are words.
func Words(line string) ([]string, error) {
	var words []string
	for i := 0; i < len(line); {
		switch c := line[i]; c {
		case ' ', '\t':
			i++
		case '[', ']':
			words = append(words, line[i:i+1])
			i++
		case '"':
			end := i + 1
			for end < len(line) && line[end] != '"' {
				if line[end] == '\\' {
					end++
				}
				end++
			}
			if end >= len(line) {
				return nil, errors.New("a quote is not closed")
			}
			words = append(words, line[i:end+1])
			i = end + 1
		default:
			end := i
			for end < len(line) && !strings.ContainsRune(" \t[]\"", rune(line[end])) {
				end++
			}
			words = append(words, line[i:end])
			i = end
		}
	}
	return words, nil
}

// Quote writes a string as outcomes show it: ASCII only, like C.
func Quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c == '\n':
			b.WriteString(`\n`)
		case c < 0x20 || c >= 0x7f:
			fmt.Fprintf(&b, `\x%02x`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// Unquote reads a word that is a string, quoted or not.
func Unquote(word string) (string, error) {
	if !strings.HasPrefix(word, `"`) {
		return word, nil
	}
	s := word[1 : len(word)-1]
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		switch s[i] {
		case 'n':
			b.WriteByte('\n')
		case 'x':
			if i+2 >= len(s) {
				return "", fmt.Errorf("%s: two digits must follow \\x", word)
			}
			v, err := strconv.ParseUint(s[i+1:i+3], 16, 8)
			if err != nil {
				return "", fmt.Errorf("%s: two digits must follow \\x", word)
			}
			b.WriteByte(byte(v))
			i += 2
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String(), nil
}

// shortestRun is how many equal bytes are written as a run.
const shortestRun = 8

// FormatData writes bytes as scripts do.
func FormatData(data []byte) string {
	if len(data) == 0 {
		return "00*0"
	}
	var parts []string
	plain := 0
	for i := 0; i < len(data); {
		end := i
		for end < len(data) && data[end] == data[i] {
			end++
		}
		if end-i >= shortestRun {
			if plain < i {
				parts = append(parts, hex.EncodeToString(data[plain:i]))
			}
			parts = append(parts, fmt.Sprintf("%02x*%d", data[i], end-i))
			plain = end
		}
		i = end
	}
	if plain < len(data) {
		parts = append(parts, hex.EncodeToString(data[plain:]))
	}
	return strings.Join(parts, "+")
}

// ParseData reads bytes as scripts write them.
func ParseData(word string) ([]byte, error) {
	var data []byte
	for part := range strings.SplitSeq(word, "+") {
		digits, count, isRun := strings.Cut(part, "*")
		bytes, err := hex.DecodeString(digits)
		if err != nil {
			return nil, fmt.Errorf("%s: expected hexadecimal digits: %w", word, err)
		}
		if !isRun {
			data = append(data, bytes...)
			continue
		}
		n, err := parseSize(count)
		if err != nil || len(bytes) != 1 {
			return nil, fmt.Errorf("%s: expected one byte, \"*\" and a number", part)
		}
		run := make([]byte, n)
		for i := range run {
			run[i] = bytes[0]
		}
		data = append(data, run...)
	}
	return data, nil
}

// parseSize reads a number with a unit behind it or none.
func parseSize(word string) (int64, error) {
	shift := 0
	switch {
	case strings.HasSuffix(word, "K"):
		shift = 10
	case strings.HasSuffix(word, "M"):
		shift = 20
	case strings.HasSuffix(word, "G"):
		shift = 30
	}
	if shift > 0 {
		word = word[:len(word)-1]
	}
	n, err := strconv.ParseInt(word, 0, 64)
	return n << shift, err
}
