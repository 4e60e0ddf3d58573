package nbdinfo

import (
	"fmt"
	"strings"

	"github.com/gonbd/gonbd/internal/cli"
	"github.com/gonbd/gonbd/nbd"
)

// print writes a report, as text or JSON.
func (t *tool) print(r *report) {
	if !t.json {
		t.printText(r)
		return
	}
	p := r.protocol
	fmt.Fprintf(t.out, "{\n\"protocol\": %s,\n\"TLS\": %v,\n\"structured\": %v,\n\"extended\": %v,\n\"exports\": [",
		cli.Quote(p.Handshake), p.TLS, p.StructuredReplies, p.ExtendedHeaders)
	for i := range r.exports {
		if i > 0 {
			t.out.WriteByte(',')
		}
		t.out.WriteString("\n\t{\n\t")
		t.out.WriteString(strings.Join(r.exports[i].members(), ",\n\t"))
		t.out.WriteString("\n\t}")
	}
	t.out.WriteString(" ]\n}\n")
}

// members are the members of an export's JSON object.
func (e *export) members() []string {
	m := []string{`"export-name": ` + cli.Quote(e.name())}
	add := func(name, value string) { m = append(m, fmt.Sprintf("%q: %s", name, value)) }
	if e.Description != "" {
		add("description", cli.Quote(e.Description))
	}
	if e.hasContent {
		add("content", cli.Quote(e.content))
	}
	if e.uri != "" {
		add("uri", cli.Quote(e.uri))
	}
	if len(e.contexts) > 0 {
		var quoted []string
		for _, c := range e.contexts {
			quoted = append(quoted, "\t\t"+cli.Quote(c))
		}
		add("contexts", "[\n"+strings.Join(quoted, ",\n")+"\n\t]")
	}
	for _, f := range flags {
		add(f.name, fmt.Sprint(f.is(&e.Export)))
	}
	for _, b := range e.blockSizes() {
		add(b.name, fmt.Sprint(b.size))
	}
	add("export-size", fmt.Sprint(e.Size))
	add("export-size-str", cli.Quote(cli.ExactSize(e.Size)))
	return m
}

func (t *tool) printText(r *report) {
	with, packets := "without", "simple"
	if r.protocol.TLS {
		with = "with"
	}
	switch {
	case r.protocol.ExtendedHeaders:
		packets = "extended"
	case r.protocol.StructuredReplies:
		packets = "structured"
	}
	fmt.Fprintf(t.out, "protocol: %s %s TLS, using %s packets\n", r.protocol.Handshake, with, packets)
	for i := range r.exports {
		t.printExport(&r.exports[i])
	}
}

func (t *tool) printExport(e *export) {
	t.paint(cli.ColorBoldMagenta)
	fmt.Fprintf(t.out, "export=%s:\n", cli.Quote(e.name()))
	if e.Description != "" {
		fmt.Fprintf(t.out, "\tdescription: %s\n", cli.Clean(e.Description))
	}
	fmt.Fprintf(t.out, "\texport-size: %s\n", sizeText(e.Size))
	if e.hasContent {
		fmt.Fprintf(t.out, "\tcontent: %s\n", cli.Clean(e.content))
	}
	t.paint(cli.ColorReset)
	if e.uri != "" {
		fmt.Fprintf(t.out, "\turi: %s\n", e.uri)
	}
	if len(e.contexts) > 0 {
		t.out.WriteString("\tcontexts:\n")
		for _, c := range e.contexts {
			fmt.Fprintf(t.out, "\t\t%s\n", cli.Clean(c))
		}
	}
	for _, f := range flags {
		is := f.is(&e.Export)
		color := cli.ColorRed
		if is {
			color = cli.ColorGreen
		}
		if f.ability {
			t.paint(color)
		}
		fmt.Fprintf(t.out, "\t%s: %v\n", f.name, is)
		if f.ability {
			t.paint(cli.ColorReset)
		}
	}
	for _, b := range e.blockSizes() {
		fmt.Fprintf(t.out, "\t%s: %s\n", b.name, sizeText(b.size))
	}
}

// paint writes a colour, if colours are wanted.
func (t *tool) paint(c cli.Color) {
	if t.color {
		t.out.WriteString(string(c))
	}
}

// sizeText is a size in bytes and, where it is shorter, in a larger unit.
func sizeText(n int64) string {
	bytes, exact := fmt.Sprint(n), cli.ExactSize(n)
	if exact == bytes {
		return bytes
	}
	return bytes + " (" + exact + ")"
}

// flags are what is told of an export, in the order of printing.
var flags = []struct {
	name    string
	is      func(*nbd.Export) bool
	ability bool // good to have, and coloured so
}{
	{"is_rotational", (*nbd.Export).Rotational, false},
	{"is_read_only", (*nbd.Export).ReadOnly, false},
	{"can_block_status_payload", (*nbd.Export).CanBlockStatusPayload, true},
	{"can_cache", (*nbd.Export).CanCache, true},
	{"can_df", (*nbd.Export).CanDF, true},
	{"can_fast_zero", (*nbd.Export).CanFastZero, true},
	{"can_flush", (*nbd.Export).CanFlush, true},
	{"can_fua", (*nbd.Export).CanFUA, true},
	{"can_multi_conn", (*nbd.Export).CanMultiConn, true},
	{"can_trim", (*nbd.Export).CanTrim, true},
	{"can_zero", (*nbd.Export).CanWriteZeroes, true},
}

// blockSize is one of the size constraints.
type blockSize struct {
	name string
	size int64
}

// blockSizes are those that the server told.
func (e *export) blockSizes() (told []blockSize) {
	for _, b := range []blockSize{
		{"block_size_minimum", int64(e.BlockSize.Minimum)},
		{"block_size_preferred", int64(e.BlockSize.Preferred)},
		{"block_size_maximum", int64(e.BlockSize.MaxPayload)},
	} {
		if b.size > 0 {
			told = append(told, b)
		}
	}
	return told
}
