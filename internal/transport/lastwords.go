package transport

import (
	"io"
	"strings"
	"sync"

	"github.com/gonbd/gonbd/internal/nbderr"
)

// How much of what a child says is kept.
const (
	mostWordBytes = 4096
	mostWordLines = 16
)

// lastWords keeps the end of a text. It may be used by several goroutines.
type lastWords struct {
	mu  sync.Mutex
	end []byte // at most mostWordBytes
	cut bool   // something was there before end
}

// tee copies from to out until from ends, and keeps the last of it. It goes
// on reading when out fails, so that the writer of from is never stuck.
func (w *lastWords) tee(out io.Writer, from io.Reader) {
	buf := make([]byte, mostWordBytes)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			w.add(buf[:n])
			out.Write(buf[:n])
		}
		if err != nil {
			return
		}
	}
}

func (w *lastWords) add(p []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.end = append(w.end, p...)
	if over := len(w.end) - mostWordBytes; over > 0 {
		w.end = append(w.end[:0], w.end[over:]...)
		w.cut = true
	}
}

// String gives the last lines on one line, safe to print.
func (w *lastWords) String() string {
	w.mu.Lock()
	text, cut := string(w.end), w.cut
	w.mu.Unlock()
	if cut {
		// The first line lacks its beginning, unless it is all there is.
		if _, rest, found := strings.Cut(text, "\n"); found && rest != "" {
			text = rest
		}
	}
	var lines []string
	for line := range strings.Lines(text) {
		if line = nbderr.Printable(line); line != "" {
			lines = append(lines, line)
		}
	}
	if over := len(lines) - mostWordLines; over > 0 {
		lines = lines[over:]
	}
	return strings.Join(lines, " | ")
}
