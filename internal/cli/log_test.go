package cli

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
)

func TestLogger(t *testing.T) {
	log := func(verbose bool) string {
		var b strings.Builder
		l := Logger("tool", &b, verbose)
		l.Debug("tool: begins", "size", 7)
		l.Warn("nbd: connection ended", "err", errors.New("reset"), "server", "a b")
		l.With("at", 1).WithGroup("g").Error("lost", "x", true, slog.Attr{})
		return b.String()
	}
	const quiet = "tool: warning: nbd: connection ended: reset server=\"a b\"\ntool: lost at=1 g.x=true\n"
	if got := log(false); got != quiet {
		t.Errorf("it writes %q, expected %q", got, quiet)
	}
	if got := log(true); got != "tool: begins size=7\n"+quiet {
		t.Errorf("verbose, it writes %q", got)
	}
}
