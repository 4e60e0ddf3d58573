package gogen

import (
	"fmt"
	"strings"

	"github.com/gonbd/gonbd/internal/api"
)

// Handle gives internal/handle/calls_gen.go.
func Handle() []byte {
	var w writer
	w.f("%s\n", notice)
	w.f("package handle\n")
	w.f("type callID uint8\n\nconst (")
	first := " callID = iota"
	for _, c := range calls() {
		if !c.Atomic() {
			w.f("call%s%s", api.GoName(c.Name), first)
			first = ""
		}
	}
	w.f(")\n\nvar calls = [...]callInfo{")
	for _, c := range calls() {
		if !c.Atomic() {
			w.f("call%s: {name: \"nbd_%s\", states: %s},", api.GoName(c.Name), c.Name, stateSet(c.States))
		}
	}
	w.f("}")
	for _, c := range calls() {
		handleCall(&w, c)
	}
	return w.source()
}

func stateSet(s api.States) string {
	var names []string
	for i, n := range []string{"stateCreated", "stateConnecting", "stateNegotiating", "stateConnected", "stateClosed", "stateDead"} {
		if s&(1<<i) != 0 {
			names = append(names, n)
		}
	}
	if names == nil {
		return "0"
	}
	return strings.Join(names, " | ")
}

// handleType gives the Go type of a parameter in internal/handle.
func handleType(a api.Arg) string {
	switch a.Kind {
	case api.KindBool:
		return "bool"
	case api.KindInt, api.KindFD, api.KindEnum:
		return "int"
	case api.KindUint32, api.KindFlags:
		return "uint32"
	case api.KindUint64:
		return "uint64"
	case api.KindSize:
		return "uint"
	case api.KindUintptr:
		return "uintptr"
	case api.KindString, api.KindPath:
		return "string"
	case api.KindStringList:
		return "[]string"
	case api.KindCallback:
		return api.GoName(a.Of)
	}
	return "[]byte"
}

// handleResult gives the Go type of a result in internal/handle, the verb that
// prints it, and its zero value; all "" for none.
func handleResult(r api.Result) (typ, verb, zero string) {
	switch r.Kind {
	case api.ResultErr:
		return "", "", ""
	case api.ResultBool:
		return "bool", "%d", "false"
	case api.ResultString, api.ResultStatic:
		return "string", "%q", `""`
	case api.ResultInt64, api.ResultCookie, api.ResultUint64:
		return "uint64", "%d", "0"
	case api.ResultSize, api.ResultUint:
		return "uint", "%d", "0"
	case api.ResultUintptr:
		return "uintptr", "%d", "0"
	case api.ResultFlags:
		return "uint32", "%d", "0"
	}
	return "int", "%d", "0"
}

func handleCall(w *writer, c *api.Call) {
	name := api.GoName(c.Name)
	var params, pass, frees []string
	for _, a := range c.AllArgs() {
		params = append(params, argName(a)+" "+handleType(a))
		pass = append(pass, argName(a))
		if a.Kind == api.KindCallback {
			frees = append(frees, fmt.Sprintf("if %[1]s != nil {\n%[1]s.Free()\n}", a.Of))
		}
	}
	typ, verb, zero := handleResult(c.Result)
	results, ret := "error", "err"
	if typ != "" {
		results, ret = "("+typ+", error)", "r, err"
	}
	call := fmt.Sprintf("h.%s(%s)", lower(name), strings.Join(pass, ", "))
	w.f("\n// %s is nbd_%s(3).", name, c.Name)
	w.f("func (h *Handle) %s(%s) %s {", name, strings.Join(params, ", "), results)
	if c.Atomic() {
		w.f("return %s\n}", call)
		return
	}
	w.f("if err := h.enter(call%s); err != nil {", name)
	for _, f := range frees {
		w.f("%s", f)
	}
	if zero != "" {
		w.f("return %s, err\n}", zero)
	} else {
		w.f("return err\n}")
	}
	traceEnter(w, c)
	checks := checks(c)
	switch {
	case len(checks) == 0 && typ == "":
		w.f("err := %s", call)
	case len(checks) == 0:
		w.f("r, err := %s", call)
	default:
		if typ != "" {
			w.f("var r %s", typ)
		}
		w.f("var err error\nswitch {")
		for _, check := range checks {
			w.f("%s", check)
		}
		w.f("default:\n%s = %s\n}", ret, call)
	}
	w.f("if err == nil && h.debugging() {")
	switch {
	case typ == "":
		w.f(`h.traceRet("0")`)
	case typ == "bool":
		w.f(`h.traceRet("%%d", truth(r))`)
	default:
		w.f("h.traceRet(%q, r)", verb)
	}
	w.f("}")
	w.f("err = h.leave(call%s, err)", name)
	if len(frees) > 0 {
		if asynchronous(c) {
			w.f("if err != nil {\n%s\n}", strings.Join(frees, "\n"))
		} else {
			w.f("%s", strings.Join(frees, "\n"))
		}
	}
	w.f("return %s\n}", ret)
}

