package main

import (
	"context"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gonbd/gonbd/internal/cli"
	"github.com/gonbd/gonbd/nbdcopy"
)

func TestOptions(t *testing.T) {
	for _, row := range []struct {
		args  string
		holds func(o *options) bool
	}{
		{"", func(o *options) bool {
			return o.copy.RequestSize == 512<<10 && o.copy.QueueSize == 0 && o.copy.SparseSize == 0 && o.open.Connections == nbdcopy.DefaultConnections() &&
				!o.copy.Allocated && !o.copy.DestinationIsZero && !o.copy.Flush && !o.copy.NoExtents && !o.copy.Synchronous && o.progress == "" && o.threads == 0
		}},
		{"--allocated", func(o *options) bool { return o.copy.Allocated }},
		{"-C 7", func(o *options) bool { return o.open.Connections == 7 }},
		{"--connections=7", func(o *options) bool { return o.open.Connections == 7 }},
		{"--destination-is-zero", func(o *options) bool { return o.copy.DestinationIsZero }},
		{"--target-is-zero", func(o *options) bool { return o.copy.DestinationIsZero }},
		{"--flush", func(o *options) bool { return o.copy.Flush }},
		{"--no-extents", func(o *options) bool { return o.copy.NoExtents && o.open.NoExtents }},
		{"-p", func(o *options) bool { return o.progress == "bar" }},
		{"--progress", func(o *options) bool { return o.progress == "bar" }},
		{"--progress=5", func(o *options) bool { return o.progressFD == 5 && o.progress == "5" }},
		{"--queue-size=4M", func(o *options) bool { return o.copy.QueueSize == 4<<20 }},
		{"--request-size 64k", func(o *options) bool { return o.copy.RequestSize == 64<<10 }},
		{"--request-size=32M", func(o *options) bool { return o.copy.RequestSize == 32<<20 }},
		{"-R 1", func(o *options) bool { return o.copy.Requests == 1 }},
		{"--requests=100", func(o *options) bool { return o.copy.Requests == 100 }},
		{"-S 0", func(o *options) bool { return o.copy.SparseSize < 0 }},
		{"--sparse=512", func(o *options) bool { return o.copy.SparseSize == 512 }},
		{"--sparse=1M", func(o *options) bool { return o.copy.SparseSize == 1<<20 }},
		{"--synchronous", func(o *options) bool { return o.copy.Synchronous }},
		{"-T 2", func(o *options) bool { return o.threads == 2 }},
		{"--threads=0", func(o *options) bool { return o.threads == 0 }},
		{"-v", func(o *options) bool { return o.verbose }},
		{"--verbose", func(o *options) bool { return o.verbose }},
	} {
		for _, args := range []string{row.args + " a null:", "a null: " + row.args, "a " + row.args + " -- null:"} {
			o, err := parse(strings.Fields(args))
			if err != nil {
				t.Errorf("%s: %v", args, err)
				continue
			}
			if !row.holds(o) || o.src.Arg != "a" || o.dst.Arg != "null:" {
				t.Errorf("%s: the options are %+v", args, o)
			}
		}
	}
	o, err := parse(strings.Fields("-v -- [ a -b [ c ] ] [ d ]"))
	if err != nil || !o.verbose || strings.Join(o.src.Command, " ") != "a -b [ c ]" || strings.Join(o.dst.Command, " ") != "d" {
		t.Errorf("commands: %+v, %v", o, err)
	}
}

