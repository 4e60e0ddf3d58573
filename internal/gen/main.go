// Command gen writes the generated files of the libnbd API from the table of
// internal/api. It is run by "go generate ./internal/gen", and a test says
// when it must be.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/gonbd/gonbd/internal/gen/cgen"
	"github.com/gonbd/gonbd/internal/gen/drivergen"
	"github.com/gonbd/gonbd/internal/gen/gogen"
	"github.com/gonbd/gonbd/internal/gen/starlarkgen"
)

//go:generate go run .

// root is the module's root, from the folder of this package.
const root = "../.."

func main() {
	files, err := generate()
	if err == nil {
		for name, text := range files {
			if err = write(filepath.Join(root, name), text); err != nil {
				break
			}
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

// write leaves a file alone that is as it should be.
func write(path string, text []byte) error {
	if old, err := os.ReadFile(path); err == nil && string(old) == string(text) {
		return nil
	}
	return os.WriteFile(path, text, 0o644)
}

// generate gives the text of every generated file by its path in the module.
func generate() (map[string][]byte, error) {
	binding, err := os.ReadFile(filepath.Join(root, "libnbd/testdata/go-binding-1.25.txt"))
	if err != nil {
		return nil, err
	}
	return map[string][]byte{
		"internal/handle/calls_gen.go":               gogen.Handle(),
		"libnbd/calls_gen.go":                        gogen.LibnbdCalls(),
		"libnbd/types_gen.go":                        gogen.LibnbdTypes(),
		"libnbd/signatures_gen_test.go":              gogen.Signatures(string(binding)),
		"compat/libguestfs.org/libnbd/libnbd_gen.go": gogen.Compat(),
		"internal/nbdmodule/calls_gen.go":            starlarkgen.Calls(),
		"internal/nbdmodule/docs_gen.go":             starlarkgen.Docs(),
		"capi/shim/libnbd.h":                         []byte(cgen.Header()),
		"capi/shim/libnbd.map":                       []byte(cgen.Map()),
		"capi/shim/calls_gen.c":                      []byte(cgen.Shim()),
		"capi/shim/table_gen.h":                      []byte(cgen.Table()),
		"capi/runtime/table_gen.c":                   []byte(cgen.TableC()),
		"internal/behaviour/testdata/driver_gen.c":   []byte(drivergen.Driver()),
		"capi/runtime/exports_gen.go":                gogen.Format(cgen.Exports()),
	}, nil
}
