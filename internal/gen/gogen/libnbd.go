package gogen

import (
	"fmt"
	"strings"

	"github.com/gonbd/gonbd/internal/api"
)

// LibnbdTypes gives libnbd/types_gen.go: constants, flags, enumerations, and
// the structures of optional parameters.
func LibnbdTypes() []byte {
	var w writer
	w.f("%s\n", notice)
	w.f("package libnbd\n")
	for _, g := range api.Groups {
		w.f("%s", comment(g.Go+" "+lower(g.Doc)))
		w.f("type %s %s\n", g.Go, g.Base)
	}
	w.f("// Constants of the API (libnbd(3)).\nconst (")
	for _, c := range api.Constants {
		if c.Doc != "" {
			w.f("%s", comment(c.Doc))
		}
		value := strings.TrimSuffix(c.Value, "U")
		switch {
		case c.Group != "" && group(c.Group).Go != "":
			w.f("%s = %s(%s)", c.Name, group(c.Group).Go, value)
		case strings.HasPrefix(value, `"`):
			w.f("%s = %s", c.Name, value)
		default:
			w.f("%s uint32 = %s", c.Name, value)
		}
	}
	w.f(")")
	for _, c := range calls() {
		if len(c.Optional) == 0 {
			continue
		}
		name := api.GoName(c.Name)
		w.f("\n// %sOptargs are the optional parameters of [Libnbd.%s]. A parameter counts\n// if the field that says so is set.", name, name)
		w.f("type %sOptargs struct {", name)
		for _, a := range c.Optional {
			f, t := optField(a)
			w.f("%sSet bool\n%s %s", f, f, t)
		}
		w.f("}")
	}
	return w.source()
}

// optField gives the name and type of a field of an Optargs structure.
func optField(a api.Arg) (name, typ string) {
	if a.Kind == api.KindCallback {
		name = api.GoName(a.Of) + "Callback"
		return name, name
	}
	return api.GoName(a.Name), libnbdType(a)
}

// libnbdType gives the Go type of a parameter in package libnbd.
func libnbdType(a api.Arg) string {
	switch a.Kind {
	case api.KindFlags, api.KindEnum:
		return group(a.Of).Go
	case api.KindSize:
		return "int"
	case api.KindUintptr:
		return "uint"
	case api.KindAioBufIn, api.KindAioBufOut:
		return "AioBuffer"
	case api.KindSockaddr:
		return "string"
	case api.KindCallback:
		return api.GoName(a.Of) + "Callback"
	}
	return handleType(a)
}

// libnbdResult gives the Go type of a result in package libnbd, the
// expression that makes it of the handle's result r, and its zero value.
func libnbdResult(r api.Result) (typ, convert, zero string) {
	switch r.Kind {
	case api.ResultErr:
		return "", "", ""
	case api.ResultBool:
		return "bool", "r", "false"
	case api.ResultString, api.ResultStatic:
		return "*string", "&r", "nil"
	case api.ResultInt64, api.ResultCookie, api.ResultUint64:
		return "uint64", "r", "0"
	case api.ResultFD:
		return "int", "r", "0"
	case api.ResultEnum, api.ResultFlags:
		t := group(r.Of).Go
		return t, t + "(r)", "0"
	}
	return "uint", "uint(r)", "0"
}

// Signature gives the declaration of a call in package libnbd, as the official
// binding has it: "func (h *Libnbd) AioFlush(optargs *AioFlushOptargs) (uint64, error)".
func Signature(c *api.Call) string {
	var params []string
	for _, a := range c.Args {
		params = append(params, argName(a)+" "+libnbdType(a))
	}
	if len(c.Optional) > 0 {
		params = append(params, "optargs *"+api.GoName(c.Name)+"Optargs")
	}
	results := "error"
	if typ, _, _ := libnbdResult(c.Result); typ != "" {
		results = "(" + typ + ", error)"
	}
	return fmt.Sprintf("func (h *Libnbd) %s(%s) %s", api.GoName(c.Name), strings.Join(params, ", "), results)
}

// LibnbdCalls gives libnbd/calls_gen.go.
func LibnbdCalls() []byte {
	var w writer
	w.f("%s\n", notice)
	w.f("package libnbd\n")
	w.f("import \"runtime\"\n")
	for _, c := range calls() {
		libnbdCall(&w, c)
	}
	return w.source()
}

func libnbdCall(w *writer, c *api.Call) {
	name := api.GoName(c.Name)
	w.f("\n%s", Doc(c))
	w.f("%s {", Signature(c))
	typ, convert, zero := libnbdResult(c.Result)
	failure := func(err string) string {
		if typ != "" {
			return fmt.Sprintf("return %s, failure(%q, %s)", zero, c.Name, err)
		}
		return fmt.Sprintf("return failure(%q, %s)", c.Name, err)
	}
	if c.Atomic() { // the handle itself does not look
		w.f("if h.isClosed() {\n%s\n}", failure(fmt.Sprintf("errClosed(%q)", "nbd_"+c.Name)))
	}
	var pass []string
	for _, a := range c.Args {
		n := argName(a)
		switch a.Kind {
		case api.KindFlags:
			n = "uint32(" + n + ")"
		case api.KindEnum:
			n = "int(" + n + ")"
		case api.KindSize:
			w.f("if %s < 0 {\n%s\n}", n, failure(fmt.Sprintf("negative(%q, %q, %s)", "nbd_"+c.Name, n, n)))
			n = "uint(" + n + ")"
		case api.KindUintptr:
			n = "uintptr(" + n + ")"
		case api.KindAioBufIn, api.KindAioBufOut:
			n += ".Slice()"
		case api.KindSockaddr:
			w.f("raw, err := sockaddr(%s)\nif err != nil {\n%s\n}", n, failure("err"))
			n = "raw"
		case api.KindCallback:
			n = "to" + api.GoName(a.Of) + "(" + n + ")"
		}
		pass = append(pass, n)
	}
	if len(c.Optional) > 0 {
		w.f("var opt %sOptargs\nif optargs != nil {\nopt = *optargs\n}", name)
	}
	for _, a := range c.Optional {
		f, _ := optField(a)
		if a.Kind == api.KindCallback {
			pass = append(pass, fmt.Sprintf("to%s(opt.%sSet, opt.%s)", api.GoName(a.Of), f, f))
			continue
		}
		w.f("if !opt.%sSet {\nopt.%s = 0\n}", f, f)
		pass = append(pass, "uint32(opt."+f+")")
	}
	call := fmt.Sprintf("h.get().%s(%s)", name, strings.Join(pass, ", "))
	if typ == "" {
		assign := ":="
		if strings.Contains(call, "(raw)") {
			assign = "="
		}
		w.f("err %s %s", assign, call)
	} else {
		w.f("r, err := %s", call)
	}
	w.f("runtime.KeepAlive(h)")
	w.f("if err != nil {\n%s\n}", failure("err"))
	if typ == "" {
		w.f("return nil\n}")
	} else {
		w.f("return %s, nil\n}", convert)
	}
}
