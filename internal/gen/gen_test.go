package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestGenerated says when a generated file is not what the table makes of it.
func TestGenerated(t *testing.T) {
	files, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join(root, name))
		if err != nil || string(got) != string(want) {
			t.Errorf("%s is out of date (%v): run go generate ./internal/gen", name, err)
		}
	}
}
