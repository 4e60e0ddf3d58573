package peers

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Outcome is how a program ended.
type Outcome struct {
	Stdout, Stderr string
	Code           int // 124 if it took longer than 20 seconds
}

// Outcomes runs programs of the tree, one after the other, where they see the
// folder scratch, with nothing on standard input. Each command is a program
// and its arguments. One shell does it for all, because entering the tree
// takes time. At its end it stops what the programs left behind.
func Outcomes(t testing.TB, tree Tree, scratch string, commands [][]string) []Outcome {
	t.Helper()
	dir, err := os.MkdirTemp(scratch, "outcomes")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	var script strings.Builder
	fmt.Fprintf(&script, "cd %s\n", dir)
	for i, args := range commands {
		script.WriteString("timeout --foreground 20")
		for _, a := range args {
			script.WriteString(" '" + strings.ReplaceAll(a, "'", `'\''`) + "'")
		}
		fmt.Fprintf(&script, " >out.%d 2>err.%d </dev/null; echo $? >code.%d\n", i, i, i)
	}
	script.WriteString("trap '' TERM; kill -TERM 0")
	cmd := tree.Command(t, scratch, "sh", "-c", script.String())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	outcomes := make([]Outcome, len(commands))
	read := func(kind string, i int) string {
		text, err := os.ReadFile(filepath.Join(dir, kind+"."+strconv.Itoa(i)))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	for i := range commands {
		code, err := strconv.Atoi(strings.TrimSpace(read("code", i)))
		if err != nil {
			t.Fatal(err)
		}
		outcomes[i] = Outcome{read("out", i), read("err", i), code}
	}
	return outcomes
}
