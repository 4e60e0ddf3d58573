package api

import (
	"fmt"
	"slices"
	"strings"
)

// What follows from a row of the table, for all who make something of it.

// GoName makes the Go name of a C one: "AioPread" of "aio_pread".
func GoName(name string) string {
	var b strings.Builder
	for w := range strings.SplitSeq(name, "_") {
		b.WriteString(strings.ToUpper(w[:1]) + w[1:])
	}
	return b.String()
}

// AllArgs gives all parameters that follow the handle.
func (c *Call) AllArgs() []Arg { return slices.Concat(c.Args, c.Optional) }

// Atomic says whether a call reads only what the handle publishes, and so
// takes no lock: it may be made from a callback.
func (c *Call) Atomic() bool {
	switch c.Name {
	case "aio_get_direction", "connection_state", "get_package_name", "get_version", "get_version_extra", "get_handle_size", "is_uri":
		return true
	}
	return strings.HasPrefix(c.Name, "aio_is_") || strings.HasPrefix(c.Name, "supports_")
}

// Words names the states of a set as libnbd's messages do.
func (s States) Words() []string {
	var words []string
	for i, w := range []string{"newly created", "connecting", "negotiating", "connected with the server", "shut down", "dead"} {
		if s&(1<<i) != 0 {
			words = append(words, w)
		}
	}
	return words
}

// NonNull says whether a parameter is a pointer that must not be null.
func (a Arg) NonNull() bool {
	switch a.Kind {
	case KindString, KindPath, KindStringList, KindBufOut, KindBufIn, KindAioBufOut, KindAioBufIn, KindSockaddr:
		return !a.Null
	}
	return false
}

// CName is the name of a parameter in C.
func (a Arg) CName() string {
	if a.Kind == KindCallback {
		return a.Of + "_callback"
	}
	return a.Name
}

// C gives the parameters in C that a parameter stands for: "const void *buf"
// and "size_t count".
func (a Arg) C() []string {
	types := map[Kind]string{
		KindBool: "bool ", KindInt: "int ", KindFD: "int ", KindEnum: "int ", KindUint32: "uint32_t ", KindFlags: "uint32_t ",
		KindUint64: "uint64_t ", KindSize: "size_t ", KindUintptr: "uintptr_t ", KindString: "const char *", KindPath: "const char *",
		KindStringList: "char **", KindBufOut: "void *", KindAioBufOut: "void *", KindBufIn: "const void *", KindAioBufIn: "const void *",
		KindSockaddr: "const struct sockaddr *", KindCallback: "nbd_" + a.Of + "_callback ",
	}
	typ, ok := types[a.Kind]
	if !ok {
		panic(fmt.Sprintf("the parameter %s has no kind", a.Name))
	}
	params := []string{typ + a.CName()}
	switch a.Kind {
	case KindBufOut, KindAioBufOut, KindBufIn, KindAioBufIn:
		params = append(params, "size_t count")
	case KindSockaddr:
		params = append(params, "socklen_t addrlen")
	}
	return params
}

// C gives the type of a result in C, and what it is if the call fails.
func (r Result) C() (typ, failed string) {
	switch r.Kind {
	case ResultVoid:
		return "void", ""
	case ResultHandle:
		return "struct nbd_handle *", "NULL"
	case ResultInt64, ResultCookie:
		return "int64_t", "-1"
	case ResultSize:
		return "ssize_t", "-1"
	case ResultUint:
		return "unsigned", "0"
	case ResultUint64:
		return "uint64_t", "0"
	case ResultUintptr:
		return "uintptr_t", "0"
	case ResultString:
		return "char *", "NULL"
	case ResultStatic:
		return "const char *", "NULL"
	case ResultFlags:
		return "uint32_t", "0"
	}
	return "int", "-1"
}

// CParams gives the parameters of the C function.
func (c *Call) CParams() []string {
	var params []string
	if !c.NoHandle {
		params = append(params, "struct nbd_handle *h")
	}
	for _, a := range c.AllArgs() {
		params = append(params, a.C()...)
	}
	return params
}

// Prototype gives the declaration of the C function.
func (c *Call) Prototype() string {
	typ, _ := c.Result.C()
	if !strings.HasSuffix(typ, "*") {
		typ += " "
	}
	params := c.CParams()
	if len(params) == 0 {
		params = []string{"void"}
	}
	return typ + "nbd_" + c.Name + " (" + strings.Join(params, ", ") + ")"
}
