package cli

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// Logger writes what a tool's packages log to standard error, in lines that
// look like the tool's own. Without verbose it is warnings and errors.
func Logger(name string, stderr io.Writer, verbose bool) *slog.Logger {
	h := &logHandler{name: name, level: slog.LevelWarn, out: stderr}
	if verbose {
		h.level = slog.LevelDebug
	}
	return slog.New(h)
}

// logHandler is the slog.Handler of Logger. It writes each line at once, so
// that those of several goroutines do not mix.
type logHandler struct {
	name   string
	level  slog.Level
	out    io.Writer
	attrs  string // of WithAttrs, as they are printed
	prefix string // of WithGroup
}

func (h *logHandler) Enabled(_ context.Context, level slog.Level) bool { return level >= h.level }

func (h *logHandler) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: ", h.name)
	if r.Level >= slog.LevelWarn && r.Level < slog.LevelError {
		b.WriteString("warning: ")
	}
	b.WriteString(strings.TrimPrefix(r.Message, h.name+": "))
	b.WriteString(h.attrs)
	r.Attrs(func(a slog.Attr) bool {
		h.write(&b, a)
		return true
	})
	b.WriteByte('\n')
	_, err := io.WriteString(h.out, b.String())
	return err
}

// write prints an attribute: an error as the end of the sentence, others by
// name.
func (h *logHandler) write(b *strings.Builder, a slog.Attr) {
	v := a.Value.Resolve()
	switch err, isError := v.Any().(error); {
	case a.Equal(slog.Attr{}):
	case isError && a.Key == "err":
		fmt.Fprintf(b, ": %v", err)
	case v.Kind() == slog.KindString:
		fmt.Fprintf(b, " %s%s=%q", h.prefix, a.Key, v.String())
	default:
		fmt.Fprintf(b, " %s%s=%v", h.prefix, a.Key, v)
	}
}

func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	var b strings.Builder
	for _, a := range attrs {
		h.write(&b, a)
	}
	c := *h
	c.attrs += b.String()
	return &c
}

func (h *logHandler) WithGroup(name string) slog.Handler {
	c := *h
	if name != "" {
		c.prefix += name + "."
	}
	return &c
}
