package cli

import (
	"os"
	"testing"
)

// A pseudo-terminal is a terminal at both ends.
func TestColorOnTerminal(t *testing.T) {
	f, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip(err)
	}
	defer f.Close()
	t.Setenv("NO_COLOR", "")
	t.Setenv("TERM", "xterm")
	if !IsTerminal(f) || !ColorAuto.Use(f) {
		t.Errorf("on a terminal: IsTerminal %v, colours %v", IsTerminal(f), ColorAuto.Use(f))
	}
	if ColorNever.Use(f) {
		t.Error("colours although forbidden")
	}
	t.Setenv("TERM", "dumb")
	if ColorAuto.Use(f) {
		t.Error("colours on a dumb terminal")
	}
	t.Setenv("TERM", "xterm")
	t.Setenv("NO_COLOR", "1")
	if ColorAuto.Use(f) {
		t.Error("colours in spite of NO_COLOR")
	}
}