// TestUsage has command lines that are wrong. None of them copies anything.
func TestUsage(t *testing.T) {
	for _, row := range []struct {
		args, text string
	}{
		{"", "saw 0 arguments"},
		{"a", "saw 1 arguments"},
		{"a b c", "saw 3 arguments"},
		{"[ a b", "]"},
		{"[ ] b", "no command"},
		{"a ]", "["},
		{"null: b", "null: can only be a destination"},
		{"--frob a b", "--frob"},
		{"-x a b", "-x"},
		{"-C 0 a b", "--connections"},
		{"-C -1 a b", "--connections"},
		{"--connections=many a b", "--connections"},
		{"--connections=999999999999999999999 a b", "--connections"},
		{"a b --connections", "--connections"},
		{"-R 0 a b", "--requests"},
		{"--requests=x a b", "--requests"},
		{"-T -1 a b", "--threads"},
		{"--threads=x a b", "--threads"},
		{"--request-size=0 a b", "--request-size"},
		{"--request-size=2048 a b", "--request-size"},
		{"--request-size=5000 a b", "--request-size"},
		{"--request-size=64M a b", "--request-size"},
		{"--request-size=64Q a b", "--request-size"},
		{"--queue-size=0 a b", "--queue-size"},
		{"--queue-size=-1 a b", "--queue-size"},
		{"--queue-size=x a b", "--queue-size"},
		{"-S 1000 a b", "--sparse"},
		{"-S 256 a b", "--sparse"},
		{"-S -1 a b", "--sparse"},
		{"--sparse=4G a b", "--sparse"},
		{"--sparse=x a b", "--sparse"},
		{"--progress=x a b", "--progress"},
		{"--progress= a b", "--progress"},
		{"--progress=-1 a b", "--progress"},
		{"--progress=999 a b", "--progress"},
		{"--progress=99999999 a b", "--progress"},
		{"--allocated=1 a b", "--allocated"},
		{"--s=1 a b", "--sparse"},
	} {
		t.Run(row.args, func(t *testing.T) {
			r := bad(t, "", strings.Fields(row.args), row.text)
			if !isUsage(r.error) {
				t.Errorf("the error is no Usage: %v", r.error)
			}
			if r.out != "" {
				t.Errorf("standard output: %q", r.out)
			}
		})
	}
	for _, args := range [][]string{{"", "b"}, {"a", ""}} {
		if r := bad(t, "", args, "empty"); !isUsage(r.error) {
			t.Errorf("the error is no Usage: %v", r.error)
		}
	}
}

func TestHelp(t *testing.T) {
	r := good(t, "", "--help")
	for line := range strings.Lines(r.out) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 79 {
			t.Errorf("a line has %d columns:\n%s", n, line)
		}
	}
	for _, option := range []string{"--allocated", "-C, --connections", "--destination-is-zero", "--flush", "--no-extents", "-p, --progress[=FD]",
		"--queue-size SIZE", "--request-size SIZE", "-R, --requests N", "-S, --sparse SIZE", "--synchronous", "-T, --threads N", "-v, --verbose", "-V, --version", "--help"} {
		if !strings.Contains(r.out, option) {
			t.Errorf("the help does not say %s:\n%s", option, r.out)
		}
	}
	if r.err != "" {
		t.Errorf("standard error: %q", r.err)
	}
}

func TestVersion(t *testing.T) {
	for _, arg := range []string{"-V", "--version"} {
		if r := good(t, "", arg); !strings.HasPrefix(r.out, "nbdcopy ") || !strings.HasSuffix(r.out, "\n") {
			t.Errorf("%s prints %q", arg, r.out)
		}
	}
}

func TestPercentOf(t *testing.T) {
	for _, row := range []struct{ done, total, want int64 }{
		{0, 0, 100}, {0, 1, 0}, {1, 1, 100}, {1, 3, 33}, {999, 1000, 99}, {math.MaxInt64, math.MaxInt64, 100}, {math.MaxInt64 / 2, math.MaxInt64, 50},
	} {
		if got := percentOf(row.done, row.total); got != row.want {
			t.Errorf("percentOf(%d, %d) = %d, expected %d", row.done, row.total, got, row.want)
		}
	}
}

// TestListing lists the options, as the completion of a shell asks for them.
func TestListing(t *testing.T) {
	for option, want := range map[string]string{"--short-options": "-R\n", "--long-options": "--destination-is-zero\n"} {
		var out strings.Builder
		if err := run(context.Background(), []string{option}, cli.Stdio{Out: &out, Err: &out}); err != nil || !strings.Contains(out.String(), want) {
			t.Errorf("%s: %v, %q", option, err, &out)
		}
	}
}
