package gogen

import (
	"os"
	"strings"
	"testing"

	"github.com/gonbd/gonbd/internal/api"
)

// TestSignatures holds what is made of the table against the declarations of
// the official binding, by their text: each method of a handle is there, and
// no other one.
func TestSignatures(t *testing.T) {
	list, err := os.ReadFile("../../../libnbd/testdata/go-binding-1.25.txt")
	if err != nil {
		t.Fatal(err)
	}
	byHand := map[string]bool{
		"func (h *Libnbd) Close() *LibnbdError": true,
		"func (h *Libnbd) String() string":      true,
	}
	want := make(map[string]bool)
	for line := range strings.Lines(string(list)) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "func (h *Libnbd) ") && !byHand[line] {
			want[line] = true
		}
	}
	for _, c := range calls() {
		got := Signature(c)
		if !want[got] {
			t.Errorf("the binding does not have %s", got)
		}
		delete(want, got)
	}
	for line := range want {
		t.Errorf("the table does not give %s", line)
	}
}

func TestDescribe(t *testing.T) {
	call := func(name string) *api.Call {
		for i := range api.Calls {
			if api.Calls[i].Name == name {
				return &api.Calls[i]
			}
		}
		t.Fatalf("no call %s", name)
		return nil
	}
	tests := []struct {
		name string
		call string
		doc  api.Doc
		want string
	}{
		{"nothing", "get_debug", api.Doc{}, `
// GetDebug is nbd_get_debug.`},
		{"states, version, links", "aio_pread", api.Doc{Short: "read", Long: "See nbd_pread(3), nbd_create(3), nbd_close(3) and nbd_none(3).", SeeAlso: []string{"pread", "poll"}}, `
// AioPread is nbd_aio_pread: read.
//
// See [Libnbd.Pread], [Create], [Libnbd.Close] and nbd_none(3).
//
// The handle must be connected with the server.
//
// See also [Libnbd.Pread], [Libnbd.Poll].`},
		{"several states", "opt_go", api.Doc{Short: "go"}, `
// OptGo is nbd_opt_go: go.
//
// The handle must be negotiating. It is in libnbd since version 1.4.`},
		{"from a callback", "aio_is_ready", api.Doc{Short: "ask"}, `
// AioIsReady is nbd_aio_is_ready: ask.
//
// It may be called from a callback.`},
		{"newer", "get_keepalive", api.Doc{Short: "ask"}, `
// GetKeepalive is nbd_get_keepalive: ask.
//
// It is newer than libnbd 1.24.`},
		{"constants", "get_debug", api.Doc{Long: "{LIBNBD_TLS_ALLOW} or LIBNBD_STRICT_*, but {LIBNBD_DEBUG=1}."}, `
// GetDebug is nbd_get_debug.
//
// TLS_ALLOW or STRICT_*, but LIBNBD_DEBUG=1.`},
		{"list", "get_debug", api.Doc{Long: "It is\n- {one}\n- two, which\nis long\n\nof them."}, `
// GetDebug is nbd_get_debug.
//
// It is
//   - one
//   - two, which is long
//
// of them.`},
		{"verbatim", "get_debug", api.Doc{Long: "Thus:\n\n\tif (x) { LIBNBD_TLS_ALLOW }\n\t  nbd_pread(3)"}, `
// GetDebug is nbd_get_debug.
//
// Thus:
//
//	if (x) { LIBNBD_TLS_ALLOW }
//	  nbd_pread(3)`},
		{"wrapping", "get_debug", api.Doc{Long: strings.Repeat("word ", 16) + "\n- " + strings.Repeat("item ", 16)}, `
// GetDebug is nbd_get_debug.
//
// word word word word word word word word word word word word word word word
// word
//   - item item item item item item item item item item item item item item
//     item item`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got, want := describe(call(tt.call), tt.doc), strings.TrimPrefix(tt.want, "\n"); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}
