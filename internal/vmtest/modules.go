package vmtest

import (
	"bytes"
	"debug/elf"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
)

// kernel is a kernel and its modules, as scripts/peers unpacks them.
type kernel struct {
	image   string            // path of the file to boot
	version string            // as uname -r says
	modules map[string]string // paths of the modules, by name
}

// findKernel finds the kernel below the root of a tree.
func findKernel(root string) (*kernel, error) {
	images, err := filepath.Glob(filepath.Join(root, "usr/lib/modules/*/vmlinuz"))
	if err != nil {
		return nil, err
	}
	if len(images) == 0 {
		return nil, fmt.Errorf("%s has no kernel: make it anew with make peers: %w", root, fs.ErrNotExist)
	}
	slices.Sort(images)
	k := &kernel{image: images[len(images)-1], modules: map[string]string{}}
	dir := filepath.Dir(k.image)
	k.version = filepath.Base(dir)
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if name, ok := strings.CutSuffix(filepath.Base(path), ".ko"); ok && err == nil {
			k.modules[moduleName(name)] = path
		}
		return err
	})
	return k, err
}

// moduleName is the name of a module, in which dashes are the same as
// underscores.
func moduleName(s string) string { return strings.ReplaceAll(s, "-", "_") }

// closure adds to the names of modules what they need to be loaded, and gives
// for each what it needs itself.
func (k *kernel) closure(names []string) (map[string][]string, error) {
	needs := map[string][]string{}
	for todo := slices.Clone(names); len(todo) > 0; todo = todo[1:] {
		name := moduleName(todo[0])
		if _, ok := needs[name]; ok {
			continue
		}
		path, ok := k.modules[name]
		if !ok {
			return nil, fmt.Errorf("the kernel %s has no module %s in the folders that scripts/peers unpacks", k.version, name)
		}
		list, err := moduleDepends(path)
		if err != nil {
			return nil, err
		}
		needs[name] = list
		todo = append(todo, list...)
	}
	return needs, nil
}

// moduleDepends reads from a module which others it needs.
func moduleDepends(path string) ([]string, error) {
	f, err := elf.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	defer f.Close()
	section := f.Section(".modinfo")
	if section == nil {
		return nil, fmt.Errorf("%s has no section .modinfo: it is no kernel module", path)
	}
	data, err := section.Data()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var list []string
	for entry := range bytes.SplitSeq(data, []byte{0}) {
		if value, ok := strings.CutPrefix(string(entry), "depends="); ok {
			for name := range strings.SplitSeq(value, ",") {
				if name != "" {
					list = append(list, moduleName(name))
				}
			}
		}
	}
	return list, nil
}

// addModules puts modules into the machine, and the file that tells modprobe
// what each of them needs (modules.dep(5)).
func (k *kernel) addModules(files map[string]file, names []string) error {
	needs, err := k.closure(names)
	if err != nil {
		return err
	}
	dir := "lib/modules/" + k.version
	var dep strings.Builder
	for name := range needs {
		files[dir+"/"+name+".ko"] = file{from: k.modules[name]}
		// All that it needs, the last one to be loaded first.
		var line []string
		for todo := needs[name]; len(todo) > 0; todo = todo[1:] {
			line = slices.DeleteFunc(line, func(s string) bool { return s == todo[0] })
			line = append(line, todo[0])
			todo = append(slices.Clip(todo), needs[todo[0]]...)
		}
		fmt.Fprintf(&dep, "%s.ko:", name)
		for _, n := range line {
			fmt.Fprintf(&dep, " %s.ko", n)
		}
		dep.WriteString("\n")
	}
	files[dir+"/modules.dep"] = file{data: []byte(dep.String())}
	return nil
}
