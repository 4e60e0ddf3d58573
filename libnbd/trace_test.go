//go:build linux

package libnbd

import (
	"slices"
	"strings"
	"testing"
)

// TestTrace compares the debugging lines of calls with those of the C library,
// which prints the contents of buffers too.
func TestTrace(t *testing.T) {
	h, err := Create()
	must(t, err)
	defer h.Close()
	var lines []string
	must(t, h.SetDebugCallback(func(context, msg string) int {
		if strings.HasPrefix(msg, "enter:") || strings.HasPrefix(msg, "leave:") {
			lines = append(lines, context+": "+msg)
		}
		return 0
	}))
	must(t, h.SetDebug(true))
	lines = nil // the end of that call is in it
	must(t, h.SetExportName("a\"b"))
	must(t, h.SetOptMode(false))
	_, err = h.GetExportName()
	must(t, err)
	_, err = h.GetOptMode()
	must(t, err)
	must(t, h.AddMetaContext("base:allocation"))
	h.SetTls(9)
	h.ConnectCommand([]string{"/nonexistent", "-s"})
	h.AioIsReady()
	buf := MakeAioBuffer(4)
	h.AioPread(buf, 0, nil)
	want := []string{
		`nbd_set_export_name: enter: export_name="a\"b"`, `nbd_set_export_name: leave: ret=0`,
		`nbd_set_opt_mode: enter: enable=false`, `nbd_set_opt_mode: leave: ret=0`,
		`nbd_get_export_name: enter:`, `nbd_get_export_name: leave: ret="a\"b"`,
		`nbd_get_opt_mode: enter:`, `nbd_get_opt_mode: leave: ret=0`,
		`nbd_add_meta_context: enter: name="base:allocation"`, `nbd_add_meta_context: leave: ret=0`,
		`nbd_set_tls: enter: tls=9`, `nbd_set_tls: leave: error="nbd_set_tls: tls: invalid value for parameter: 9: Invalid argument"`,
		`nbd_connect_command: enter: argv=["/nonexistent", "-s"]`, `nbd_connect_command: leave: error=`,
		`nbd_aio_pread: enter:`, `nbd_aio_pread: leave: error=`,
	}
	same := slices.EqualFunc(lines, want, func(got, want string) bool {
		if prefix, ok := strings.CutSuffix(want, "error="); ok {
			return strings.HasPrefix(got, prefix+"error=")
		}
		return got == want
	})
	if !same {
		t.Errorf("the lines are\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
}

// TestTraceCommands has the lines of commands.
func TestTraceCommands(t *testing.T) {
	h, err := Create()
	must(t, err)
	defer h.Close()
	must(t, h.AddMetaContext(CONTEXT_BASE_ALLOCATION))
	must(t, h.ConnectUnix(serve(t)))
	var lines []string
	must(t, h.SetDebugCallback(func(context, msg string) int {
		if strings.HasPrefix(msg, "enter:") {
			lines = append(lines, context+": "+msg)
		}
		return 0
	}))
	must(t, h.SetDebug(true))
	buf := MakeAioBuffer(4)
	_, err = h.AioPread(buf, 0, nil)
	must(t, err)
	_, err = h.AioPwrite(buf, 8, &AioPwriteOptargs{CompletionCallbackSet: true, CompletionCallback: func(*int) int { return 1 }, FlagsSet: true, Flags: CMD_FLAG_FUA})
	must(t, err)
	must(t, h.BlockStatus64(512, 0, func(string, uint64, []LibnbdExtent, *int) int { return 0 }, nil))
	want := []string{
		"nbd_aio_pread: enter: buf=<buf> count=4 offset=0 completion=NULL flags=0x0",
		"nbd_aio_pwrite: enter: buf=<buf> count=4 offset=8 completion=<fun> flags=0x1",
		"nbd_block_status_64: enter: count=512 offset=0 extent64=<fun> flags=0x0",
	}
	if !slices.Equal(lines, want) {
		t.Errorf("the lines are\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
}
