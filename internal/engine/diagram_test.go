package engine

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the state diagram into ARCHITECTURE.md")

// TestDiagram holds the diagram in ARCHITECTURE.md against the state table.
func TestDiagram(t *testing.T) {
	const file, begin, end = "../../ARCHITECTURE.md", "<!-- states: drawn by TestDiagram -update -->\n", "<!-- end of states -->"
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(b), begin)
	old, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no place for the diagram", file)
	}
	drawn := diagram()
	if *update {
		if err := os.WriteFile(file, []byte(before+begin+drawn+end+after), 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	if old != drawn {
		t.Errorf("the diagram in %s is not that of the state table: run go test ./internal/engine -run TestDiagram -update", file)
	}
}

// diagram draws the coarse shape: classes as groups, the states in them, and
// the arrows between different states.
func diagram() string {
	var b strings.Builder
	b.WriteString("```mermaid\nstateDiagram-v2\n")
	for s := State(0); s < numStates; s++ {
		fmt.Fprintf(&b, "  s%d: %s\n", s, s)
	}
	for s := State(0); s < numStates; s++ {
		for _, to := range states[s].next {
			fmt.Fprintf(&b, "  s%d --> s%d\n", s, to)
		}
	}
	b.WriteString("```\n\n| state | meaning | class | reads |\n|---|---|---|---|\n")
	for s := State(0); s < numStates; s++ {
		reads := ""
		if states[s].reads {
			reads = "yes"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", s, s.Meaning(), s.Class(), reads)
	}
	return b.String()
}
