package behaviour

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// Script is one test.
type Script struct {
	Name  string // "085_pread"
	Title string // "085 nbd_pread: reads what was written"
	Lines []Line
}

// Line is a preparation or a call.
type Line struct {
	Number   int    // in the file, from 1
	Only     string // the only faces to run it: "c", "go", or "" for all
	Variable string // where the outcome is kept, or ""
	Until    bool
	Handle   string
	Verb     string
	Args     []string
	Want     string

	// Upstream is what the C libnbd gives, where that is another outcome and
	// Reason is set. If it is empty nothing is compared there.
	Upstream, Reason string
}

// preparations are the verbs that have no outcome.
var preparations = map[string]bool{"server": true, "run": true}

// Load reads all scripts of a folder, in order.
func Load(dir string) ([]*Script, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "[0-9][0-9][0-9]_*.txt"))
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("no scripts in %s", dir)
	}
	var scripts []*Script
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		s, err := Parse(strings.TrimSuffix(filepath.Base(path), ".txt"), string(text))
		if err != nil {
			return nil, err
		}
		scripts = append(scripts, s)
	}
	return scripts, nil
}

// Parse reads a script.
func Parse(name, text string) (*Script, error) {
	s := &Script{Name: name}
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSpace(line)
		fail := func(format string, args ...any) (*Script, error) {
			return nil, fmt.Errorf("%s.txt:%d: %s", name, number, fmt.Sprintf(format, args...))
		}
		if comment, ok := strings.CutPrefix(line, "#"); ok {
			if s.Title == "" {
				s.Title = strings.TrimSpace(comment)
			}
			continue
		}
		if line == "" {
			continue
		}
		if exception, ok := strings.CutPrefix(line, "upstream "); ok {
			outcome, reason, ok := strings.Cut(exception, "because ")
			outcome, reason = strings.TrimSpace(outcome), strings.TrimSpace(reason)
			if !ok || reason == "" || len(s.Lines) == 0 {
				return fail("expected a call above, and a reason after \"because\"")
			}
			last := &s.Lines[len(s.Lines)-1]
			last.Upstream, last.Reason = strings.TrimSpace(strings.TrimPrefix(outcome, "->")), reason
			continue
		}
		l, err := parseLine(line)
		if err != nil {
			return fail("%v", err)
		}
		l.Number = number
		s.Lines = append(s.Lines, l)
	}
	return s, nil
}

var (
	assignment = regexp.MustCompile(`^([a-z]\w*) = `)
	arrow      = regexp.MustCompile(`(^|\s)->\s+`)
)

func parseLine(line string) (Line, error) {
	var l Line
	for _, face := range []string{"c", "go"} {
		if rest, ok := strings.CutPrefix(line, face+":"); ok {
			l.Only, line = face, strings.TrimSpace(rest)
		}
	}
	call := line
	if at := arrow.FindStringIndex(line); at != nil {
		call, l.Want = line[:at[0]], strings.TrimSpace(line[at[1]:])
	}
	if m := assignment.FindStringSubmatch(call); m != nil {
		l.Variable, call = m[1], call[len(m[0]):]
	}
	words, err := Words(call)
	if err != nil {
		return l, err
	}
	if len(words) > 1 && words[0] == "until" {
		l.Until, words = true, words[1:]
	}
	if len(words) == 0 {
		return l, fmt.Errorf("expected a call")
	}
	l.Handle, l.Verb = "h", words[0]
	if handle, verb, ok := strings.Cut(words[0], "."); ok {
		l.Handle, l.Verb = handle, verb
	}
	l.Args = words[1:]
	if preparations[l.Verb] != (l.Want == "") {
		return l, fmt.Errorf("expected \"->\" and an outcome after a call, and none after a preparation")
	}
	return l, nil
}
