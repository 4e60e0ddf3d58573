package nbdcopy

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// TestPipeSize checks that pipes get room, whichever way they come in, and
// never less than they have.
func TestPipeSize(t *testing.T) {
	size := func(f *os.File) int {
		n, err := unix.FcntlInt(f.Fd(), unix.F_GETPIPE_SZ, 0)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	for name, use := range map[string]func(r, w *os.File){
		"Reader": func(r, _ *os.File) { Reader(r) },
		"Writer": func(_, w *os.File) { Writer(w) },
		"File": func(r, _ *os.File) {
			if _, err := File(r); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			defer w.Close()
			use(r, w)
			if got := size(w); got != pipeSize {
				t.Errorf("the pipe holds %d bytes, expected %d", got, pipeSize)
			}
			widen(w, pipeSize/2)
			if got := size(w); got != pipeSize {
				t.Errorf("the larger pipe holds %d bytes now, expected %d", got, pipeSize)
			}
		})
	}
}
