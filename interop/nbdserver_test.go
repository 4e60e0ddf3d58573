package interop

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/gonbd/gonbd/internal/peers"
	"github.com/gonbd/gonbd/nbd"
)

// TestNBDServer talks to the reference implementation.
func TestNBDServer(t *testing.T) {
	peers.Each(t, func(t *testing.T, tree peers.Tree) {
		dir := t.TempDir()
		config := ""
		for _, name := range []string{"first", "second"} {
			file := filepath.Join(dir, name)
			if err := os.WriteFile(file, nil, 0o666); err != nil {
				t.Fatal(err)
			}
			if err := os.Truncate(file, 16<<20); err != nil {
				t.Fatal(err)
			}
			config += fmt.Sprintf("[%s]\nexportname = %s\nflush = true\nfua = true\ntrim = true\n", name, file)
		}
		s := peers.NBDServer(t, tree, config)
		list, err := nbd.List(testContext(t), s.URI(""))
		if err != nil {
			t.Fatal(err)
		}
		if want := []nbd.ListedExport{{Name: "first"}, {Name: "second"}}; !slices.Equal(list, want) {
			t.Errorf("the list is %+v, expected %+v", list, want)
		}
		c := dial(t, s.URI("second"), nbd.WithConnections(2))
		t.Logf("%+v, %d connections, %+v", c.Protocol(), c.Connections(), c.Export())
		exercise(t, c)
		shutdown(t, c)

		_, err = nbd.Dial(testContext(t), s.URI("third"))
		if !errors.Is(err, syscall.ENOENT) {
			t.Errorf("an export that does not exist: %v", err)
		}
	}, "nbd-server")
}
