package behaviour

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
)

// API is what a header of libnbd declares: its calls, in order, without
// "nbd_", and its constants, without "LIBNBD_".
type API struct {
	Calls   []string
	Numbers map[string]int64
	Strings map[string]string
}

var (
	defineLine = regexp.MustCompile(`^#define LIBNBD_([A-Z0-9_]+)\s+(\S+)$`)
	callLine   = regexp.MustCompile(`^extern .*\bnbd_([a-z0-9_]+) \(`)
	// quotedOrNames finds a quoted string, or constants.
	quotedOrNames = regexp.MustCompile(`"(?:\\.|[^"\\])*"|[A-Z][A-Z0-9_]+(?:\|[A-Z][A-Z0-9_]+)*`)
)

// ReadAPI reads the header at path.
func ReadAPI(path string) (*API, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	api := &API{Numbers: map[string]int64{}, Strings: map[string]string{}}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\n")
		if m := callLine.FindStringSubmatch(line); m != nil {
			api.Calls = append(api.Calls, m[1])
		}
		m := defineLine.FindStringSubmatch(line)
		if m == nil || strings.HasPrefix(m[1], "HAVE_") {
			continue
		}
		if strings.HasPrefix(m[2], `"`) {
			api.Strings[m[1]] = strings.Trim(m[2], `"`)
			continue
		}
		n, err := strconv.ParseInt(strings.TrimRight(m[2], "U"), 0, 64)
		if err != nil {
			return nil, fmt.Errorf("%s: constant %s: %w", path, m[1], err)
		}
		api.Numbers[m[1]] = n
	}
	if len(api.Calls) == 0 || len(api.Numbers) == 0 {
		return nil, fmt.Errorf("%s declares no calls, or no constants", path)
	}
	return api, nil
}

// Number reads a number, or constants joined by "|".
func (api *API) Number(word string) (int64, error) {
	if n, err := parseSize(word); err == nil {
		return n, nil
	}
	if n, err := strconv.ParseUint(word, 0, 64); err == nil {
		return int64(n), nil // as C converts it
	}
	var sum int64
	for name := range strings.SplitSeq(word, "|") {
		n, ok := api.Numbers[name]
		if !ok {
			return 0, fmt.Errorf("%s: expected a number, or constants", word)
		}
		sum |= n
	}
	return sum, nil
}

// String reads a string, or the name of a constant that is one.
func (api *API) String(word string) (string, error) {
	if s, ok := api.Strings[word]; ok {
		return s, nil
	}
	return Unquote(word)
}

// sum replaces "sum A B" by a number, and leaves all else as it is.
func (api *API) sum(text string) (string, error) {
	words := strings.Fields(text)
	if len(words) != 3 || words[0] != "sum" {
		return text, nil
	}
	a, err1 := api.Number(words[1])
	b, err2 := api.Number(words[2])
	return strconv.FormatInt(a+b, 10), errors.Join(err1, err2)
}

// plain replaces the constants in an expected outcome, but not those in quotes,
// by their values.
func (api *API) plain(text string) string {
	return quotedOrNames.ReplaceAllStringFunc(text, func(word string) string {
		if s, ok := api.Strings[word]; ok {
			return Quote(s)
		}
		if n, err := api.Number(word); err == nil {
			return strconv.FormatInt(n, 10)
		}
		return word
	})
}
