package behaviour

import (
	"regexp"
	"strconv"
	"strings"
)

// matches says whether an outcome is what a script expects.
func (api *API) matches(got, want string) bool {
	if rest, ok := strings.CutPrefix(want, "error "); ok {
		errno, text, _ := strings.Cut(rest, " ")
		gotErrno, message, _ := strings.Cut(strings.TrimPrefix(got, "error "), " ")
		return strings.HasPrefix(got, "error ") && (errno == gotErrno || errno == "...") && contains(message, strings.TrimSpace(text))
	}
	want = api.plain(want)
	if limit, ok := strings.CutPrefix(want, ">"); ok {
		l, err1 := api.Number(limit)
		g, err2 := strconv.ParseInt(got, 10, 64)
		return err1 == nil && err2 == nil && g > l
	}
	if n, err := parseSize(want); err == nil && got == strconv.FormatInt(n, 10) {
		return true
	}
	if data, err := ParseData(want); err == nil && got == FormatData(data) {
		return true
	}
	return pattern(want).MatchString(got)
}

// contains looks for the words in their order.
func contains(message, words string) bool {
	if words == "" {
		return true
	}
	return pattern("..." + words + "...").MatchString(message)
}

// pattern makes an expression of text in which "..." stands for anything.
func pattern(text string) *regexp.Regexp {
	parts := strings.Split(text, "...")
	for i, p := range parts {
		parts[i] = regexp.QuoteMeta(p)
	}
	return regexp.MustCompile("^(?s:" + strings.Join(parts, ".*") + ")$")
}
