package cgen

import (
	"strings"

	"github.com/gonbd/gonbd/internal/api"
)

// Header gives libnbd.h.
func Header() string {
	var w writer
	w.f("/* %s */", notice)
	w.f("")
	w.f("/* The C interface of libnbd(3), as of version %s. */", api.Version)
	w.f("")
	w.f("#ifndef LIBNBD_H\n#define LIBNBD_H\n")
	w.f("#include <stdbool.h>\n#include <stddef.h>\n#include <stdint.h>\n#include <sys/socket.h>\n#include <sys/types.h>\n")
	w.f("#ifdef __cplusplus\nextern \"C\" {\n#endif\n")
	w.f("struct nbd_handle;\n")
	group := "\x00"
	for _, c := range api.Constants {
		if c.Group != group {
			if group != "\x00" {
				w.f("")
			}
			group = c.Group
		}
		w.f("#define LIBNBD_%-36s %s", c.Name, c.Value)
	}
	w.f("")
	w.f("/* An extent of a metadata context: its length in bytes, and its flags. */")
	w.f("typedef struct {\n  uint64_t length;\n  uint64_t flags;\n} nbd_extent;\n")
	for _, cb := range api.Callbacks {
		params := cb.Args
		w.f("#define LIBNBD_HAVE_NBD_%s_CALLBACK 1", strings.ToUpper(cb.Name))
		w.f("typedef struct {\n  int (*callback) (void *user_data, %s);\n  void *user_data;\n  void (*free) (void *user_data);\n} nbd_%s_callback;",
			strings.Join(params, ", "), cb.Name)
		if cb.Name == "completion" { // the others have no such name
			w.f("#ifdef __cplusplus\n#define NBD_NULL_COMPLETION (nbd_completion_callback {})\n#else\n#define NBD_NULL_COMPLETION ((nbd_completion_callback) { .callback = NULL })\n#endif\n")
		} else {
			w.f("")
		}
	}
	for i := range api.Calls {
		c := &api.Calls[i]
		if c.Symbol == "" {
			continue
		}
		w.f("#define LIBNBD_HAVE_NBD_%s 1", strings.ToUpper(c.Name))
		w.f("extern %s;\n", c.Prototype())
	}
	w.f("#ifdef __cplusplus\n}\n#endif\n")
	w.f("#endif /* LIBNBD_H */")
	return w.String()
}

// Map gives the linker's version script.
func Map() string {
	var w writer
	w.f("# %s", notice)
	symbols := make(map[string][]string)
	for i := range api.Calls {
		if c := &api.Calls[i]; c.Symbol != "" {
			symbols[c.Symbol] = append(symbols[c.Symbol], "nbd_"+c.Name)
		}
	}
	previous := ""
	for _, v := range api.SymbolVersions {
		w.f("%s {", v)
		if list := symbols[v]; len(list) > 0 {
			w.f("  global:")
			for _, s := range list {
				w.f("    %s;", s)
			}
		}
		if previous == "" {
			w.f("  local: *;")
			w.f("};")
		} else {
			w.f("} %s;", previous)
		}
		previous = v
	}
	return w.String()
}
