package api

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// list is the API of C libnbd 1.24 as data.
type list struct {
	Constants []struct{ Name, Value string }
	Callbacks []struct{ Name, Callback string }
	Functions []struct {
		Name    string
		Returns string
		Params  []string
		Symbol  string `json:"symbol_version"`
		Since   string
		NonNull []string `json:"non_null"`
		States  []string `json:"allowed_states"`
		Fails   bool
	}
}

func readList(t *testing.T) *list {
	t.Helper()
	text, err := os.ReadFile("testdata/libnbd-1.24.json")
	if err != nil {
		t.Fatal(err)
	}
	l := new(list)
	if err := json.Unmarshal(text, l); err != nil {
		t.Fatal(err)
	}
	if len(l.Functions) != 165 || len(l.Constants) < 40 || len(l.Callbacks) != 7 {
		t.Fatalf("the list has %d functions, %d constants and %d callbacks", len(l.Functions), len(l.Constants), len(l.Callbacks))
	}
	return l
}

// TestFunctions holds the table against the list of C libnbd's functions, both
// ways: names in order, parameters, results, states, versions.
func TestFunctions(t *testing.T) {
	l := readList(t)
	var calls []Call
	for _, c := range Calls {
		if c.Symbol != "" {
			calls = append(calls, c)
		}
	}
	if len(calls) != len(l.Functions) {
		t.Fatalf("the table has %d functions of libnbd %s, the list %d", len(calls), Version, len(l.Functions))
	}
	names := []string{"created", "connecting", "negotiating", "connected", "closed", "dead"}
	for i, f := range l.Functions {
		c := calls[i]
		if "nbd_"+c.Name != f.Name {
			t.Fatalf("function %d is nbd_%s, want %s", i, c.Name, f.Name)
		}
		typ, _ := c.Result.C()
		if params := c.CParams(); !slices.Equal(params, f.Params) || typ != f.Returns {
			t.Errorf("%s: %s (%q), want %s (%q)", f.Name, typ, params, f.Returns, f.Params)
		}
		var pointers []string
		if !c.NoHandle && f.Since != "" {
			pointers = append(pointers, "h")
		}
		for _, a := range c.AllArgs() {
			if a.NonNull() {
				pointers = append(pointers, a.Name)
			}
		}
		if !slices.Equal(pointers, f.NonNull) {
			t.Errorf("%s: %q must not be null, want %q", f.Name, pointers, f.NonNull)
		}
		var states []string
		for i, n := range names {
			if c.States&(1<<i) != 0 {
				states = append(states, n)
			}
		}
		if !slices.Equal(states, f.States) {
			t.Errorf("%s: states %q, want %q", f.Name, states, f.States)
		}
		since := f.Since
		if since == "" {
			since = "1.0"
		}
		if c.Since != since || c.Symbol != f.Symbol || c.MayFail != f.Fails || !slices.Contains(SymbolVersions, c.Symbol) {
			t.Errorf("%s: since %s, symbol %s, may fail %v; want %s, %s, %v", f.Name, c.Since, c.Symbol, c.MayFail, since, f.Symbol, f.Fails)
		}
	}
}

func TestConstants(t *testing.T) {
	l := readList(t)
	if len(Constants) != len(l.Constants) {
		t.Fatalf("there are %d constants, want %d", len(Constants), len(l.Constants))
	}
	groups := make(map[string]bool)
	for _, g := range Groups {
		groups[g.Name] = true
	}
	for i, want := range l.Constants {
		c := Constants[i]
		if "LIBNBD_"+c.Name != want.Name || c.Value != want.Value || c.Doc == "" || c.Group != "" && !groups[c.Group] {
			t.Errorf("constant %d is %+v, want %s = %s", i, c, want.Name, want.Value)
		}
	}
	for _, c := range Calls {
		for _, f := range c.Flags {
			if !slices.ContainsFunc(Constants, func(k Constant) bool { return k.Name == f }) {
				t.Errorf("%s has the flag %s, which is no constant", c.Name, f)
			}
		}
	}
}

func TestCallbacks(t *testing.T) {
	l := readList(t)
	if len(Callbacks) != len(l.Callbacks) {
		t.Fatalf("there are %d callbacks, want %d", len(Callbacks), len(l.Callbacks))
	}
	for i, want := range l.Callbacks {
		c := Callbacks[i]
		got := "int (*)(void *user_data, " + strings.Join(c.Args, ", ") + ")"
		if "nbd_"+c.Name+"_callback" != want.Name || got != want.Callback {
			t.Errorf("callback %d is %s %s, want %s %s", i, c.Name, got, want.Name, want.Callback)
		}
	}
}

var reference = regexp.MustCompile(`\bnbd_([a-z0-9_]+)\(3\)`)

// TestDocs wants something to be said about each call, and nothing about
// others.
func TestDocs(t *testing.T) {
	known := make(map[string]bool)
	for _, c := range Calls {
		known[c.Name] = true
	}
	for name := range docs {
		if !known[name] {
			t.Errorf("there is documentation of %s, which is no call", name)
		}
	}
	for _, c := range Calls {
		d := c.Doc()
		long := strings.TrimSpace(d.Long)
		switch {
		case d.Short == "" || len(d.Short) > 75 || strings.HasSuffix(d.Short, ".") || unicode.IsUpper(rune(d.Short[0])) && !strings.HasPrefix(d.Short, "NBD"):
			t.Errorf("%s: the short description is %q", c.Name, d.Short)
		case len(long) < 20 || !strings.Contains(".\t", long[len(long)-1:]) && !strings.Contains(long, "\n- ") && !strings.Contains(long, "\n\t"):
			t.Errorf("%s: the description is %q", c.Name, long)
		case strings.Count(long, "{") != strings.Count(long, "}"):
			t.Errorf("%s: the braces of the description do not match", c.Name)
		case len(d.SeeAlso) == 0:
			t.Errorf("%s: no related call is named", c.Name)
		}
		for _, m := range reference.FindAllStringSubmatch(d.Long, -1) {
			if !known[m[1]] {
				t.Errorf("%s refers to nbd_%s, which is no call", c.Name, m[1])
			}
		}
		for _, s := range d.SeeAlso {
			if !known[s] || s == c.Name {
				t.Errorf("%s: see also %s", c.Name, s)
			}
		}
	}
}

// TestDerived checks what the lists do not.
func TestDerived(t *testing.T) {
	if got := GoName("aio_block_status_64"); got != "AioBlockStatus64" {
		t.Errorf("the Go name is %q", got)
	}
	if got := (Created | Negotiating | Dead).Words(); !slices.Equal(got, []string{"newly created", "negotiating", "dead"}) {
		t.Errorf("the states are %q", got)
	}
	c := Calls[slices.IndexFunc(Calls, func(c Call) bool { return c.Name == "aio_pread" })]
	want := "int64_t nbd_aio_pread (struct nbd_handle *h, void *buf, size_t count, uint64_t offset, nbd_completion_callback completion_callback, uint32_t flags)"
	if got := c.Prototype(); got != want {
		t.Errorf("the prototype is %q", got)
	}
}
