package nbdinfo

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gonbd/gonbd/internal/cli"
	"github.com/gonbd/gonbd/nbd"
)

// printMap prints the extents of a metadata context, or of all that a pattern
// such as "qemu:" stands for.
func (t *tool) printMap(ctx context.Context) error {
	c, err := t.dialMap(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	names := c.Export().MetaContexts
	if slices.Contains(names, t.context) {
		names = []string{t.context}
	}
	if len(names) == 0 {
		why := ""
		if !c.Protocol().StructuredReplies {
			why = ", as it does without structured replies"
		}
		return fmt.Errorf("--map: server does not support metadata context %s%s", cli.Quote(t.context), why)
	}
	all := make([]contextMap, len(names))
	for i, name := range names {
		all[i] = contextMap{name: name, size: c.Size(), several: len(names) > 1}
		for e, err := range c.Extents(ctx, 0, c.Size(), name) {
			if err != nil {
				return err
			}
			all[i].extents = append(all[i].extents, e)
		}
	}
	switch {
	case t.json && t.totals:
		t.printTotalsJSON(all)
	case t.json:
		t.printMapJSON(all)
	default:
		t.printMapText(all)
	}
	return c.Close()
}

// dialMap connects with the contexts to print selected.
func (t *tool) dialMap(ctx context.Context) (*nbd.Client, error) {
	if !strings.HasSuffix(t.context, ":") {
		return t.server.dial(ctx, t.context)
	}
	// Servers expand patterns when they list contexts, and many don't when
	// contexts are selected.
	n, err := t.server.negotiate(ctx)
	if isOldstyle(err) {
		return t.server.dial(ctx, t.context)
	}
	if err != nil {
		return nil, err
	}
	defer n.Close()
	var names []string
	if fixed(n) {
		if names, err = n.MetaContexts(ctx, t.server.export(), t.context); err != nil && !isServerError(err) {
			return nil, err
		}
	}
	return n.Go(ctx, t.server.export(), names...)
}

// contextMap is the extents of one metadata context.
type contextMap struct {
	name    string
	size    int64 // of the export
	several bool  // there are other contexts to print
	extents []nbd.Extent
}

// total is what all extents of a type make up, in bytes.
type total struct {
	flags uint64
	size  int64
}

// totals sums up the extents of each type.
func (m *contextMap) totals() (list []total) {
	sums := map[uint64]int64{}
	for _, e := range m.extents {
		sums[e.Flags] += e.Length
	}
	for _, flags := range slices.Sorted(maps.Keys(sums)) {
		list = append(list, total{flags, sums[flags]})
	}
	return list
}

func (m *contextMap) percent(n int64) float64 { return 100 * float64(n) / float64(m.size) }

func (t *tool) printMapText(all []contextMap) {
	for _, m := range all {
		if m.several {
			fmt.Fprintf(t.out, "context=%s:\n", cli.Quote(m.name))
		}
		if t.totals {
			for _, s := range m.totals() {
				t.printLine(m.meaning(s.flags), " ", fmt.Sprintf("%10d %5.1f%% %3d", s.size, m.percent(s.size), s.flags))
			}
			continue
		}
		for _, e := range m.extents {
			t.printLine(m.meaning(e.Flags), "  ", fmt.Sprintf("%10d  %10d  %3d", e.Offset, e.Length, e.Flags))
		}
	}
}

// printLine prints a line and, behind it, what the type means.
func (t *tool) printLine(m meaning, separator, line string) {
	if m.text != "" {
		line += separator + m.text
	}
	if m.color != "" {
		t.paint(m.color)
	}
	t.out.WriteString(line)
	if m.color != "" {
		t.paint(cli.ColorReset)
	}
	t.out.WriteByte('\n')
}

func (t *tool) printMapJSON(all []contextMap) {
	var objects []string
	for _, m := range all {
		for _, e := range m.extents {
			objects = append(objects, fmt.Sprintf(`{ %s"offset": %d, "length": %d, "type": %d%s}`, m.key(), e.Offset, e.Length, e.Flags, m.description(e.Flags)))
		}
	}
	fmt.Fprintf(t.out, "[\n%s\n]\n", strings.Join(objects, ",\n"))
}

func (t *tool) printTotalsJSON(all []contextMap) {
	var objects []string
	for _, m := range all {
		for _, s := range m.totals() {
			objects = append(objects, fmt.Sprintf(`{ %s"size": %d, "percent": %.6g, "type": %d%s }`, m.key(), s.size, m.percent(s.size), s.flags, m.description(s.flags)))
		}
	}
	if len(objects) == 0 {
		t.out.WriteString("[]\n")
		return
	}
	fmt.Fprintf(t.out, "[\n%s\n]\n", strings.Join(objects, ",\n"))
}

// key is the member of a JSON object that tells contexts apart.
func (m *contextMap) key() string {
	if !m.several {
		return ""
	}
	return `"context": ` + cli.Quote(m.name) + ", "
}

// description is the member of a JSON object that says what flags mean.
func (m *contextMap) description(flags uint64) string {
	text := m.meaning(flags).text
	if text == "" {
		return ""
	}
	return `, "description": ` + cli.Quote(text)
}

// meaning is what the flags of an extent mean to people: "" if that is not
// known.
type meaning struct {
	text  string
	color cli.Color
}

var allocation = map[uint64]meaning{
	0:                             {"data", cli.ColorBoldBlack},
	nbd.StateHole:                 {text: "hole"},
	nbd.StateZero:                 {text: "zero"},
	nbd.StateHole | nbd.StateZero: {text: "hole,zero"},
}

var bitmap = map[uint64]meaning{
	0: {"clean", cli.ColorGreen},
	1: {"dirty", cli.ColorRed},
}

func (m *contextMap) meaning(flags uint64) meaning {
	switch {
	case m.name == nbd.ContextBaseAllocation:
		return allocation[flags]
	case strings.HasPrefix(m.name, nbd.ContextQemuDirtyBitmap):
		return bitmap[flags]
	case m.name != nbd.ContextQemuAllocationDepth:
		return meaning{}
	case flags == 0:
		return meaning{text: "absent"}
	case flags == 1:
		return meaning{"local", cli.ColorWhiteOnDark}
	}
	return meaning{fmt.Sprintf("backing depth %d", flags), cli.ColorOnWhite}
}
