package roff_test

import (
	"strings"
	"testing"

	"github.com/gonbd/gonbd/internal/roff"
	"github.com/gonbd/gonbd/internal/roff/rofftest"
)

func TestOption(t *testing.T) {
	for s, want := range map[string]string{
		"-C N, --connections=N":   `\fB\-C\fR \fIN\fR, \fB\-\-connections\fR=\fIN\fR`,
		"--map[=CONTEXT]":         `\fB\-\-map\fR[=\fICONTEXT\fR]`,
		"[ COMMAND ARGUMENT... ]": `[ \fICOMMAND\fR \fIARGUMENT\fR... ]`,
		"memory SIZE":             `\fBmemory\fR \fISIZE\fR`,
		"-V":                      `\fB\-V\fR`,
		"-o FUSE-OPTION":          `\fB\-o\fR \fIFUSE\-OPTION\fR`,
	} {
		if got := roff.Option(s); got != want {
			t.Errorf("%s: %s, want %s", s, got, want)
		}
	}
}

// TestWriter has all of the markup on a page, and looks at what groff makes
// of it.
func TestWriter(t *testing.T) {
	var w roff.Writer
	w.Header(roff.Header{Generator: "a test", Name: "tool", Section: 1, Manual: "gonbd", Short: "does it"})
	w.Section("SYNOPSIS")
	w.Synopsis("tool", []string{"-n N URI"})
	w.Section("DESCRIPTION")
	w.Prose(`
A paragraph with {--code 'x'}, nbd-tool(8) and a \ in it.
.so it starts with a dot.

- one
- two

Before:

	tool --flag ` + "`x`" + ` ~
	'y'`)
	w.Section("OPTIONS")
	w.Item(roff.Option("-n N"), "First.\n\n- a\n- b\n\nThen.\n\n\tverbatim {}\n\nLast.")
	w.Item(roff.Option("-o"), "Other.")
	got := rofftest.Check(t, "tool", w.String())
	const want = `
NAME
       tool - does it

SYNOPSIS
       tool -n N URI

DESCRIPTION
       A paragraph with --code 'x', nbd-tool(8) and a \ in it. .so it starts
       with a dot.

       •  one

       •  two

       Before:

           tool --flag ` + "`x`" + ` ~
           'y'

OPTIONS
       -n N   First.

              •  a

              •  b

              Then.

              verbatim {}

              Last.

       -o     Other.
`
	if !strings.Contains(squeeze(got), squeeze(want)) {
		t.Errorf("groff has made this of it:\n%s", got)
	}
}

// squeeze leaves out empty lines, of which formatters make more or less.
func squeeze(s string) string {
	var lines []string
	for line := range strings.SplitSeq(s, "\n") {
		if strings.TrimSpace(line) != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}
