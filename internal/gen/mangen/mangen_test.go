package mangen

import (
	"strings"
	"testing"

	"github.com/gonbd/gonbd/internal/roff/rofftest"
)

func TestPages(t *testing.T) {
	pages := Pages()
	if len(pages) < 160 {
		t.Fatalf("there are %d pages", len(pages))
	}
	for name, page := range pages {
		if !strings.Contains(rofftest.Check(t, name, page), "DESCRIPTION") {
			t.Errorf("%s has no description", name)
		}
		if strings.ContainsAny(page, "{}") && !strings.Contains(page, ".nf") {
			t.Errorf("%s has markup left in it", name)
		}
	}
}
