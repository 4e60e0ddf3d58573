package nbdsh

import (
	"context"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// editor reads lines from a terminal, which can be edited, completed with
// Tab, and found again.
type editor struct {
	tty      *os.File
	screen   io.ReadWriter
	history  *history
	complete func(before string) (insert string, choices []string)
	terminal *term.Terminal
	keys     *keyReader
	width    int // of the terminal, or 0
}

func newEditor(tty *os.File, out io.Writer, past *history, complete func(string) (string, []string)) *editor {
	keys := &keyReader{in: tty}
	e := &editor{tty: tty, history: past, complete: complete, keys: keys, screen: struct {
		io.Reader
		io.Writer
	}{keys, out}}
	e.reset()
	return e
}

// reset begins anew, without the line that was being edited.
func (e *editor) reset() {
	e.terminal = term.NewTerminal(e.screen, "")
	e.terminal.History = e.history
	e.terminal.AutoCompleteCallback = e.tab
}

// readLine reads a line. The terminal is raw only while it does.
func (e *editor) readLine(ctx context.Context, prompt string) (string, error) {
	fd := int(e.tty.Fd())
	before, err := term.MakeRaw(fd)
	if err != nil {
		return "", err
	}
	defer term.Restore(fd, before)
	if width, height, err := term.GetSize(fd); err == nil && width > 0 {
		e.width = width
		if err := e.terminal.SetSize(width, height); err != nil {
			return "", err
		}
	}
	e.terminal.SetPrompt(prompt)
	type result struct {
		line string
		err  error
	}
	read := make(chan result, 1)
	go func() {
		line, err := e.terminal.ReadLine()
		read <- result{line, err}
	}()
	select {
	case <-ctx.Done():
		return "", context.Cause(ctx)
	case r := <-read:
		if r.err == io.EOF && e.keys.interrupted() {
			e.reset()
			return "", errAbandoned
		}
		return r.line, r.err
	}
}

// tab completes the word before the cursor, or shows what it can become. At
// the beginning of a line it indents.
func (e *editor) tab(line string, pos int, key rune) (string, int, bool) {
	if key != '\t' {
		return "", 0, false
	}
	insert, choices := "    ", []string(nil)
	if strings.TrimSpace(line[:pos]) != "" {
		insert, choices = e.complete(line[:pos])
	}
	if len(choices) > 0 {
		// Which terminals show above the line.
		e.terminal.Write([]byte(columns(choices, e.width)))
	}
	return line[:pos] + insert + line[pos:], pos + len(insert), true
}

// columns writes words in as many columns as are wide enough for each.
func columns(words []string, width int) string {
	const gap = 2
	longest := 0
	for _, w := range words {
		longest = max(longest, len(w))
	}
	perLine := max(1, (width-1+gap)/(longest+gap))
	var b strings.Builder
	for i, w := range words {
		b.WriteString(w)
		if last := i == len(words)-1; last || (i+1)%perLine == 0 {
			b.WriteByte('\n')
		} else {
			b.WriteString(strings.Repeat(" ", longest-len(w)+gap))
		}
	}
	return b.String()
}

// keyReader notes Ctrl-C, which the terminal reports as it does the end.
type keyReader struct {
	in    io.Reader
	ctrlC bool
}

func (r *keyReader) Read(p []byte) (int, error) {
	n, err := r.in.Read(p)
	r.ctrlC = strings.IndexByte(string(p[:n]), 3) >= 0
	return n, err
}

// interrupted says whether the last thing that was read has Ctrl-C.
func (r *keyReader) interrupted() bool { return r.ctrlC }
