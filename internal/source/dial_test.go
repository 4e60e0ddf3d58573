package source

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/gonbd/gonbd/internal/cli"
)

// A URI on a command line may name local files, and a command is started.
func TestDialErrors(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "certificates")
	for _, test := range []struct {
		source cli.Source
		want   string
	}{
		{cli.Source{Arg: "disk.img"}, "no scheme"},
		{cli.Source{Arg: "nbds://localhost/?tls-certificates=" + dir}, ""},
		{cli.Source{Command: []string{"gonbd-no-such-program"}}, "gonbd-no-such-program"},
	} {
		if _, err := Dial(t.Context(), test.source); err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "not permitted") {
			t.Errorf("%v: error %v, want %q", test.source, err, test.want)
		}
	}
}
