// Package rofftest formats manual pages with the programs that show them, and
// has them complain.
//
// It is for tests only.
package rofftest

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/gonbd/gonbd/internal/peers"
)

// Check formats a page with all warnings of groff on, and has mandoc look at
// it: neither may warn. It gives the text that groff makes.
func Check(t *testing.T, name, page string) string {
	t.Helper()
	peers.Bookworm.Need(t, "groff", "mandoc")
	run := func(program string, args ...string) (stdout, complaints string) {
		cmd := exec.Command(program, args...)
		cmd.Stdin = strings.NewReader(page)
		var out, errs strings.Builder
		cmd.Stdout, cmd.Stderr = &out, &errs
		if err := cmd.Run(); err != nil {
			errs.WriteString(err.Error())
		}
		return out.String(), errs.String()
	}
	text, complaints := run("groff", "-man", "-ww", "-Tutf8", "-P-cbou")
	if complaints != "" {
		t.Errorf("%s: groff: %s", name, complaints)
	}
	// Below warnings there is only style, of lines that are long.
	if lint, complaints := run("mandoc", "-T", "lint", "-W", "warning"); lint+complaints != "" {
		t.Errorf("%s: mandoc: %s%s", name, lint, complaints)
	}
	return text
}
