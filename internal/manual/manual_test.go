package manual

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gonbd/gonbd/internal/api"
	"github.com/gonbd/gonbd/internal/roff/rofftest"
)

// tools are the programs that there are.
func tools(t *testing.T) []string {
	t.Helper()
	dirs, err := filepath.Glob("../../cmd/*")
	if err != nil || len(dirs) < 6 {
		t.Fatalf("found only %v, %v", dirs, err)
	}
	for i := range dirs {
		dirs[i] = filepath.Base(dirs[i])
	}
	return dirs
}

// TestPages formats all pages.
func TestPages(t *testing.T) {
	for _, p := range Pages() {
		text := rofftest.Check(t, p.Name, p.Roff())
		for _, title := range []string{"NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXIT STATUS", "EXAMPLES", "SEE ALSO"} {
			if !strings.Contains(text, "\n"+title+"\n") {
				t.Errorf("%s has no section %s", p.Name, title)
			}
		}
		for line := range strings.SplitSeq(p.Roff(), "\n") {
			if strings.ContainsAny(line, "{}") && !strings.Contains(line, `"`) {
				t.Errorf("%s has markup left in it: %s", p.Name, line)
			}
		}
		for _, o := range p.Options {
			switch {
			case o.Text == "" || o.Brief == "" || strings.HasSuffix(o.Brief, "."):
				t.Errorf("%s %v should have a text, and a line without a full stop", p.Name, o.Names)
			case strings.Contains(o.Brief+o.Arg, "\\"):
				t.Errorf("%s %v: %q would be hard to quote", p.Name, o.Names, o.Brief)
			}
		}
	}
}

// TestOptions compares the options of each page with those that the tool
// lists.
func TestOptions(t *testing.T) {
	bin := t.TempDir()
	cmd := exec.Command("go", "build", "-o", bin+string(filepath.Separator), "./cmd/...")
	cmd.Dir = "../.."
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, tool := range tools(t) {
		p := Find(tool)
		if p == nil {
			t.Errorf("there is no page of %s", tool)
			continue
		}
		var listed []string
		for _, list := range []string{"--long-options", "--short-options"} {
			cmd := exec.Command(filepath.Join(bin, tool), list)
			cmd.Stderr = os.Stderr
			out, err := cmd.Output()
			if err != nil {
				t.Errorf("%s %s: %v", tool, list, err)
			}
			listed = append(listed, strings.Fields(string(out))...)
		}
		var described []string
		for _, o := range p.Options {
			for _, name := range o.names() {
				switch {
				case slices.Contains(listed, name), !o.Mode && slices.Contains(o.Names, name):
					described = append(described, name)
				case !o.Mode: // another spelling, which the tool need not list
					if o.required() {
						name += "=1"
					}
					if out, err := exec.Command(filepath.Join(bin, tool), name, "--help").CombinedOutput(); err != nil {
						t.Errorf("%s %s --help: %v\n%s", tool, name, err, out)
					}
				}
			}
		}
		slices.Sort(listed)
		slices.Sort(described)
		if !slices.Equal(listed, described) {
			t.Errorf("%s lists    %v\nits page has %v", tool, listed, described)
		}
	}
}

// TestExamples looks whether what tools are called with in synopses and
// examples are options of theirs.
func TestExamples(t *testing.T) {
	found := 0
	check := func(line string) {
		var p *Page
		line = regexp.MustCompile(`'[^']*'|"[^"]*"`).ReplaceAllString(line, "quoted")
		for _, word := range strings.Fields(strings.NewReplacer("[--", "--", "[-", "-", "]", " ] ", ";", " ; ").Replace(line)) {
			name, _, _ := strings.Cut(word, "=")
			switch {
			case Find(word) != nil:
				p = Find(word)
			case slices.Contains([]string{"[", "|", "&", "&&", "||", ";"}, word), strings.HasPrefix(word, "psktool"):
				p = nil
			case p != nil && strings.HasPrefix(word, "-") && word != "-":
				found++
				if !slices.ContainsFunc(p.Options, func(o Option) bool { return slices.Contains(o.Names, strings.TrimSuffix(name, "[")) }) {
					t.Errorf("%s has no option %s: %s", p.Name, word, line)
				}
			}
		}
	}
	for _, p := range Pages() {
		for _, s := range p.Synopsis {
			check(p.Name + " " + s)
		}
		for _, e := range p.Examples {
			for line := range strings.SplitSeq(e.Command, "\n") {
				check(line)
			}
		}
	}
	if found < 50 {
		t.Errorf("there are only %d options in all examples", found)
	}
}

// TestReferences looks whether the pages of functions exist that others refer
// to, and those of our tools.
func TestReferences(t *testing.T) {
	calls := map[string]bool{"libnbd": true}
	for i := range api.Calls {
		calls["nbd_"+api.Calls[i].Name] = true
	}
	for _, p := range Pages() {
		for _, m := range regexp.MustCompile(`\\fB([a-z_0-9-]+)\\fR\(([13])\)`).FindAllStringSubmatch(p.Roff(), -1) {
			name, section := m[1], m[2]
			if section == "3" && strings.HasPrefix(name, "nbd") && !calls[name] || section == "1" && strings.HasPrefix(name, "nbd") && Find(name) == nil && name != "nbdkit" {
				t.Errorf("%s refers to %s(%s), which there is not", p.Name, name, section)
			}
		}
	}
}
