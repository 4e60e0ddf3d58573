package cli

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Quote writes a string for JSON, in quotation marks, as the C tools do: the
// quotation mark and the backslash behind a backslash, control characters as
// \u and four digits, everything else as it is.
//
// Beyond what the C tools do, what is not UTF-8 becomes U+FFFD, because it
// would not be JSON, and characters that could harm a terminal are escaped
// too.
func Quote(s string) string {
	const digits = "0123456789abcdef"
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s { // an invalid byte reads as utf8.RuneError
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == utf8.RuneError || !harmful(r):
			b.WriteRune(r)
		default: // all of them are below U+10000
			b.WriteString(`\u`)
			for shift := 12; shift >= 0; shift -= 4 {
				b.WriteByte(digits[r>>shift&15])
			}
		}
	}
	b.WriteByte('"')
	return b.String()
}

// Clean makes text of a server safe to print on a terminal: characters that
// control it, or the direction of text, and what is not UTF-8 become U+FFFD.
// Tabs and newlines stay.
func Clean(s string) string {
	s = strings.ToValidUTF8(s, string(utf8.RuneError))
	return strings.Map(func(r rune) rune {
		if r != '\t' && r != '\n' && harmful(r) {
			return utf8.RuneError
		}
		return r
	}, s)
}

// harmful says whether a character controls a terminal or the direction or
// lines of text.
func harmful(r rune) bool {
	return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || unicode.Is(unicode.Bidi_Control, r)
}
