package cli

import (
	"io"
	"os"
)

// Color is an ANSI escape sequence that changes how text looks until
// ColorReset.
type Color string

// Colours.
const (
	ColorReset       Color = "\x1b[0m"
	ColorGreen       Color = "\x1b[22;32m"
	ColorRed         Color = "\x1b[22;31m"
	ColorBoldMagenta Color = "\x1b[1;35m"
	ColorBoldBlack   Color = "\x1b[1;30m"
	ColorWhiteOnDark Color = "\x1b[1;37m\x1b[40m"
	ColorOnWhite     Color = "\x1b[47m"
)

// ColorMode is when a tool writes colours.
type ColorMode int

// Modes of colours: the zero value lets Use decide.
const (
	ColorAuto ColorMode = iota
	ColorAlways
	ColorNever
)

// Use says whether to write colours to w: if not told, when w is a terminal
// that is not called dumb, and the environment has no NO_COLOR.
func (m ColorMode) Use(w io.Writer) bool {
	switch m {
	case ColorAlways:
		return true
	case ColorNever:
		return false
	}
	return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && IsTerminal(w)
}

// IsTerminal says whether a reader or writer is a terminal.
func IsTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && isTerminal(f.Fd())
}
