package gogen

import "github.com/gonbd/gonbd/internal/api"

// Compat gives compat/libguestfs.org/libnbd/libnbd_gen.go, which has all that
// package libnbd exports, under the import path of the official binding.
func Compat() []byte {
	var w writer
	w.f("%s\n", notice)
	w.f("package libnbd\n")
	w.f("import \"github.com/gonbd/gonbd/libnbd\"\n")
	w.f("// The types of package github.com/gonbd/gonbd/libnbd.\ntype (")
	alias := func(name string) { w.f("%s = libnbd.%s", name, name) }
	for _, n := range []string{"Libnbd", "LibnbdError", "LibnbdExtent", "AioBuffer"} {
		alias(n)
	}
	for _, cb := range api.Callbacks {
		alias(api.GoName(cb.Name) + "Callback")
	}
	for _, g := range api.Groups {
		alias(g.Go)
	}
	for _, c := range calls() {
		if len(c.Optional) > 0 {
			alias(api.GoName(c.Name) + "Optargs")
		}
	}
	w.f(")\n")
	w.f("// The constants of package github.com/gonbd/gonbd/libnbd.\nconst (")
	for _, c := range api.Constants {
		alias(c.Name)
	}
	w.f(")\n")
	w.f("// Create makes a handle: see github.com/gonbd/gonbd/libnbd.Create.\nfunc Create() (*Libnbd, error) { return libnbd.Create() }\n")
	w.f("// MakeAioBuffer makes a buffer of size bytes, whose contents are unspecified.\nfunc MakeAioBuffer(size uint) AioBuffer { return libnbd.MakeAioBuffer(size) }\n")
	w.f("// MakeAioBufferZero makes a buffer of size zero bytes.\nfunc MakeAioBufferZero(size uint) AioBuffer { return libnbd.MakeAioBufferZero(size) }\n")
	w.f("// FromBytes makes a buffer with a copy of buf.\nfunc FromBytes(buf []byte) AioBuffer { return libnbd.FromBytes(buf) }")
	return w.source()
}
