// Command man writes what is made of the texts about programs and functions:
// the manual pages of the C library and of the tools, and the tools'
// completion for shells, into a folder that is laid out as /usr/share is.
package main

import (
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"github.com/gonbd/gonbd/internal/gen/mangen"
	"github.com/gonbd/gonbd/internal/manual"
)

func main() { os.Exit(run(os.Args[1:], os.Stderr)) }

// run gives the exit code.
func run(args []string, stderr io.Writer) int {
	if len(args) != 1 || args[0] == "" || strings.HasPrefix(args[0], "-") {
		fmt.Fprintln(stderr, "usage: man DIR\n\nWrites manual pages and completions for shells below the folder DIR.")
		return 2
	}
	if err := write(args[0]); err != nil {
		fmt.Fprintln(stderr, "man:", err)
		return 1
	}
	return 0
}

func write(dir string) error {
	for name, text := range files() {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// files gives the text of each file by its path.
func files() map[string]string {
	all := map[string]string{}
	for name, text := range mangen.Pages() {
		all["man/man3/"+name] = text
	}
	maps.Copy(all, manual.Files())
	return all
}
