package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/gonbd/gonbd/internal/cli"
)

// progress shows how far a copy is: as a bar on a terminal, in lines of
// "N/100" for programs, or not at all.
type progress struct {
	out     io.Writer // nil: not at all
	lines   bool      // N/100
	redraw  bool      // out is a terminal
	began   time.Time
	percent int64 // shown last; -1: none
	shown   bool  // something is on the line
	text    string
}

func newProgress(o *options, stderr io.Writer) (*progress, error) {
	p := &progress{began: time.Now(), percent: -1}
	switch o.progress {
	case "":
	case "bar":
		p.out, p.redraw = stderr, cli.IsTerminal(stderr)
	default:
		f := os.NewFile(uintptr(o.progressFD), "progress")
		if _, err := f.Stat(); err != nil {
			return nil, cli.Usagef("--progress: the file descriptor %d is not open", o.progressFD)
		}
		p.out, p.lines = f, true
		p.line(0)
	}
	return p, nil
}

// show is the Progress of a copy.
func (p *progress) show(done, total int64) {
	switch {
	case p.out == nil:
	case p.lines:
		if total >= 0 {
			p.line(percentOf(done, total))
		}
	default:
		p.text = p.bar(done, total)
		if p.redraw {
			fmt.Fprintf(p.out, "\r\x1b[K%s", p.text)
			p.shown = true
		}
	}
}

// end leaves the bar as it is. Where it could not be redrawn, it is shown now.
func (p *progress) end() {
	switch {
	case p.out == nil || p.lines:
	case p.redraw && p.shown:
		fmt.Fprintln(p.out)
	case p.text != "":
		fmt.Fprintln(p.out, p.text)
	}
}

func (p *progress) line(percent int64) {
	if percent != p.percent {
		p.percent = percent
		// Whoever reads may have gone; that is no reason to stop copying.
		fmt.Fprintf(p.out, "%d/100\n", percent)
	}
}

func percentOf(done, total int64) int64 {
	if total <= 0 {
		return 100
	}
	return int64(float64(done) / float64(total) * 100)
}

// bar draws "45% [█████     ] 1.2G of 2.6G, 512M/s, 3s left".
func (p *progress) bar(done, total int64) string {
	const width = 30
	took := time.Since(p.began)
	rate := float64(done) / max(took.Seconds(), 0.001)
	if total < 0 {
		return fmt.Sprintf("%s, %s/s", cli.FormatSize(done), cli.FormatSize(int64(rate)))
	}
	percent := percentOf(done, total)
	full := int(percent * width / 100)
	s := fmt.Sprintf("%3d%% [%s%s] %s of %s, %s/s", percent, strings.Repeat("█", full), strings.Repeat(" ", width-full),
		cli.FormatSize(done), cli.FormatSize(total), cli.FormatSize(int64(rate)))
	switch {
	case done == total:
		s += fmt.Sprintf(", took %v", took.Round(100*time.Millisecond))
	case rate > 0:
		left := time.Duration(float64(total-done) / rate * float64(time.Second))
		s += fmt.Sprintf(", %v left", max(time.Second, left.Round(time.Second)))
	}
	return s
}
