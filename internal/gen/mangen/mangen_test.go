package mangen

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestPages formats each page with all warnings of groff on.
func TestPages(t *testing.T) {
	if _, err := exec.LookPath("groff"); err != nil {
		if os.Getenv("GONBD_NO_SKIP") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	pages := Pages()
	if len(pages) < 160 {
		t.Fatalf("there are %d pages", len(pages))
	}
	for name, text := range pages {
		cmd := exec.Command("groff", "-man", "-ww", "-Tutf8", "-P-cbou")
		cmd.Stdin = strings.NewReader(text)
		var warnings strings.Builder
		cmd.Stderr = &warnings
		out, err := cmd.Output()
		if err != nil || warnings.Len() > 0 {
			t.Errorf("%s: %v\n%s", name, err, &warnings)
		}
		if !strings.Contains(string(out), "DESCRIPTION") {
			t.Errorf("%s has no description", name)
		}
		if strings.ContainsAny(text, "{}") && !strings.Contains(text, ".nf") {
			t.Errorf("%s has markup left in it", name)
		}
	}
}
