package nbduri

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	subDelims = "!$&'()*+,;="
	hexDigits = "0123456789ABCDEF"
)

// escape writes s as a component of a URI: RFC 3986's unreserved characters
// and those in keep stand for themselves, all else is percent-escaped. It
// escapes more than it has to ("+", ":"), which every reader understands.
func escape(s, keep string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		if isUnreserved(c) || strings.IndexByte(keep, c) >= 0 {
			b.WriteByte(c)
		} else {
			b.WriteByte('%')
			b.WriteByte(hexDigits[c>>4])
			b.WriteByte(hexDigits[c&15])
		}
	}
	return b.String()
}

// escapeHost writes a host, an IPv6 address in brackets. What RFC 3986 allows
// in a host stays as it is, for net/url refuses such escapes there.
func escapeHost(host string) string {
	if !strings.Contains(host, ":") {
		return escape(host, subDelims)
	}
	addr, zone, ok := strings.Cut(host, "%")
	if ok {
		addr += "%25" + escape(zone, "")
	}
	return "[" + addr + "]"
}

// unescape decodes the component that an error message calls what. Only RFC
// 3986's unreserved characters, its sub-delims, and those in legal may stand
// in it unescaped.
func (p *parser) unescape(what, s, legal string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '%':
			if i+2 >= len(s) || !isHex(s[i+1]) || !isHex(s[i+2]) {
				return "", invalid("%s contains %s, which is not an escape of two hexadecimal digits: write a percent sign as %%25", what, p.show(s[i:min(i+3, len(s))]))
			}
			n, _ := strconv.ParseUint(s[i+1:i+3], 16, 8)
			b.WriteByte(byte(n))
			i += 2
		case isUnreserved(c) || strings.IndexByte(subDelims, c) >= 0 || strings.IndexByte(legal, c) >= 0:
			b.WriteByte(c)
		default:
			_, size := utf8.DecodeRuneInString(s[i:])
			return "", invalid("%s contains %s, which a URI writes as %s", what, quote(s[i:i+size]), escape(s[i:i+size], ""))
		}
	}
	return b.String(), nil
}

// quote quotes a piece of a URI for an error message, safe for a terminal and
// cut to a readable length.
func quote(s string) string {
	const most = 80
	if len(s) > most {
		return strconv.Quote(s[:most]) + "…"
	}
	return strconv.Quote(s)
}

// lower is strings.ToLower for ASCII: it leaves other bytes alone, and knows
// no letters that are an ASCII letter in lower case only.
func lower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

func isLetter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isHex(c byte) bool {
	return isDigit(c) || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func isUnreserved(c byte) bool {
	return isLetter(c) || isDigit(c) || strings.IndexByte("-._~", c) >= 0
}

// isScheme reports whether s can be a scheme, by the grammar of RFC 3986.
func isScheme(s string) bool {
	for i := range len(s) {
		if !isLetter(s[i]) && (i == 0 || !isDigit(s[i]) && strings.IndexByte("+-.", s[i]) < 0) {
			return false
		}
	}
	return s != ""
}
