package cgen

import (
	"fmt"
	"strings"

	"github.com/gonbd/gonbd/internal/api"
)

// Exports gives the runtime's functions, in Go, not yet formatted.
func Exports() string {
	var w writer
	w.f("// %s\n", notice)
	w.f("package main\n")
	w.f("// #include \"table_gen.h\"\nimport \"C\"\n")
	w.f("import \"unsafe\"\n")
	for _, c := range calls() {
		export(&w, c)
	}
	return w.String()
}

func export(w *writer, c *api.Call) {
	params := []string{"id C.uint64_t"}
	var pass []string
	for _, a := range c.AllArgs() {
		n := goParam(a.Name)
		p, x := n, n
		switch a.Kind {
		case api.KindBool:
			p, x = n+" C.bool", "bool("+n+")"
		case api.KindInt, api.KindFD, api.KindEnum:
			p, x = n+" C.int", "int("+n+")"
		case api.KindUint32, api.KindFlags:
			p, x = n+" C.uint32_t", "uint32("+n+")"
		case api.KindUint64:
			p, x = n+" C.uint64_t", "uint64("+n+")"
		case api.KindSize:
			p, x = n+" C.size_t", "uint("+n+")"
		case api.KindUintptr:
			p, x = n+" C.uintptr_t", "uintptr("+n+")"
		case api.KindString, api.KindPath:
			p, x = n+" *C.char", "C.GoString("+n+")"
		case api.KindStringList:
			p, x = n+" **C.char", "stringsOf("+n+")"
		case api.KindBufOut, api.KindBufIn, api.KindAioBufOut, api.KindAioBufIn:
			p, x = n+" unsafe.Pointer, count C.size_t", "bytesOf("+n+", count)"
		case api.KindSockaddr:
			p, x = n+" unsafe.Pointer, addrlen C.socklen_t", "C.GoBytes("+n+", C.int(addrlen))"
		case api.KindCallback:
			n = a.Of
			p, x = n+" *C.struct_gonbd_callback", "to"+api.GoName(a.Of)+"("+n+")"
		}
		params, pass = append(params, p), append(pass, x)
	}
	params = append(params, "e *C.struct_gonbd_err")
	typ, convert := goResult(c.Result)
	name := api.GoName(c.Name)
	w.f("\n//export goNbd%s\nfunc goNbd%s(%s) %s {", name, name, strings.Join(params, ", "), typ)
	call := fmt.Sprintf("lookup(id).%s(%s)", name, strings.Join(pass, ", "))
	if c.Result.Kind == api.ResultErr {
		w.f("\tif err := %s; err != nil {\n\t\treturn %s(fail(e, err))\n\t}\n\treturn 0\n}", call, typ)
		return
	}
	failure := typ + "(fail(e, err))"
	switch _, failed := c.Result.C(); failed {
	case "0":
		failure = typ + "(fail(e, err) + 1)"
	case "NULL":
		failure = "failString(e, err)"
	}
	w.f("\tr, err := %s\n\tif err != nil {\n\t\treturn %s\n\t}\n\treturn %s\n}", call, failure, convert)
}

// goParam keeps a parameter's name from meaning something else.
func goParam(name string) string {
	switch name {
	case "e", "id", "type", "err", "r":
		return name + "_"
	}
	return name
}

// goResult gives the cgo type of a result, and the expression that makes it of
// the handle's result r.
func goResult(r api.Result) (typ, convert string) {
	switch r.Kind {
	case api.ResultBool:
		return "C.int", "boolInt(r)"
	case api.ResultInt64, api.ResultCookie:
		return "C.int64_t", "C.int64_t(r)"
	case api.ResultSize:
		return "C.ssize_t", "C.ssize_t(r)"
	case api.ResultUint:
		return "C.uint", "C.uint(r)"
	case api.ResultUint64:
		return "C.uint64_t", "C.uint64_t(r)"
	case api.ResultUintptr:
		return "C.uintptr_t", "C.uintptr_t(r)"
	case api.ResultString:
		return "*C.char", "C.CString(r)"
	case api.ResultStatic:
		return "*C.char", "static(r)"
	case api.ResultFlags:
		return "C.uint32_t", "C.uint32_t(r)"
	}
	return "C.int", "C.int(r)"
}
