package nbdmodule

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.starlark.net/starlark"

	"github.com/gonbd/gonbd/internal/dialect"
)

// doc is what there is to read about a method.
type doc struct{ params, text string }

func init() {
	docs["close"] = doc{text: `Close the handle.

Closes the connection in whatever state it is, ends the subprocess if there is
one, and waits for it. Commands in flight complete with ENOTCONN. Every other
call on the handle fails from then on. For a polite end call h.shutdown first.
Handles that a program leaves open are closed when it ends.`}
}

// Help gives what there is to read about a method of a handle, a Buffer or
// the module, or "" if there is nothing.
func (m *Module) Help(v starlark.Value) string {
	switch v := v.(type) {
	case *NBD:
		return helpHandle
	case *Buffer:
		return helpBuffer
	case *Error:
		return helpError
	case *starlark.Builtin:
		switch v.Receiver().(type) {
		case *NBD:
			return helpMethod(v.Name())
		case *Buffer:
			return helpBuffer
		}
		if v.Name() == "catch" {
			return helpError
		}
	case *dialect.Module:
		if v == m.Module {
			return helpModule()
		}
	case interface{ Name() string }:
		switch v.Name() {
		case "nbd.NBD":
			return helpHandle
		case "nbd.Buffer":
			return helpBuffer
		}
	}
	return ""
}

func helpMethod(name string) string {
	d := docs[name]
	return fmt.Sprintf("h.%s(%s)\n\n%s\n", name, d.params, d.text)
}

const helpHandle = `h = nbd.NBD() makes a handle: one connection to a server. Its methods are the
calls of the libnbd API. help(nbd) lists them, and help(h.pread) tells more of
one of them.
`

const helpBuffer = `nbd.Buffer(size) is memory for asynchronous calls. It can be indexed and sliced.

nbd.Buffer.from_bytearray(x)   makes one with a copy of bytes, or of zeroes
nbd.Buffer.from_buffer(x)      makes one that shares the memory of a bytearray
b.size(), len(b)               the number of bytes
b.to_bytearray()               a copy of the bytes
b.to_buffer()                  a bytearray that shares the memory
b.is_zero(offset=0, size=-1)   says whether all bytes are zero
`

const helpError = `Errors end a program. To go on behind one, call the function by nbd.catch:

    data, error = nbd.catch(h.pread, 512, 0)

error is None, or has the attributes string (the message), errno (such as
"EINVAL", or None) and errnum (the number, or None).
`

// helpModule lists what is in the module.
func helpModule() string {
	var b strings.Builder
	b.WriteString("The module nbd is the libnbd API, as libnbd-python(3) has it.\n\n")
	b.WriteString(helpHandle + "\n" + helpError + "\n" + helpBuffer)
	b.WriteString("\nMethods of handles:\n\n")
	for _, n := range MethodNames() {
		short, _, _ := strings.Cut(docs[n].text, "\n")
		fmt.Fprintf(&b, "h.%s(%s)\n    %s\n", n, docs[n].params, short)
	}
	b.WriteString("\nConstants:\n\n")
	for _, n := range slices.Sorted(maps.Keys(constantDocs)) {
		fmt.Fprintf(&b, "nbd.%s = %s\n    %s\n", n, constants[n], constantDocs[n])
	}
	return b.String()
}