// traceEnter prints the parameters when debugging.
func traceEnter(w *writer, c *api.Call) {
	var formats, values []string
	add := func(format string, value ...string) {
		formats, values = append(formats, format), append(values, value...)
	}
	for _, a := range c.AllArgs() {
		n := argName(a)
		switch a.Kind {
		case api.KindString, api.KindPath:
			add(n+"=%q", n)
		case api.KindStringList:
			add(n+"=%s", "quoteList("+n+")")
		case api.KindBufOut, api.KindBufIn, api.KindAioBufOut, api.KindAioBufIn:
			add(n+"=<buf> count=%d", "len("+n+")")
		case api.KindSockaddr:
			add(n+"=<sockaddr> addrlen=%d", "len("+n+")")
		case api.KindFlags:
			add(n+"=0x%x", n)
		case api.KindBool:
			add(n+"=%t", n)
		case api.KindCallback:
			add(n+"=%s", "presence("+n+" != nil)")
		default:
			add(n+"=%d", n)
		}
	}
	w.f("if h.debugging() {")
	if len(values) == 0 {
		w.f(`h.traceEnter("")`)
	} else {
		w.f("h.traceEnter(%q, %s)", strings.Join(formats, " "), strings.Join(values, ", "))
	}
	w.f("}")
}

// checks gives the cases of a switch that refuse bad parameters.
func checks(c *api.Call) []string {
	var list []string
	add := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	for _, a := range c.AllArgs() {
		n := argName(a)
		switch a.Kind {
		case api.KindString, api.KindPath:
			if n == "unixsocket" { // names in the abstract namespace begin with one
				add("case hasNUL(%[1]s) && %[1]s[0] != 0:\nerr = badString(%[1]q)", n)
			} else {
				add("case hasNUL(%[1]s):\nerr = badString(%[1]q)", n)
			}
		case api.KindStringList:
			add("case hasNUL(%[1]s...):\nerr = badString(%[1]q)", n)
		case api.KindEnum:
			add("case %[1]s < 0 || %[1]s > %[2]d:\nerr = badEnum(%[1]q, %[1]s)", n, len(members(a.Of))-1)
		case api.KindFlags:
			if a.Of == "cmd_flag" {
				add("case h.badCommandFlags(%[1]s, %[2]s):\nerr = badFlags(%[1]q, %[1]s)", n, mask(c.Flags))
			} else {
				add("case %[1]s&^%[2]s != 0:\nerr = badFlags(%[1]q, %[1]s)", n, maskOf(a.Of))
			}
		}
	}
	return list
}

// members gives the constants of a group, without its mask.
func members(group string) []api.Constant {
	var list []api.Constant
	for _, c := range api.Constants {
		if c.Group == group && !strings.HasSuffix(c.Name, "_MASK") {
			list = append(list, c)
		}
	}
	return list
}

// maskOf gives the value of a group's mask.
func maskOf(group string) string {
	for _, c := range api.Constants {
		if c.Group == group && strings.HasSuffix(c.Name, "_MASK") {
			return strings.TrimSuffix(c.Value, "U")
		}
	}
	panic("no mask of " + group)
}

// mask gives the value of some constants together.
func mask(names []string) string {
	if len(names) == 0 {
		return "0"
	}
	var values []string
	for _, n := range names {
		found := false
		for _, c := range api.Constants {
			if c.Name == n {
				values = append(values, strings.TrimSuffix(c.Value, "U"))
				found = true
			}
		}
		if !found {
			panic("no constant " + n)
		}
	}
	return strings.Join(values, "|")
}
