package behaviour

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gonbd/gonbd/internal/peers"
)

// Face is a way to call the API.
type Face interface {
	// Do makes one call, given as a line with all variables replaced, and
	// returns its outcome as text. An error ends the test.
	Do(line string) (string, error)
}

// Style says what is special about a face.
type Style struct {
	// Kind is "c" or "go".
	Kind string
	// Upstream says that it is the C libnbd.
	Upstream bool
	// NoFrees says that callbacks have no function to free them.
	NoFrees bool
}

// longest is how many bytes a string of the protocol may have.
const longest = 4096

// most is how often until repeats a call.
const most = 10000

// Run runs the script through a face.
func Run(t *testing.T, api *API, s *Script, style Style, face Face) {
	t.Helper()
	r := &run{t: t, api: api, face: face, vars: map[string]string{"DIR": peers.Scratch(t), "LONG": strings.Repeat("x", longest+1)}}
	for _, l := range s.Lines {
		if l.Only != "" && l.Only != style.Kind {
			continue
		}
		want, skip := l.Want, false
		if style.Upstream && l.Reason != "" {
			want, skip = l.Upstream, l.Upstream == ""
		}
		if skip {
			continue
		}
		where := fmt.Sprintf("%s.txt:%d: %s", s.Name, l.Number, l.text())
		if preparations[l.Verb] {
			r.prepare(l)
			continue
		}
		got, err := r.call(l)
		if err != nil {
			t.Fatalf("%s: %v", where, err)
		}
		if l.Verb == "log" {
			if style.NoFrees {
				want = withoutFrees(want)
			}
			got = filter(got, r.expandAll(l.Args))
		}
		if want, err = api.sum(r.expand(want)); err != nil {
			t.Fatalf("%s: %v", where, err)
		}
		if !api.matches(got, want) {
			t.Fatalf("%s:\n got %s\nwant %s", where, short(got), short(want))
		}
		if l.Variable != "" {
			r.vars[l.Variable] = got
		}
	}
}

type run struct {
	t    *testing.T
	api  *API
	face Face
	vars map[string]string
}

// text is the call as the script has it, more or less.
func (l *Line) text() string {
	return strings.Join(append([]string{l.Handle + "." + l.Verb}, l.Args...), " ")
}

// call makes a call, or several.
func (r *run) call(l Line) (string, error) {
	line := l.Handle + "." + strings.Join(append([]string{l.Verb}, r.expandAll(l.Args)...), " ")
	switch l.Verb {
	case "read":
		return readLine(r.expand(l.Args[0]))
	case "log":
		line = "h.log"
	}
	got, err := r.face.Do(line)
	if !l.Until {
		return got, err
	}
	// Only false, and a number that is not the wanted one, can become another.
	pending := func() bool {
		return err == nil && got != "true" && !strings.HasPrefix(got, "error ") && !r.api.matches(got, r.expand(l.Want))
	}
	for n := 0; pending(); n++ {
		event, failed := r.face.Do(l.Handle + ".poll 5000")
		if failed != nil {
			return "", failed
		}
		if event == "0" || n == most {
			return "", fmt.Errorf("nothing happens: the outcome is %s after %d polls", got, n)
		}
		got, err = r.face.Do(line)
		if strings.HasPrefix(event, "error ") && pending() {
			return "", fmt.Errorf("poll: %s", event)
		}
	}
	return got, err
}

func (r *run) expandAll(words []string) []string {
	var list []string
	for _, w := range words {
		list = append(list, r.expand(w))
	}
	return list
}

var variable = regexp.MustCompile(`\$\w+`)

// expand replaces those variables that exist: others may be a shell's.
func (r *run) expand(text string) string {
	return variable.ReplaceAllStringFunc(text, func(name string) string {
		value, ok := r.vars[name[1:]]
		if !ok {
			return name
		}
		return value
	})
}

// filter keeps what contains the word, of a log.
func filter(log string, word []string) string {
	if len(word) == 0 {
		return log
	}
	var kept []string
	what, err := Unquote(word[0])
	if err != nil {
		return err.Error()
	}
	for _, item := range items(log) {
		if strings.Contains(item, what) {
			kept = append(kept, item)
		}
	}
	return joined(kept)
}

func withoutFrees(log string) string {
	return joined(slices.DeleteFunc(items(log), func(item string) bool { return strings.HasPrefix(item, "free ") }))
}

// nothing is what an empty log is shown as.
const nothing = "nothing"

func items(log string) []string {
	if log == nothing {
		return nil
	}
	return strings.Split(log, "; ")
}

func joined(items []string) string {
	if len(items) == 0 {
		return nothing
	}
	return strings.Join(items, "; ")
}

func readLine(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return Quote(line), nil
}

func short(text string) string {
	const limit = 2000
	if len(text) > limit {
		return text[:limit] + " and more"
	}
	return text
}

// prepare does what a line says that is not a call.
func (r *run) prepare(l Line) {
	r.t.Helper()
	var args []string
	for _, w := range r.expandAll(l.Args) {
		s, err := Unquote(w)
		if err != nil {
			r.t.Fatal(err)
		}
		args = append(args, s)
	}
	if len(args) == 0 {
		r.t.Fatalf("line %d: %s what?", l.Number, l.Verb)
	}
	if l.Verb == "run" {
		peers.Run(r.t, peers.Forky, args[0], args[1:]...)
		return
	}
	start, ok := servers[args[0]]
	if !ok {
		r.t.Fatalf("line %d: no server %s: there are %v", l.Number, args[0], slices.Sorted(maps.Keys(servers)))
	}
	maps.Copy(r.vars, start(r.t, args[1:]))
}
