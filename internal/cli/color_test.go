package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

func TestColorMode(t *testing.T) {
	var w bytes.Buffer
	for mode, want := range map[ColorMode]bool{ColorAuto: false, ColorAlways: true, ColorNever: false} {
		if got := mode.Use(&w); got != want {
			t.Errorf("mode %d uses colours on a buffer: %v, want %v", mode, got, want)
		}
	}
}

func TestIsTerminal(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if IsTerminal(f) {
		t.Error("a file is said to be a terminal")
	}
	if IsTerminal(&bytes.Buffer{}) {
		t.Error("a buffer is said to be a terminal")
	}
}
