// Package mangen writes the manual pages of the C library, section 3, from
// the table of internal/api: one for each function, and libnbd(3).
//
// It returns the text of pages, in the man macros of roff, and never touches a
// file.
package mangen

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gonbd/gonbd/internal/api"
	"github.com/gonbd/gonbd/internal/roff"
)

// Pages gives the text of each page by its file name: "nbd_pread.3".
func Pages() map[string]string {
	pages := map[string]string{"libnbd.3": overview()}
	for i := range api.Calls {
		if c := &api.Calls[i]; c.Symbol != "" {
			pages["nbd_"+c.Name+".3"] = page(c)
		}
	}
	return pages
}

// head begins a page.
func head(w *roff.Writer, name, short string) {
	w.Header(roff.Header{
		Generator: "internal/gen/man from the table in internal/api.",
		Name:      name, Section: 3, Manual: "LIBNBD " + api.Version, Short: short,
	})
}

func page(c *api.Call) string {
	var w roff.Writer
	d := c.Doc()
	head(&w, "nbd_"+c.Name, d.Short)
	w.Section("SYNOPSIS")
	w.Verbatim("#include <libnbd.h>\n\n" + declaration(c))
	w.Section("DESCRIPTION")
	w.Prose(d.Long)
	if text := returns(c); text != "" {
		w.Section("RETURN VALUE")
		w.Prose(text)
	}
	if list := pointers(c); len(list) > 0 && c.MayFail {
		w.Section("ERRORS")
		w.Prose("Null pointers are refused with {EFAULT}: " + strings.Join(list, ", ") + " must not be null.")
	}
	if c.States != 0 {
		w.Section("HANDLE STATE")
		w.Prose("The call is permitted while the handle is " + states(c.States) + ". In other states it fails with {EINVAL}, or with {ENOTCONN} if the handle was never connected.")
	}
	w.Section("VERSION")
	w.Prose(fmt.Sprintf("The function is in libnbd since version %s. Programs that want to be compiled with older versions too can test for the macro {LIBNBD_HAVE_NBD_%s}.", c.Since, strings.ToUpper(c.Name)))
	if d.Example != "" {
		w.Section("EXAMPLE")
		w.Verbatim(d.Example)
	}
	w.Section("SEE ALSO")
	var see []string
	for _, n := range d.SeeAlso {
		see = append(see, "nbd_"+n+"(3)")
	}
	w.Prose(strings.Join(append(see, "libnbd(3)"), ", ") + ".")
	return w.String()
}

// declaration breaks the prototype into lines.
func declaration(c *api.Call) string {
	p := c.Prototype() + ";"
	if len(p) <= 70 {
		return p
	}
	head, params, _ := strings.Cut(p, "(")
	var lines []string
	line := ""
	for param := range strings.SplitSeq(params, ", ") {
		switch {
		case line == "":
			line = param
		case len(line)+2+len(param) > 64:
			lines = append(lines, line+",")
			line = param
		default:
			line += ", " + param
		}
	}
	return head + "(\n    " + strings.Join(append(lines, line), "\n    ")
}

// returns says what a call returns, and what if it fails.
func returns(c *api.Call) string {
	var ok, failed string
	switch c.Result.Kind {
	case api.ResultVoid:
		return ""
	case api.ResultHandle:
		ok, failed = "a new handle", "{NULL}"
	case api.ResultErr:
		ok, failed = "0", "\\-1"
	case api.ResultBool:
		ok, failed = "1 for true and 0 for false", "\\-1"
	case api.ResultInt, api.ResultSize, api.ResultInt64:
		ok, failed = "a number that is not negative", "\\-1"
	case api.ResultCookie:
		ok, failed = "the cookie of the command, which is 1 or more", "\\-1"
	case api.ResultFD:
		ok, failed = "a file descriptor", "\\-1"
	case api.ResultString:
		ok, failed = "a string, which the caller must free with free(3)", "{NULL}"
	case api.ResultStatic:
		ok, failed = "a string, which must not be freed", "{NULL}"
	case api.ResultEnum:
		ok = "one of the constants named above"
	default:
		ok = "a number"
	}
	if failed == "" || !c.MayFail {
		return "The call returns " + ok + ". It cannot fail."
	}
	return "The call returns " + ok + "; if it fails, " + failed + ", and nbd_get_error(3) and nbd_get_errno(3) tell why."
}

// pointers names the parameters that must not be null.
func pointers(c *api.Call) []string {
	var list []string
	if !c.NoHandle {
		list = append(list, "{h}")
	}
	for _, a := range c.AllArgs() {
		if a.NonNull() {
			list = append(list, "{"+a.Name+"}")
		}
	}
	return list
}

// states names states in a sentence.
func states(s api.States) string {
	words := s.Words()
	if n := len(words); n > 1 {
		return strings.Join(words[:n-1], ", ") + " or " + words[n-1]
	}
	return words[0]
}

// overview is libnbd(3).
func overview() string {
	var w roff.Writer
	head(&w, "libnbd", "network block device client library")
	for _, s := range api.Overview {
		w.Section(strings.ToUpper(s.Title))
		w.Prose(s.Text)
	}
	w.Section("SEE ALSO")
	var see []string
	for i := range api.Calls {
		if c := &api.Calls[i]; c.Symbol != "" {
			see = append(see, "nbd_"+c.Name+"(3)")
		}
	}
	slices.Sort(see)
	w.Prose(strings.Join(see, ", ") + ", nbdinfo(1), nbdcopy(1), nbdsh(1).")
	return w.String()
}
