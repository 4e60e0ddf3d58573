package nbdsh

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// maxHistory is how many lines are kept.
const maxHistory = 1000

// history is the lines that were entered, the newest last, also by shells
// before this one. It is a term.History.
type history struct {
	lines []string
	file  string // or "" if they are not kept
}

// openHistory reads the history of the user. If it fails there is one for
// this shell only.
func openHistory() (*history, error) {
	dir, err := stateDir()
	if err != nil {
		return &history{}, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return &history{}, err
	}
	return readHistory(filepath.Join(dir, "history"))
}

// stateDir is the folder for what the shell remembers.
func stateDir() (string, error) {
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "nbdsh"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(home, ".local", "state", "nbdsh"), nil
}

func readHistory(file string) (*history, error) {
	text, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return &history{}, err
	}
	h := &history{file: file}
	if len(text) > 0 {
		h.lines = strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	}
	if len(h.lines) > 2*maxHistory {
		h.lines = slices.Clone(h.lines[len(h.lines)-maxHistory:])
		if err := replaceFile(file, strings.Join(h.lines, "\n")+"\n"); err != nil {
			return h, err
		}
	}
	return h, nil
}

// replaceFile leaves no half of a file behind.
func replaceFile(file, text string) error {
	f, err := os.CreateTemp(filepath.Dir(file), "history")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // unless it was renamed
	_, err = f.WriteString(text)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), file)
}

// Add appends a line, to the file at once, since shells may run side by side.
// Where that fails, the line is remembered in this shell.
func (h *history) Add(line string) {
	if strings.TrimSpace(line) == "" || len(h.lines) > 0 && h.lines[len(h.lines)-1] == line {
		return
	}
	h.lines = append(h.lines, line)
	if h.file == "" {
		return
	}
	f, err := os.OpenFile(h.file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return
	}
	defer f.Close()
	f.WriteString(line + "\n")
}

// Len is the number of lines.
func (h *history) Len() int { return len(h.lines) }

// At gives a line: 0 is the newest.
func (h *history) At(i int) string { return h.lines[len(h.lines)-1-i] }
