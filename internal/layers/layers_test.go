// Package layers has no code: its test keeps the packages of the module on
// their floors, as ARCHITECTURE.md draws them.
package layers

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/gonbd/gonbd/"

// may lists, for each package, the packages of the module that its code may
// import. Tests may import what they like.
var may = map[string][]string{
	"internal/wire":                {},
	"internal/nbderr":              {"internal/wire"},
	"internal/engine":              {"internal/wire", "internal/nbderr"},
	"internal/sockio":              {},
	"internal/transport":           {"internal/nbderr"},
	"nbduri":                       {"internal/nbderr"},
	"nbd":                          {"internal/tlsclient", "internal/engine", "internal/sockio", "internal/transport", "nbduri", "internal/nbderr", "internal/wire"},
	"internal/handle":              {"internal/tlsclient", "internal/engine", "internal/sockio", "internal/transport", "nbduri", "internal/nbderr", "internal/wire"},
	"internal/api":                 {},
	"internal/gen":                 {"internal/gen/cgen", "internal/gen/drivergen", "internal/gen/gogen", "internal/gen/starlarkgen"},
	"internal/gen/cgen":            {"internal/api"},
	"internal/roff":                {},
	"internal/roff/rofftest":       {"internal/peers"},
	"internal/manual":              {"internal/roff"},
	"internal/gen/mangen":          {"internal/api", "internal/roff"},
	"internal/gen/man":             {"internal/gen/mangen", "internal/manual"},
	"internal/gen/gogen":           {"internal/api"},
	"internal/gen/starlarkgen":     {"internal/api", "internal/gen/gogen"},
	"compat/libguestfs.org/libnbd": {"libnbd"},
	"libnbd":                       {"internal/handle"},
	"internal/tlspsk":              {},
	"internal/testcerts":           {},
	"internal/tlsclient":           {"internal/tlspsk", "internal/nbderr"},
	"internal/bench":               {"libnbd", "internal/testcerts"},
	"capi":                         {},
	"internal/behaviour":           {"internal/peers", "nbdserver"},
	"internal/gen/drivergen":       {"internal/api"},
	"capi/runtime":                 {"internal/handle"},
	"nbdserver":                    {"internal/tlspsk", "internal/wire", "internal/nbderr"},
	"nbdcopy":                      {"nbd", "nbduri"},
	"nbdkernel":                    {"nbd", "internal/wire"},
	"internal/cli":                 {},
	"internal/script":              {"internal/wire"},
	"internal/peers":               {},
	"internal/tooltest":            {"internal/cli", "internal/peers", "nbdserver"},
	"internal/vmtest":              {"internal/peers"},
	"internal/nbdinfo":             {"nbd", "nbduri", "internal/cli", "internal/source"},
	"internal/source":              {"nbd", "nbduri", "internal/cli"},
	"internal/nbddump":             {"nbd", "internal/cli", "internal/source"},
	"internal/ublk":                {},
	"internal/nbdublk":             {"nbd", "internal/cli", "internal/source", "internal/ublk"},
	"internal/nbdattach":           {"nbd", "nbdkernel", "internal/cli", "internal/source"},
	"internal/erase":               {"nbd", "internal/cli", "internal/source"},
	"internal/dialect":             {},
	"internal/nbdmodule":           {"internal/dialect", "internal/handle"},
	"internal/nbdsh":               {"internal/cli", "internal/dialect", "internal/nbdmodule"},
	"internal/nbdfuse":             {"nbd", "nbduri", "internal/cli", "internal/source"},
	"internal/demo":                {"nbd", "nbdserver", "nbdcopy", "internal/cli"},
	"interop":                      {},
	"interop/vm":                   {},
	"cmd/nbdserve":                 {"nbdserver", "internal/cli"},
	"cmd/nbdinfo":                  {"internal/cli", "internal/nbdinfo"},
	"cmd/nbddump":                  {"internal/cli", "internal/nbddump"},
	"cmd/nbdublk":                  {"internal/cli", "internal/nbdublk"},
	"cmd/nbdattach":                {"internal/cli", "internal/nbdattach"},
	"cmd/nbddiscard":               {"internal/cli", "internal/erase"},
	"cmd/nbdzero":                  {"internal/cli", "internal/erase"},
	"cmd/nbdsh":                    {"internal/cli", "internal/nbdsh"},
	"cmd/nbdfuse":                  {"internal/cli", "internal/nbdfuse"},
	"cmd/nbdcopy":                  {"nbd", "nbduri", "nbdcopy", "internal/cli", "internal/source"},
}

// never lists standard packages that a package must not import: the engine
// and the codecs do no I/O, and know no time and no goroutines.
var never = map[string][]string{
	"internal/wire":   {"net", "os", "time", "sync", "context", "io"},
	"internal/engine": {"net", "os", "time", "sync", "context", "io"},
}

// lean packages depend on nothing outside of the module but golang.org/x/sys.
var lean = []string{"nbd", "nbduri", "internal/engine", "internal/wire", "internal/nbderr", "internal/sockio", "internal/transport", "internal/handle", "libnbd"}

func TestLayers(t *testing.T) {
	imports := readImports(t)
	if len(imports) < 10 {
		t.Fatalf("found only %d packages", len(imports))
	}
	for name, list := range imports {
		allowed, ok := may[name]
		if !ok {
			t.Errorf("package %s has no floor: give it one here and in ARCHITECTURE.md", name)
			continue
		}
		for _, imp := range list {
			own, isOwn := strings.CutPrefix(imp, module)
			switch {
			case isOwn && !slices.Contains(allowed, own):
				t.Errorf("%s imports %s, which is not below it", name, own)
			case slices.Contains(never[name], imp):
				t.Errorf("%s imports %s, which it must do without", name, imp)
			case imp == "C" && name != "capi/runtime":
				t.Errorf("%s uses cgo", name)
			case slices.Contains(lean, name) && strings.Contains(imp, ".") && !isOwn && !strings.HasPrefix(imp, "golang.org/x/sys/"):
				t.Errorf("%s imports %s, but should depend on the standard library and golang.org/x/sys only", name, imp)
			}
		}
	}
	for name := range may {
		if _, ok := imports[name]; !ok {
			t.Errorf("there is no package %s", name)
		}
	}
}

// readImports gives what the packages of the module import, on whatever
// system, their tests excepted.
func readImports(t *testing.T) map[string][]string {
	const root = "../.."
	imports := map[string][]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (path != root && (strings.HasPrefix(d.Name(), ".") || strings.HasPrefix(d.Name(), "_")) || d.Name() == "testdata"):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		dir, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		name := filepath.ToSlash(dir)
		if imports[name] == nil {
			imports[name] = []string{}
		}
		for _, spec := range file.Imports {
			imp, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			imports[name] = append(imports[name], imp)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return imports
}
