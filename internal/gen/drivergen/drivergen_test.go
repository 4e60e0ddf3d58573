package drivergen

import (
	"flag"
	"os"
	"testing"
)

var update = flag.Bool("update", false, "write the generated file")

// TestGenerated compares the file with what the table says.
func TestGenerated(t *testing.T) {
	const path = "../../behaviour/testdata/driver_gen.c"
	if *update {
		if err := os.WriteFile(path, []byte(Driver()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(text) != Driver() {
		t.Errorf("%s is not what the table of internal/api gives: run go test ./internal/gen/drivergen -update", path)
	}
}
