package nbddump

import (
	"bufio"
	"fmt"
	"math/bits"
	"strings"

	"github.com/gonbd/gonbd/internal/cli"
)

// width is how many bytes a line shows.
const width = 16

// Colours that only this tool has.
const (
	colorGray     cli.Color = "\x1b[22;90m"
	colorBoldBlue cli.Color = "\x1b[1;34m"
	colorBoldRed  cli.Color = "\x1b[1;31m"
)

// printer makes lines of bytes, and writes them.
type printer struct {
	out  *bufio.Writer
	look *look

	off  int64 // of the line
	size int64 // of the export
	line [width]byte
	n    int // bytes that the line has

	last    [width]byte // the line before
	squash  bool        // it was not printed, as it repeated another
	scratch []byte
}

// newPrinter makes a printer of what comes from offset off on.
func newPrinter(out *bufio.Writer, color bool, off, size int64) *printer {
	p := &printer{out: out, look: &plain, off: off, size: size}
	if color {
		p.look = &colored
	}
	return p
}

// data prints bytes that follow on what was printed before.
func (p *printer) data(b []byte) error {
	for len(b) > 0 {
		m := copy(p.line[p.n:], b)
		b = b[m:]
		if p.n += m; p.n == width {
			if err := p.end(); err != nil {
				return err
			}
		}
	}
	return nil
}

// zeroes prints n zeroes that follow on what was printed before, in a time
// that does not grow with n.
func (p *printer) zeroes(n int64) error {
	var zero [width]byte
	if p.n > 0 {
		m := min(n, int64(width-p.n))
		if err := p.data(zero[:m]); err != nil {
			return err
		}
		n -= m
	}
	for lines := n / width; lines > 0; lines-- {
		if p.squash && p.last == zero {
			// All but the last, which may end the disk, are repetitions too.
			p.off += (lines - 1) * width
			lines = 1
		}
		if err := p.data(zero[:]); err != nil {
			return err
		}
	}
	return p.data(zero[:n%width])
}

// end ends the line, if it has any bytes, and prints it unless it repeats the
// one before.
//
// As in the C program, a line that is cut short counts as filled up with
// zeroes; the last line of the disk is always printed; and before the first
// line there is one of zeroes, unless that is the first of the disk.
func (p *printer) end() error {
	if p.n == 0 {
		return nil
	}
	clear(p.line[p.n:])
	off, n := p.off, p.n
	p.off += int64(n)
	p.n = 0
	if off > 0 && p.line == p.last && p.off < p.size {
		if p.squash {
			return nil
		}
		p.squash = true
		_, err := p.out.WriteString(p.look.splat)
		return err
	}
	p.squash = false
	p.last = p.line
	p.scratch = p.look.append(p.scratch[:0], off, p.line[:n])
	_, err := p.out.Write(p.scratch)
	return err
}

// look is how lines look.
type look struct {
	offset, colon string // around the offset
	hex, char     [256]string
	pad           string // before what fills up a short line
	bar           string // around the characters
	end           string
	splat         string
}

var plain, colored = newLook(false), newLook(true)

func newLook(color bool) (l look) {
	paint := func(c cli.Color) string {
		if !color {
			return ""
		}
		return string(c)
	}
	dot, bar, star := ".", "|", "*"
	if color {
		dot, bar, star = "·", "│", "☆"
	}
	l.offset, l.colon = paint(cli.ColorGreen), paint(colorGray)+": "
	l.pad = paint(colorGray)
	l.bar = l.pad + bar
	l.end = l.bar + "\n" + paint(cli.ColorReset)
	l.splat = star + "\n"
	for i := range l.hex {
		hexColor, charColor, char := colorBoldBlue, colorGray, dot
		if i == 0 {
			hexColor = colorGray
		}
		if ' ' <= i && i <= '~' {
			char, charColor = string(rune(i)), cli.ColorBoldMagenta
			if '0' <= i && i <= '9' || 'A' <= i && i <= 'Z' || 'a' <= i && i <= 'z' {
				charColor = colorBoldRed
			}
		}
		l.hex[i] = fmt.Sprintf("%s%02x ", paint(hexColor), i)
		l.char[i] = paint(charColor) + char
	}
	return l
}

var spaces = strings.Repeat(" ", 3*width+1)

// append appends a line that shows up to width bytes.
func (l *look) append(s []byte, off int64, line []byte) []byte {
	s = append(s, l.offset...)
	for i := max(10, (bits.Len64(uint64(off))+3)/4) - 1; i >= 0; i-- {
		s = append(s, "0123456789abcdef"[off>>(4*i)&15])
	}
	s = append(s, l.colon...)
	for i, b := range line {
		s = append(s, l.hex[b]...)
		if i == width/2-1 {
			s = append(s, ' ')
		}
	}
	missing := width - len(line)
	if missing > 0 {
		fill := 3 * missing
		if missing > width/2 {
			fill++ // the gap in the middle
		}
		s = append(s, l.pad...)
		s = append(s, spaces[:fill]...)
		s = append(s, strings.TrimPrefix(l.bar, l.pad)...)
	} else {
		s = append(s, l.bar...)
	}
	for _, b := range line {
		s = append(s, l.char[b]...)
	}
	if missing > 0 {
		s = append(s, l.pad...)
		s = append(s, spaces[:missing]...)
		s = append(s, strings.TrimPrefix(l.end, l.pad)...)
	} else {
		s = append(s, l.end...)
	}
	return s
}
