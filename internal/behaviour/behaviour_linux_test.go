package behaviour

import (
	"os"
	"testing"
	"time"

	"github.com/gonbd/gonbd/internal/handle"
	"github.com/gonbd/gonbd/internal/peers"
	"github.com/gonbd/gonbd/libnbd"
)

// timeout is how long a call may take.
const timeout = 20 * time.Second

// runAll runs all scripts through faces of one kind.
func runAll(t *testing.T, style Style, face func(t *testing.T, api *API) (Face, func())) {
	api, scripts := load(t)
	if !style.Upstream {
		peers.Bookworm.Need(t, "nbdkit") // which some scripts have the library start
	}
	for _, s := range scripts {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			f, end := face(t, api)
			defer end()
			Run(t, api, s, style, f)
		})
	}
}

// TestHandle runs the scripts on internal/handle.
func TestHandle(t *testing.T) {
	runAll(t, Style{Kind: "go"}, func(t *testing.T, api *API) (Face, func()) {
		return newGoFace(api, func() (any, error) { return handle.New(), nil })
	})
}

// TestLibnbd runs the scripts on the public package.
func TestLibnbd(t *testing.T) {
	runAll(t, Style{Kind: "go", NoFrees: true}, func(t *testing.T, api *API) (Face, func()) {
		return newGoFace(api, func() (any, error) { return libnbd.Create() })
	})
}

func TestMain(m *testing.M) {
	// The handle looks at it, and prints what the scripts don't expect.
	os.Unsetenv("LIBNBD_DEBUG")
	code := m.Run()
	os.RemoveAll(built)
	os.Exit(code)
}
