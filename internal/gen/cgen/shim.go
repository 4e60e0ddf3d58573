package cgen

import (
	"fmt"
	"hash/fnv"
	"io"
	"strings"

	"github.com/gonbd/gonbd/internal/api"
)

// Shim gives the functions of the shim, in C.
func Shim() string {
	var w writer
	w.f("/* %s */", notice)
	w.f("")
	w.f("#include \"internal.h\"")
	for _, c := range calls() {
		shimCall(&w, c)
	}
	return w.String()
}

func shimCall(w *writer, c *api.Call) {
	typ, failed := c.Result.C()
	w.f("\nGONBD_EXPORT %s", c.Prototype())
	w.f("{")
	var callbacks []string
	for _, a := range c.AllArgs() {
		if a.Kind == api.KindCallback {
			callbacks = append(callbacks, a.CName())
		}
	}
	w.f("  struct gonbd_frame f;")
	w.f("  const struct gonbd_table *t;")
	result := typ
	if !strings.HasSuffix(result, "*") {
		result += " "
	}
	w.f("  %sr;", result)
	for _, cb := range callbacks {
		w.f("  struct gonbd_callback *%s_copy = NULL;", cb)
	}
	w.f("")
	bail := func(condition, name string) {
		w.f("  if (%s) {", condition)
		// The free function may call the library, which resets the error.
		for _, cb := range callbacks {
			w.f("    gonbd_drop (&%s);", cb)
		}
		w.f("    gonbd_null (\"nbd_%s\", \"%s\");", c.Name, name)
		w.f("    return %s;", failed)
		w.f("  }")
	}
	bail("h == NULL", "h")
	for _, a := range c.AllArgs() {
		if a.NonNull() {
			bail(a.Name+" == NULL", a.Name)
		}
	}
	for _, a := range c.Args {
		if a.Kind == api.KindCallback && !a.Null {
			bail(a.CName()+".callback == NULL", a.Of)
		}
	}
	w.f("  t = gonbd_enter (&f, h, \"nbd_%s\");", c.Name)
	w.f("  if (t == NULL) {")
	for _, cb := range callbacks {
		w.f("    gonbd_drop (&%s);", cb)
	}
	w.f("    return %s;", failed)
	w.f("  }")
	if len(callbacks) > 0 {
		var copies []string
		for _, cb := range callbacks {
			copies = append(copies, fmt.Sprintf("gonbd_copy (&%[1]s, &%[1]s_copy)", cb))
		}
		w.f("  if (!(%s)) {", strings.Join(copies, " && "))
		for _, cb := range callbacks {
			w.f("    free (%s_copy);", cb)
		}
		for _, cb := range callbacks {
			w.f("    gonbd_drop (&%s);", cb)
		}
		w.f("    gonbd_no_memory (&f, \"nbd_%s\");", c.Name)
		w.f("    return %s;", failed)
		w.f("  }")
	}
	pass := []string{"h->id"}
	for _, a := range c.AllArgs() {
		switch a.Kind {
		case api.KindCallback:
			pass = append(pass, a.CName()+"_copy")
		case api.KindString, api.KindPath:
			pass = append(pass, "(char *) "+a.Name)
		case api.KindBufIn, api.KindAioBufIn, api.KindSockaddr:
			p := a.C()
			pass = append(pass, "(void *) "+a.Name, p[1][strings.LastIndexByte(p[1], ' ')+1:])
		case api.KindBufOut, api.KindAioBufOut:
			pass = append(pass, a.Name, "count")
		default:
			pass = append(pass, a.Name)
		}
	}
	w.f("  r = t->%s (%s, &f.err);", c.Name, strings.Join(pass, ", "))
	w.f("  gonbd_leave (&f);")
	w.f("  return r;")
	w.f("}")
}

// tableType gives the C type of a member of the table, whose parameters are
// what cgo makes of Go's.
func tableParams(c *api.Call) []string {
	params := []string{"uint64_t id"}
	for _, a := range c.AllArgs() {
		switch a.Kind {
		case api.KindString, api.KindPath:
			params = append(params, "char *"+a.Name)
		case api.KindBufOut, api.KindAioBufOut, api.KindBufIn, api.KindAioBufIn:
			params = append(params, "void *"+a.Name, "size_t count")
		case api.KindSockaddr:
			params = append(params, "void *"+a.Name, "socklen_t addrlen")
		case api.KindCallback:
			params = append(params, "struct gonbd_callback *"+a.Of)
		default:
			params = append(params, a.C()...)
		}
	}
	return append(params, "struct gonbd_err *err")
}

// tableResult gives the result of a member of the table.
func tableResult(c *api.Call) string {
	typ, _ := c.Result.C()
	if c.Result.Kind == api.ResultStatic {
		typ = "char *" // cgo knows no const
	}
	if !strings.HasSuffix(typ, "*") {
		typ += " "
	}
	return typ
}

// Table gives the header with the table of functions that the runtime gives
// the shim.
func Table() string {
	var w writer
	w.f("/* %s */", notice)
	w.f("#ifndef GONBD_TABLE_GEN_H\n#define GONBD_TABLE_GEN_H\n")
	w.f("#include <stdbool.h>\n#include <sys/socket.h>\n#include <sys/types.h>\n\n#include \"shim.h\"\n")
	w.f("/* Says whether a shim and a runtime belong together. */\n#define GONBD_ABI %dU\n", abi())
	w.f("struct gonbd_table {")
	w.f("  unsigned version;")
	w.f("  void (*init) (const struct gonbd_host *host);")
	w.f("  void (*thread) (void);")
	w.f("  uint64_t (*create) (int32_t *fd);")
	w.f("  int (*close) (uint64_t id, struct gonbd_err *err);")
	for _, c := range calls() {
		w.f("  %s", tableMember(c))
	}
	w.f("};\n")
	w.f("extern const struct gonbd_table gonbd_table;\n")
	w.f("#endif")
	return w.String()
}

// tableMember declares a member of the table.
func tableMember(c *api.Call) string {
	return fmt.Sprintf("%s(*%s) (%s);", tableResult(c), c.Name, strings.Join(tableParams(c), ", "))
}

// handWritten is the version of what shim and runtime share beside the table's
// generated members. It must change with shim.h and with Table.
const handWritten = "2"

// abi makes a number of all that shim and runtime share.
func abi() uint32 {
	h := fnv.New32a()
	io.WriteString(h, handWritten)
	for _, c := range calls() {
		io.WriteString(h, tableMember(c))
	}
	return h.Sum32()
}

// TableC gives the table itself, which is a part of the runtime.
func TableC() string {
	var w writer
	w.f("// %s", notice)
	w.f("")
	w.f("#include \"table_gen.h\"\n#include \"_cgo_export.h\"\n")
	w.f("extern void gonbd_init (const struct gonbd_host *host);\n")
	w.f("const struct gonbd_table gonbd_table __attribute__ ((visibility (\"default\"))) = {")
	w.f("  .version = GONBD_ABI,\n  .init = gonbd_init,\n  .thread = goNbdThread,\n  .create = goNbdCreate,\n  .close = goNbdClose,")
	for _, c := range calls() {
		w.f("  .%s = goNbd%s,", c.Name, api.GoName(c.Name))
	}
	w.f("};")
	return w.String()
}
