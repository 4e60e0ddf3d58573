package interop

import (
	"os"
	"testing"
	"time"
)

// await waits until a condition holds that can only be asked for.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	late := time.After(timeout)
	for !holds() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("waited too long until %s", what)
		}
	}
}

func awaitFile(t *testing.T, path string) {
	t.Helper()
	await(t, path+" exists", func() bool { _, err := os.Stat(path); return err == nil })
}
