package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// compat is the module that has the name of the official binding.
const compat = "compat/libguestfs.org/libnbd"

// TestCompatExports compares the names that the stand-in for the official
// binding exports with those of package libnbd.
func TestCompatExports(t *testing.T) {
	want, got := exports(t, "libnbd"), exports(t, compat)
	for name := range want {
		if !got[name] {
			t.Errorf("%s is not in %s", name, compat)
		}
	}
	for name := range got {
		if !want[name] {
			t.Errorf("%s is in %s only", name, compat)
		}
	}
}

// exports gives the exported names of a package, without methods.
func exports(t *testing.T, dir string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	names := make(map[string]bool)
	add := func(id *ast.Ident) {
		if id.IsExported() {
			names[id.Name] = true
		}
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil {
					add(d.Name)
				}
			case *ast.GenDecl:
				for _, s := range d.Specs {
					switch s := s.(type) {
					case *ast.TypeSpec:
						add(s.Name)
					case *ast.ValueSpec:
						for _, id := range s.Names {
							add(id)
						}
					}
				}
			}
		}
	}
	if len(names) < 50 {
		t.Fatalf("found only %d names in %s", len(names), dir)
	}
	return names
}

// TestCompatBuilds builds the stand-in, which tells whether its go.mod and
// go.sum have what this module needs by now.
func TestCompatBuilds(t *testing.T) {
	goTool(t, filepath.Join(root, compat), "readonly", "vet", "./...")
}

// TestCompatReplace builds a program that imports the official binding, in a
// module that replaces it with this checkout, and runs it. It needs no
// network, and no C compiler.
func TestCompatReplace(t *testing.T) {
	here, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	sums, err := os.ReadFile(filepath.Join(root, compat, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod": "module example.com/user\n\ngo 1.26.0\n\nrequire libguestfs.org/libnbd v1.22.1\n\n" +
			"replace libguestfs.org/libnbd => " + filepath.ToSlash(filepath.Join(here, compat)) + "\n" +
			"replace github.com/gonbd/gonbd => " + filepath.ToSlash(here) + "\n",
		"go.sum": string(sums),
		"main.go": `package main

import (
	"fmt"
	"log"
	"syscall"

	"libguestfs.org/libnbd"
)

const context = libnbd.CONTEXT_BASE_ALLOCATION

func main() {
	h, err := libnbd.Create()
	if err != nil {
		log.Fatal(err)
	}
	if err := h.AddMetaContext(context); err != nil {
		log.Fatal(err)
	}
	name, err := h.GetMetaContext(0)
	if err != nil {
		log.Fatal(err)
	}
	err = h.Pread(make([]byte, 512), 0, &libnbd.PreadOptargs{FlagsSet: true, Flags: 0})
	fmt.Println(*name, err.(*libnbd.LibnbdError).Errno == syscall.ENOTCONN)
	if err := h.Close(); err != nil {
		log.Fatal(err)
	}
}
`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := goTool(t, dir, "mod", "run", "."), "base:allocation true\n"; got != want {
		t.Errorf("the program said %q, want %q", got, want)
	}
}

// goTool runs the go command in a module without network and cgo, and gives
// what it printed.
func goTool(t *testing.T, dir, mod string, args ...string) string {
	t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=-mod="+mod, "GOPROXY=off", "GOSUMDB=off")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}
