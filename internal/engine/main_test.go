package engine

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
)

// taken counts the transitions of all tests.
var taken struct {
	sync.Mutex
	count map[[2]State]int
}

// declared says whether the table permits a transition.
func declared(from, to State) bool {
	switch {
	case from == StateClosed || from == StateDead:
		return false
	case to == StateDead || to == StateClosed:
		return true
	}
	return slices.Contains(states[from].next, to)
}

// TestMain watches the transitions that all the tests take: none may be
// missing in the table, and when all tests ran none may be needless in it.
func TestMain(m *testing.M) {
	taken.count = map[[2]State]int{}
	transitionHook = func(from, to State) {
		if !declared(from, to) {
			panic(fmt.Sprintf("the transition from %v to %v is not in the table", from, to))
		}
		taken.Lock()
		taken.count[[2]State{from, to}]++
		taken.Unlock()
	}
	code := m.Run()
	if code == 0 && everything() {
		code = neverTaken()
	}
	os.Exit(code)
}

// everything says whether the flags let all the tests run.
func everything() bool {
	for _, name := range []string{"test.run", "test.skip", "test.list", "test.fuzz", "test.bench"} {
		if f := flag.Lookup(name); f != nil && f.Value.String() != "" {
			return false
		}
	}
	return !testing.Short()
}

// neverTaken reports the needless rows of the table.
func neverTaken() (code int) {
	for from := range numStates {
		for _, to := range states[from].next {
			if taken.count[[2]State{from, to}] == 0 {
				fmt.Printf("the transition from %v to %v is in the table, and no test takes it\n", from, to)
				code = 1
			}
		}
	}
	return code
}
