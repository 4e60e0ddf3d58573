package vmtest

import (
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/gonbd/gonbd/internal/peers"
)

// Machine is what a machine has beside busybox, whose programs are all there.
type Machine struct {
	// Modules are the names of kernel modules to load. What those need is
	// loaded too. A test fails where one is missing.
	Modules []string
	// Commands are packages of programs that are built and put on PATH, by
	// their import paths.
	Commands []string
}

// Test is a test to be run in a machine, as a subtest.
type Test struct {
	Name string
	Run  func(t *testing.T)
}

// Run boots a machine and runs tests in it, one after the other, as subtests
// of t, which must not be a subtest itself. It is called with the same tests
// in the machine.
func Run(t *testing.T, m Machine, tests ...Test) {
	t.Helper()
	if Inside() {
		runInside(t, m, tests)
		return
	}
	if runtime.GOARCH != "amd64" || runtime.GOOS != "linux" {
		t.Skip("the virtual machine of these tests is made on Linux for amd64 only")
	}
	peers.Forky.Need(t, "qemu-system-x86_64", "busybox")
	output, console, err := boot(t, m, peers.Forky.Root(t))
	t.Logf("in the machine:\n%s", output)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the machine's console:\n%s", console)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range tests {
		t.Run(test.Name, func(t *testing.T) {
			if problem := verdict(output, t.Name()); problem != "" {
				t.Errorf("in the machine the test %s", problem)
			}
		})
	}
	if !strings.Contains(output, "\n"+endMark+"0\n") {
		t.Errorf("the test program in the machine did not succeed: its output does not end with %q", endMark+"0")
	}
}

// Inside says whether this program runs in a machine.
func Inside() bool { return os.Getenv(insideEnv) != "" }

func runInside(t *testing.T, m Machine, tests []Test) {
	for _, name := range m.Modules {
		if _, err := os.Stat("/sys/module/" + moduleName(name)); err != nil {
			t.Fatalf("the module %s is not loaded: %v", name, err)
		}
	}
	for _, test := range tests {
		t.Run(test.Name, test.Run)
	}
}

// verdict says how the test of that name ended in the machine, by what was
// printed: the empty string if it passed.
func verdict(output, name string) string {
	for line := range strings.Lines(output) {
		result, ok := strings.CutPrefix(strings.TrimSpace(line), "--- ")
		if !ok {
			continue
		}
		word, rest, _ := strings.Cut(result, ": ")
		if got, _, _ := strings.Cut(rest, " ("); got != name {
			continue
		}
		switch word {
		case "PASS":
			return ""
		case "FAIL":
			return "failed"
		}
		return "ended with " + word + ", but must not be skipped"
	}
	return "did not end"
}
