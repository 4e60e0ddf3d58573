package dialect

import (
	"syscall"

	"go.starlark.net/starlark"
)

// errnoModule is Python's module errno.
func errnoModule() *Module {
	members := starlark.StringDict{}
	codes := new(starlark.Dict)
	for n := 1; n < 256; n++ {
		s := ErrnoName(syscall.Errno(n))
		if s == "" {
			continue
		}
		members[s] = starlark.MakeInt(n)
		codes.SetKey(starlark.MakeInt(n), starlark.String(s))
	}
	members["errorcode"] = codes
	return NewModule("errno", members)
}
